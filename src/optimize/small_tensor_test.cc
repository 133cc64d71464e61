// Recipes on tensors with no more weights than clusters, with equal weights,
// and with few channels: what the recipe promises holds in the float model and
// in the int8 file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/formats/tflite/tflite.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"
#include "src/optimize/optimize.h"
#include "src/optimize/promises.h"
#include "src/quant/convert.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// A chain of layers without activations, so that every weight gets a gradient.
class Chain {
 public:
  explicit Chain(const Shape& sample) {
    Tensor input;
    input.name = "input";
    input.kind = TensorKind::kInput;
    std::vector<int32_t> dims = sample.ToVector();
    dims.insert(dims.begin(), kDynamic);
    input.shape = Shape(std::span<const int32_t>(dims));
    last_ = graph_.AddTensor(std::move(input));
    graph_.inputs = {last_};
    graph_.input_names = {"input"};
  }
  // [out, height, width, in], VALID, stride 1.
  Chain& Conv(const Shape& weights) {
    Node& node = Layer(kConv2D, weights);
    node.Set<&Conv2DAttrs::padding>(kValid);
    node.Set<&Conv2DAttrs::stride_h>(1);
    node.Set<&Conv2DAttrs::stride_w>(1);
    return *this;
  }
  // [out, in].
  Chain& Dense(const Shape& weights) {
    Layer(kFullyConnected, weights);
    return *this;
  }
  Chain& Flatten(int32_t features) {
    const std::vector<int32_t> dims = {kDynamic, features};
    const TensorId shape =
        graph_.AddConstant<int32_t>("flatten/shape", {2}, dims);
    last_ = graph_.AddNode(kReshape, "flatten", {last_, shape}, {"flatten"})
                .outputs[0];
    return *this;
  }
  Graph Finish() {
    graph_.outputs = {last_};
    graph_.output_names = {"logits"};
    InferShapes(&graph_);
    return graph_;
  }

 private:
  Node& Layer(const OpDef& op, const Shape& weights) {
    const std::string name = "layer" + std::to_string(graph_.nodes.size());
    std::vector<float> values(static_cast<size_t>(weights.NumElements()));
    for (float& v : values) v = rng_.Uniform(-0.5f, 0.5f);
    const std::vector<float> zeros(static_cast<size_t>(weights[0]), 0.0f);
    const TensorId w = graph_.AddConstant<float>(
        name + "/kernel", weights, values, TensorKind::kParameter);
    const TensorId b = graph_.AddConstant<float>(name + "/bias", {weights[0]},
                                                 zeros, TensorKind::kParameter);
    Node& node = graph_.AddNode(op, name, {last_, w, b}, {name});
    last_ = node.outputs[0];
    return node;
  }

  Graph graph_;
  Rng rng_{4};
  TensorId last_;
};

// Random bytes of three classes, which are in their brightness.
std::shared_ptr<const Dataset> Data(const Shape& sample) {
  constexpr int kSamples = 96;
  Rng rng(5);
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> labels;
  for (int i = 0; i < kSamples; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(3)));
    for (int64_t p = 0; p < sample.NumElements(); ++p)
      bytes.push_back(
          static_cast<uint8_t>(60 * labels.back() + rng.Below(120)));
  }
  return LabelledBytes(sample, 3, std::move(bytes), std::move(labels));
}

void ExpectKept(const Graph& graph, const Promises& promises,
                const std::string& where) {
  for (const Invariant& i : CheckPromises(graph, promises)) {
    EXPECT_TRUE(i.ok) << where << ": " << i.name << " of " << i.tensor << ": "
                      << i.value << ", promised " << i.limit;
  }
}

void ReplaceAll(const std::string& from, const std::string& to,
                std::string* text) {
  for (size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size()))
    text->replace(at, from.size(), to);
}

// The built-in recipes as "small_NAME", with rules that take every layer: what
// has few weights they leave by themselves.
RecipeTable TableForSmall() {
  std::string text(BuiltinRecipes());
  ReplaceAll("[recipe.", "[recipe.small_", &text);
  ReplaceAll("parent = \"", "parent = \"small_", &text);
  ReplaceAll("{ type = ",
             "{ layers = [{ match = \"*\", skip = false }], type = ", &text);
  ReplaceAll("{ layers = [{ match = \"*\", skip = false }], type = \"train\"",
             "{ type = \"train\"", &text);
  const std::string path =
      testing::TempDir() + "/small_" + std::to_string(getpid()) + ".toml";
  WriteFile(path, std::string_view(text));
  RecipeTable table;
  table.AddFile(path);
  std::remove(path.c_str());
  return table;
}

// The recipe's whole lineage, the conversion to int8, and what was promised.
void ExpectKeepsPromises(const Graph& model, const Shape& sample,
                         const std::string& recipe) {
  SCOPED_TRACE(recipe);
  const auto data = Data(sample);
  const RecipeTable table = TableForSmall();
  TrainOptions options;
  options.epochs = 8;
  options.batch = 8;
  options.learning_rate = 0.02f;
  options.threads = 1;
  const OptimizeResult result = Optimize(
      model, table, table.Find("small_" + recipe), *data, options, nullptr);
  const bool zeros = recipe.starts_with("prune");
  for (auto [name, promises] : result.promises) {
    const auto* clusters = FindPromise<ClustersPromise>(&promises);
    ASSERT_NE(clusters, nullptr) << name;
    EXPECT_EQ(clusters->at_most, 8) << name;
    EXPECT_EQ(FindPromise<ZerosPromise>(&promises) != nullptr, zeros) << name;
  }
  ExpectKept(StripTrainingOps(result.graph), result.promises, "float");
  const Scheme& scheme = FindScheme("int8");
  Ranges ranges;
  if (NeedsRanges(result.graph, scheme))
    ranges = Calibrate(result.graph, *data);
  const Graph file = ReadTflite(
      WriteTflite(Convert(result.graph, scheme, ranges)), "test.tflite");
  ExpectKept(file, result.promises, "int8");
}

TEST(SmallTensor, NoMoreWeightsThanClustersKeepTheirZeros) {
  for (const int weights : {2, 4, 6, 8}) {
    SCOPED_TRACE(weights);
    const int in = weights / 2;
    for (const char* recipe : {"prune_cluster", "prune_cluster_pcqat"}) {
      ExpectKeepsPromises(Chain({2, 2, in})
                              .Conv({2, 1, 1, in})
                              .Flatten(8)
                              .Dense({3, 8})
                              .Finish(),
                          {2, 2, in}, recipe);
      ExpectKeepsPromises(
          Chain({in}).Dense({2, in}).Dense({24, 2}).Dense({3, 24}).Finish(),
          {in}, recipe);
    }
  }
}

TEST(SmallTensor, EqualWeightsStayOneCluster) {
  Graph model = Chain({6, 6, 1})
                    .Conv({4, 3, 3, 1})
                    .Flatten(64)
                    .Dense({12, 64})
                    .Dense({3, 12})
                    .Finish();
  for (const float value : {0.1f, 0.0f}) {
    for (Tensor& tensor : model.tensors) {
      if (tensor.kind != TensorKind::kParameter) continue;
      const auto w = tensor.MutableAs<float>();
      std::fill(w.begin(), w.end(), value);
    }
    for (const char* recipe : {"cluster", "cluster_cqat"})
      ExpectKeepsPromises(model, {6, 6, 1}, recipe);
  }
}

// Channels that share few of the tensor's clusters must not be taken for
// channels with clusters of their own.
TEST(SmallTensor, FewChannelsKeepTheTensorsClusters) {
  const Graph model = Chain({4, 4})
                          .Flatten(16)
                          .Dense({2, 16})
                          .Dense({12, 2})
                          .Dense({3, 12})
                          .Finish();
  for (const char* recipe : {"cluster_cqat", "prune_cluster_pcqat"})
    ExpectKeepsPromises(model, {4, 4}, recipe);
}

// Where a DEQUANTIZE takes more than halves save, constants stay floats.
TEST(SmallTensor, HalvesMakeNoFileLarger) {
  for (const int32_t count : {1, 4, 16, 32, 64, 400}) {
    Graph floats;
    Tensor x;
    x.name = "x";
    x.kind = TensorKind::kInput;
    x.shape = {1, count};
    floats.inputs = {floats.AddTensor(x)};
    const TensorId y = floats.AddConstant<float>(
        "y", {count}, std::vector<float>(count, 0.2f));
    floats.outputs =
        floats.AddNode(kAdd, "sum", {floats.inputs[0], y}, {"sum"}).outputs;
    InferShapes(&floats);
    const Graph halves = Convert(floats, FindScheme("fp16"), {});
    EXPECT_LE(WriteTflite(halves).size(), WriteTflite(floats).size()) << count;
  }
}

}  // namespace
}  // namespace litesmith
