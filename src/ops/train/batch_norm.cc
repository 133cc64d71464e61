// BATCH_NORM: y = (x - mean) * gamma / sqrt(variance + epsilon) + beta by
// channel (Ioffe and Szegedy 2015). In training the moments are the batch's,
// for which all shards meet, in backward once more, since they depend on x. The
// moving moments follow as in Keras 2: m <- m * momentum + batch * (1 -
// momentum); of images the variance that they follow is the unbiased one.
#include "src/ops/train/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "src/base/error.h"
#include "src/kernels/norm/batch_norm.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using namespace batch_norm;  // NOLINT: positions of the inputs

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[kX]);
  const int rank = x.shape.rank();
  if (x.dtype != DType::kFloat32 || rank < 2) {
    Fail(ErrorKind::kCorrupt,
         "batch normalization takes a float32 batch; its input '{}' is {} {}",
         x.name, Name(x.dtype), x.shape.ToString());
  }
  const Shape channels{x.shape[rank - 1]};
  for (size_t i = kGamma; i <= kMovingVariance; ++i) {
    if (node.input(i) == kNoTensor) continue;
    const Tensor& t = graph->tensor(node.inputs[i]);
    if (t.dtype == DType::kFloat32 && t.shape == channels) continue;
    Fail(ErrorKind::kCorrupt, "its {} '{}' is {} {}; float32 {} is wanted",
         node.op->operands[i].name, t.name, Name(t.dtype), t.shape.ToString(),
         channels.ToString());
  }
  const Tensor& variance = graph->tensor(node.inputs[kMovingVariance]);
  if (variance.has_data()) {
    const auto values = variance.As<float>();
    const auto bad = std::find_if(values.begin(), values.end(), [](float v) {
      return !(v >= 0) || !std::isfinite(v);
    });
    if (bad != values.end()) {
      Fail(ErrorKind::kCorrupt, "its moving variance '{}' holds {}",
           variance.name, *bad);
    }
  }
  const auto attrs = Get<BatchNormAttrs>(node);
  if (!(attrs.epsilon > 0) || !std::isfinite(attrs.epsilon) ||
      !(attrs.momentum >= 0) || !(attrs.momentum <= 1)) {
    Fail(ErrorKind::kCorrupt,
         "its momentum is {} and its epsilon {}; one in [0, 1] and one above 0 "
         "are wanted",
         attrs.momentum, attrs.epsilon);
  }
  CheckActivation(attrs.activation);
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = x.shape;
  y.dtype = DType::kFloat32;
}

// The values of an input, or one value for all channels where it is missing.
struct ByChannel {
  const float* values;
  float otherwise;
  double operator[](size_t c) const {
    return double{values != nullptr ? values[c] : otherwise};
  }
};

class BatchNorm final : public TrainKernel {
 public:
  // By the batch's moments, or the moving ones.
  enum Mode : uint8_t { kTraining, kInference };

  BatchNorm(const PrepareContext& c, Mode mode)
      : attrs_(Get<BatchNormAttrs>(c.node)),
        range_(ActivationRange(attrs_.activation)),
        of_batch_(mode == kTraining &&
                  c.input(kMovingMean).kind == TensorKind::kState),
        unbiased_(c.input(kX).shape.rank() == 4) {
    const Shape& shape = c.input(kX).shape;
    channels_ = static_cast<size_t>(shape[shape.rank() - 1]);
    rows_ = static_cast<size_t>(ElementsPerSample(c)) / channels_;
    has_gamma_ = c.has_input(kGamma);
    has_beta_ = c.has_input(kBeta);
    if (of_batch_) {
      // Two sums by channel, and how many rows they are of.
      forward_partials = backward_partials =
          static_cast<int>(2 * channels_ + 1);
      shared_bytes = 7 * channels_ * sizeof(float);
    } else {
      fixed_.resize(4 * channels_);
      if (mode == kInference) {
        const ChannelScale numbers = MovingScale(c.graph, c.node);
        std::copy(numbers.scale.begin(), numbers.scale.end(), fixed_.begin());
        std::copy(numbers.offset.begin(), numbers.offset.end(),
                  fixed_.begin() + static_cast<ptrdiff_t>(channels_));
      }
    }
    // The sums of a shard, once more, for the gradients of gamma and beta.
    if (mode == kTraining) workspace_bytes = 2 * channels_ * sizeof(double);
  }

  // The moving moments may have been trained on: gamma and beta are.
  void Repack(const void* const* inputs) override {
    if (of_batch_) return;
    const auto* mean = static_cast<const float*>(inputs[kMovingMean]);
    const auto* variance = static_cast<const float*>(inputs[kMovingVariance]);
    const ByChannel gamma = Values(inputs, kGamma, 1);
    const ByChannel beta = Values(inputs, kBeta, 0);
    float* to = fixed_.data();
    for (size_t c = 0; c < channels_; ++c) {
      const double inverse = Inverse(double{variance[c]});
      to[c] = static_cast<float>(gamma[c] * inverse);
      to[channels_ + c] =
          static_cast<float>(beta[c] - double{mean[c]} * gamma[c] * inverse);
      to[2 * channels_ + c] = mean[c];
      to[3 * channels_ + c] = static_cast<float>(inverse);
    }
  }

  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    const kernels::ChannelRows shape = Rows(a.batch);
    kernels::ChannelSums(a.in<float>(kX), shape, partial, partial + channels_);
    partial[2 * channels_] = static_cast<double>(shape.rows);
  }

  void Run(const KernelArgs& a) const override {
    const float* scale =
        of_batch_ ? Shared(a.shared) + kScale * channels_ : fixed_.data();
    kernels::ChannelAffine(a.in<float>(kX), Rows(a.batch), scale,
                           scale + channels_, range_, a.out<float>());
  }

  void BackwardPartial(const BackwardArgs& a, double* partial) const override {
    kernels::NormGradientSums(Gradient(a), partial, partial + channels_);
    partial[2 * channels_] = static_cast<double>(Rows(a.batch).rows);
  }

  void Backward(const BackwardArgs& a) const override {
    const kernels::NormGradient gradient = Gradient(a);
    if (a.input_grads[kX] != nullptr) OfInput(gradient, a);
    float* const gamma = has_gamma_ ? a.input_grads[kGamma] : nullptr;
    float* const beta = has_beta_ ? a.input_grads[kBeta] : nullptr;
    if (gamma == nullptr && beta == nullptr) return;
    auto* const sums = reinterpret_cast<double*>(a.workspace);
    kernels::NormGradientSums(gradient, sums, sums + channels_);
    for (size_t c = 0; c < channels_; ++c) {
      if (beta != nullptr) beta[c] = static_cast<float>(sums[c]);
      if (gamma != nullptr) gamma[c] = static_cast<float>(sums[channels_ + c]);
    }
  }

  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* shared) const override {
    const size_t size = 2 * channels_ + 1;
    double rows = 0;
    for (size_t i = 0; i < partials.size(); i += size)
      rows += partials[i + size - 1];
    auto* const by_channel = reinterpret_cast<float*>(shared);
    for (size_t c = 0; c < channels_; ++c) {
      double first = 0;
      double second = 0;
      for (size_t i = 0; i < partials.size(); i += size) {
        first += partials[i + c];
        second += partials[i + channels_ + c];
      }
      if (phase == Phase::kForward) {
        SetForward(c, rows, first / rows, second / rows, inputs, by_channel);
      } else {
        by_channel[kMeanG * channels_ + c] = static_cast<float>(first / rows);
        by_channel[kMeanGn * channels_ + c] = static_cast<float>(second / rows);
      }
    }
  }

 private:
  // The numbers of a step, one array each.
  enum Array : uint8_t {
    kScale,
    kOffset,
    kBatchMean,
    kInverse,
    kFactor,
    kMeanG,
    kMeanGn
  };

  static const float* Shared(const std::byte* shared) {
    return reinterpret_cast<const float*>(shared);
  }
  kernels::ChannelRows Rows(int batch) const {
    return {static_cast<size_t>(batch) * rows_, channels_};
  }
  double Inverse(double variance) const {
    return 1.0 / std::sqrt(variance + double{attrs_.epsilon});
  }
  ByChannel Values(const void* const* inputs, Input input,
                   float otherwise) const {
    const bool has = input == kGamma ? has_gamma_ : has_beta_;
    return {has ? static_cast<const float*>(inputs[input]) : nullptr,
            otherwise};
  }

  void SetForward(size_t c, double rows, double mean, double mean_square,
                  void* const* inputs, float* to) const {
    const double variance = std::max(mean_square - mean * mean, 0.0);
    const double inverse = Inverse(variance);
    const double scale = Values(inputs, kGamma, 1)[c] * inverse;
    to[kScale * channels_ + c] = static_cast<float>(scale);
    to[kOffset * channels_ + c] =
        static_cast<float>(Values(inputs, kBeta, 0)[c] - mean * scale);
    to[kBatchMean * channels_ + c] = static_cast<float>(mean);
    to[kInverse * channels_ + c] = static_cast<float>(inverse);
    to[kFactor * channels_ + c] = static_cast<float>(scale);
    const double spread = unbiased_ && rows > 1 ? rows / (rows - 1) : 1;
    Follow(mean, static_cast<float*>(inputs[kMovingMean]) + c);
    Follow(variance * spread, static_cast<float*>(inputs[kMovingVariance]) + c);
  }

  void Follow(double batch, float* moving) const {
    const double rate = 1.0 - double{attrs_.momentum};
    *moving =
        static_cast<float>(double{*moving} + (batch - double{*moving}) * rate);
  }

  kernels::NormGradient Gradient(const BackwardArgs& a) const {
    const float* mean = of_batch_ ? Shared(a.shared) + kBatchMean * channels_
                                  : fixed_.data() + 2 * channels_;
    return {static_cast<const float*>(a.inputs[kX]),
            static_cast<const float*>(a.outputs[0]),
            a.output_grads[0],
            Rows(a.batch),
            mean,
            mean + channels_,
            range_};
  }

  void OfInput(const kernels::NormGradient& gradient,
               const BackwardArgs& a) const {
    if (of_batch_) {
      const float* factor = Shared(a.shared) + kFactor * channels_;
      kernels::NormGradientOfInput(gradient, factor, factor + channels_,
                                   factor + 2 * channels_, a.input_grads[kX]);
      return;
    }
    // Fixed moments do not depend on x.
    const std::span<float> zeros(reinterpret_cast<float*>(a.workspace),
                                 channels_);
    std::fill(zeros.begin(), zeros.end(), 0.0f);
    kernels::NormGradientOfInput(gradient, fixed_.data(), zeros.data(),
                                 zeros.data(), a.input_grads[kX]);
  }

  BatchNormAttrs attrs_;
  kernels::FloatRange range_;
  bool of_batch_;
  bool unbiased_;
  bool has_gamma_ = false;
  bool has_beta_ = false;
  size_t channels_ = 0;
  size_t rows_ = 0;  // of a sample
  // Fixed moments': scale, offset, mean, inverse.
  std::vector<float> fixed_;
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "gamma", .role = Role::kParameter, .optional = true},
    {.name = "beta", .role = Role::kParameter, .optional = true},
    {.name = "moving mean", .role = Role::kState},
    {.name = "moving variance", .role = Role::kState},
};

template <BatchNorm::Mode kMode>
KernelPtr Make(const PrepareContext& context) {
  return std::make_unique<BatchNorm>(context, kMode);
}

constexpr KernelRow kRows[] = {
    {"BatchNormF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     Make<BatchNorm::kTraining>},
    {"BatchNormF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     Make<BatchNorm::kInference>},
};

// Keras has it as a layer; .tflite files take it folded
// (transform/batch_norm.h).
constexpr TrainingFacts kTraining = {.in_keras = true};

}  // namespace

ChannelScale MovingScale(const Graph& graph, const Node& node) {
  const auto values = [&](Input input, float otherwise) {
    const TensorId id = node.input(input);
    return ByChannel{
        id == kNoTensor ? nullptr : graph.tensor(id).As<float>().data(),
        otherwise};
  };
  const ByChannel gamma = values(kGamma, 1);
  const ByChannel beta = values(kBeta, 0);
  const ByChannel mean = values(kMovingMean, 0);
  const ByChannel variance = values(kMovingVariance, 1);
  const auto channels = static_cast<size_t>(
      graph.tensor(node.inputs[kMovingMean]).shape.NumElements());
  const double epsilon{node.Get<&BatchNormAttrs::epsilon>()};
  ChannelScale result;
  for (size_t c = 0; c < channels; ++c) {
    const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
    result.scale.push_back(scale);
    result.offset.push_back(beta[c] - mean[c] * scale);
  }
  return result;
}

const OpDef kBatchNorm = {
    .name = "LITESMITH_BATCH_NORM",
    .summary =
        "normalizes each channel by its mean and variance; folded into "
        "a layer or MUL and ADD in .tflite files",
    .attrs = kAttrs<BatchNormAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn},
    .training = &kTraining,
};

}  // namespace litesmith
