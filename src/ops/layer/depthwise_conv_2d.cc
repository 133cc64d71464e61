// DEPTHWISE_CONV_2D: attributes, shapes, types, and the list of its kernels.
// Each output channel is a convolution of one input channel.
#include "src/ops/layer/depthwise_conv_2d.h"

#include "src/base/error.h"
#include "src/kernels/common/padded_image.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/window_attrs.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = DepthwiseConv2DAttrs;

void CheckMultiplier(const Node& node, const Tensor& x, const Tensor& filter) {
  const int32_t in = x.shape[3];
  const int32_t out = filter.shape[3];
  if (filter.shape[0] != 1 || out % in != 0) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {} and the filter '{}' {}; [1, height, "
         "width, a multiple of {}] is wanted",
         x.name, x.shape.ToString(), filter.name, filter.shape.ToString(), in);
  }
  const int32_t said = node.Get<&Attrs::depth_multiplier>();
  if (said != 0 && said != out / in) {
    Fail(ErrorKind::kCorrupt,
         "depth_multiplier is {}, but {} output channels of the filter '{}' "
         "and {} input channels make it {}",
         said, out, filter.name, in, out / in);
  }
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& filter = graph->tensor(node.inputs[1]);
  const WindowAttrs window = WindowAttrsOf<Attrs>(node);
  CheckWindow(window, x, filter);
  CheckMultiplier(node, x, filter);
  CheckActivation(node.Get<&Attrs::activation>());
  CheckLayerTypes(graph, node, kUnsetBiasType);
  if (x.dtype == DType::kInt16 && node.input(2) != kNoTensor) {
    CheckDType(graph->tensor(node.inputs[2]), "bias of int16 activations",
               {DType::kInt64});
  }
  graph->tensor(node.outputs[0]).shape =
      WindowOutputShape(window, x.shape, filter.shape, filter.shape[3]);
}

bool FitsTraining(const PrepareContext& context) {
  const Window g = DepthwiseWindow(context);
  return FitsPaddedImage(g, g.out_c);
}

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "filter",
     .role = Role::kWeight,
     .channel_axis = 3,
     .depthwise = true},
    {.name = "bias", .role = Role::kBias, .optional = true},
};

constexpr KernelRow kRows[] = {
    {"DepthwiseConv2DF32F32Train", Purpose::kTrain, kF32F32,
     MakeDepthwiseConv2DTrain, FitsTraining},
    {"DepthwiseConv2DF32F32", Purpose::kFast, kF32F32, MakeDepthwiseConv2DSimd,
     CanPackWeights},
    {"DepthwiseConv2DS8S8", Purpose::kFast, kS8S8, MakeDepthwiseConv2DSimd,
     CanPackWeights},
    {"DepthwiseConv2DS16S8", Purpose::kFast, kS16S8, MakeDepthwiseConv2DSimd,
     CanPackWeights},
    {"DepthwiseConv2DF32S8", Purpose::kFast, kF32S8, MakeDepthwiseConv2DSimd,
     CanPackWeights},
    {"DepthwiseConv2DF32F32Ref", Purpose::kReference, kF32F32,
     MakeDepthwiseConv2DReference},
    {"DepthwiseConv2DS8S8Ref", Purpose::kReference, kS8S8,
     MakeDepthwiseConv2DReference},
    {"DepthwiseConv2DU8U8Ref", Purpose::kReference, kU8U8,
     MakeDepthwiseConv2DReference},
    {"DepthwiseConv2DS16S8Ref", Purpose::kReference, kS16S8,
     MakeDepthwiseConv2DReference},
    {"DepthwiseConv2DF32S8Ref", Purpose::kReference, kF32S8,
     MakeDepthwiseConv2DReference},
};

int Version(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& filter = graph.tensor(node.inputs[1]);
  if (x.dtype == DType::kInt16) return 5;
  if (x.dtype == DType::kInt8) return 3;
  if (filter.dtype == DType::kInt8) return filter.quant.per_axis() ? 6 : 4;
  const bool dilated = node.Get<&Attrs::dilation_w>() != 1 ||
                       node.Get<&Attrs::dilation_h>() != 1;
  return dilated ? 2 : 1;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& filter = graph.tensor(node.inputs[1]).shape;
  const Shape& out = graph.tensor(node.outputs[0]).shape;
  return out.NumElementsPerSample() * filter[1] * filter[2];
}

}  // namespace

const OpDef kDepthwiseConv2D = {
    .name = "DEPTHWISE_CONV_2D",
    .summary =
        "2-D convolution of each channel by itself, with bias and fused "
        "activation, NHWC",
    .tflite = {.code = 4, .options = 2, .version = Version, .needs_bias = true},
    .attrs = kAttrs<Attrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn, .hybrid = true},
    .macs = Macs,
};

}  // namespace litesmith
