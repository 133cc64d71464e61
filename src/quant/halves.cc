// Float constants as float16, weights so that the sum of each output channel is
// kept (Guo et al. 2022, "SQuant: On-the-Fly Data-Free Quantization via
// Diagonal Hessian Approximation"). Needs no data; what calibration knows of
// means is for biases of integers (mean_error.h).
#include "src/quant/halves.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "src/base/error.h"
#include "src/base/half.h"
#include "src/base/slices.h"
#include "src/base/warning.h"
#include "src/quant/constants.h"

namespace litesmith {
namespace {

constexpr float kLargestHalf = 65504.0f;

// float16 holds numbers up to 65504, and none but 0 below half its smallest.
void WarnOfLoss(const Tensor& tensor, std::span<const Half> halves) {
  const auto values = tensor.As<float>();
  size_t clamped = 0;
  size_t flushed = 0;
  float largest = 0;
  float largest_flushed = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}': value {} is {}; finite weights are wanted",
           tensor.name, i, values[i]);
    }
    const float size = std::fabs(values[i]);
    const float kept = std::fabs(HalfToFloat(halves[i]));
    if (size > kLargestHalf) {
      ++clamped;
      largest = std::max(largest, size);
    } else if (size > 0 && kept == 0) {
      ++flushed;
      largest_flushed = std::max(largest_flushed, size);
    }
  }
  if (clamped > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are beyond {:g} and are clamped to it "
        "(the largest is {:g})",
        clamped, values.size(), tensor.name, kLargestHalf, largest);
  }
  if (flushed > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are too small for float16 and become 0 "
        "(the largest is {:g})",
        flushed, values.size(), tensor.name, largest_flushed);
  }
}

// The half that is next to `nearest` on the other side of `value`; an infinity
// beyond the largest.
Half OnTheOtherSide(Half nearest, float value) {
  const float kept = HalfToFloat(nearest);
  if (kept == 0) return {static_cast<uint16_t>(value < 0 ? 0x8001 : 1)};
  // The bits of one sign are in the order of sizes.
  const bool larger = std::fabs(value) > std::fabs(kept);
  return {static_cast<uint16_t>(nearest.bits + (larger ? 1 : -1))};
}

// A weight rounded the other way.
struct Turn {
  size_t index;
  Half half;
  double change;  // of the weight
  double cost;    // what it adds to the sum of squared errors
};

// The turns of a channel in the order of what they cost for what they change.
std::vector<Turn> TurnsOf(std::span<const float> values,
                          std::span<const size_t> channel,
                          std::span<const Half> halves) {
  std::vector<Turn> turns;
  for (const size_t i : channel) {
    const double error = HalfToFloat(halves[i]) - values[i];
    if (error == 0) continue;
    const Half half = OnTheOtherSide(halves[i], values[i]);
    const double instead = HalfToFloat(half) - values[i];
    if (!std::isfinite(instead)) continue;
    turns.push_back(
        {i, half, instead - error, instead * instead - error * error});
  }
  std::stable_sort(
      turns.begin(), turns.end(), [](const Turn& a, const Turn& b) {
        return a.cost * std::fabs(b.change) < b.cost * std::fabs(a.change);
      });
  return turns;
}

// A channel's output is off by the errors of its weights times its data. Of
// data whose mean is as large as its deviation, as behind a ReLU about, that is
//   (sum of errors)^2 + sum of errors^2
// which is made smaller, weight by weight. Values that occur twice (clusters)
// stay as they are.
void KeepSums(std::span<const float> values, const Slices& slices,
              std::vector<Half>* halves) {
  std::unordered_map<float, int> times;
  for (const float v : values) ++times[v];
  for (size_t c = 0; c < slices.count; ++c) {
    std::vector<size_t> channel;
    double sum = 0;
    for (size_t k = 0; k < slices.size(); ++k) {
      const size_t i = slices.At(c, k);
      // What is clamped is lost, and no matter of rounding.
      if (std::fabs(values[i]) > kLargestHalf) continue;
      sum += static_cast<double>(HalfToFloat((*halves)[i])) - values[i];
      if (times[values[i]] == 1) channel.push_back(i);
    }
    for (const Turn& turn : TurnsOf(values, channel, *halves)) {
      const double after = sum + turn.change;
      if (after * after + turn.cost >= sum * sum) continue;
      sum = after;
      (*halves)[turn.index] = turn.half;
    }
  }
}

}  // namespace

TensorData HalvesOf(const Tensor& tensor, int axis) {
  const auto values = tensor.As<float>();
  std::vector<Half> halves;
  for (const float v : values) halves.push_back(FloatToHalf(v));
  WarnOfLoss(tensor, halves);
  if (axis >= 0) KeepSums(values, SlicesAlong(tensor.shape, axis), &halves);
  return BytesOf(halves);
}

}  // namespace litesmith
