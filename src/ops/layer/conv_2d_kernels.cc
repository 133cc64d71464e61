// CONV_2D's kernels as a plan sees them: reference, SIMD and training adapters
// over kernels/conv.
#include <algorithm>
#include <utility>
#include <vector>

#include "src/kernels/conv/grouped.h"
#include "src/kernels/conv/reference.h"
#include "src/kernels/conv/simd.h"
#include "src/kernels/conv/train.h"
#include "src/kernels/conv/train_groups.h"
#include "src/kernels/conv/train_winograd.h"
#include "src/kernels/conv/wide_s16.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/direct_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/train_layer.h"
#include "src/ops/layer/window_attrs.h"

namespace litesmith {
namespace {

Requantizer ConvRequantizer(const PrepareContext& context) {
  return ConvolutionRequantizer(
      context, context.node.Get<&Conv2DAttrs::activation>(),
      context.node.Get<&Conv2DAttrs::quantized_bias_type>());
}

// Whether a hybrid convolution takes its per-channel path: scales that differ.
bool HybridPerChannel(const Tensor& weights) {
  const auto& scales = weights.quant.scale;
  return std::any_of(scales.begin(), scales.end(),
                     [&](float s) { return s != scales[0]; });
}

// As direct_kernels.h wants it.
struct DirectConv {
  static Window WindowOf(const PrepareContext& context) {
    return ConvWindow(context);
  }
  static int64_t Activation(const Node& node) {
    return node.Get<&Conv2DAttrs::activation>();
  }
  static Requantizer RequantizerOf(const PrepareContext& context) {
    return ConvRequantizer(context);
  }
  static bool PerChannel(const PrepareContext& context) {
    return HybridPerChannel(context.input(1));
  }
  static constexpr auto F32F32 = Conv2DF32F32Ref;
  static constexpr auto F32S8 = Conv2DF32S8Ref;
  template <typename X, typename W>
  static void Integer(const Window& window, int images, const X* x,
                      const W* weights, LayerBias bias, LayerZeros zeros,
                      const Requantizer& requantizer, X* y) {
    Conv2DIntegerRef(window, images, x, weights, bias, zeros, requantizer, y);
  }
};

// PackedConv or PackedGroups.
template <class Packed>
class ConvSimd final : public Kernel {
 public:
  ConvSimd(std::unique_ptr<const Packed> packed, const PrepareContext& context)
      : packed_(std::move(packed)),
        images_(PerSample(context, context.input(0).shape[0])) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunConv2D(*packed_, static_cast<int>(args.batch * images_), args.inputs[0],
              args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const Packed> packed_;
  int64_t images_;  // a sample
};

// Null where the packing is.
template <class Packed>
KernelPtr SimdKernel(std::unique_ptr<const Packed> packed,
                     const PrepareContext& context) {
  if (packed == nullptr) return nullptr;
  return std::make_unique<ConvSimd<Packed>>(std::move(packed), context);
}

class GroupedConv2DF32Train final : public TrainKernel {
 public:
  GroupedConv2DF32Train(const PrepareContext& context, const Window& window,
                        kernels::FloatRange range)
      : conv_(window, range, context.input(0).shape[0]),
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
  kernels::TrainGroups conv_;
  int images_;
  bool bias_;
};

// Each output reads one pixel, and all pixels have one.
bool IsPointwise(const Window& w) {
  return w.filter_h == 1 && w.filter_w == 1 && w.stride_h == 1 &&
         w.stride_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
         w.out_h == w.in_h && w.out_w == w.in_w;
}

kernels::FloatRange RangeOf(const PrepareContext& context) {
  return ActivationRange(context.node.Get<&Conv2DAttrs::activation>());
}

}  // namespace

Window ConvWindow(const PrepareContext& context) {
  return WindowOf(WindowAttrsOf<Conv2DAttrs>(context.node), context,
                  context.input(1).shape[3]);
}

KernelPtr TryPrepareConv2DSimd(const PrepareContext& context, bool pool_2x2) {
  if (!CanPackWeights(context) || context.input(0).dtype == DType::kUInt8)
    return nullptr;
  ConvSpec spec;
  spec.window = ConvWindow(context);
  spec.pool_2x2 = pool_2x2;
  FillLayerSpec(context, context.node.Get<&Conv2DAttrs::activation>(),
                ConvRequantizer, &spec);
  if (spec.kind == LayerKind::kF32S8)
    spec.per_channel = HybridPerChannel(context.input(1));
  if (spec.window.groups() != 1)
    return SimdKernel(PackGroupedConv2D(spec), context);
  KernelPtr kernel = SimdKernel(PackConv2D(spec), context);
  return kernel != nullptr ? std::move(kernel)
                           : SimdKernel(PackWideConv2D(spec), context);
}

KernelPtr MakeConv2DReference(const PrepareContext& context) {
  return MakeDirect<DirectConv>(context);
}

KernelPtr MakeConv2DSimd(const PrepareContext& context) {
  KernelPtr kernel = TryPrepareConv2DSimd(context, false);
  return kernel != nullptr ? std::move(kernel) : MakeConv2DReference(context);
}

TrainLayerPtr MakeConv2DTrainLayer(const PrepareContext& context) {
  const Window window = ConvWindow(context);
  const int64_t images = PerSample(context, context.input(0).shape[0]);
  if (kernels::TrainWinograd::Pays(window)) {
    return std::make_unique<PackedTrainLayer<kernels::TrainWinograd, int>>(
        context, images, window, RangeOf(context));
  }
  if (!IsPointwise(window)) {
    return std::make_unique<PackedTrainLayer<kernels::TrainConv, int>>(
        context, images, window, RangeOf(context));
  }
  return MakePointwiseTrainLayer(context, window.in_c, window.out_c,
                                 images * window.in_h * window.in_w,
                                 RangeOf(context));
}

KernelPtr MakeConv2DTrain(const PrepareContext& context) {
  const Window window = ConvWindow(context);
  if (window.groups() == 1)
    return std::make_unique<TrainLayerKernel>(MakeConv2DTrainLayer(context));
  return std::make_unique<GroupedConv2DF32Train>(context, window,
                                                 RangeOf(context));
}

}  // namespace litesmith
