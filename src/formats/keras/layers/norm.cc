// Normalizations.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {
namespace {

// Whether the axis is 1, that of channels first, and not the last one: -1, or
// in lists of older files [3].
bool IsFirstAxis(const Json& config, int rank) {
  const Json* axis = JsonFind(config, "axis");
  if (axis == nullptr) return false;
  std::vector<int32_t> axes;
  if (IsWholeNumber(*axis)) {
    axes = {JsonInt(*axis, "axis")};
  } else {
    axes = JsonDims(*axis, "axis");
  }
  if (axes.size() == 1 && (axes[0] == -1 || axes[0] == rank - 1)) return false;
  if (axes.size() == 1 && axes[0] == 1 && rank > 2) return true;
  Fail(ErrorKind::kUnsupported,
       "its axis is {}; the last one, -1, and 1 are supported",
       JsonShown(*axis));
}

std::vector<TensorId> BuildBatchNormalization(LayerIn* in) {
  const bool first = IsFirstAxis(in->config, in->input_shape().rank());
  if (first) in->inputs = {ToChannelsLast(*in, in->input())};
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
  return {first ? ToChannelsFirst(*in, y) : y};
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
     "on the last axis or axis 1; momentum, epsilon, center, scale; frozen it "
     "keeps its "
     "moments",
     kNormVariables, BuildBatchNormalization, WriteBatchNormalization},
};

}  // namespace

std::span<const LayerRow> NormLayers() { return kNormRows; }

}  // namespace litesmith
