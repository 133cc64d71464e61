// FULLY_CONNECTED's SIMD kernels as the plan sees them.
#include <utility>

#include "src/kernels/dense/simd.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/layer/fully_connected_kernels.h"
#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

class DenseSimd final : public Kernel {
 public:
  DenseSimd(std::unique_ptr<const PackedDense> packed, int64_t rows)
      : packed_(std::move(packed)), rows_(rows) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunFullyConnected(*packed_, static_cast<int>(args.batch * rows_),
                      args.inputs[0], args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const PackedDense> packed_;
  int64_t rows_;  // a sample
};

KernelPtr PrepareRef(const PrepareContext& context) {
  if (context.input(0).dtype == DType::kInt8) {
    return PrepareFullyConnectedS8S8Ref(context);
  }
  if (context.input(0).dtype == DType::kInt16) {
    return PrepareFullyConnectedS16S8Ref(context);
  }
  return context.input(1).dtype == DType::kInt8
             ? PrepareFullyConnectedF32S8Ref(context)
             : PrepareFullyConnectedF32F32Ref(context);
}

}  // namespace

KernelPtr PrepareFullyConnectedSimd(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  DenseSpec spec;
  spec.shape = FullyConnectedShape(context);
  spec.weights = weights.data.data();
  if (x.dtype == DType::kFloat32) {
    spec.kind =
        weights.dtype == DType::kInt8 ? DenseKind::kF32S8 : DenseKind::kF32F32;
    const FloatRange range =
        ActivationRange(context.node.Get<&FullyConnectedAttrs::activation>());
    spec.lo = range.lo, spec.hi = range.hi;
    // Sums in the reference kernels' order: facts.h says why.
    spec.exact = spec.kind == DenseKind::kF32F32 &&
                 context.facts.IsBeforeQuantize(context.node.outputs[0]);
    if (context.has_input(2)) {
      const auto bias = context.input(2).As<float>();
      spec.float_bias.assign(bias.begin(), bias.end());
    }
    if (spec.kind == DenseKind::kF32S8) {
      spec.scales = ChannelScales(weights, spec.shape.outputs);
      spec.asymmetric =
          context.node.Get<&FullyConnectedAttrs::asymmetric_quantize_inputs>();
    }
  } else {
    spec.kind = x.dtype == DType::kInt8 ? DenseKind::kS8S8 : DenseKind::kS16S8;
    spec.requantizer = FullyConnectedRequantizer(context);
    spec.x_zero = static_cast<int32_t>(x.quant.zero_point[0]);
    spec.bias = BiasValues(context);
  }
  std::unique_ptr<const PackedDense> packed = PackFullyConnected(spec);
  if (packed == nullptr) return PrepareRef(context);
  return std::make_unique<DenseSimd>(std::move(packed),
                                     FullyConnectedRows(context));
}

}  // namespace litesmith
