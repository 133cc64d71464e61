// CONV_2D, the FAKE_QUANT of its outputs and a 2x2 max pool behind it, in
// training, for the layers that kernels/conv/train_gray has: one input channel,
// ReLU, pools of all outputs, and no gradient wanted of the input. Forward
// results are those of the three ops bit for bit, and so is where gradients go;
// sums of gradients add up in another order.
#include "src/kernels/conv/train_gray.h"
#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/fake_quant_range.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

constexpr const OpDef* kChain[] = {&kConv2D, &kFakeQuant, &kMaxPool2D};

// Inputs: those of CONV_2D, then FAKE_QUANT's but for its x.
enum : size_t { kX, kWeights, kBias };

kernels::FloatRange RangeOf(const ChainContext& c) {
  return ActivationRange(c.node(0).Get<&Conv2DAttrs::activation>());
}

class Conv2DFakeQuantMaxPoolF32Train final : public TrainKernel {
 public:
  explicit Conv2DFakeQuantMaxPoolF32Train(const ChainContext& c)
      : fused_(ConvWindow(c.at(0)), RangeOf(c), PoolWindow(c.at(2))),
        images_(
            static_cast<int>(PerSample(c.at(0), c.at(0).input(0).shape[0]))),
        quantized_(c.node(1), kBias) {
    workspace_bytes = fused_.workspace_bytes();
    saved_bytes = fused_.saved_bytes(c.at(0).input(0).shape[0]);
    if (quantized_.Follows()) forward_partials = 2;
  }

  void Repack(const void* const* inputs) override {
    fused_.Pack(static_cast<const float*>(inputs[kWeights]));
  }

  void ForwardPartial(const KernelArgs& args, double* partial) const override {
    // No output is negative, and zero is in every range.
    partial[0] = 0;
    partial[1] = double{fused_.Largest(
        args.batch * images_, args.in<float>(kX), args.in<float>(kBias),
        reinterpret_cast<float*>(args.workspace))};
  }

  void Combine(Phase, std::span<const double> partials, void* const* inputs,
               std::byte*) const override {
    quantized_.Combine(partials, inputs);
  }

  void Run(const KernelArgs& args) const override {
    fused_.QuantForward(args.batch * images_, quantized_.Grid(args.inputs),
                        args.in<float>(kX), args.in<float>(kBias),
                        args.out<float>(),
                        reinterpret_cast<uint8_t*>(args.saved),
                        reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    fused_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[kX]),
        args.output_grads[0], reinterpret_cast<const uint8_t*>(args.saved),
        args.input_grads[kWeights], args.input_grads[kBias],
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::GrayConvPool fused_;
  int images_;  // per sample
  FusedFakeQuant quantized_;
};

bool Fits(const ChainContext& c) {
  const auto pool = Get<Pool2DAttrs>(c.node(2));
  return IsPlainFloatConv(c.at(0)) && IsOneMonotoneMap(c.graph, c.node(1)) &&
         pool.activation == kNone && pool.stride_h == 2 && pool.stride_w == 2 &&
         pool.filter_h == 2 && pool.filter_w == 2 &&
         !c.facts.IsTrained(c.node(0).inputs[0]) &&
         kernels::GrayConvPool::FitsQuant(ConvWindow(c.at(0)), RangeOf(c),
                                          PoolWindow(c.at(2)));
}

KernelPtr Prepare(const ChainContext& c) {
  return std::make_unique<Conv2DFakeQuantMaxPoolF32Train>(c);
}

}  // namespace

const Fusion kTrainConvFakeQuantPool = {
    .name = "CONV_2D + FAKE_QUANT + MAX_POOL_2D in training",
    .summary = "a first layer on gray images, its fake quantization and pool",
    .purpose = Purpose::kTrain,
    .chain = kChain,
    .fits = Fits,
    .prepare = Prepare,
};

}  // namespace litesmith
