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

// Of one channel: y = x * scale + offset.
struct Normalized {
  double inverse;  // 1 / sqrt(variance + epsilon)
  double scale;
  double offset;
};
Normalized NormalizedBy(double mean, double variance, float epsilon,
                        double gamma, double beta) {
  const double inverse = 1.0 / std::sqrt(variance + double{epsilon});
  const double scale = gamma * inverse;
  return {inverse, scale, beta - mean * scale};
}

class BatchNorm final : public TrainKernel {
 public:
  // By the batch's moments, or the moving ones.
  enum Mode : uint8_t { kTraining, kInference };

  BatchNorm(const PrepareContext& c, Mode mode)
      : attrs_(Get<BatchNormAttrs>(c.node)),
        range_(ActivationRange(attrs_.activation)),
        of_batch_(mode == kTraining && !attrs_.frozen &&
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
      shared_bytes = kArrays * channels_ * sizeof(float);
    } else {
      fixed_.resize(kArrays * channels_);
      if (mode == kInference) {
        const void* inputs[kMovingVariance + 1] = {};
        for (size_t i = kGamma; i <= kMovingVariance; ++i)
          if (c.has_input(i)) inputs[i] = c.input(i).data.data();
        SetFixed(inputs);
      }
    }
    // The sums of a shard, once more, for the gradients of gamma and beta.
    if (mode == kTraining) workspace_bytes = 2 * channels_ * sizeof(double);
  }

  // The moving moments may have been trained on: gamma and beta are.
  void Repack(const void* const* inputs) override {
    if (!of_batch_) SetFixed(inputs);
  }

  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    const kernels::ChannelRows shape = Rows(a.batch);
    kernels::ChannelSums(a.in<float>(kX), shape, partial, partial + channels_);
    partial[2 * channels_] = static_cast<double>(shape.rows);
  }

  void Run(const KernelArgs& a) const override {
    kernels::ChannelAffine(a.in<float>(kX), Rows(a.batch),
                           Numbers(a.shared, kScale),
                           Numbers(a.shared, kOffset), range_, a.out<float>());
  }

  void BackwardPartial(const BackwardArgs& a, double* partial) const override {
    kernels::NormGradientSums(Gradient(a), partial, partial + channels_);
    partial[2 * channels_] = static_cast<double>(Rows(a.batch).rows);
  }

  void Backward(const BackwardArgs& a) const override {
    const kernels::NormGradient gradient = Gradient(a);
    if (a.input_grads[kX] != nullptr) {
      kernels::NormGradientOfInput(
          gradient, Numbers(a.shared, kScale), Numbers(a.shared, kMeanG),
          Numbers(a.shared, kMeanGn), a.input_grads[kX]);
    }
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
  // What is computed by, one array of numbers by channel each. Fixed moments do
  // not depend on x: their last two are zeros.
  enum Array : uint8_t {
    kScale,
    kOffset,
    kMean,
    kInverse,
    kMeanG,
    kMeanGn,
    kArrays
  };

  const float* Numbers(const std::byte* shared, Array array) const {
    return (of_batch_ ? reinterpret_cast<const float*>(shared)
                      : fixed_.data()) +
           array * channels_;
  }
  kernels::ChannelRows Rows(int batch) const {
    return {static_cast<size_t>(batch) * rows_, channels_};
  }
  ByChannel Values(const void* const* inputs, Input input,
                   float otherwise) const {
    const bool has = input == kGamma ? has_gamma_ : has_beta_;
    return {has ? static_cast<const float*>(inputs[input]) : nullptr,
            otherwise};
  }

  void SetNumbers(size_t c, double mean, double variance,
                  const void* const* inputs, float* to) const {
    const Normalized by =
        NormalizedBy(mean, variance, attrs_.epsilon,
                     Values(inputs, kGamma, 1)[c], Values(inputs, kBeta, 0)[c]);
    to[kScale * channels_ + c] = static_cast<float>(by.scale);
    to[kOffset * channels_ + c] = static_cast<float>(by.offset);
    to[kMean * channels_ + c] = static_cast<float>(mean);
    to[kInverse * channels_ + c] = static_cast<float>(by.inverse);
  }

  void SetFixed(const void* const* inputs) {
    const auto* mean = static_cast<const float*>(inputs[kMovingMean]);
    const auto* variance = static_cast<const float*>(inputs[kMovingVariance]);
    for (size_t c = 0; c < channels_; ++c)
      SetNumbers(c, double{mean[c]}, double{variance[c]}, inputs,
                 fixed_.data());
  }

  void SetForward(size_t c, double rows, double mean, double mean_square,
                  void* const* inputs, float* to) const {
    const double variance = std::max(mean_square - mean * mean, 0.0);
    SetNumbers(c, mean, variance, inputs, to);
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
    return {static_cast<const float*>(a.inputs[kX]),
            static_cast<const float*>(a.outputs[0]),
            a.output_grads[0],
            Rows(a.batch),
            Numbers(a.shared, kMean),
            Numbers(a.shared, kInverse),
            range_};
  }

  BatchNormAttrs attrs_;
  kernels::FloatRange range_;
  bool of_batch_;
  bool unbiased_;
  bool has_gamma_ = false;
  bool has_beta_ = false;
  size_t channels_ = 0;
  size_t rows_ = 0;           // of a sample
  std::vector<float> fixed_;  // of fixed moments
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
  const float epsilon = node.Get<&BatchNormAttrs::epsilon>();
  ChannelScale result;
  for (size_t c = 0; c < channels; ++c) {
    const Normalized by =
        NormalizedBy(mean[c], variance[c], epsilon, gamma[c], beta[c]);
    result.scale.push_back(by.scale);
    result.offset.push_back(by.offset);
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
