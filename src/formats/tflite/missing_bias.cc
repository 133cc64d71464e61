// Biases of zeros for missing ones, and back.
#include "src/formats/tflite/missing_bias.h"

#include <algorithm>
#include <vector>

#include "src/graph/op_def.h"

namespace litesmith {

void AddZeroBiases(Graph* graph) {
  for (Node& node : graph->nodes) {
    if (!node.op->tflite.needs_bias) continue;
    const auto weight = static_cast<size_t>(node.op->Find(Role::kWeight));
    const auto bias = static_cast<size_t>(node.op->Find(Role::kBias));
    const Tensor& out = graph->tensor(node.outputs[0]);
    if (node.input(bias) != kNoTensor || out.dtype != DType::kFloat32) continue;
    const std::string name = out.name + "_bias";
    const Shape& weights = graph->tensor(node.inputs[weight]).shape;
    const int32_t channels = weights[node.op->operands[weight].channel_axis];
    const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
    node.inputs.resize(bias + 1, kNoTensor);
    node.inputs[bias] = graph->AddConstant<float>(name, {channels}, zeros);
  }
}

void DropZeroBiases(Graph* graph) {
  bool dropped = false;
  for (Node& node : graph->nodes) {
    const auto bias = static_cast<size_t>(node.op->Find(Role::kBias));
    if (!node.op->tflite.needs_bias || node.input(bias) == kNoTensor) continue;
    const Tensor& tensor = graph->tensor(node.inputs[bias]);
    if (tensor.dtype != DType::kFloat32 || !tensor.has_data()) continue;
    const auto values = tensor.As<float>();
    if (std::any_of(values.begin(), values.end(),
                    [](float v) { return v != 0; })) {
      continue;
    }
    node.inputs.resize(bias);  // it is the last
    dropped = true;
  }
  if (dropped) *graph = RemoveDeadNodes(*graph);
}

}  // namespace litesmith
