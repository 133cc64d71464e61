// QUANTIZE: float32 to int8, uint8 or int16, or one of these to another with
// other parameters. One scale a tensor; from float32 also one a slice, as
// TensorFlow's quantization-aware float files have it for their weights.
// Follows specs/tflite.md 3.8 (REF).
#include <cstring>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/kernels/quantize/reference.h"
#include "src/kernels/quantize/simd.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16});
  CheckDType(out, "output", {DType::kInt8, DType::kUInt8, DType::kInt16});
  out.shape = x.shape;
  if (x.dtype == DType::kFloat32) {
    CheckQuant(out, "output");
  } else {
    CheckPerTensorQuant(x, "input");
    CheckPerTensorQuant(out, "output");
    const double real = static_cast<double>(x.quant.scale[0]) /
                        static_cast<double>(out.quant.scale[0]);
    if (QuantizeMultiplier(real).shift > kMaxShift) {
      Fail(ErrorKind::kUnsupported,
           "the scale {} of '{}' is too large for the output's",
           x.quant.scale[0], x.name);
    }
  }
}

// One scale a slice.
template <typename To>
class QuantizeChannels final : public Kernel {
 public:
  explicit QuantizeChannels(const PrepareContext& context)
      : size_(ElementsPerSample(context)), quant_(context.output().quant) {
    inner_ = static_cast<int64_t>(
        SlicesAlong(context.output().shape, quant_.axis).inner);
  }
  void Run(const KernelArgs& args) const override {
    const auto channels = static_cast<int64_t>(quant_.scale.size());
    for (int64_t i = 0; i < size_ * args.batch; i += inner_) {
      const auto c = static_cast<size_t>(i / inner_ % channels);
      QuantizeRef<To>(args.in<float>(0) + i, inner_, quant_.scale[c],
                      static_cast<int32_t>(quant_.zero_point[c]),
                      args.out<To>() + i);
    }
  }

 private:
  int64_t size_;  // a sample
  Quantization quant_;
  int64_t inner_ = 1;  // elements after the axis
};

template <typename From, typename To>
class QuantizeKernel final : public Kernel {
 public:
  explicit QuantizeKernel(const PrepareContext& context)
      : size_(ElementsPerSample(context)),
        scale_(context.output().quant.scale[0]),
        zero_(static_cast<int32_t>(context.output().quant.zero_point[0])) {
    if constexpr (!std::is_same_v<From, float>) {
      const Quantization& q = context.input(0).quant;
      from_zero_ = static_cast<int32_t>(q.zero_point[0]);
      multiplier_ = QuantizeMultiplier(static_cast<double>(q.scale[0]) /
                                       static_cast<double>(scale_));
    }
  }
  void Run(const KernelArgs& args) const override {
    const int64_t n = size_ * args.batch;
    if constexpr (std::is_same_v<From, float>) {
      QuantizeRef<To>(args.in<float>(0), n, scale_, zero_, args.out<To>());
    } else {
      RequantizeRef<From, To>(args.in<From>(0), n, multiplier_, from_zero_,
                              zero_, args.out<To>());
    }
  }

 private:
  int64_t size_;  // a sample
  float scale_;
  int32_t zero_;
  int32_t from_zero_ = 0;
  FixedMultiplier multiplier_;
};

bool PerTensor(const PrepareContext& c) { return !c.output().quant.per_axis(); }
bool PerChannel(const PrepareContext& c) { return c.output().quant.per_axis(); }

template <typename T, void (*kRun)(const float*, int64_t, float, int32_t, T*)>
class QuantizeSimd final : public Kernel {
 public:
  explicit QuantizeSimd(const PrepareContext& context)
      : size_(ElementsPerSample(context)),
        scale_(context.output().quant.scale[0]),
        zero_(static_cast<int32_t>(context.output().quant.zero_point[0])) {}
  void Run(const KernelArgs& args) const override {
    kRun(args.in<float>(0), size_ * args.batch, scale_, zero_, args.out<T>());
  }

 private:
  int64_t size_;  // a sample
  float scale_;
  int32_t zero_;
};

// int8 <-> uint8 with the same scale and zero points 128 apart: the sign bit.
bool IsFlip(const PrepareContext& c) {
  const Tensor& x = c.input(0);
  const Tensor& y = c.output();
  const bool to_unsigned = x.dtype == DType::kInt8 && y.dtype == DType::kUInt8;
  const bool to_signed = x.dtype == DType::kUInt8 && y.dtype == DType::kInt8;
  return (to_unsigned || to_signed) && x.quant.scale == y.quant.scale &&
         y.quant.zero_point[0] - x.quant.zero_point[0] ==
             (to_unsigned ? 128 : -128);
}

class Flip final : public Kernel {
 public:
  explicit Flip(const PrepareContext& context)
      : size_(ElementsPerSample(context)) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<uint8_t>(0);
    auto* y = args.out<uint8_t>();
    const int64_t n = size_ * args.batch;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
      uint64_t word;
      std::memcpy(&word, x + i, 8);
      word ^= 0x8080808080808080u;
      std::memcpy(y + i, &word, 8);
    }
    for (; i < n; ++i) y[i] = x[i] ^ 0x80;
  }

 private:
  int64_t size_;  // a sample
};

constexpr Operand kOperands[] = {{.name = "x"}};

template <typename To, void (*kRun)(const float*, int64_t, float, int32_t, To*)>
constexpr KernelRow FastRow(const char* name) {
  return {name,
          Purpose::kFast,
          {.input = DType::kFloat32, .output = DTypeOf<To>::value},
          MakeKernel<QuantizeSimd<To, kRun>>,
          PerTensor};
}
template <typename To>
constexpr KernelRow ChannelRow(const char* name) {
  return {name,
          Purpose::kReference,
          {.input = DType::kFloat32, .output = DTypeOf<To>::value},
          MakeKernel<QuantizeChannels<To>>,
          PerChannel};
}
template <typename From, typename To>
constexpr KernelRow Row(const char* name) {
  return {name,
          Purpose::kReference,
          {.input = DTypeOf<From>::value, .output = DTypeOf<To>::value},
          MakeKernel<QuantizeKernel<From, To>>,
          PerTensor};
}

constexpr KernelRow kRows[] = {
    FastRow<int8_t, QuantizeF32S8Simd>("QuantizeF32S8"),
    FastRow<uint8_t, QuantizeF32U8Simd>("QuantizeF32U8"),
    FastRow<int16_t, QuantizeF32S16Simd>("QuantizeF32S16"),
    {"QuantizeFlip", Purpose::kFast, {}, MakeKernel<Flip>, IsFlip},
    ChannelRow<int8_t>("QuantizeF32S8cRef"),
    ChannelRow<uint8_t>("QuantizeF32U8cRef"),
    ChannelRow<int16_t>("QuantizeF32S16cRef"),
    Row<float, int8_t>("QuantizeF32S8Ref"),
    Row<float, uint8_t>("QuantizeF32U8Ref"),
    Row<float, int16_t>("QuantizeF32S16Ref"),
    Row<int8_t, int8_t>("QuantizeS8S8Ref"),
    Row<int8_t, uint8_t>("QuantizeS8U8Ref"),
    Row<int8_t, int16_t>("QuantizeS8S16Ref"),
    Row<uint8_t, int8_t>("QuantizeU8S8Ref"),
    Row<uint8_t, uint8_t>("QuantizeU8U8Ref"),
    Row<uint8_t, int16_t>("QuantizeU8S16Ref"),
    Row<int16_t, int8_t>("QuantizeS16S8Ref"),
    Row<int16_t, uint8_t>("QuantizeS16U8Ref"),
    Row<int16_t, int16_t>("QuantizeS16S16Ref"),
};

int Version(const Graph& graph, const Node& node) {
  const Tensor& out = graph.tensor(node.outputs[0]);
  if (out.quant.per_axis()) return 3;
  return out.dtype == DType::kInt16 ? 2 : 1;
}

}  // namespace

const OpDef kQuantize = {
    .name = "QUANTIZE",
    .summary = "float to integers, or integers to other scales",
    .tflite = {.code = 114, .options = 89, .version = Version},
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
};

}  // namespace litesmith
