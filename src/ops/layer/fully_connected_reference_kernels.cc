// FULLY_CONNECTED's reference kernels as the plan sees them.
#include <vector>

#include "src/ops/layer/fully_connected.h"
#include "src/ops/layer/fully_connected_kernels.h"
#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

class DenseKernel : public Kernel {
 protected:
  explicit DenseKernel(const PrepareContext& context)
      : shape_(FullyConnectedShape(context)),
        rows_(FullyConnectedRows(context)),
        bias_(context.has_input(2) ? context.input(2).dtype : DType::kBool) {}
  int rows(const KernelArgs& args) const {
    return static_cast<int>(args.batch * rows_);
  }
  template <typename T>
  const T* bias(const KernelArgs& args) const {
    return bias_ == DTypeOf<T>::value ? args.in<T>(2) : nullptr;
  }

  DenseShape shape_;
  int64_t rows_;  // a sample
  DType bias_;    // kBool: none
};

class F32F32 final : public DenseKernel {
 public:
  explicit F32F32(const PrepareContext& context)
      : DenseKernel(context),
        range_(ActivationRange(
            context.node.Get<&FullyConnectedAttrs::activation>())) {}
  void Run(const KernelArgs& args) const override {
    FullyConnectedF32F32Ref(shape_, rows(args), args.in<float>(0),
                            args.in<float>(1), bias<float>(args), range_.lo,
                            range_.hi, args.out<float>());
  }

 private:
  FloatRange range_;
};

class S8S8 final : public DenseKernel {
 public:
  explicit S8S8(const PrepareContext& context)
      : DenseKernel(context),
        requantizer_(FullyConnectedRequantizer(context)),
        x_zero_(static_cast<int32_t>(context.input(0).quant.zero_point[0])) {}
  void Run(const KernelArgs& args) const override {
    FullyConnectedS8S8Ref(shape_, rows(args), args.in<int8_t>(0),
                          args.in<int8_t>(1), bias<int32_t>(args), x_zero_,
                          requantizer_, args.out<int8_t>());
  }

 private:
  Requantizer requantizer_;
  int32_t x_zero_;
};

class S16S8 final : public DenseKernel {
 public:
  explicit S16S8(const PrepareContext& context)
      : DenseKernel(context),
        requantizer_(FullyConnectedRequantizer(context)) {}
  void Run(const KernelArgs& args) const override {
    FullyConnectedS16S8Ref(shape_, rows(args), args.in<int16_t>(0),
                           args.in<int8_t>(1), bias<int32_t>(args),
                           bias<int64_t>(args), requantizer_,
                           args.out<int16_t>());
  }

 private:
  Requantizer requantizer_;
};

class F32S8 final : public DenseKernel {
 public:
  explicit F32S8(const PrepareContext& context)
      : DenseKernel(context),
        range_(ActivationRange(
            context.node.Get<&FullyConnectedAttrs::activation>())),
        scales_(ChannelScales(context.input(1), shape_.outputs)),
        asymmetric_(
            context.node
                .Get<&FullyConnectedAttrs::asymmetric_quantize_inputs>()) {
    workspace_bytes = static_cast<size_t>(shape_.depth);
  }
  void Run(const KernelArgs& args) const override {
    FullyConnectedF32S8Ref(
        shape_, rows(args), args.in<float>(0), args.in<int8_t>(1),
        bias<float>(args), scales_, asymmetric_, range_.lo, range_.hi,
        reinterpret_cast<int8_t*>(args.workspace), args.out<float>());
  }

 private:
  FloatRange range_;
  std::vector<float> scales_;
  bool asymmetric_;
};

}  // namespace

DenseShape FullyConnectedShape(const PrepareContext& context) {
  const Shape& weights = context.input(1).shape;
  return {weights[1], weights[0]};
}

int64_t FullyConnectedRows(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape.NumElements() /
                                context.input(1).shape[1]);
}

Requantizer FullyConnectedRequantizer(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  const Tensor& output = context.output();
  const int channels = weights.shape[0];
  const int64_t activation =
      context.node.Get<&FullyConnectedAttrs::activation>();
  // Exact in double even for a single scale, in both runtimes (measured on
  // tflite_micro: a product rounded to float32 moves an output in a million).
  const std::vector<double> multipliers =
      ChannelMultipliers(x, weights, output, channels);
  if (context.numerics == Numerics::kLiteRt) {
    return MakeRequantizer(RequantMethod::kF64, multipliers, output,
                           activation);
  }
  // 16-bit inputs make a 64-bit accumulator, unless the bias says otherwise
  // (measured on tflite_micro, also without a bias).
  const bool wide =
      x.dtype == DType::kInt16 &&
      !(context.has_input(2) && context.input(2).dtype == DType::kInt32);
  return MakeRequantizer(wide ? RequantMethod::kMbqm64 : RequantMethod::kMbqm,
                         multipliers, output, activation);
}

KernelPtr PrepareFullyConnectedF32F32Ref(const PrepareContext& context) {
  return std::make_unique<F32F32>(context);
}
KernelPtr PrepareFullyConnectedS8S8Ref(const PrepareContext& context) {
  return std::make_unique<S8S8>(context);
}
KernelPtr PrepareFullyConnectedS16S8Ref(const PrepareContext& context) {
  return std::make_unique<S16S8>(context);
}
KernelPtr PrepareFullyConnectedF32S8Ref(const PrepareContext& context) {
  return std::make_unique<F32S8>(context);
}

}  // namespace litesmith
