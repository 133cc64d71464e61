// Softmax in floats and in both fixed-point forms.
#include "src/kernels/map/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "src/kernels/common/fixed_exp.h"

namespace litesmith::kernels {

void SoftmaxF32(const float* x, int64_t rows, int64_t depth, float beta,
                float* y) {
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const float max = *std::max_element(x, x + depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) {
      y[i] = std::exp((x[i] - max) * beta);
      sum += y[i];
    }
    for (int64_t i = 0; i < depth; ++i) y[i] = y[i] / sum;
  }
}

void SoftmaxGradF32(const float* y, const float* dy, int64_t rows,
                    int64_t depth, float beta, float* dx) {
  for (int64_t r = 0; r < rows; ++r, y += depth, dy += depth, dx += depth) {
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += dy[i] * y[i];
    for (int64_t i = 0; i < depth; ++i) dx[i] = beta * y[i] * (dy[i] - sum);
  }
}

// ---- 8 bits ---------------------------------------------------------------

namespace {

constexpr int kIntegerBits = 5;  // of scaled differences

double Softmax8Multiplier(float scale, float beta) {
  return std::min(
      double{beta} * double{scale} * (int64_t{1} << (31 - kIntegerBits)),
      double{std::numeric_limits<int32_t>::max()});
}

}  // namespace

bool Softmax8Terms::IsPossible(float scale, float beta) {
  return Softmax8Multiplier(scale, beta) > 1;
}

Softmax8Terms::Softmax8Terms(float scale, float beta)
    : multiplier_(QuantizeMultiplier(Softmax8Multiplier(scale, beta))),
      // Scaled, the smallest one is -31 or more.
      least_(-((int64_t{31} << (31 - kIntegerBits)) >> multiplier_.shift)) {}

int32_t Softmax8Terms::Scaled(int32_t difference) const {
  const auto shifted = static_cast<int32_t>(int64_t{difference} *
                                            (int64_t{1} << multiplier_.shift));
  return RoundingDoublingHighMul(shifted, multiplier_.value);
}

int32_t Softmax8Terms::operator()(int32_t difference) const {
  return difference < least_ ? 0 : FixedExp(Scaled(difference));
}

namespace {

int32_t TermOf(const Softmax8Terms& terms, int32_t difference) {
  return terms(difference);
}
int32_t TermOf(const Softmax8Table& table, int32_t difference) {
  return table[static_cast<size_t>(-difference)];
}

}  // namespace

template <class T, class Term>
void Softmax8(const T* x, int64_t rows, int64_t depth, const Term& term, T* y) {
  constexpr int32_t kLow = std::numeric_limits<T>::min();
  constexpr int32_t kHigh = std::numeric_limits<T>::max();
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const int32_t max = *std::max_element(x, x + depth);
    // Q12.19: at most kMaxSoftmax8Depth times 2^19, below 2^32.
    uint32_t sum = 0;
    for (int64_t i = 0; i < depth; ++i)
      sum += static_cast<uint32_t>(
          RoundingDivideByPot(TermOf(term, x[i] - max), 12));
    // The largest value's own term is almost 1, so the sum is not 0.
    const int headroom = std::countl_zero(sum);
    const int32_t inverse = FixedInverseOfOnePlus(
        static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31)));
    const int shift = 12 - headroom + 31 - 8;
    for (int64_t i = 0; i < depth; ++i) {
      const int32_t share =
          RoundingDoublingHighMul(inverse, TermOf(term, x[i] - max));
      // The reference's shift is undefined beyond 31, where the value is 0.
      const int32_t steps = shift > 31 ? 0 : RoundingDivideByPot(share, shift);
      y[i] = static_cast<T>(std::clamp(steps + kLow, kLow, kHigh));
    }
  }
}

template void Softmax8(const int8_t*, int64_t, int64_t, const Softmax8Terms&,
                       int8_t*);
template void Softmax8(const uint8_t*, int64_t, int64_t, const Softmax8Terms&,
                       uint8_t*);
template void Softmax8(const int8_t*, int64_t, int64_t, const Softmax8Table&,
                       int8_t*);
template void Softmax8(const uint8_t*, int64_t, int64_t, const Softmax8Table&,
                       uint8_t*);

// ---- 16 bits --------------------------------------------------------------

template <class Real>
Softmax16 MakeSoftmax16() {
  constexpr Real kSteps = 65535;
  const Grid<Real> y{Real{2} / kSteps, 0};
  Softmax16 softmax;
  softmax.exp = MakeLookupS16<Real>({Real{10} / kSteps, 32767}, y,
                                    [](Real x) { return std::exp(x); });
  softmax.inverse =
      MakeLookupS16<Real>({Real{1} / kSteps, -32768}, y,
                          [](Real x) { return Real{1} / (Real{1} + x); });
  return softmax;
}

template Softmax16 MakeSoftmax16<double>();
template Softmax16 MakeSoftmax16<float>();

void Softmax16::Run(const int16_t* x, int64_t rows, int64_t depth,
                    int16_t* y) const {
  const auto clamped = [](int32_t v) {
    return static_cast<int16_t>(std::clamp(v, -32768, 32767));
  };
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const int32_t max = *std::max_element(x, x + depth);
    int32_t sum = 0;  // kMaxSoftmax16Depth times 32767 is below 2^31
    for (int64_t i = 0; i < depth; ++i) {
      y[i] = Look(exp, clamped(Mbqm(x[i] - max, multiplier) + 32767));
      sum += y[i];
    }
    // The largest value's own term is almost 1, so the sum is not 0.
    const int headroom = std::countl_zero(static_cast<uint32_t>(sum));
    const auto scaled = static_cast<int32_t>(
        ((int64_t{sum} << (headroom - 1)) + (1 << 13)) >> 14);
    const int32_t factor = Look(inverse, clamped(scaled - 98304));
    const int shift = 31 - headroom;
    for (int64_t i = 0; i < depth; ++i) {
      y[i] = static_cast<int16_t>(
          std::clamp((y[i] * factor + (1 << (shift - 1))) >> shift, 0, 32767));
    }
  }
}

}  // namespace litesmith::kernels
