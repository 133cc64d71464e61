#include "tests/conformance/accumulation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "src/graph/op_def.h"
#include "src/ops/registry.h"
#include "tests/conformance/node_run.h"

namespace litesmith {
namespace {

// How many products are added up for one float output, and biases: of gates all
// of them, and of what vectors compute by polynomials as many as its error
// allows. 0 where the op sums no floats.
int64_t FloatTerms(const Graph& graph, const Node& node) {
  constexpr int64_t kTermsOfSigmoids = 8;
  int64_t terms = 0;
  if (node.op == &kTanh || node.op == &kLogistic) {
    const Tensor& y = graph.tensor(node.outputs[0]);
    return y.dtype == DType::kFloat32 ? kTermsOfSigmoids : 0;
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Operand& operand = node.op->OperandOf(i);
    if (operand.role != Role::kWeight || node.inputs[i] == kNoTensor) continue;
    const Tensor& weights = graph.tensor(node.inputs[i]);
    if (weights.dtype != DType::kFloat32) return 0;
    const int axis = std::max<int>(operand.channel_axis, 0);
    terms += weights.shape.NumElements() / weights.shape[axis] + 1;
  }
  // Sums of sums, as many as there are steps.
  if (node.op == &kRnn) terms *= graph.tensor(node.inputs[0]).shape[1];
  return terms;
}

void DropActivation(Node* node) {
  if (AttrValue* fused = FusedActivation(node)) fused->i = kNone;
}

// The same floats times `factor`, without their signs.
TensorData Magnitudes(const TensorData& data, float factor) {
  TensorData result = data;
  auto* values = reinterpret_cast<float*>(result.MutableData());
  for (size_t i = 0; i < result.size() / sizeof(float); ++i) {
    values[i] = std::abs(values[i]) * factor;
  }
  return result;
}

// At least 1.
void KeepFromZero(TensorData* data) {
  auto* values = reinterpret_cast<float*>(data->MutableData());
  for (size_t i = 0; i < data->size() / sizeof(float); ++i)
    values[i] = std::max(values[i], 1.0f);
}

}  // namespace

bool SumsFloats(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (FloatTerms(graph, node) > 0) return true;
  }
  return false;
}

Arrays AccumulationBounds(const Graph& bound, const Arrays& values, int batch) {
  Graph linear = bound;
  for (Node& node : linear.nodes) DropActivation(&node);
  const auto is_float = [&](size_t t) {
    return bound.tensors[t].dtype == DType::kFloat32;
  };
  const GraphFacts facts = FactsForNodes(linear, batch);
  Arrays magnitudes = values;
  for (size_t t = 0; t < values.size(); ++t) {
    if (!is_float(t)) continue;
    magnitudes[t] = Magnitudes(values[t], 1);
    // Kernels that pack weights find them here.
    if (linear.tensors[t].has_data()) linear.tensors[t].data = magnitudes[t];
  }
  std::vector<char> loose(values.size(), 0);
  int64_t terms = 0;
  for (const Node& node : linear.nodes) {
    bool is_loose = false;
    for (const TensorId id : node.inputs) {
      is_loose |= id != kNoTensor && loose[static_cast<size_t>(id)] != 0;
    }
    if (const int64_t more = FloatTerms(linear, node)) {
      terms += more;
      is_loose = true;
    }
    if (!is_loose) continue;
    const PrepareContext context{linear, node, facts};
    Arrays outputs =
        NodeRunner(context, ChooseKernel(context, Purpose::kReference))
            .ForwardAll(magnitudes);
    for (size_t o = 0; o < outputs.size(); ++o) {
      // A cell's gates keep what comes of larger sums small.
      if (node.op == &kRnn) KeepFromZero(&outputs[o]);
      magnitudes[static_cast<size_t>(node.outputs[o])] = outputs[o];
      loose[static_cast<size_t>(node.outputs[o])] = 1;
    }
  }
  for (size_t t = 0; t < values.size(); ++t) {
    if (!is_float(t)) continue;
    const float sums = loose[t] != 0 ? static_cast<float>(terms) : 0.0f;
    magnitudes[t] = Magnitudes(magnitudes[t], 2 * sums * 0x1p-24f);
  }
  return magnitudes;
}

testing::AssertionResult WithinBounds(const Tensor& tensor,
                                      const TensorData& got,
                                      const TensorData& want,
                                      const TensorData& bounds) {
  if (got.size() != want.size() || bounds.size() != want.size()) {
    return testing::AssertionFailure() << fmt::format(
               "'{}': {} bytes, not {}", tensor.name, got.size(), want.size());
  }
  const auto* a = reinterpret_cast<const float*>(got.data());
  const auto* b = reinterpret_cast<const float*>(want.data());
  const auto* bound = reinterpret_cast<const float*>(bounds.data());
  for (size_t i = 0; i < want.size() / sizeof(float); ++i) {
    // Not "error > bound": NaN must fail.
    if (std::abs(a[i] - b[i]) <= bound[i]) continue;
    return testing::AssertionFailure() << fmt::format(
               "'{}': [{}] is {}, not {}: {} apart, where {} is possible",
               tensor.name, i, a[i], b[i], std::abs(a[i] - b[i]), bound[i]);
  }
  return testing::AssertionSuccess();
}

}  // namespace litesmith
