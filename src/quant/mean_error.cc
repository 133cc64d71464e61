// The mean error of rounded weights, found by the layer's own kernel.
#include "src/quant/mean_error.h"

#include <utility>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/graph/op_def.h"
#include "src/quant/constants.h"
#include "src/quant/parameters.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

// What rounding takes from each weight.
TensorData Lost(const Tensor& weights, const Quantization& quant) {
  const auto values = weights.As<float>();
  const std::vector<int8_t> steps =
      QuantizeWeights(values, weights.shape, quant);
  const Slices slice =
      SlicesAlong(weights.shape, quant.per_axis() ? quant.axis : -1);
  std::vector<float> lost(values.size());
  for (size_t i = 0; i < lost.size(); ++i)
    lost[i] = values[i] - quant.scale[slice(i)] * static_cast<float>(steps[i]);
  return BytesOf(lost);
}

// The layer alone, without bias and activation, of the weights that are lost;
// no nodes if it cannot be run so.
Graph Alone(const Graph& graph, const Node& layer, const Quantization& quant) {
  Graph alone;
  Node node = layer;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Role role = node.op->OperandOf(i).role;
    TensorId& id = node.inputs[i];
    if (role == Role::kBias) id = kNoTensor;
    if (id == kNoTensor) continue;
    Tensor tensor = graph.tensor(id);
    if (role == Role::kData) {
      tensor.kind = TensorKind::kInput;
      tensor.shape = tensor.shape.Bind(1);
      if (!tensor.shape.IsStatic()) return {};
    } else if (!tensor.has_data()) {
      return {};
    }
    if (role == Role::kWeight) tensor.data = Lost(tensor, quant);
    id = alone.AddTensor(std::move(tensor));
    if (role == Role::kData) alone.inputs.push_back(id);
  }
  node.outputs = {alone.AddTensor(graph.tensor(node.outputs[0]))};
  alone.outputs = node.outputs;
  if (AttrValue* activation = FusedActivation(&node)) activation->i = kNone;
  alone.nodes.push_back(std::move(node));
  return alone;
}

}  // namespace

std::vector<float> LostMean(const Graph& graph, const Node& layer,
                            const Quantization& weights,
                            std::span<const float> mean) try {
  const Graph alone = Alone(graph, layer, weights);
  if (alone.nodes.empty() || alone.inputs.size() != 1) return {};
  InterpreterOptions options;
  options.batch = 0;  // as it is written
  options.reference = true;
  Interpreter interpreter(alone, options);
  const std::span<std::byte> bytes = interpreter.input(0);
  const std::span<float> x{reinterpret_cast<float*>(bytes.data()),
                           bytes.size() / sizeof(float)};
  for (size_t i = 0; i < x.size(); ++i) x[i] = mean[i % mean.size()];
  interpreter.Invoke();
  const Shape& shape = interpreter.output_tensor(0).shape;
  const auto channels = static_cast<size_t>(shape[shape.rank() - 1]);
  const auto out = interpreter.output(0);
  const std::span<const float> y{reinterpret_cast<const float*>(out.data()),
                                 out.size() / sizeof(float)};
  std::vector<double> sums(channels, 0.0);
  for (size_t i = 0; i < y.size(); ++i) sums[i % channels] += y[i];
  std::vector<float> lost;
  for (const double sum : sums) {
    lost.push_back(
        static_cast<float>(sum * static_cast<double>(channels) / y.size()));
  }
  return lost;
} catch (const Error&) {
  return {};  // the shapes that are written down do not fit each other
}

}  // namespace litesmith
