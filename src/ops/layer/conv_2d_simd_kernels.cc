// CONV_2D's SIMD kernels as the plan sees them, with or without a fused pool.
#include <utility>

#include "src/kernels/conv/simd.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/conv_2d_kernels.h"
#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

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

}  // namespace

KernelPtr TryPrepareConv2DSimd(const PrepareContext& context, bool pool_2x2) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  if (!HasConstantWeights(context)) return nullptr;
  ConvSpec spec;
  spec.window = ConvWindow(context);
  spec.pool_2x2 = pool_2x2;
  spec.weights = weights.data.data();
  if (x.dtype == DType::kFloat32) {
    spec.kind =
        weights.dtype == DType::kInt8 ? ConvKind::kF32S8 : ConvKind::kF32F32;
    const FloatRange range =
        ActivationRange(context.node.Get<&Conv2DAttrs::activation>());
    spec.lo = range.lo, spec.hi = range.hi;
    // Sums in the reference kernels' order: facts.h says why.
    spec.exact = context.facts.IsBeforeQuantize(context.node.outputs[0]);
    if (context.has_input(2)) {
      const auto bias = context.input(2).As<float>();
      spec.float_bias.assign(bias.begin(), bias.end());
    }
    if (spec.kind == ConvKind::kF32S8) {
      spec.scales = ChannelScales(weights, spec.window.out_c);
      spec.per_channel = HybridPerChannel(weights);
    }
  } else {
    spec.kind = x.dtype == DType::kInt8 ? ConvKind::kS8S8 : ConvKind::kS16S8;
    spec.requantizer = ConvRequantizer(context);
    spec.x_zero = static_cast<int32_t>(x.quant.zero_point[0]);
    spec.bias = BiasValues(context);
  }
  std::unique_ptr<const PackedConv> packed = PackConv2D(spec);
  if (packed == nullptr) return nullptr;
  return std::make_unique<ConvSimd>(std::move(packed),
                                    PerSample(context, x.shape[0]));
}

KernelPtr PrepareConv2DSimd(const PrepareContext& context) {
  if (KernelPtr kernel = TryPrepareConv2DSimd(context, false)) return kernel;
  if (context.input(0).dtype == DType::kInt8) {
    return PrepareConv2DS8S8Ref(context);
  }
  if (context.input(0).dtype == DType::kInt16) {
    return PrepareConv2DS16S8Ref(context);
  }
  return context.input(1).dtype == DType::kInt8
             ? PrepareConv2DF32S8Ref(context)
             : PrepareConv2DF32F32Ref(context);
}

}  // namespace litesmith
