// DEPTHWISE_CONV_2D's kernels as a plan sees them: reference, SIMD and training
// adapters over kernels/depthwise.
#include <memory>
#include <utility>
#include <vector>

#include "src/kernels/depthwise/reference.h"
#include "src/kernels/depthwise/simd.h"
#include "src/kernels/depthwise/train.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/window_attrs.h"

namespace litesmith {
namespace {

using Attrs = DepthwiseConv2DAttrs;

Requantizer DepthwiseRequantizer(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& out = context.output();
  return MakeRequantizer(
      x.dtype == DType::kInt8 ? RequantMethod::kMbqm : RequantMethod::kMbqm64,
      ChannelMultipliers(x, context.input(1), out, out.shape[3]), out,
      context.node.Get<&Attrs::activation>());
}

int64_t ImagesPerSample(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape[0]);
}

// Of floats, hybrid or not.
class FloatReference final : public Kernel {
 public:
  explicit FloatReference(const PrepareContext& context)
      : window_(DepthwiseWindow(context)),
        images_(ImagesPerSample(context)),
        range_(ActivationRange(context.node.Get<&Attrs::activation>())),
        has_bias_(context.has_input(2)) {
    if (context.input(1).dtype != DType::kInt8) return;
    scales_ = ChannelScales(context.input(1), window_.out_c);
    workspace_bytes = static_cast<size_t>(window_.in_size());
  }
  void Run(const KernelArgs& args) const override {
    const auto images = static_cast<int>(args.batch * images_);
    const float* bias = has_bias_ ? args.in<float>(2) : nullptr;
    if (scales_.empty()) {
      DepthwiseF32F32Ref(window_, images, args.in<float>(0), args.in<float>(1),
                         bias, range_.low, range_.high, args.out<float>());
    } else {
      DepthwiseF32S8Ref(window_, images, args.in<float>(0), args.in<int8_t>(1),
                        bias, scales_, range_.low, range_.high,
                        reinterpret_cast<int8_t*>(args.workspace),
                        args.out<float>());
    }
  }

 private:
  Window window_;
  int64_t images_;  // a sample
  kernels::FloatRange range_;
  bool has_bias_;
  std::vector<float> scales_;  // hybrid
};

class IntegerReference final : public Kernel {
 public:
  explicit IntegerReference(const PrepareContext& context)
      : window_(DepthwiseWindow(context)),
        images_(ImagesPerSample(context)),
        requantizer_(DepthwiseRequantizer(context)),
        bytes_(context.input(0).dtype == DType::kInt8),
        x_zero_(static_cast<int32_t>(context.input(0).quant.zero_point[0])),
        has_bias_(context.has_input(2)) {}
  void Run(const KernelArgs& args) const override {
    const auto images = static_cast<int>(args.batch * images_);
    const auto* weights = args.in<int8_t>(1);
    if (bytes_) {
      DepthwiseS8S8Ref(window_, images, args.in<int8_t>(0), weights,
                       has_bias_ ? args.in<int32_t>(2) : nullptr, x_zero_,
                       requantizer_, args.out<int8_t>());
    } else {
      DepthwiseS16S8Ref(window_, images, args.in<int16_t>(0), weights,
                        has_bias_ ? args.in<int64_t>(2) : nullptr, requantizer_,
                        args.out<int16_t>());
    }
  }

 private:
  Window window_;
  int64_t images_;  // a sample
  Requantizer requantizer_;
  bool bytes_;  // else int16
  int32_t x_zero_;
  bool has_bias_;
};

class DepthwiseSimd final : public Kernel {
 public:
  DepthwiseSimd(std::unique_ptr<const PackedDepthwise> packed, int64_t images)
      : packed_(std::move(packed)), images_(images) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunDepthwise(*packed_, static_cast<int>(args.batch * images_),
                 args.inputs[0], args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const PackedDepthwise> packed_;
  int64_t images_;  // a sample
};

class DepthwiseF32Train final : public TrainKernel {
 public:
  explicit DepthwiseF32Train(const PrepareContext& context)
      : layer_(DepthwiseWindow(context),
               ActivationRange(context.node.Get<&Attrs::activation>())),
        images_(static_cast<int>(ImagesPerSample(context))),
        has_bias_(context.has_input(2)) {
    workspace_bytes = layer_.workspace_bytes();
  }

  void Run(const KernelArgs& args) const override {
    layer_.Forward(args.batch * images_, args.in<float>(0), args.in<float>(1),
                   has_bias_ ? args.in<float>(2) : nullptr, args.out<float>(),
                   reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    layer_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.inputs[1]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        args.input_grads[0], args.input_grads[1],
        has_bias_ ? args.input_grads[2] : nullptr,
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::TrainDepthwise layer_;
  int images_;  // a sample
  bool has_bias_;
};

}  // namespace

Window DepthwiseWindow(const PrepareContext& context) {
  return WindowOf(WindowAttrsOf<Attrs>(context.node), context, 1);
}

KernelPtr MakeDepthwiseConv2DReference(const PrepareContext& context) {
  return context.input(0).dtype == DType::kFloat32
             ? MakeKernel<FloatReference>(context)
             : MakeKernel<IntegerReference>(context);
}

KernelPtr MakeDepthwiseConv2DSimd(const PrepareContext& context) {
  DepthwiseSpec spec;
  spec.window = DepthwiseWindow(context);
  FillLayerSpec(context, context.node.Get<&Attrs::activation>(),
                DepthwiseRequantizer, &spec);
  std::unique_ptr<const PackedDepthwise> packed = PackDepthwise(spec);
  if (packed == nullptr) return MakeDepthwiseConv2DReference(context);
  return std::make_unique<DepthwiseSimd>(std::move(packed),
                                         ImagesPerSample(context));
}

KernelPtr MakeDepthwiseConv2DTrain(const PrepareContext& context) {
  return MakeKernel<DepthwiseF32Train>(context);
}

}  // namespace litesmith
