// TRANSPOSE_CONV's kernels as a plan sees them: reference and SIMD adapters
// over kernels/conv/transposed.
#include <memory>
#include <span>
#include <utility>

#include "src/kernels/conv/train_transposed.h"
#include "src/kernels/conv/transposed.h"
#include "src/ops/layer/direct_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/transpose_conv.h"

namespace litesmith {
namespace {

using Attrs = TransposeConvAttrs;

Window TransposedWindow(const PrepareContext& context) {
  const auto attrs = Get<Attrs>(context.node);
  const Shape& filter = LayerWeights(context).shape;
  const Shape& x = LayerInput(context).shape;
  const Shape& y = context.output().shape;
  Window g;
  g.in_h = x[1], g.in_w = x[2], g.in_c = g.filter_c = x[3];
  g.filter_h = filter[1], g.filter_w = filter[2];
  g.stride_h = attrs.stride_h, g.stride_w = attrs.stride_w;
  g.out_h = y[1], g.out_w = y[2], g.out_c = y[3];
  // The padding of the convolution from y to as many windows as the padding
  // scheme makes of it, not of the one to x.
  const bool same = attrs.padding == kSame;
  const auto pad = [&](int64_t out, int64_t taps, int64_t stride) {
    const int64_t count = WindowCount(same, out, taps, stride, 1);
    return static_cast<int>(PaddingBefore(out, taps, stride, 1, count));
  };
  g.pad_top = pad(g.out_h, g.filter_h, g.stride_h);
  g.pad_left = pad(g.out_w, g.filter_w, g.stride_w);
  return g;
}

Requantizer TransposedRequantizer(const PrepareContext& context) {
  return ConvolutionRequantizer(
      context, context.node.Get<&Attrs::activation>(),
      context.node.Get<&Attrs::quantized_bias_type>());
}

// As direct_kernels.h wants it.
struct DirectTransposed {
  static Window WindowOf(const PrepareContext& context) {
    return TransposedWindow(context);
  }
  static int64_t Activation(const Node& node) {
    return node.Get<&Attrs::activation>();
  }
  static Requantizer RequantizerOf(const PrepareContext& context) {
    return TransposedRequantizer(context);
  }
  static bool PerChannel(const PrepareContext&) { return true; }
  static constexpr auto F32F32 = TransposeConvF32F32Ref;
  static void F32S8(const Window& window, int images, const float* x,
                    const int8_t* weights, const float* bias,
                    std::span<const float> scales, bool /*per_channel*/,
                    float lo, float hi, int8_t* quantized, float* y) {
    TransposeConvF32S8Ref(window, images, x, weights, bias, scales, lo, hi,
                          quantized, y);
  }
  template <typename X, typename W>
  static void Integer(const Window& window, int images, const X* x,
                      const W* weights, LayerBias bias, LayerZeros zeros,
                      const Requantizer& requantizer, X* y) {
    TransposeConvIntegerRef(window, images, x, weights, bias, zeros,
                            requantizer, y);
  }
};

class TransposedSimd final : public Kernel {
 public:
  TransposedSimd(std::unique_ptr<const PackedTransposeConv> packed,
                 const PrepareContext& context)
      : packed_(std::move(packed)),
        x_(LayerOperands(*context.node.op).x),
        images_(PerSample(context, LayerInput(context).shape[0])) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunConv2D(*packed_, static_cast<int>(args.batch * images_), args.inputs[x_],
              args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const PackedTransposeConv> packed_;
  size_t x_;        // which input
  int64_t images_;  // a sample
};

class TransposedF32Train final : public TrainKernel {
 public:
  explicit TransposedF32Train(const PrepareContext& context)
      : at_(*context.node.op),
        conv_(TransposedWindow(context),
              ActivationRange(context.node.Get<&Attrs::activation>())),
        images_(
            static_cast<int>(PerSample(context, LayerInput(context).shape[0]))),
        bias_(LayerBiasOrNull(context) != nullptr) {
    workspace_bytes = conv_.workspace_bytes();
  }
  void Repack(const void* const* inputs) override {
    conv_.Pack(static_cast<const float*>(inputs[at_.weights]));
  }
  void Run(const KernelArgs& args) const override {
    conv_.Forward(args.batch * images_, args.in<float>(at_.x),
                  bias_ ? args.in<float>(at_.bias) : nullptr, args.out<float>(),
                  reinterpret_cast<float*>(args.workspace));
  }
  void Backward(const BackwardArgs& args) const override {
    conv_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[at_.x]),
        static_cast<const float*>(args.inputs[at_.weights]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        args.input_grads[at_.x], args.input_grads[at_.weights],
        bias_ ? args.input_grads[at_.bias] : nullptr,
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  LayerOperands at_;
  kernels::TrainTransposed conv_;
  int images_;  // a sample
  bool bias_;
};

}  // namespace

KernelPtr MakeTransposeConvTrain(const PrepareContext& context) {
  return MakeKernel<TransposedF32Train>(context);
}

KernelPtr MakeTransposeConvReference(const PrepareContext& context) {
  return MakeDirect<DirectTransposed>(context);
}

KernelPtr MakeTransposeConvSimd(const PrepareContext& context) {
  ConvSpec spec;
  spec.window = TransposedWindow(context);
  FillLayerSpec(context, context.node.Get<&Attrs::activation>(),
                TransposedRequantizer, &spec);
  std::unique_ptr<const PackedTransposeConv> packed = PackTransposeConv(spec);
  if (packed == nullptr) return MakeTransposeConvReference(context);
  return std::make_unique<TransposedSimd>(std::move(packed), context);
}

}  // namespace litesmith
