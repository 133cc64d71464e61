// CONV_2D: attributes, shapes, types, and the list of its kernels. Filters are
// OHWI; fewer filter channels than input channels means groups.
#include "src/ops/layer/conv_2d.h"

#include "src/base/error.h"
#include "src/kernels/common/padded_image.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/window_attrs.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& filter = graph->tensor(node.inputs[1]);
  const WindowAttrs window = WindowAttrsOf<Conv2DAttrs>(node);
  CheckWindow(window, x, filter);
  CheckPositive(filter.shape[0], "the number of filters");
  CheckActivation(node.Get<&Conv2DAttrs::activation>());
  const int32_t out_c = filter.shape[0];
  const int32_t groups = x.shape[3] / filter.shape[3];
  if (x.shape[3] % filter.shape[3] != 0 || out_c % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {} and the filter '{}' {}: the channels do "
         "not divide into groups",
         x.name, x.shape.ToString(), filter.name, filter.shape.ToString());
  }
  CheckLayerTypes(graph, node, node.Get<&Conv2DAttrs::quantized_bias_type>());
  graph->tensor(node.outputs[0]).shape =
      WindowOutputShape(window, x.shape, filter.shape, out_c);
}

bool WithoutGroups(const PrepareContext& c) {
  return c.input(1).shape[3] == c.input(0).shape[3];
}

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "filter",
     .role = Role::kWeight,
     .channel_axis = 0,
     .input_axis = 3},
    {.name = "bias", .role = Role::kBias, .optional = true},
};

bool FitsTraining(const PrepareContext& c) {
  return FitsPaddedImage(ConvWindow(c), c.input(0).shape[3]);
}

constexpr KernelRow kRows[] = {
    {"Conv2DF32F32Train", Purpose::kTrain, kF32F32, MakeConv2DTrain,
     FitsTraining},
    {"Conv2DF32F32", Purpose::kFast, kF32F32, MakeConv2DSimd, CanPackWeights},
    {"Conv2DS8S8", Purpose::kFast, kS8S8, MakeConv2DSimd, CanPackWeights},
    {"Conv2DS16S8", Purpose::kFast, kS16S8, MakeConv2DSimd, CanPackWeights},
    {"Conv2DF32S8", Purpose::kFast, kF32S8, MakeConv2DSimd, CanPackWeights},
    {"Conv2DF32F32Ref", Purpose::kReference, kF32F32, MakeConv2DReference},
    {"Conv2DS8S8Ref", Purpose::kReference, kS8S8, MakeConv2DReference},
    {"Conv2DU8U8Ref", Purpose::kReference, kU8U8, MakeConv2DReference},
    {"Conv2DS16S8Ref", Purpose::kReference, kS16S8, MakeConv2DReference},
    {"Conv2DF32S8Ref", Purpose::kReference, kF32S8, MakeConv2DReference},
};

int Version(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& filter = graph.tensor(node.inputs[1]);
  if (x.dtype == DType::kInt16 &&
      node.Get<&Conv2DAttrs::quantized_bias_type>() != kUnsetBiasType)
    return 8;
  if (x.shape[3] != filter.shape[3]) return 6;
  if (x.dtype == DType::kInt16) return 4;
  if (x.dtype == DType::kInt8) return 3;
  if (filter.dtype == DType::kInt8) return filter.quant.per_axis() ? 5 : 2;
  return 1;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& filter = graph.tensor(node.inputs[1]).shape;
  const Shape& out = graph.tensor(node.outputs[0]).shape;
  return out.NumElementsPerSample() * filter.NumElementsPerSample();
}

void SetFloat(Node* node, bool /*hybrid*/) {
  node->Set<&Conv2DAttrs::quantized_bias_type>(DType::kFloat32);
}

}  // namespace

bool IsPlainFloatConv(const PrepareContext& context) {
  return context.input(0).dtype == DType::kFloat32 &&
         context.input(1).dtype == DType::kFloat32 && WithoutGroups(context);
}

const OpDef kConv2D = {
    .name = "CONV_2D",
    .summary = "2-D convolution with bias and fused activation, NHWC",
    .tflite = {.code = 3, .options = 1, .version = Version, .needs_bias = true},
    .attrs = kAttrs<Conv2DAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn, .hybrid = true, .set_float = SetFloat},
    .macs = Macs,
};

}  // namespace litesmith
