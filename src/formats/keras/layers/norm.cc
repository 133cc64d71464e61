// Normalizations.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {
namespace {

// The one axis, from the front: -1 is the last one, and so are lists of older
// files, [3].
int32_t AxisOf(const Json& config, int rank) {
  const Json* axis = JsonFind(config, "axis");
  if (axis == nullptr) return rank - 1;
  std::vector<int32_t> axes;
  if (IsWholeNumber(*axis)) {
    axes = {JsonInt(*axis, "axis")};
  } else {
    axes = JsonDims(*axis, "axis");
  }
  if (axes.size() == 1) {
    const int32_t one = axes[0] < 0 ? axes[0] + rank : axes[0];
    if (one > 0 && one < rank) return one;
  }
  Fail(ErrorKind::kUnsupported,
       "its axis is {}; one behind the batch is supported", JsonShown(*axis));
}

std::vector<TensorId> BuildBatchNormalization(LayerIn* in) {
  const int rank = in->input_shape().rank();
  const int32_t axis = AxisOf(in->config, rank);
  const bool last = axis == rank - 1;
  if (!last) in->inputs = {ToChannelsLast(*in, in->input(), axis)};
  const Shape x = in->input_shape();
  if (JsonBool(in->config, "renorm", false)) {
    Fail(ErrorKind::kUnsupported,
         "its renorm is true; batch renormalization is not supported");
  }
  const std::vector<int32_t> dims = {x[x.rank() - 1]};
  const TensorKind moments =
      in->trainable ? TensorKind::kState : TensorKind::kConstant;
  std::vector<TensorId> inputs = {in->input(), kNoTensor, kNoTensor};
  if (JsonBool(in->config, "scale", true))
    inputs[batch_norm::kGamma] = AddVariable(in, "gamma", dims);
  if (JsonBool(in->config, "center", true))
    inputs[batch_norm::kBeta] = AddVariable(in, "beta", dims);
  for (const char* name : {"moving_mean", "moving_variance"}) {
    inputs.push_back(AddVariable(in, name, dims));
    in->graph->tensor(inputs.back()).kind = moments;
  }
  Node& node =
      in->graph->AddNode(kBatchNorm, in->name, std::move(inputs), {in->name});
  const BatchNormAttrs initial;
  Put(BatchNormAttrs{.momentum = static_cast<float>(JsonNumber(
                         in->config, "momentum", double{initial.momentum})),
                     .epsilon = static_cast<float>(JsonNumber(
                         in->config, "epsilon", double{initial.epsilon}))},
      &node);
  const TensorId y = InferLast(in->graph)[0];
  return {last ? y : ToChannelsFirst(*in, y, axis)};
}

bool WriteBatchNormalization(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kBatchNorm) return false;
  const auto attrs = Get<BatchNormAttrs>(node);
  OutLayer& layer = layers->Add("BatchNormalization", node.name, out.inputs);
  layer.Set("axis", -1);
  layer.Set("momentum", Decimal(attrs.momentum));
  layer.Set("epsilon", Decimal(attrs.epsilon));
  SetVariables(out,
               {node.inputs.begin() + batch_norm::kGamma, node.inputs.end()},
               &layer);
  layer.Set("center", node.inputs[batch_norm::kBeta] != kNoTensor);
  layer.Set("scale", node.inputs[batch_norm::kGamma] != kNoTensor);
  layer.trainable =
      out.input(batch_norm::kMovingMean).kind == TensorKind::kState;
  return true;
}

constexpr Variable kNormVariables[] = {
    {"gamma", Layout::kPlain},
    {"beta", Layout::kPlain},
    {"moving_mean", Layout::kPlain, nullptr, false},
    {"moving_variance", Layout::kPlain, nullptr, false}};

constexpr LayerRow kNormRows[] = {
    {"BatchNormalization",
     "on one axis; momentum, epsilon, center, scale; frozen it keeps its "
     "moments",
     kNormVariables, BuildBatchNormalization, WriteBatchNormalization},
};

}  // namespace

std::span<const LayerRow> NormLayers() { return kNormRows; }

}  // namespace litesmith
