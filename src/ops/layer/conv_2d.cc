// CONV_2D: attributes, shapes, types, and the list of its kernels. Filters are
// OHWI; fewer filter channels than input channels means groups.
#include "src/ops/layer/conv_2d.h"

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/conv_2d_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& filter = graph->tensor(node.inputs[1]);
  CheckRank(x, "input", 4);
  CheckRank(filter, "filter", 4);
  CheckPositive(filter.shape[0], "the number of filters");
  CheckPositive(filter.shape[1], "the filter's height");
  CheckPositive(filter.shape[2], "the filter's width");
  CheckPositive(node.Get<&Conv2DAttrs::stride_w>(), "stride_w");
  CheckPositive(node.Get<&Conv2DAttrs::stride_h>(), "stride_h");
  CheckPositive(node.Get<&Conv2DAttrs::dilation_w>(), "dilation_w_factor");
  CheckPositive(node.Get<&Conv2DAttrs::dilation_h>(), "dilation_h_factor");
  CheckPadding(node.Get<&Conv2DAttrs::padding>());
  CheckActivation(node.Get<&Conv2DAttrs::activation>());
  const int32_t out_c = filter.shape[0];
  const int32_t groups = x.shape[3] / filter.shape[3];
  if (x.shape[3] % filter.shape[3] != 0 || out_c % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {} and the filter '{}' {}: the channels do "
         "not divide into groups",
         x.name, x.shape.ToString(), filter.name, filter.shape.ToString());
  }
  CheckLayerTypes(graph, node, out_c,
                  node.Get<&Conv2DAttrs::quantized_bias_type>());
  const int32_t h =
      CheckedWindowCount(node.Get<&Conv2DAttrs::padding>(), x.shape[1],
                         filter.shape[1], node.Get<&Conv2DAttrs::stride_h>(),
                         node.Get<&Conv2DAttrs::dilation_h>(), "height");
  const int32_t w =
      CheckedWindowCount(node.Get<&Conv2DAttrs::padding>(), x.shape[2],
                         filter.shape[2], node.Get<&Conv2DAttrs::stride_w>(),
                         node.Get<&Conv2DAttrs::dilation_w>(), "width");
  Tensor& out = graph->tensor(node.outputs[0]);
  out.shape = Shape{x.shape[0], h, w, out_c};
  (void)out.shape.NumElementsPerSample();  // throws if too large
}

bool TrainF32(const PrepareContext& c) {
  return c.training && c.input(0).dtype == DType::kFloat32 &&
         c.input(1).dtype == DType::kFloat32 &&
         c.input(1).shape[3] == c.input(0).shape[3];
}
bool IsF32F32(const PrepareContext& c) {
  return LayerTypes(c, DType::kFloat32, DType::kFloat32);
}
bool IsF32S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kFloat32, DType::kInt8);
}
bool IsS8S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kInt8, DType::kInt8);
}
bool IsS16S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kInt16, DType::kInt8);
}

template <bool (*kTypes)(const PrepareContext&)>
bool Packed(const PrepareContext& c) {
  return kTypes(c) && HasConstantWeights(c);
}

constexpr KernelRow kKernels[] = {
    {"Conv2DF32F32Train", false, TrainF32, PrepareConv2DF32Train},
    {"Conv2DF32F32", false, Packed<IsF32F32>, PrepareConv2DSimd},
    {"Conv2DS8S8", false, Packed<IsS8S8>, PrepareConv2DSimd},
    {"Conv2DS16S8", false, Packed<IsS16S8>, PrepareConv2DSimd},
    {"Conv2DF32S8", false, Packed<IsF32S8>, PrepareConv2DSimd},
    {"Conv2DF32F32Ref", true, IsF32F32, PrepareConv2DF32F32Ref},
    {"Conv2DS8S8Ref", true, IsS8S8, PrepareConv2DS8S8Ref},
    {"Conv2DS16S8Ref", true, IsS16S8, PrepareConv2DS16S8Ref},
    {"Conv2DF32S8Ref", true, IsF32S8, PrepareConv2DF32S8Ref},
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

constexpr QuantRule kRule = {.quantizable = true,
                             .weight_input = 1,
                             .per_axis_dim = 0,
                             .per_axis_default = true,
                             .bias_input = 2,
                             .same_scale = false,
                             .hybrid = true};

}  // namespace

const OpDef kConv2D = {
    .name = "CONV_2D",
    .summary = "2-D convolution with bias and fused activation, NHWC",
    .tflite_code = 3,
    .tflite_options = 1,
    .bias_in_files = true,
    .attrs = kAttrs<Conv2DAttrs>,
    .min_inputs = 2,
    .max_inputs = 3,
    .infer = Infer,
    .kernels = kKernels,
    .version = Version,
    .macs = Macs,
    .quant = kRule,
    .differentiable = true,
};

}  // namespace litesmith
