// A graph of two inputs and two outputs, with data for it, for the tests of
// this room and those above it.
#ifndef LITESMITH_RUNTIME_TWO_INPUTS_TEST_H_
#define LITESMITH_RUNTIME_TWO_INPUTS_TEST_H_

#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/graph/graph.h"
#include "src/ops/small_graph_test.h"

namespace litesmith {

inline constexpr int kTwoInputsSize = 4;     // values of either input
inline constexpr int kTwoInputsClasses = 3;  // of the first output

// Inputs "a" and "b", [?,4] each. The first output, "of_b", is a dense layer on
// b, the second, "of_a", one on a: whoever mixes them up is found out.
inline Graph TwoInputs() {
  Rng rng(3);
  Graph graph;
  std::vector<TensorId> inputs;
  for (const char* name : {"a", "b"}) {
    Tensor input;
    input.name = name;
    input.kind = TensorKind::kInput;
    input.shape = {kDynamic, kTwoInputsSize};
    inputs.push_back(graph.AddTensor(std::move(input)));
  }
  graph.inputs = inputs;
  graph.input_names = {"a", "b"};
  const auto dense = [&](const std::string& name, TensorId x, int32_t outputs) {
    const TensorId w = AddRandomParameter(
        name + "/kernel", {outputs, kTwoInputsSize}, &rng, &graph);
    const TensorId b =
        AddRandomParameter(name + "/bias", {outputs}, &rng, &graph);
    return graph.AddNode(kFullyConnected, name, {x, w, b}, {name}).outputs[0];
  };
  const TensorId of_b = dense("of_b", inputs[1], kTwoInputsClasses);
  const TensorId of_a = dense("of_a", inputs[0], 2);
  graph.outputs = {of_b, of_a};
  graph.output_names = {"of_b", "of_a"};
  InferShapes(&graph);
  VerifyStructure(graph);
  return graph;
}

// Data for it: a as bytes in [0, 1], b as floats in [-2, 2), and a label.
inline MemoryDataset TwoInputsData(int samples) {
  Rng rng(4);
  std::vector<uint8_t> a;
  std::vector<float> b;
  std::vector<int32_t> labels;
  for (int i = 0; i < samples * kTwoInputsSize; ++i) {
    a.push_back(static_cast<uint8_t>(rng.Below(256)));
    b.push_back(rng.Uniform(-2, 2));
  }
  for (int i = 0; i < samples; ++i)
    labels.push_back(static_cast<int32_t>(rng.Below(kTwoInputsClasses)));
  const Shape shape = {kTwoInputsSize};
  return MemoryDataset(
      {{{"a", shape, DType::kUInt8, {{1.0 / 255}, {0}}}, std::move(a)},
       {{"b", shape, DType::kFloat32, {}}, std::move(b)}},
      {{{"label", {}, DType::kInt32, {}}, std::move(labels)}},
      kTwoInputsClasses);
}

// The same with two values for the second output.
inline MemoryDataset TwoTargetsData(int samples) {
  const MemoryDataset one = TwoInputsData(samples);
  Rng rng(5);
  std::vector<float> values;
  for (int i = 0; i < samples * 2; ++i) values.push_back(rng.Uniform(-1, 1));
  const auto column = [&](size_t f) {
    const std::span<const std::byte> bytes = one.Stored(f);
    return Column(FieldAt(one, f),
                  std::vector<std::byte>(bytes.begin(), bytes.end()));
  };
  return MemoryDataset(
      {column(0), column(1)},
      {column(2), {{"values", {2}, DType::kFloat32, {}}, std::move(values)}},
      kTwoInputsClasses, "", {}, {0});
}

// y = W x + bias of one of its layers, in doubles.
inline std::vector<double> DenseOf(const Graph& graph, const std::string& name,
                                   const std::vector<float>& x) {
  const std::vector<float> w = ValuesOf(graph, name + "/kernel");
  const std::vector<float> bias = ValuesOf(graph, name + "/bias");
  std::vector<double> y(bias.begin(), bias.end());
  for (size_t o = 0; o < y.size(); ++o) {
    for (size_t i = 0; i < x.size(); ++i)
      y[o] += double{w[o * x.size() + i]} * double{x[i]};
  }
  return y;
}

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_TWO_INPUTS_TEST_H_
