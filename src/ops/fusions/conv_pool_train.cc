// CONV_2D and a max pool of windows that do not overlap behind it, in training:
// thin over kernels/conv/train_pool.
#include "src/kernels/conv/train_pool.h"
#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr const OpDef* kChain[] = {&kConv2D, &kMaxPool2D};

class Conv2DMaxPoolF32Train final : public TrainKernel {
 public:
  explicit Conv2DMaxPoolF32Train(const ChainContext& c)
      : fused_(ConvWindow(c.at(0)),
               ActivationRange(c.node(0).Get<&Conv2DAttrs::activation>()),
               PoolWindow(c.at(1)), c.facts.IsTrained(c.node(0).inputs[0])),
        images_(
            static_cast<int>(PerSample(c.at(0), c.at(0).input(0).shape[0]))),
        bias_(c.at(0).has_input(2)) {
    workspace_bytes = fused_.workspace_bytes();
    saved_bytes = fused_.saved_bytes(c.at(0).input(0).shape[0]);
  }

  void Repack(const void* const* inputs) override {
    fused_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Run(const KernelArgs& args) const override {
    fused_.Forward(args.batch * images_, args.in<float>(0),
                   bias_ ? args.in<float>(2) : nullptr, args.out<float>(),
                   reinterpret_cast<uint8_t*>(args.saved),
                   reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    fused_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        reinterpret_cast<const uint8_t*>(args.saved), args.input_grads[0],
        args.input_grads[1], bias_ ? args.input_grads[2] : nullptr,
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::TrainConvPool fused_;
  int images_;  // per sample
  bool bias_;
};

// Floats without groups, and a pool that pads nothing: SAME does not where the
// windows fill the image exactly.
bool Fits(const ChainContext& c) {
  const auto pool = Get<Pool2DAttrs>(c.node(1));
  const Shape& x = c.at(1).input(0).shape;
  const bool exact = x[1] % pool.filter_h == 0 && x[2] % pool.filter_w == 0;
  return IsPlainFloatConv(c.at(0)) && pool.activation == kNone &&
         pool.stride_h == pool.filter_h && pool.stride_w == pool.filter_w &&
         pool.filter_h * pool.filter_w <= kernels::kMaxPoolTaps &&
         (pool.padding == kValid || exact);
}

KernelPtr Prepare(const ChainContext& c) {
  return std::make_unique<Conv2DMaxPoolF32Train>(c);
}

}  // namespace

const Fusion kTrainConvPool = {
    .name = "CONV_2D + MAX_POOL_2D in training",
    .summary = "convolution and max pool, whose losers are never kept",
    .purpose = Purpose::kTrain,
    .chain = kChain,
    .fits = Fits,
    .prepare = Prepare,
};

}  // namespace litesmith
