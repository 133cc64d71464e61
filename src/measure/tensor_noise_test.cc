// Tensors of a model against those of files made of it, found by structure and
// not by name, and where a difference starts.
#include "src/measure/tensor_noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/measure/match.h"
#include "src/measure/reals.h"
#include "src/models/models.h"
#include "src/quant/convert.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

const TensorNoise& Of(const std::vector<TensorNoise>& tensors,
                      const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(),
                   [&](const TensorNoise& t) { return t.name == name; });
  LS_CHECK(found != tensors.end());
  return *found;
}

// The real values of output `o` for a sample.
std::vector<float> OutputOf(const Graph& graph, const Dataset& data,
                            int64_t sample, int o) {
  Interpreter interpreter(graph);
  const InputFeeder feed(data.inputs(), interpreter);
  BatchReader reader(data, 1);
  feed(reader.Read(sample, 1), &interpreter);
  interpreter.Invoke();
  return RealsOf(interpreter.output_tensor(o), interpreter.output(o));
}

// Names that tell nothing, as another converter's.
Graph Renamed(Graph graph) {
  int number = 0;
  for (Tensor& tensor : graph.tensors)
    tensor.name = "t" + std::to_string(number++);
  for (Node& node : graph.nodes) node.name = "n" + std::to_string(number++);
  return graph;
}

TEST(TensorNoise, NothingDiffersFromItself) {
  const Graph graph = TwoInputs();
  const auto tensors = CompareTensors(graph, graph, TwoInputsData(7), 100);
  // Two inputs, two kernels, two biases, two outputs.
  EXPECT_EQ(tensors.size(), 8u);
  for (const TensorNoise& tensor : tensors) {
    EXPECT_TRUE(tensor.same()) << tensor.name;
    EXPECT_TRUE(std::isinf(tensor.sqnr_db())) << tensor.name;
  }
  EXPECT_EQ(MostAdded(tensors), nullptr);
}

TEST(TensorNoise, IsWhatTheOutputsDiffer) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(70);  // more than a block
  const Graph file =
      Convert(graph, FindScheme("int8"), Calibrate(graph, data), {});
  double signal = 0;
  double noise = 0;
  double largest = 0;
  int64_t at = -1;
  for (int64_t s = 0; s < 70; ++s) {
    const std::vector<float> x = OutputOf(graph, data, s, 0);
    const std::vector<float> y = OutputOf(file, data, s, 0);
    for (size_t i = 0; i < x.size(); ++i) {
      const double difference = std::abs(double{x[i]} - double{y[i]});
      signal += double{x[i]} * double{x[i]};
      noise += difference * difference;
      if (difference > largest) largest = difference, at = s;
    }
  }
  for (const Graph& each : {file, Renamed(file)}) {
    const auto tensors = CompareTensors(graph, each, data, 70);
    ASSERT_EQ(tensors.size(), 8u);
    const auto found = std::find_if(
        tensors.begin(), tensors.end(),
        [](const TensorNoise& t) { return t.reference == "of_b"; });
    ASSERT_NE(found, tensors.end());
    EXPECT_NEAR(found->signal, signal, 1e-9 * signal);
    EXPECT_NEAR(found->noise, noise, 1e-9 * signal);
    EXPECT_EQ(found->largest, largest);
    EXPECT_EQ(found->sample, at);
    EXPECT_EQ(found->values, 70 * 3);
    EXPECT_EQ(found->op, "FULLY_CONNECTED");
    EXPECT_GT(found->sqnr_db(), 20);
  }
}

// A weight of another value is found as such, and as the start of what differs.
TEST(TensorNoise, StartsWhereAWeightWasChanged) {
  const Graph graph = TwoInputs();
  Graph changed = graph;
  TensorId kernel = kNoTensor;
  for (size_t t = 0; t < changed.tensors.size(); ++t) {
    if (changed.tensors[t].name == "of_a/kernel")
      kernel = static_cast<TensorId>(t);
  }
  changed.tensor(kernel).MutableAs<float>()[5] += 0.5f;
  const auto tensors = CompareTensors(graph, changed, TwoInputsData(20), 20);
  const TensorNoise& weights = Of(tensors, "of_a/kernel");
  EXPECT_TRUE(weights.constant);
  EXPECT_NEAR(weights.largest, 0.5, 1e-6);
  EXPECT_EQ(weights.element, 5);
  EXPECT_TRUE(Of(tensors, "of_b").same());
  ASSERT_NE(MostAdded(tensors), nullptr);
  EXPECT_EQ(MostAdded(tensors)->name, "of_a");
}

// Branches of equal layers, without names: weights tell them apart.
TEST(TensorNoise, EqualBranchesAreToldApartByTheirWeights) {
  Rng rng(5);
  Graph graph;
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, kTwoInputsSize};
  graph.inputs = {graph.AddTensor(std::move(input))};
  std::vector<TensorId> branches;
  for (const char* name : {"p", "q", "r"}) {
    const TensorId w =
        AddRandomParameter(std::string(name) + "/kernel", {6, 4}, &rng, &graph);
    branches.push_back(graph
                           .AddNode(kFullyConnected, name,
                                    {graph.inputs[0], w, kNoTensor}, {name})
                           .outputs[0]);
  }
  graph.outputs = branches;
  InferShapes(&graph);
  Graph file = Renamed(Convert(graph, FindScheme("dynamic"), {}, {}));
  std::swap(file.nodes[0], file.nodes[2]);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const TensorMatch& match : MatchTensors(AsReference(graph), file)) {
    if (match.node >= 0 && !match.constant) {
      pairs.emplace(AsReference(graph).tensor(match.reference).name,
                    file.tensor(match.file).name);
    }
  }
  std::set<std::pair<std::string, std::string>> wanted;
  for (size_t i = 0; i < 3; ++i) {
    wanted.emplace(graph.tensor(branches[i]).name,
                   file.tensor(file.outputs[i]).name);
  }
  EXPECT_EQ(pairs, wanted);
}

TEST(TensorNoise, WantsSamples) {
  const Graph graph = TwoInputs();
  EXPECT_THROW(CompareTensors(graph, graph, TwoInputsData(3), 0), Error);
}

TEST(Reals, AreByTheScaleOfTheirSlice) {
  Tensor tensor;
  tensor.dtype = DType::kInt8;
  tensor.shape = {2, 2, 2};
  tensor.quant = {{0.5f, 2.0f}, {1, 0}, 1};
  const std::vector<int8_t> stored = {1, 2, 3, 4, -1, -2, -3, -4};
  tensor.data = TensorData(std::as_bytes(std::span(stored)));
  EXPECT_EQ(RealsOf(tensor),
            (std::vector<float>{0, 0.5f, 6, 8, -1, -1.5f, -6, -8}));
}

}  // namespace
}  // namespace litesmith
