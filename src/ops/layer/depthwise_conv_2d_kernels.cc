// DEPTHWISE_CONV_2D's kernels as a plan sees them: reference, SIMD and training
// adapters over kernels/depthwise.
#include <memory>
#include <span>
#include <utility>

#include "src/kernels/depthwise/reference.h"
#include "src/kernels/depthwise/simd.h"
#include "src/kernels/depthwise/train.h"
#include "src/ops/checks.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/layer/direct_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/train_layer.h"
#include "src/ops/layer/window_attrs.h"

namespace litesmith {
namespace {

using Attrs = DepthwiseConv2DAttrs;

Requantizer DepthwiseRequantizer(const PrepareContext& context) {
  return ConvolutionRequantizer(context, context.node.Get<&Attrs::activation>(),
                                kUnsetBiasType);
}

int64_t ImagesPerSample(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape[0]);
}

// As direct_kernels.h wants it.
struct DirectDepthwise {
  static Window WindowOf(const PrepareContext& context) {
    return DepthwiseWindow(context);
  }
  static int64_t Activation(const Node& node) {
    return node.Get<&Attrs::activation>();
  }
  static Requantizer RequantizerOf(const PrepareContext& context) {
    return DepthwiseRequantizer(context);
  }
  static bool PerChannel(const PrepareContext&) { return true; }
  static constexpr auto F32F32 = DepthwiseF32F32Ref;
  static void F32S8(const Window& window, int images, const float* x,
                    const int8_t* weights, const float* bias,
                    std::span<const float> scales, bool /*per_channel*/,
                    float lo, float hi, int8_t* quantized, float* y) {
    DepthwiseF32S8Ref(window, images, x, weights, bias, scales, lo, hi,
                      quantized, y);
  }
  template <typename X, typename W>
  static void Integer(const Window& window, int images, const X* x,
                      const W* weights, LayerBias bias, LayerZeros zeros,
                      const Requantizer& requantizer, X* y) {
    DepthwiseIntegerRef(window, images, x, weights, bias, zeros, requantizer,
                        y);
  }
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

class DepthwiseLayer final : public TrainLayer {
 public:
  explicit DepthwiseLayer(const PrepareContext& context)
      : layer_(DepthwiseWindow(context),
               ActivationRange(context.node.Get<&Attrs::activation>())),
        images_(static_cast<int>(ImagesPerSample(context))),
        has_bias_(context.has_input(2)) {
    workspace_bytes = layer_.workspace_bytes();
  }

  void Forward(const KernelArgs& args, float* y,
               const kernels::OutputsMade& made) const override {
    layer_.Forward(args.batch * images_, args.in<float>(0), args.in<float>(1),
                   has_bias_ ? args.in<float>(2) : nullptr, y,
                   reinterpret_cast<float*>(args.workspace), made);
  }

  void Backward(const BackwardArgs& args,
                const kernels::GradientSource& gradient) const override {
    layer_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.inputs[1]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        args.input_grads[0], args.input_grads[1],
        has_bias_ ? args.input_grads[2] : nullptr,
        reinterpret_cast<float*>(args.workspace), gradient, args.adds);
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
  return MakeDirect<DirectDepthwise>(context);
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

TrainLayerPtr MakeDepthwiseConv2DTrainLayer(const PrepareContext& context) {
  return std::make_unique<DepthwiseLayer>(context);
}

KernelPtr MakeDepthwiseConv2DTrain(const PrepareContext& context) {
  return std::make_unique<TrainLayerKernel>(
      MakeDepthwiseConv2DTrainLayer(context));
}

}  // namespace litesmith
