// DEQUANTIZE: integers or float16 to float32, per tensor or per channel.
// Follows specs/tflite.md 3.8 (REF).
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
      : size_(PerSample(context, context.input(0).shape.NumElements())),
        quant_(context.input(0).quant) {
    if (!quant_.per_axis()) return;
    const Shape& shape = context.input(0).shape;
    for (int i = quant_.axis + 1; i < shape.rank(); ++i) inner_ *= shape[i];
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

template <DType kType>
bool Is(const PrepareContext& c) {
  return c.input(0).dtype == kType;
}
template <typename T>
KernelPtr Prepare(const PrepareContext& context) {
  return std::make_unique<DequantizeKernel<T>>(context);
}

template <typename T, void (*kRun)(const T*, int64_t, float, int32_t, float*)>
class DequantizeSimd final : public Kernel {
 public:
  explicit DequantizeSimd(const PrepareContext& context)
      : size_(PerSample(context, context.input(0).shape.NumElements())),
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

template <DType kType>
bool IsPerTensor(const PrepareContext& c) {
  return c.input(0).dtype == kType && !c.input(0).quant.per_axis();
}
template <typename T, void (*kRun)(const T*, int64_t, float, int32_t, float*)>
KernelPtr PrepareSimd(const PrepareContext& context) {
  return std::make_unique<DequantizeSimd<T, kRun>>(context);
}

constexpr KernelRow kKernels[] = {
    {"DequantizeS8", false, IsPerTensor<DType::kInt8>,
     PrepareSimd<int8_t, DequantizeS8Simd>},
    {"DequantizeU8", false, IsPerTensor<DType::kUInt8>,
     PrepareSimd<uint8_t, DequantizeU8Simd>},
    {"DequantizeS16", false, IsPerTensor<DType::kInt16>,
     PrepareSimd<int16_t, DequantizeS16Simd>},
    {"DequantizeF16Ref", true, Is<DType::kFloat16>, Prepare<Half>},
    {"DequantizeS8Ref", true, Is<DType::kInt8>, Prepare<int8_t>},
    {"DequantizeU8Ref", true, Is<DType::kUInt8>, Prepare<uint8_t>},
    {"DequantizeS16Ref", true, Is<DType::kInt16>, Prepare<int16_t>},
    {"DequantizeS32Ref", true, Is<DType::kInt32>, Prepare<int32_t>},
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
    .tflite_code = 6,
    .tflite_options = 38,
    .infer = Infer,
    .kernels = kKernels,
    .version = Version,
    .fold_constant = Fold,
};

}  // namespace litesmith
