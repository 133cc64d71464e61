// A layer with weights and the batch normalization behind it, in training: the
// moments are summed, and the gradient is formed, while a stretch of outputs is
// in the cache. What the layer computes is kept for the gradient; the tensor
// between them is nowhere else.
#include <utility>

#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/train_layer.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm_numbers.h"

namespace litesmith {
namespace {

constexpr const OpDef* kConvChain[] = {&kConv2D, &kBatchNorm};
constexpr const OpDef* kDepthwiseChain[] = {&kDepthwiseConv2D, &kBatchNorm};
constexpr const OpDef* kDenseChain[] = {&kFullyConnected, &kBatchNorm};

class LayerBatchNormF32Train final : public TrainKernel {
 public:
  LayerBatchNormF32Train(const ChainContext& c, TrainLayerPtr layer)
      : layer_(std::move(layer)), numbers_(c.at(1)) {
    const PrepareContext norm = c.at(1);
    // Those of the normalization follow the layer's, but for its x.
    first_ = c.node(0).op->operands.size() - 1;
    rows_ = static_cast<size_t>(ElementsPerSample(norm)) / numbers_.channels();
    has_gamma_ = norm.has_input(batch_norm::kGamma);
    has_beta_ = norm.has_input(batch_norm::kBeta);
    forward_partials = backward_partials = numbers_.partials();
    shared_bytes = numbers_.bytes();
    workspace_bytes = layer_->workspace_bytes;
    runs_from_saved = adds = true;
    saved_bytes =
        static_cast<size_t>(norm.input(0).shape.NumElements()) * sizeof(float);
  }

  void Repack(const void* const* inputs) override { layer_->Repack(inputs); }

  void ForwardPartial(const KernelArgs& args, double* partial) const override {
    numbers_.ClearPartial(Rows(args.batch), partial);
    layer_->Forward(args, reinterpret_cast<float*>(args.saved),
                    [this, partial](const float* x, size_t rows) {
                      numbers_.AddForward(x, rows, partial);
                    });
  }

  void Run(const KernelArgs& args) const override {
    numbers_.Normalize(reinterpret_cast<const float*>(args.saved),
                       Rows(args.batch), args.shared, args.out<float>());
  }

  void BackwardPartial(const BackwardArgs& args,
                       double* partial) const override {
    numbers_.ClearPartial(Rows(args.batch), partial);
    numbers_.AddBackward(reinterpret_cast<const float*>(args.saved),
                         args.output_grads[0], Rows(args.batch), args.shared,
                         partial);
  }

  void Backward(const BackwardArgs& args) const override {
    const auto* x = reinterpret_cast<const float*>(args.saved);
    const float* dy = args.output_grads[0];
    const auto write = [this, &args, x, dy](size_t first, size_t rows,
                                            float* g) {
      const size_t at = first * numbers_.channels();
      numbers_.GradientOfInput(x + at, dy + at, rows, args.shared, g);
    };
    layer_->Backward(args, {write, {x, dy}});
    float* const* const grads = args.input_grads + first_;
    numbers_.ShareOfGradients(Rows(args.batch), args.shared,
                              has_gamma_ ? grads[batch_norm::kGamma] : nullptr,
                              has_beta_ ? grads[batch_norm::kBeta] : nullptr);
  }

  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* shared) const override {
    numbers_.Combine(phase, partials, inputs + first_, shared);
  }

 private:
  size_t Rows(int batch) const { return static_cast<size_t>(batch) * rows_; }

  TrainLayerPtr layer_;
  BatchNormNumbers numbers_;
  size_t first_ = 0;
  size_t rows_ = 0;  // of a sample
  bool has_gamma_ = false;
  bool has_beta_ = false;
};

// By the moments of the batch, of a layer without an activation of its own that
// is trained, as the kernel of a layer that is not trained may be another one.
bool Fits(const ChainContext& c) {
  const AttrValue* activation = FusedActivation(c.node(0));
  return IsOfBatch(c.at(1)) && c.facts.IsTrained(c.node(0).outputs[0]) &&
         c.at(0).input(1).dtype == DType::kFloat32 &&
         (activation == nullptr || activation->i == kNone);
}

bool FitsConv(const ChainContext& c) {
  return Fits(c) && IsPlainFloatConv(c.at(0));
}

template <TrainLayerPtr (*kMake)(const PrepareContext&)>
KernelPtr Prepare(const ChainContext& c) {
  TrainLayerPtr layer = kMake(c.at(0));
  if (layer == nullptr) return nullptr;
  return std::make_unique<LayerBatchNormF32Train>(c, std::move(layer));
}

}  // namespace

const Fusion kTrainConvBatchNorm = {
    .name = "CONV_2D + BATCH_NORM in training",
    .summary = "convolution and the batch's moments in one pass",
    .purpose = Purpose::kTrain,
    .chain = kConvChain,
    .fits = FitsConv,
    .prepare = Prepare<MakeConv2DTrainLayer>,
};

const Fusion kTrainDepthwiseBatchNorm = {
    .name = "DEPTHWISE_CONV_2D + BATCH_NORM in training",
    .summary = "depthwise convolution and the batch's moments in one pass",
    .purpose = Purpose::kTrain,
    .chain = kDepthwiseChain,
    .fits = Fits,
    .prepare = Prepare<MakeDepthwiseConv2DTrainLayer>,
};

const Fusion kTrainDenseBatchNorm = {
    .name = "FULLY_CONNECTED + BATCH_NORM in training",
    .summary = "dense layer and the batch's moments in one pass",
    .purpose = Purpose::kTrain,
    .chain = kDenseChain,
    .fits = Fits,
    .prepare = Prepare<MakeFullyConnectedTrainLayer>,
};

}  // namespace litesmith
