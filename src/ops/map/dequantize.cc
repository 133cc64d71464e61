// DEQUANTIZE: integers or float16 to float32, per tensor or per channel.
// Follows specs/tflite.md 3.8 (REF).
#include "src/base/slices.h"
#include "src/kernels/quantize/dequantize_simd.h"
#include "src/kernels/quantize/reference.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input",
             {DType::kFloat16, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32});
  if (x.dtype != DType::kFloat16) CheckQuant(x, "input");
  out.dtype = DType::kFloat32;
  out.shape = x.shape;
}

template <typename T>
class DequantizeKernel final : public Kernel {
 public:
  explicit DequantizeKernel(const PrepareContext& context)
      : size_(ElementsPerSample(context)), quant_(context.input(0).quant) {
    if (!quant_.per_axis()) return;
    inner_ = static_cast<int64_t>(
        SlicesAlong(context.input(0).shape, quant_.axis).inner);
  }
  void Run(const KernelArgs& args) const override {
    const int64_t n = size_ * args.batch;
    const T* x = args.in<T>(0);
    float* y = args.out<float>();
    if constexpr (std::is_same_v<T, Half>) {
      DequantizeHalf(x, n, y);
    } else if (!quant_.per_axis()) {
      DequantizeRef(x, n, quant_.scale[0],
                    static_cast<int32_t>(quant_.zero_point[0]), y);
    } else {
      const auto channels = static_cast<int64_t>(quant_.scale.size());
      for (int64_t i = 0; i < n; i += inner_) {
        const auto c = static_cast<size_t>(i / inner_ % channels);
        DequantizeChannelRef(x + i, inner_, quant_.scale[c],
                             static_cast<int32_t>(quant_.zero_point[c]), y + i);
      }
    }
  }

 private:
  int64_t size_;  // a sample
  Quantization quant_;
  int64_t inner_ = 1;  // elements after the axis
};

template <typename T, void (*kRun)(const T*, int64_t, float, int32_t, float*)>
class DequantizeSimd final : public Kernel {
 public:
  explicit DequantizeSimd(const PrepareContext& context)
      : size_(ElementsPerSample(context)),
        scale_(context.input(0).quant.scale[0]),
        zero_(static_cast<int32_t>(context.input(0).quant.zero_point[0])) {}
  void Run(const KernelArgs& args) const override {
    kRun(args.in<T>(0), size_ * args.batch, scale_, zero_, args.out<float>());
  }

 private:
  int64_t size_;  // a sample
  float scale_;
  int32_t zero_;
};

bool PerTensor(const PrepareContext& c) { return !c.input(0).quant.per_axis(); }

constexpr Operand kOperands[] = {{.name = "x"}};

template <typename T, void (*kRun)(const T*, int64_t, float, int32_t, float*)>
constexpr KernelRow FastRow(const char* name) {
  return {name,
          Purpose::kFast,
          {.input = DTypeOf<T>::value},
          MakeKernel<DequantizeSimd<T, kRun>>,
          PerTensor};
}
template <typename T>
constexpr KernelRow Row(const char* name) {
  return {name,
          Purpose::kReference,
          {.input = DTypeOf<T>::value},
          MakeKernel<DequantizeKernel<T>>};
}

constexpr KernelRow kRows[] = {
    FastRow<int8_t, DequantizeS8Simd>("DequantizeS8"),
    FastRow<uint8_t, DequantizeU8Simd>("DequantizeU8"),
    FastRow<int16_t, DequantizeS16Simd>("DequantizeS16"),
    Row<Half>("DequantizeF16Ref"),
    Row<int8_t>("DequantizeS8Ref"),
    Row<uint8_t>("DequantizeU8Ref"),
    Row<int16_t>("DequantizeS16Ref"),
    Row<int32_t>("DequantizeS32Ref"),
};

int Version(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.quant.per_axis()) return 5;
  if (x.dtype == DType::kInt16 || x.dtype == DType::kFloat16) return 3;
  return x.dtype == DType::kInt8 ? 2 : 1;
}

// float16 constants become float32 once; other constants are left to the
// kernel, which the plan runs once as well.
TensorData Fold(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.dtype != DType::kFloat16 || x.kind != TensorKind::kConstant ||
      !x.has_data()) {
    return {};
  }
  const std::span<const Half> half = x.As<Half>();
  TensorData data(half.size() * sizeof(float));
  DequantizeHalf(half.data(), static_cast<int64_t>(half.size()),
                 reinterpret_cast<float*>(data.MutableData()));
  return data;
}

}  // namespace

const OpDef kDequantize = {
    .name = "DEQUANTIZE",
    .summary = "integers or float16 to float32",
    .tflite = {.code = 6, .options = 38, .version = Version},
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .fold_constant = Fold,
};

}  // namespace litesmith
