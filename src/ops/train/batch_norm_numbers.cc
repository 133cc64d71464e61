// Moments, and the gradient through them:
//   n = (x - mean) * inverse,  inverse = 1 / sqrt(variance + epsilon),
//   dx = scale * (g - mean(g) - n * mean(g * n)),  scale = gamma * inverse.
#include "src/ops/train/batch_norm_numbers.h"

#include <algorithm>
#include <cmath>

#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

using namespace batch_norm;  // NOLINT: positions of the inputs

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

}  // namespace

bool IsOfBatch(const PrepareContext& c) {
  return !c.node.Get<&BatchNormAttrs::frozen>() &&
         c.input(kMovingMean).kind == TensorKind::kState;
}

BatchNormNumbers::BatchNormNumbers(const PrepareContext& c)
    : attrs_(Get<BatchNormAttrs>(c.node)),
      range_(ActivationRange(attrs_.activation)),
      unbiased_(c.input(kX).shape.rank() == 4),
      has_gamma_(c.has_input(kGamma)),
      has_beta_(c.has_input(kBeta)),
      channels_(static_cast<size_t>(
          c.input(kX).shape[c.input(kX).shape.rank() - 1])) {}

void BatchNormNumbers::ClearPartial(size_t rows, double* partial) const {
  std::fill_n(partial, 2 * channels_, 0.0);
  partial[2 * channels_] = static_cast<double>(rows);
}

void BatchNormNumbers::AddForward(const float* x, size_t rows,
                                  double* partial) const {
  kernels::AddChannelSums(x, {rows, channels_}, partial, partial + channels_);
}

void BatchNormNumbers::AddBackward(const float* x, const float* dy, size_t rows,
                                   const std::byte* numbers, double* partial,
                                   const kernels::FakeQuantGrid* grid) const {
  kernels::AddNormGradientSums(Gradient(x, dy, rows, numbers, grid), partial,
                               partial + channels_);
}

void BatchNormNumbers::Combine(Phase phase, std::span<const double> partials,
                               void* const* inputs, std::byte* numbers,
                               size_t size) const {
  if (size == 0) size = static_cast<size_t>(this->partials());
  double rows = 0;
  for (size_t i = 0; i < partials.size(); i += size)
    rows += partials[i + 2 * channels_];
  auto* const to = reinterpret_cast<float*>(numbers);
  for (size_t c = 0; c < channels_; ++c) {
    double first = 0;
    double second = 0;
    for (size_t i = 0; i < partials.size(); i += size) {
      first += partials[i + c];
      second += partials[i + channels_ + c];
    }
    if (phase == Phase::kForward) {
      SetForward(c, rows, first / rows, second / rows, inputs, to);
    } else {
      SetBackward(c, first / rows, second / rows, to);
    }
  }
}

void BatchNormNumbers::SetMoving(const void* const* inputs,
                                 std::byte* numbers) const {
  const auto* mean = static_cast<const float*>(inputs[kMovingMean]);
  const auto* variance = static_cast<const float*>(inputs[kMovingVariance]);
  auto* const to = reinterpret_cast<float*>(numbers);
  for (size_t c = 0; c < channels_; ++c) {
    Set(c, double{mean[c]}, double{variance[c]}, inputs, to);
    SetBackward(c, 0, 0, to);
  }
}

void BatchNormNumbers::Set(size_t c, double mean, double variance,
                           const void* const* inputs, float* to) const {
  const ByChannel gamma{
      has_gamma_ ? static_cast<const float*>(inputs[kGamma]) : nullptr, 1};
  const ByChannel beta{
      has_beta_ ? static_cast<const float*>(inputs[kBeta]) : nullptr, 0};
  const Normalized by =
      NormalizedBy(mean, variance, attrs_.epsilon, gamma[c], beta[c]);
  to[kScale * channels_ + c] = static_cast<float>(by.scale);
  to[kOffset * channels_ + c] = static_cast<float>(by.offset);
  to[kMean * channels_ + c] = static_cast<float>(mean);
  to[kInverse * channels_ + c] = static_cast<float>(by.inverse);
}

void BatchNormNumbers::SetForward(size_t c, double rows, double mean,
                                  double mean_square, void* const* inputs,
                                  float* to) const {
  const double variance = std::max(mean_square - mean * mean, 0.0);
  Set(c, mean, variance, inputs, to);
  const double spread = unbiased_ && rows > 1 ? rows / (rows - 1) : 1;
  Follow(mean, static_cast<float*>(inputs[kMovingMean]) + c);
  Follow(variance * spread, static_cast<float*>(inputs[kMovingVariance]) + c);
}

void BatchNormNumbers::SetBackward(size_t c, double mean_g, double mean_gx,
                                   float* to) const {
  const double scale = double{to[kScale * channels_ + c]};
  const double inverse = double{to[kInverse * channels_ + c]};
  const double mean_gn = mean_gx * inverse;
  to[kMeanG * channels_ + c] = static_cast<float>(mean_g);
  to[kMeanGn * channels_ + c] = static_cast<float>(mean_gn);
  to[kSlope * channels_ + c] = static_cast<float>(-scale * inverse * mean_gn);
  to[kShift * channels_ + c] = static_cast<float>(-scale * mean_g);
}

void BatchNormNumbers::Follow(double batch, float* moving) const {
  const double rate = 1.0 - double{attrs_.momentum};
  *moving =
      static_cast<float>(double{*moving} + (batch - double{*moving}) * rate);
}

void BatchNormNumbers::Normalize(const float* x, size_t rows,
                                 const std::byte* numbers, float* y,
                                 const kernels::FakeQuantGrid* grid) const {
  kernels::ChannelAffine(x, {rows, channels_}, Of(numbers, kScale),
                         Of(numbers, kOffset), range_, grid, y);
}

float BatchNormNumbers::ValueOf(float x, size_t c,
                                const std::byte* numbers) const {
  const float y = x * Of(numbers, kScale)[c] + Of(numbers, kOffset)[c];
  return std::min(std::max(y, range_.low), range_.high);
}

kernels::NormGradient BatchNormNumbers::Gradient(
    const float* x, const float* dy, size_t rows, const std::byte* numbers,
    const kernels::FakeQuantGrid* grid) const {
  return {x,
          dy,
          {rows, channels_},
          Of(numbers, kMean),
          Of(numbers, kScale),
          Of(numbers, kOffset),
          range_,
          grid};
}

void BatchNormNumbers::GradientOfInput(
    const float* x, const float* dy, size_t rows, const std::byte* numbers,
    float* dx, const kernels::FakeQuantGrid* grid) const {
  kernels::NormGradientOfInput(Gradient(x, dy, rows, numbers, grid),
                               Of(numbers, kSlope), Of(numbers, kShift), dx);
}

void BatchNormNumbers::ShareOfGradients(size_t rows, const std::byte* numbers,
                                        float* gamma, float* beta) const {
  const auto count = static_cast<float>(rows);
  for (size_t c = 0; c < channels_; ++c) {
    if (gamma != nullptr) gamma[c] = Of(numbers, kMeanGn)[c] * count;
    if (beta != nullptr) beta[c] = Of(numbers, kMeanG)[c] * count;
  }
}

void BatchNormNumbers::GradientsOf(const float* x, const float* dy, size_t rows,
                                   const std::byte* numbers, double* sums,
                                   float* gamma, float* beta) const {
  std::fill_n(sums, 2 * channels_, 0.0);
  AddBackward(x, dy, rows, numbers, sums);
  for (size_t c = 0; c < channels_; ++c) {
    const double product =
        sums[channels_ + c] * double{Of(numbers, kInverse)[c]};
    if (gamma != nullptr) gamma[c] = static_cast<float>(product);
    if (beta != nullptr) beta[c] = static_cast<float>(sums[c]);
  }
}

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

}  // namespace litesmith
