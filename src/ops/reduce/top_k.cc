// TOPK_V2: the largest values of each row, largest first, and where they are;
// of equal ones the first comes first, NaN last. Follows LiteRT's topk_v2.cc.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Whether the value at i comes before that at k.
template <class T>
bool Before(const T* x, int32_t i, int32_t k) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x[i]) != std::isnan(x[k])) return std::isnan(x[k]);
  }
  if (x[i] > x[k]) return true;
  return !(x[i] < x[k]) && i < k;
}

// The gradient, of floats, goes back to where the values were.
template <class T>
class TopK : public TrainKernel {
 public:
  explicit TopK(const PrepareContext& context) {
    const Shape& x = context.input(0).shape;
    const Shape& y = context.output().shape;
    row_ = x[x.rank() - 1];
    count_ = y[y.rank() - 1];
    int64_t rows = 1;
    for (int d = 0; d + 1 < x.rank(); ++d) rows *= x[d];
    rows_ = PerSample(context, rows);
    workspace_bytes = static_cast<size_t>(row_) * sizeof(int32_t);
  }
  void Run(const KernelArgs& args) const override {
    auto* order = reinterpret_cast<int32_t*>(args.workspace);
    const T* x = args.in<T>(0);
    T* values = args.out<T>(0);
    auto* indices = args.out<int32_t>(1);
    for (int64_t r = 0; r < rows_ * args.batch; ++r, x += row_) {
      std::iota(order, order + row_, 0);
      // An order without ties: the result is one, whatever the algorithm.
      std::partial_sort(order, order + count_, order + row_,
                        [x](int32_t i, int32_t k) { return Before(x, i, k); });
      for (int32_t k = 0; k < count_; ++k) {
        *values++ = x[order[k]];
        *indices++ = order[k];
      }
    }
  }
  void Backward(const BackwardArgs& args) const override {
    float* dx = args.input_grads[0];
    if (dx == nullptr) return;
    const float* dy = args.output_grads[0];
    const auto* indices = static_cast<const int32_t*>(args.outputs[1]);
    for (int64_t r = 0; r < rows_ * args.batch; ++r, dx += row_) {
      std::fill_n(dx, row_, 0.0f);
      for (int32_t k = 0; k < count_; ++k) dx[*indices++] = *dy++;
    }
  }

 private:
  int64_t rows_;  // per sample
  int32_t row_, count_;
};

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& k = graph->tensor(node.inputs[1]);
  Tensor& values = graph->tensor(node.outputs[0]);
  Tensor& indices = graph->tensor(node.outputs[1]);
  CheckKernelDType(x, "input", *node.op);
  if (x.shape.rank() == 0) {
    Fail(ErrorKind::kCorrupt, "the input '{}' is a scalar; rows are wanted",
         x.name);
  }
  values.dtype = x.dtype;
  indices.dtype = DType::kInt32;
  if (!AreKnown(*graph, node)) return;
  std::vector<int32_t> dims = x.shape.ToVector();
  const int64_t count = std::max<int64_t>(ConstantIndex(k, "count"), 0);
  if (dims.back() != kDynamic && count > dims.back()) {
    Fail(ErrorKind::kCorrupt, "the {} largest of '{}' of shape {} are wanted",
         count, x.name, x.shape.ToString());
  }
  dims.back() = static_cast<int32_t>(count);
  values.shape = Shape(dims);
  indices.shape = Shape(dims);
}

template <class T>
constexpr KernelRow Row(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<TopK<T>>};
}

constexpr KernelRow kRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<TopK<float>>},
    Row<float>("F32Ref", DType::kFloat32),
    Row<int8_t>("S8Ref", DType::kInt8),
    Row<uint8_t>("U8Ref", DType::kUInt8),
    Row<int16_t>("S16Ref", DType::kInt16),
    Row<int32_t>("I32Ref", DType::kInt32),
    Row<int64_t>("I64Ref", DType::kInt64),
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "k", .role = Role::kShape},
};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

}  // namespace

const OpDef kTopKV2 = {
    .name = "TOPK_V2",
    .summary = "the largest values of each row, and where they are",
    .tflite = {.code = 48, .options = 34, .version = Version},
    .operands = kOperands,
    .outputs = 2,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
