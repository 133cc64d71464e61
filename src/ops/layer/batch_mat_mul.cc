// BATCH_MATMUL: attributes, shapes, types, and the list of its kernels. Both
// operands may be computed, so neither is a layer's weights.
#include "src/ops/layer/batch_mat_mul.h"

#include <algorithm>
#include <array>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = BatchMatMulAttrs;

constexpr int kLeastRank = 2;
constexpr int kMostRank = 5;

void CheckShape(const Tensor& tensor, const char* what) {
  const int rank = tensor.shape.rank();
  if (rank < kLeastRank || rank > kMostRank) {
    Fail(ErrorKind::kUnsupported,
         "the {} '{}' has shape {}; rank {} to {} is wanted", what, tensor.name,
         tensor.shape.ToString(), kLeastRank, kMostRank);
  }
  CheckRank(tensor, what, rank);
}

[[noreturn]] void Mismatch(const Tensor& x, const Tensor& y, const char* why) {
  Fail(ErrorKind::kCorrupt, "'{}' of shape {} times '{}' of shape {}: {}",
       x.name, x.shape.ToString(), y.name, y.shape.ToString(), why);
}

// The dimension `i` of `rank` that are aligned at the end.
int32_t DimensionOf(const Shape& shape, int rank, int i) {
  const int own = i - (rank - shape.rank());
  return own < 0 ? 1 : shape[own];
}

// A batch that is not bound yet goes with any size.
int32_t BroadcastOf(int32_t a, int32_t b, const Tensor& x, const Tensor& y) {
  if (a == b || b == 1) return a;
  if (a == 1) return b;
  if (a == kDynamic || b == kDynamic) return kDynamic;
  Mismatch(x, y, "the leading dimensions cannot be broadcast");
}

Shape OutputShape(const Attrs& attrs, const Tensor& x, const Tensor& y) {
  const int rank = std::max(x.shape.rank(), y.shape.rank());
  const int x_rank = x.shape.rank();
  const int y_rank = y.shape.rank();
  const int32_t x_depth = x.shape[attrs.adj_x ? x_rank - 2 : x_rank - 1];
  const int32_t y_depth = y.shape[attrs.adj_y ? y_rank - 1 : y_rank - 2];
  if (x_depth != y_depth && x_depth != kDynamic && y_depth != kDynamic)
    Mismatch(x, y, "what is summed over differs");
  std::vector<int32_t> dims;
  for (int i = 0; i < rank - 2; ++i) {
    dims.push_back(BroadcastOf(DimensionOf(x.shape, rank, i),
                               DimensionOf(y.shape, rank, i), x, y));
  }
  dims.push_back(x.shape[attrs.adj_x ? x_rank - 1 : x_rank - 2]);
  dims.push_back(y.shape[attrs.adj_y ? y_rank - 2 : y_rank - 1]);
  if (std::count(dims.begin() + 1, dims.end(), kDynamic) != 0)
    Mismatch(x, y, "the batch would not be the output's first dimension");
  Shape shape(dims);
  (void)shape.NumElementsPerSample();  // throws if too large
  return shape;
}

// Hybrid scales: one, or one a column of y.
void CheckHybrid(const Attrs& attrs, const Tensor& y) {
  const int columns = y.shape.rank() - (attrs.adj_y ? 2 : 1);
  CheckQuant(y, "right operand");
  if (y.quant.scale.size() != 1 && y.quant.axis != columns) {
    Fail(ErrorKind::kUnsupported,
         "the int8 right operand '{}' has scales along dimension {}; one, or "
         "scales along dimension {}, are wanted",
         y.name, y.quant.axis, columns);
  }
  for (const int64_t zero : y.quant.zero_point) {
    if (zero == 0) continue;
    Fail(ErrorKind::kUnsupported,
         "the int8 right operand '{}' of a float one has the zero point {}; 0 "
         "is wanted",
         y.name, zero);
  }
}

// The types, and the output's.
void CheckTypes(const Attrs& attrs, const Tensor& x, const Tensor& y,
                Tensor* out) {
  CheckDType(x, "left operand", {DType::kFloat32, DType::kInt8, DType::kInt16});
  if (x.dtype == DType::kInt8) {
    CheckDType(y, "right operand", {DType::kInt8});
  } else {
    CheckDType(y, "right operand", {x.dtype, DType::kInt8});
  }
  if (x.dtype == DType::kFloat32) {
    if (y.dtype == DType::kInt8) CheckHybrid(attrs, y);
    out->dtype = x.dtype;
    return;
  }
  // int8 operands may leave their sums as they are.
  if (x.dtype == DType::kInt8 && out->dtype == DType::kInt32) return;
  out->dtype = x.dtype;
  CheckPerTensorQuant(x, "left operand");
  CheckPerTensorQuant(y, "right operand");
  CheckPerTensorQuant(*out, "output");
  if (x.dtype == DType::kInt16 && y.quant.zero_point[0] != 0) {
    Fail(ErrorKind::kUnsupported,
         "the right operand '{}' of an int16 one has the zero point {}; 0 is "
         "wanted",
         y.name, y.quant.zero_point[0]);
  }
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& y = graph->tensor(node.inputs[1]);
  const auto attrs = Get<Attrs>(node);
  CheckShape(x, "left operand");
  CheckShape(y, "right operand");
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckTypes(attrs, x, y, &out);
  // So that 64 bits hold the sum, and its product with a multiplier.
  constexpr int32_t kDeepestInt16 = 1 << 16;
  const int32_t depth = x.shape[x.shape.rank() - (attrs.adj_x ? 2 : 1)];
  if (x.dtype == DType::kInt16 && depth > kDeepestInt16) {
    Fail(ErrorKind::kUnsupported,
         "the int16 left operand '{}' has shape {}; a depth of {} at most is "
         "wanted",
         x.name, x.shape.ToString(), kDeepestInt16);
  }
  out.shape = OutputShape(attrs, x, y);
}

constexpr Operand kOperands[] = {{.name = "x"}, {.name = "y"}};

template <DType kY>
bool HasY(const PrepareContext& context) {
  return context.input(1).dtype == kY;
}

constexpr Types OfTypes(DType x, DType output) { return {x, kAnyType, output}; }
constexpr Types kFloats = OfTypes(DType::kFloat32, DType::kFloat32);
constexpr Types kInt8s = OfTypes(DType::kInt8, DType::kInt8);
constexpr Types kSums = OfTypes(DType::kInt8, DType::kInt32);
constexpr Types kInt16s = OfTypes(DType::kInt16, DType::kInt16);

constexpr KernelRow kRows[] = {
    {"BatchMatMulF32Train", Purpose::kTrain, kFloats, MakeBatchMatMulTrain,
     HasY<DType::kFloat32>},
    {"BatchMatMulF32", Purpose::kFast, kFloats, MakeBatchMatMulSimd,
     HasY<DType::kFloat32>},
    {"BatchMatMulS8", Purpose::kFast, kInt8s, MakeBatchMatMulSimd},
    {"BatchMatMulF32Ref", Purpose::kReference, kFloats,
     MakeBatchMatMulReference, HasY<DType::kFloat32>},
    {"BatchMatMulF32S8Ref", Purpose::kReference, kFloats,
     MakeBatchMatMulReference, HasY<DType::kInt8>},
    {"BatchMatMulS8Ref", Purpose::kReference, kInt8s, MakeBatchMatMulReference},
    {"BatchMatMulS8S32Ref", Purpose::kReference, kSums,
     MakeBatchMatMulReference},
    {"BatchMatMulS16Ref", Purpose::kReference, kInt16s,
     MakeBatchMatMulReference, HasY<DType::kInt16>},
    {"BatchMatMulS16S8Ref", Purpose::kReference, kInt16s,
     MakeBatchMatMulReference, HasY<DType::kInt8>},
};

int Version(const Graph& graph, const Node& node) {
  const DType x = graph.tensor(node.inputs[0]).dtype;
  const DType y = graph.tensor(node.inputs[1]).dtype;
  if (x == DType::kInt16) return 3;
  if (x == DType::kInt8) return 2;
  return y == DType::kInt8 && node.Get<&Attrs::asymmetric_quantize_inputs>()
             ? 4
             : 1;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& x = graph.tensor(node.inputs[0]).shape;
  const int axis = x.rank() - (node.Get<&Attrs::adj_x>() ? 2 : 1);
  const int64_t depth = std::max(x[axis], 1);
  return graph.tensor(node.outputs[0]).shape.NumElementsPerSample() * depth;
}

void SetFloat(Node* node, bool hybrid) {
  node->Set<&Attrs::asymmetric_quantize_inputs>(hybrid);
}

}  // namespace

const OpDef kBatchMatMul = {
    .name = "BATCH_MATMUL",
    .summary = "products of matrices, broadcast along leading dimensions",
    .tflite = {.code = 126, .options = 101, .version = Version},
    .attrs = kAttrs<Attrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn, .hybrid = true, .set_float = SetFloat},
    .macs = Macs,
};

}  // namespace litesmith
