// Steps in proportion to weights that are much smaller than a layer begins
// with.
#include "src/train/step_scales.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "src/graph/weights.h"
#include "src/transform/batch_norm.h"

namespace litesmith {
namespace {

// Of what is not zero: pruned weights are as large as the others.
double RootMeanSquare(std::span<const float> values) {
  double squares = 0;
  int64_t count = 0;
  for (const float v : values) {
    squares += double{v} * double{v};
    count += v != 0 ? 1 : 0;
  }
  return count > 0 ? std::sqrt(squares / static_cast<double>(count)) : 0;
}

float ScaleOf(const Tensor& weights, int channels) {
  const auto values = weights.As<float>();
  const double fan_in = static_cast<double>(values.size()) / channels;
  const double ratio = RootMeanSquare(values) / std::sqrt(2 / fan_in);
  if (!(ratio > 0) || !(ratio < 0.25)) return 1;
  // Not so small that products leave the range of floats.
  const double power = std::max(std::round(std::log2(ratio)), -40.0);
  return static_cast<float>(std::exp2(power));
}

}  // namespace

std::vector<float> StepScales(const Graph& graph) {
  std::vector<float> scales(graph.tensors.size(), 1.0f);
  if (HasBatchNorms(graph)) return scales;
  for (const WeightRef& weights : FloatWeights(graph)) {
    const Tensor& tensor = graph.tensor(weights.parameter);
    if (weights.channel_axis < 0 || !tensor.has_data()) continue;
    const float scale = ScaleOf(tensor, tensor.shape[weights.channel_axis]);
    if (scale == 1) continue;
    scales[static_cast<size_t>(weights.parameter)] = scale;
    // What stands between the weights and their layer.
    for (const Node& node : graph.nodes) {
      if (&node == &graph.nodes[static_cast<size_t>(weights.node)] ||
          std::find(node.inputs.begin(), node.inputs.end(),
                    weights.parameter) == node.inputs.end())
        continue;
      for (const TensorId id : node.inputs) {
        if (id != kNoTensor && graph.tensor(id).kind == TensorKind::kParameter)
          scales[static_cast<size_t>(id)] = scale;
      }
    }
  }
  return scales;
}

}  // namespace litesmith
