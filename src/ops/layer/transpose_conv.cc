// TRANSPOSE_CONV: attributes, shapes, types, and the list of its kernels. The
// output's height and width are those that input 0 says; padding enters
// through the place of the first tap only.
#include "src/ops/layer/transpose_conv.h"

#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = TransposeConvAttrs;

enum Input : size_t { kOutputShape, kFilter, kX, kBias };

void CheckAttributes(const Attrs& attrs) {
  CheckPositive(attrs.stride_w, "stride_w");
  CheckPositive(attrs.stride_h, "stride_h");
  CheckPadding(attrs.padding);
  CheckActivation(attrs.activation);
}

// The output's size along one dimension, which has to be one that kernels
// compute places of.
int32_t CheckedSize(const Tensor& said, int64_t size, const char* what) {
  constexpr int64_t kLargest = int64_t{1} << 29;
  if (size < 1 || size >= kLargest) {
    Fail(ErrorKind::kCorrupt,
         "output_shape '{}' has the {} {}; 1 to {} is wanted", said.name, what,
         size, kLargest - 1);
  }
  return static_cast<int32_t>(size);
}

Shape OutputShape(const Tensor& said, const Tensor& x, const Tensor& filter) {
  const std::vector<int64_t> sizes = ConstantIndices(said, "output_shape");
  if (sizes.size() != 4) {
    Fail(ErrorKind::kCorrupt, "output_shape '{}' has {} elements; 4 are wanted",
         said.name, sizes.size());
  }
  if (sizes[3] != filter.shape[0]) {
    Fail(ErrorKind::kCorrupt,
         "output_shape '{}' has {} channels, the filter '{}' {}", said.name,
         sizes[3], filter.name, filter.shape[0]);
  }
  Shape shape{x.shape[0], CheckedSize(said, sizes[1], "height"),
              CheckedSize(said, sizes[2], "width"), filter.shape[0]};
  (void)shape.NumElementsPerSample();  // throws if too large
  return shape;
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[kX]);
  const Tensor& filter = graph->tensor(node.inputs[kFilter]);
  const auto attrs = Get<Attrs>(node);
  CheckAttributes(attrs);
  CheckRank(x, "input", 4);
  CheckRank(filter, "filter", 4);
  CheckPositive(filter.shape[0], "the number of filters");
  CheckPositive(filter.shape[1], "the filter's height");
  CheckPositive(filter.shape[2], "the filter's width");
  if (x.shape[3] != filter.shape[3]) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {} and the filter '{}' {}: their channels "
         "differ",
         x.name, x.shape.ToString(), filter.name, filter.shape.ToString());
  }
  CheckLayerTypes(graph, node, attrs.quantized_bias_type);
  if (!AreKnown(*graph, node)) return;
  graph->tensor(node.outputs[0]).shape =
      OutputShape(graph->tensor(node.inputs[kOutputShape]), x, filter);
}

constexpr Operand kOperands[] = {
    {.name = "output_shape", .role = Role::kShape},
    {.name = "filter",
     .role = Role::kWeight,
     .channel_axis = 0,
     .input_axis = 3},
    {.name = "input"},
    {.name = "bias", .role = Role::kBias, .optional = true},
};

// By filter and output, as input 0 says the shape.
constexpr Types OfTypes(DType filter, DType output) {
  return {kAnyType, filter, output};
}
constexpr Types kFloats = OfTypes(DType::kFloat32, DType::kFloat32);
constexpr Types kHybrid = OfTypes(DType::kInt8, DType::kFloat32);
constexpr Types kInt8s = OfTypes(DType::kInt8, DType::kInt8);
constexpr Types kInt16s = OfTypes(DType::kInt8, DType::kInt16);
constexpr Types kUInt8s = OfTypes(DType::kUInt8, DType::kUInt8);

constexpr KernelRow kRows[] = {
    {"TransposeConvF32F32Train", Purpose::kTrain, kFloats,
     MakeTransposeConvTrain},
    {"TransposeConvF32F32", Purpose::kFast, kFloats, MakeTransposeConvSimd,
     CanPackWeights},
    {"TransposeConvS8S8", Purpose::kFast, kInt8s, MakeTransposeConvSimd,
     CanPackWeights},
    {"TransposeConvS16S8", Purpose::kFast, kInt16s, MakeTransposeConvSimd,
     CanPackWeights},
    {"TransposeConvF32F32Ref", Purpose::kReference, kFloats,
     MakeTransposeConvReference},
    {"TransposeConvS8S8Ref", Purpose::kReference, kInt8s,
     MakeTransposeConvReference},
    {"TransposeConvU8U8Ref", Purpose::kReference, kUInt8s,
     MakeTransposeConvReference},
    {"TransposeConvS16S8Ref", Purpose::kReference, kInt16s,
     MakeTransposeConvReference},
    {"TransposeConvF32S8Ref", Purpose::kReference, kHybrid,
     MakeTransposeConvReference},
};

int Version(const Graph& graph, const Node& node) {
  const auto attrs = Get<Attrs>(node);
  const DType dtype = graph.tensor(node.inputs[kX]).dtype;
  if (dtype == DType::kInt16 && attrs.quantized_bias_type != kUnsetBiasType)
    return 5;
  if (attrs.activation != kNone) return 4;
  if (node.input(kBias) != kNoTensor) return 3;
  return dtype == DType::kInt8 ? 2 : 1;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& x = graph.tensor(node.inputs[kX]).shape;
  const Shape& filter = graph.tensor(node.inputs[kFilter]).shape;
  return x.NumElementsPerSample() * filter[0] * filter[1] * filter[2];
}

void SetFloat(Node* node, bool /*hybrid*/) {
  node->Set<&Attrs::quantized_bias_type>(DType::kFloat32);
}

}  // namespace

const OpDef kTransposeConv = {
    .name = "TRANSPOSE_CONV",
    .summary =
        "transposed 2-D convolution with bias and fused activation, NHWC",
    .tflite = {.code = 67, .options = 49, .version = Version},
    .attrs = kAttrs<Attrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn, .hybrid = true, .set_float = SetFloat},
    .macs = Macs,
};

}  // namespace litesmith
