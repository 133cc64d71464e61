// CONV_2D's kernels as a plan sees them: reference, SIMD and training adapters
// over kernels/conv.
#include <algorithm>
#include <utility>
#include <vector>

#include "src/kernels/conv/reference.h"
#include "src/kernels/conv/simd.h"
#include "src/kernels/conv/train.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/window_attrs.h"

namespace litesmith {
namespace {

Requantizer ConvRequantizer(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  // 16-bit inputs make a 64-bit accumulator, unless the attribute or the bias
  // says otherwise. With an int32 bias and no attribute tflite-micro goes by
  // the bias; LiteRT reads beyond its end.
  const bool bias32 =
      context.node.Get<&Conv2DAttrs::quantized_bias_type>() == DType::kInt32 ||
      (context.has_input(2) && context.input(2).dtype == DType::kInt32);
  return MakeRequantizer(
      x.dtype == DType::kInt8 || bias32 ? RequantMethod::kMbqm
                                        : RequantMethod::kMbqm64,
      ChannelMultipliers(x, weights, context.output(), weights.shape[0]),
      context.output(), context.node.Get<&Conv2DAttrs::activation>());
}

// Whether a hybrid convolution takes its per-channel path: scales that differ.
bool HybridPerChannel(const Tensor& weights) {
  const auto& scales = weights.quant.scale;
  return std::any_of(scales.begin(), scales.end(),
                     [&](float s) { return s != scales[0]; });
}

// What every convolution kernel holds.
class ConvKernel : public Kernel {
 protected:
  explicit ConvKernel(const PrepareContext& context)
      : window_(ConvWindow(context)),
        images_(PerSample(context, context.input(0).shape[0])) {}
  int images(const KernelArgs& args) const {
    return static_cast<int>(args.batch * images_);
  }

  Window window_;
  int64_t images_;  // a sample
};

class F32F32 final : public ConvKernel {
 public:
  explicit F32F32(const PrepareContext& context)
      : ConvKernel(context),
        range_(ActivationRange(context.node.Get<&Conv2DAttrs::activation>())),
        has_bias_(context.has_input(2)) {}
  void Run(const KernelArgs& args) const override {
    Conv2DF32F32Ref(window_, images(args), args.in<float>(0), args.in<float>(1),
                    has_bias_ ? args.in<float>(2) : nullptr, range_.low,
                    range_.high, args.out<float>());
  }

 private:
  kernels::FloatRange range_;
  bool has_bias_;
};

class S8S8 final : public ConvKernel {
 public:
  explicit S8S8(const PrepareContext& context)
      : ConvKernel(context),
        requantizer_(ConvRequantizer(context)),
        x_zero_(static_cast<int32_t>(context.input(0).quant.zero_point[0])),
        has_bias_(context.has_input(2)) {}
  void Run(const KernelArgs& args) const override {
    Conv2DS8S8Ref(window_, images(args), args.in<int8_t>(0), args.in<int8_t>(1),
                  has_bias_ ? args.in<int32_t>(2) : nullptr, x_zero_,
                  requantizer_, args.out<int8_t>());
  }

 private:
  Requantizer requantizer_;
  int32_t x_zero_;
  bool has_bias_;
};

class S16S8 final : public ConvKernel {
 public:
  explicit S16S8(const PrepareContext& context)
      : ConvKernel(context),
        requantizer_(ConvRequantizer(context)),
        bias_(context.has_input(2) ? context.input(2).dtype : DType::kBool) {}
  void Run(const KernelArgs& args) const override {
    Conv2DS16S8Ref(window_, images(args), args.in<int16_t>(0),
                   args.in<int8_t>(1),
                   bias_ == DType::kInt32 ? args.in<int32_t>(2) : nullptr,
                   bias_ == DType::kInt64 ? args.in<int64_t>(2) : nullptr,
                   requantizer_, args.out<int16_t>());
  }

 private:
  Requantizer requantizer_;
  DType bias_;  // kBool: none
};

class F32S8 final : public ConvKernel {
 public:
  explicit F32S8(const PrepareContext& context)
      : ConvKernel(context),
        range_(ActivationRange(context.node.Get<&Conv2DAttrs::activation>())),
        scales_(ChannelScales(context.input(1), window_.out_c)),
        per_channel_(HybridPerChannel(context.input(1))),
        has_bias_(context.has_input(2)) {
    workspace_bytes = static_cast<size_t>(window_.in_size());
  }
  void Run(const KernelArgs& args) const override {
    Conv2DF32S8Ref(window_, images(args), args.in<float>(0), args.in<int8_t>(1),
                   has_bias_ ? args.in<float>(2) : nullptr, scales_,
                   per_channel_, range_.low, range_.high,
                   reinterpret_cast<int8_t*>(args.workspace),
                   args.out<float>());
  }

 private:
  kernels::FloatRange range_;
  std::vector<float> scales_;
  bool per_channel_;
  bool has_bias_;
};

class ConvSimd final : public Kernel {
 public:
  ConvSimd(std::unique_ptr<const PackedConv> packed, int64_t images)
      : packed_(std::move(packed)), images_(images) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunConv2D(*packed_, static_cast<int>(args.batch * images_), args.inputs[0],
              args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const PackedConv> packed_;
  int64_t images_;  // a sample
};

class Conv2DF32Train final : public TrainKernel {
 public:
  explicit Conv2DF32Train(const PrepareContext& context)
      : conv_(ConvWindow(context),
              ActivationRange(context.node.Get<&Conv2DAttrs::activation>())),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))),
        bias_(context.has_input(2)) {
    workspace_bytes = conv_.workspace_bytes();
  }

  void Repack(const void* const* inputs) override {
    conv_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Run(const KernelArgs& args) const override {
    conv_.Forward(args.batch * images_, args.in<float>(0),
                  bias_ ? args.in<float>(2) : nullptr, args.out<float>(),
                  reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    conv_.Backward(args.batch * images_,
                   static_cast<const float*>(args.inputs[0]),
                   static_cast<const float*>(args.outputs[0]),
                   args.output_grads[0], args.input_grads[0],
                   args.input_grads[1], bias_ ? args.input_grads[2] : nullptr,
                   reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::TrainConv conv_;
  int images_;
  bool bias_;
};

KernelPtr MakeReference(const PrepareContext& context) {
  const DType x = context.input(0).dtype;
  if (x == DType::kInt8) return MakeKernel<S8S8>(context);
  if (x == DType::kInt16) return MakeKernel<S16S8>(context);
  return context.input(1).dtype == DType::kInt8 ? MakeKernel<F32S8>(context)
                                                : MakeKernel<F32F32>(context);
}

}  // namespace

Window ConvWindow(const PrepareContext& context) {
  return WindowOf(WindowAttrsOf<Conv2DAttrs>(context.node), context,
                  context.input(1).shape[3]);
}

KernelPtr TryPrepareConv2DSimd(const PrepareContext& context, bool pool_2x2) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  if (!HasConstantWeights(context)) return nullptr;
  ConvSpec spec;
  spec.window = ConvWindow(context);
  spec.pool_2x2 = pool_2x2;
  FillLayerSpec(context, context.node.Get<&Conv2DAttrs::activation>(),
                ConvRequantizer, &spec);
  if (spec.kind == LayerKind::kF32S8)
    spec.per_channel = HybridPerChannel(weights);
  std::unique_ptr<const PackedConv> packed = PackConv2D(spec);
  if (packed == nullptr) return nullptr;
  return std::make_unique<ConvSimd>(std::move(packed),
                                    PerSample(context, x.shape[0]));
}

KernelPtr MakeConv2DReference(const PrepareContext& context) {
  return MakeReference(context);
}

KernelPtr MakeConv2DSimd(const PrepareContext& context) {
  KernelPtr kernel = TryPrepareConv2DSimd(context, false);
  return kernel != nullptr ? std::move(kernel) : MakeReference(context);
}

KernelPtr MakeConv2DTrain(const PrepareContext& context) {
  return MakeKernel<Conv2DF32Train>(context);
}

}  // namespace litesmith
