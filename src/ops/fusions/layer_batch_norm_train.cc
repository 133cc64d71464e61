// A layer with weights and the batch normalization behind it, in training, and
// if there is one the fake quantization behind that: the moments are summed,
// and the gradient is formed, while a stretch of outputs is in the cache. What
// the layer computes is kept for the gradient; the tensors between them are
// nowhere else. The range that a fake quantization follows is that of the
// normalized ends of each channel, since a normalization is monotone.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/train_layer.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm_numbers.h"
#include "src/ops/train/fake_quant_range.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

constexpr const OpDef* kConvChain[] = {&kConv2D, &kBatchNorm, &kFakeQuant};
constexpr const OpDef* kDepthwiseChain[] = {&kDepthwiseConv2D, &kBatchNorm,
                                            &kFakeQuant};
constexpr const OpDef* kDenseChain[] = {&kFullyConnected, &kBatchNorm,
                                        &kFakeQuant};
constexpr size_t kUnquantized = 2;  // of the nodes of a chain

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
    if (c.nodes.size() > kUnquantized) {
      quantized_.emplace(c.node(kUnquantized),
                         first_ + c.node(1).op->operands.size() - 1);
      follows_ = quantized_->Follows();
    }
    if (follows_) forward_partials += static_cast<int>(2 * numbers_.channels());
    shared_bytes = numbers_.bytes();
    workspace_bytes = layer_->workspace_bytes;
    runs_from_saved = adds = true;
    saved_bytes =
        static_cast<size_t>(norm.input(0).shape.NumElements()) * sizeof(float);
  }

  void Repack(const void* const* inputs) override { layer_->Repack(inputs); }

  void ForwardPartial(const KernelArgs& args, double* partial) const override {
    const size_t channels = numbers_.channels();
    numbers_.ClearPartial(Rows(args.batch), partial);
    double* lowest = partial + numbers_.partials();
    if (follows_) {
      constexpr double kAll = std::numeric_limits<double>::infinity();
      std::fill_n(lowest, channels, kAll);
      std::fill_n(lowest + channels, channels, -kAll);
    }
    layer_->Forward(args, reinterpret_cast<float*>(args.saved),
                    [=, this](const float* x, size_t rows) {
                      numbers_.AddForward(x, rows, partial);
                      if (!follows_) return;
                      kernels::AddChannelEnds(x, {rows, channels}, lowest,
                                              lowest + channels);
                    });
  }

  void Run(const KernelArgs& args) const override {
    const Grid grid = GridOf(args.inputs);
    numbers_.Normalize(reinterpret_cast<const float*>(args.saved),
                       Rows(args.batch), args.shared, args.out<float>(),
                       PointerTo(grid));
  }

  void BackwardPartial(const BackwardArgs& args,
                       double* partial) const override {
    const Grid grid = GridOf(args.inputs);
    numbers_.ClearPartial(Rows(args.batch), partial);
    numbers_.AddBackward(reinterpret_cast<const float*>(args.saved),
                         args.output_grads[0], Rows(args.batch), args.shared,
                         partial, PointerTo(grid));
  }

  void Backward(const BackwardArgs& args) const override {
    const Grid grid = GridOf(args.inputs);
    const auto* x = reinterpret_cast<const float*>(args.saved);
    const float* dy = args.output_grads[0];
    const auto write = [&, x, dy](size_t first, size_t rows, float* g) {
      const size_t at = first * numbers_.channels();
      numbers_.GradientOfInput(x + at, dy + at, rows, args.shared, g,
                               PointerTo(grid));
    };
    layer_->Backward(args, {write, {x, dy}});
    float* const* const grads = args.input_grads + first_;
    numbers_.ShareOfGradients(Rows(args.batch), args.shared,
                              has_gamma_ ? grads[batch_norm::kGamma] : nullptr,
                              has_beta_ ? grads[batch_norm::kBeta] : nullptr);
  }

  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* shared) const override {
    const auto size = static_cast<size_t>(
        phase == Phase::kForward ? forward_partials : backward_partials);
    numbers_.Combine(phase, partials, inputs + first_, shared, size);
    if (phase == Phase::kForward && follows_)
      FollowRange(partials, size, inputs, shared);
  }

 private:
  using Grid = std::optional<kernels::FakeQuantGrid>;
  Grid GridOf(const void* const* inputs) const {
    if (!quantized_) return std::nullopt;
    return quantized_->Grid(inputs);
  }
  static const kernels::FakeQuantGrid* PointerTo(const Grid& grid) {
    return grid ? &*grid : nullptr;
  }
  size_t Rows(int batch) const { return static_cast<size_t>(batch) * rows_; }

  void FollowRange(std::span<const double> partials, size_t size,
                   void* const* inputs, const std::byte* shared) const {
    const size_t channels = numbers_.channels();
    double lowest = std::numeric_limits<double>::infinity();
    double highest = -lowest;
    for (size_t i = size - 2 * channels; i < partials.size(); i += size) {
      for (size_t at = 0; at < 2 * channels; ++at) {
        const auto x = static_cast<float>(partials[i + at]);
        const double y{numbers_.ValueOf(x, at % channels, shared)};
        lowest = std::min(lowest, y);
        highest = std::max(highest, y);
      }
    }
    const double ends[] = {lowest, highest};
    quantized_->Combine(ends, inputs);
  }

  TrainLayerPtr layer_;
  BatchNormNumbers numbers_;
  std::optional<FusedFakeQuant> quantized_;
  bool follows_ = false;  // its range the data
  size_t first_ = 0;
  size_t rows_ = 0;  // of a sample
  bool has_gamma_ = false;
  bool has_beta_ = false;
};

// By the moments of the batch, of a layer without an activation of its own that
// is trained, as the kernel of a layer that is not trained may be another one.
bool Fits(const ChainContext& c) {
  if (c.nodes.size() > kUnquantized &&
      !IsOneMonotoneMap(c.graph, c.node(kUnquantized)))
    return false;
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

using Chain = std::span<const OpDef* const>;

constexpr Chain WithoutQuant(Chain chain) { return chain.first(kUnquantized); }

constexpr Fusion InTraining(const char* name, const char* summary, Chain chain,
                            bool (*fits)(const ChainContext&),
                            KernelPtr (*prepare)(const ChainContext&)) {
  return {.name = name,
          .summary = summary,
          .purpose = Purpose::kTrain,
          .chain = chain,
          .fits = fits,
          .prepare = prepare};
}

}  // namespace

const Fusion kTrainConvBatchNormFakeQuant =
    InTraining("CONV_2D + BATCH_NORM + FAKE_QUANT in training",
               "convolution, the batch's moments and range in one pass",
               kConvChain, FitsConv, Prepare<MakeConv2DTrainLayer>);
const Fusion kTrainConvBatchNorm = InTraining(
    "CONV_2D + BATCH_NORM in training",
    "convolution and the batch's moments in one pass", WithoutQuant(kConvChain),
    FitsConv, Prepare<MakeConv2DTrainLayer>);

const Fusion kTrainDepthwiseBatchNormFakeQuant = InTraining(
    "DEPTHWISE_CONV_2D + BATCH_NORM + FAKE_QUANT in training",
    "depthwise convolution, the batch's moments and range in one pass",
    kDepthwiseChain, Fits, Prepare<MakeDepthwiseConv2DTrainLayer>);
const Fusion kTrainDepthwiseBatchNorm =
    InTraining("DEPTHWISE_CONV_2D + BATCH_NORM in training",
               "depthwise convolution and the batch's moments in one pass",
               WithoutQuant(kDepthwiseChain), Fits,
               Prepare<MakeDepthwiseConv2DTrainLayer>);

const Fusion kTrainDenseBatchNormFakeQuant =
    InTraining("FULLY_CONNECTED + BATCH_NORM + FAKE_QUANT in training",
               "dense layer, the batch's moments and range in one pass",
               kDenseChain, Fits, Prepare<MakeFullyConnectedTrainLayer>);
const Fusion kTrainDenseBatchNorm = InTraining(
    "FULLY_CONNECTED + BATCH_NORM in training",
    "dense layer and the batch's moments in one pass",
    WithoutQuant(kDenseChain), Fits, Prepare<MakeFullyConnectedTrainLayer>);

}  // namespace litesmith
