// CONV_2D: attributes, shapes, types, and the list of its kernels. Filters are
// OHWI; fewer filter channels than input channels means groups.
#include "src/base/error.h"
#include "src/ops/attributes.h"
#include "src/ops/checks.h"
#include "src/ops/layer/conv_2d_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

using namespace conv_2d;

constexpr AttrDef kAttrs[] = {
    {"padding", AttrType::kEnum, 0, 0},
    {"stride_w", AttrType::kInt, 0, 1},
    {"stride_h", AttrType::kInt, 0, 2},
    {"fused_activation_function", AttrType::kEnum, 0, 3},
    {"dilation_w_factor", AttrType::kInt, 1, 4},
    {"dilation_h_factor", AttrType::kInt, 1, 5},
    {"quantized_bias_type", AttrType::kEnum, 0, 6},
};

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& filter = graph->tensor(node.inputs[1]);
  CheckRank(x, "input", 4);
  CheckRank(filter, "filter", 4);
  CheckPositive(filter.shape[0], "the number of filters");
  CheckPositive(filter.shape[1], "the filter's height");
  CheckPositive(filter.shape[2], "the filter's width");
  CheckPositive(node.Int(kStrideW), "stride_w");
  CheckPositive(node.Int(kStrideH), "stride_h");
  CheckPositive(node.Int(kDilationW), "dilation_w_factor");
  CheckPositive(node.Int(kDilationH), "dilation_h_factor");
  CheckPadding(node.Int(kPadding));
  CheckActivation(node.Int(kActivation));
  const int32_t out_c = filter.shape[0];
  const int32_t groups = x.shape[3] / filter.shape[3];
  if (x.shape[3] % filter.shape[3] != 0 || out_c % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {} and the filter '{}' {}: the channels do "
         "not divide into groups",
         x.name, x.shape.ToString(), filter.name, filter.shape.ToString());
  }
  CheckLayerTypes(graph, node, out_c, node.Int(kQuantizedBiasType));
  const int32_t h =
      CheckedWindowCount(node.Int(kPadding), x.shape[1], filter.shape[1],
                         node.Int(kStrideH), node.Int(kDilationH), "height");
  const int32_t w =
      CheckedWindowCount(node.Int(kPadding), x.shape[2], filter.shape[2],
                         node.Int(kStrideW), node.Int(kDilationW), "width");
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
  if (x.dtype == DType::kInt16 && node.Int(kQuantizedBiasType) != 0) return 8;
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
    .attrs = kAttrs,
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
