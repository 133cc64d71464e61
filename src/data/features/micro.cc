// micro: fixed-point arithmetic from beginning to end. Where the reference
// rounds, wraps or shifts, so does this; its tables are computed by the same
// float formulas. The FFT is that of kissfft in 16 bits: radix 4, each stage
// divided by 4, real input by a complex FFT of half the size.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "src/data/features/features.h"

namespace litesmith {
namespace {

constexpr int kRate = 16000;
constexpr int kFrame = 480;
constexpr int kStep = 160;
constexpr int kFft = 512;
constexpr int kHalf = kFft / 2;
constexpr int kChannels = 40;
constexpr int kWindowBits = 12;
constexpr int kWeightBits = 12;
constexpr float kLow = 125.0f;
constexpr float kHigh = 7500.0f;
constexpr int kSmoothingBits = 10;
constexpr int kNoiseBits = 14;
constexpr int kGainBits = 21;
constexpr int kSnrBits = 12;
constexpr int kPcanBits = 6;
constexpr int kLogShift = 6;
// log2 of the FFT less half of the weights' bits.
constexpr int kCorrection = 9 - kWeightBits / 2;

struct Complex {
  int16_t r = 0;
  int16_t i = 0;
};

int MostSignificantBit(uint64_t n) { return std::bit_width(n); }

// x * y / 2^15, rounded, of the difference or sum of two products, too.
int16_t Round15(int32_t product) {
  return static_cast<int16_t>((product + (1 << 14)) >> 15);
}
Complex Times(Complex a, Complex b) {
  return {Round15(a.r * b.r - a.i * b.i), Round15(a.r * b.i + a.i * b.r)};
}
Complex Divided(Complex a, int by) {
  return {Round15(a.r * (32767 / by)), Round15(a.i * (32767 / by))};
}
Complex Plus(Complex a, Complex b) {
  return {static_cast<int16_t>(a.r + b.r), static_cast<int16_t>(a.i + b.i)};
}
Complex Minus(Complex a, Complex b) {
  return {static_cast<int16_t>(a.r - b.r), static_cast<int16_t>(a.i - b.i)};
}
Complex UnitAt(double phase) {
  return {static_cast<int16_t>(std::floor(.5 + 32767 * std::cos(phase))),
          static_cast<int16_t>(std::floor(.5 + 32767 * std::sin(phase)))};
}

// By the C library at run time, as the reference has it: what a compiler makes
// of a constant is rounded better.
float Mel(float hertz) {
  volatile float at_run_time = hertz;
  return 1127.0f * log1pf(at_run_time / 700.0f);
}

// What does not depend on the clip.
struct Tables {
  std::array<int16_t, kFrame> window;
  std::array<Complex, kHalf> twiddles;
  std::array<Complex, kHalf / 2> super;
  // Channel c - 1 gets `weight` of a bin of channel c, channel c `unweight`.
  struct Bin {
    int channel;
    int16_t weight, unweight;
  };
  int first_bin = 0;
  std::vector<Bin> bins;
  std::array<int16_t, 4 * 32 - 3> gain;
  std::array<uint16_t, 130> log;  // of log2(1 + x) - x

  Tables() {
    const float arg = static_cast<float>(M_PI) * 2.0f / kFrame;
    for (int n = 0; n < kFrame; ++n) {
      const float value =
          0.5f - (0.5f * cosf(arg * (static_cast<float>(n) + 0.5f)));
      window[static_cast<size_t>(n)] =
          static_cast<int16_t>(floorf(value * (1 << kWindowBits) + 0.5f));
    }
    const double pi = 3.14159265358979323846264338327;
    for (int k = 0; k < kHalf; ++k)
      twiddles[static_cast<size_t>(k)] = UnitAt(-2 * pi * k / kHalf);
    for (int k = 0; k < kHalf / 2; ++k) {
      super[static_cast<size_t>(k)] =
          UnitAt(-pi * (static_cast<double>(k + 1) / kHalf + .5));
    }
    MakeBins();
    MakeGain();
    for (int i = 0; i < 130; ++i) {
      const double x = std::min(i, 128) / 128.0;
      log[static_cast<size_t>(i)] =
          static_cast<uint16_t>(std::lround(65536 * (std::log2(1 + x) - x)));
    }
  }

  void MakeBins() {
    const float low = Mel(kLow);
    const float spacing =
        (Mel(kHigh) - low) / static_cast<float>(kChannels + 1);
    const float hertz = 0.5f * kRate / static_cast<float>(kHalf);
    first_bin = static_cast<int>(1.5f + kLow / hertz);
    int bin = first_bin;
    float before = low;
    for (int c = 0; c <= kChannels; ++c) {
      const float center = low + (spacing * static_cast<float>(c + 1));
      for (float mel = Mel(static_cast<float>(bin) * hertz); mel <= center;
           mel = Mel(static_cast<float>(++bin) * hertz)) {
        const float weight = (center - mel) / (center - before);
        bins.push_back(
            {c,
             static_cast<int16_t>(floorf(weight * (1 << kWeightBits) + 0.5f)),
             static_cast<int16_t>(
                 floorf((1.0f - weight) * (1 << kWeightBits) + 0.5f))});
      }
      before = center;
    }
  }

  static int16_t GainOf(uint32_t x) {
    const float value =
        static_cast<float>(x) /
        static_cast<float>(1u << (kSmoothingBits - kCorrection));
    const float gain =
        static_cast<float>(1u << kGainBits) * powf(value + 80.0f, -0.95f);
    return gain > 32767 ? int16_t{32767} : static_cast<int16_t>(gain + 0.5f);
  }

  // A parabola for each power of two.
  void MakeGain() {
    gain[0] = GainOf(0);
    gain[1] = GainOf(1);
    for (int interval = 2; interval <= 32; ++interval) {
      const uint32_t x0 = 1u << (interval - 1);
      const uint32_t x1 = x0 + (x0 >> 1);
      const uint32_t x2 = interval == 32 ? x0 + (x0 - 1) : 2 * x0;
      const int32_t y0 = GainOf(x0);
      const int32_t up = GainOf(x1) - y0;
      const int32_t up2 = GainOf(x2) - y0;
      const int32_t linear = 4 * up - up2;
      const auto at = static_cast<size_t>(4 * interval - 6);
      gain[at] = static_cast<int16_t>(y0);
      gain[at + 1] = static_cast<int16_t>(linear);
      gain[at + 2] = static_cast<int16_t>(up2 - linear);
    }
  }
};

// Radix 4, in time, of `size` numbers that are `stride` apart in `in`.
void ComplexFft(const Tables& tables, const Complex* in, int stride, int size,
                Complex* out) {
  const int m = size / 4;
  for (int q = 0; q < 4; ++q) {
    if (m == 1) {
      out[q] = in[q * stride];
    } else {
      ComplexFft(tables, in + q * stride, stride * 4, m, out + q * m);
    }
  }
  for (int k = 0; k < m; ++k) {
    const Complex a = Divided(out[k], 4);
    const auto turned = [&](int q) {
      return Times(Divided(out[k + q * m], 4),
                   tables.twiddles[static_cast<size_t>(k * stride * q)]);
    };
    const Complex b = turned(1);
    const Complex c = turned(2);
    const Complex d = turned(3);
    const Complex minus = Minus(a, c);
    const Complex plus = Plus(a, c);
    const Complex odd = Plus(b, d);
    const Complex turn = Minus(b, d);
    out[k + 2 * m] = Minus(plus, odd);
    out[k] = Plus(plus, odd);
    out[k + m] = {static_cast<int16_t>(minus.r + turn.i),
                  static_cast<int16_t>(minus.i - turn.r)};
    out[k + 3 * m] = {static_cast<int16_t>(minus.r - turn.i),
                      static_cast<int16_t>(minus.i + turn.r)};
  }
}

// Bins 0 to kHalf of kFft real numbers.
void RealFft(const Tables& tables, const int16_t* in, Complex* out) {
  std::array<Complex, kHalf> pairs;
  std::array<Complex, kHalf> half;
  for (size_t k = 0; k < kHalf; ++k) pairs[k] = {in[2 * k], in[2 * k + 1]};
  ComplexFft(tables, pairs.data(), 1, kHalf, half.data());
  const Complex dc = Divided(half[0], 2);
  out[0] = {static_cast<int16_t>(dc.r + dc.i), 0};
  out[kHalf] = {static_cast<int16_t>(dc.r - dc.i), 0};
  for (size_t k = 1; k <= kHalf / 2; ++k) {
    const Complex a = Divided(half[k], 2);
    const Complex mirror = half[kHalf - k];
    const Complex b = Divided({mirror.r, static_cast<int16_t>(-mirror.i)}, 2);
    const Complex sum = Plus(a, b);
    const Complex turned = Times(Minus(a, b), tables.super[k - 1]);
    out[k] = {static_cast<int16_t>((sum.r + turned.r) >> 1),
              static_cast<int16_t>((sum.i + turned.i) >> 1)};
    out[kHalf - k] = {static_cast<int16_t>((sum.r - turned.r) >> 1),
                      static_cast<int16_t>((turned.i - sum.i) >> 1)};
  }
}

// The root rounded, of 32 bits at most `most`.
uint32_t Root(uint64_t n) {
  if (n == 0) return 0;
  const uint64_t most = n >> 32 == 0 ? 0xFFFF : 0xFFFFFFFF;
  uint64_t root = 0;
  // The highest power of four that is not above n.
  for (uint64_t bit = uint64_t{1} << ((MostSignificantBit(n) - 1) & ~1);
       bit != 0; bit >>= 2) {
    if (n >= root + bit) {
      n -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  if (n > root && root != most) ++root;
  return static_cast<uint32_t>(root);
}

uint32_t GainAt(const Tables& tables, uint32_t x) {
  const auto to_uint = [](int32_t gain) {
    return static_cast<uint32_t>(static_cast<int16_t>(gain));
  };
  if (x <= 2) return to_uint(tables.gain[x]);
  const int interval = MostSignificantBit(x);
  const int16_t* at = tables.gain.data() + 4 * interval - 6;
  const auto part = static_cast<int16_t>(
      (interval < 11 ? x << (11 - interval) : x >> (interval - 11)) & 0x3FF);
  int32_t value = (int32_t{at[2]} * part) >> 5;
  value += static_cast<int32_t>(static_cast<uint32_t>(int32_t{at[1]}) << 5);
  value *= part;
  value = (value + (1 << 14)) >> 15;
  return to_uint(value + at[0]);
}

uint32_t Shrink(uint32_t x) {
  if (x < (2u << kSnrBits)) return (x * x) >> (2 + 2 * kSnrBits - kPcanBits);
  return (x >> (kSnrBits - kPcanBits)) - (1u << kPcanBits);
}

// ln(x) * 2^kLogShift.
uint32_t Log(const Tables& tables, uint32_t x) {
  const int whole = MostSignificantBit(x) - 1;
  int64_t part = int64_t{x} - (int64_t{1} << whole);
  part = whole < 16 ? part << (16 - whole) : part >> (whole - 16);
  const auto segment = static_cast<size_t>(part >> 9);
  const int32_t low = tables.log[segment];
  const int32_t high = tables.log[segment + 1];
  const auto within =
      static_cast<int32_t>(part) - static_cast<int32_t>(segment) * (1 << 9);
  const int32_t rest = ((high - low) * within) >> 16;
  const uint32_t log2 = (static_cast<uint32_t>(whole) << 16) +
                        static_cast<uint32_t>(part + low + rest);
  const auto natural =
      static_cast<uint32_t>((uint64_t{45426} * log2 + 32768) >> 16);
  return ((natural << kLogShift) + 32768) >> 16;
}

// One frame, whose estimates of noise go on to the next.
void Frame(const Tables& tables, const int16_t* samples, uint32_t* noise,
           uint16_t* out) {
  std::array<int16_t, kFft> input{};
  int16_t largest = 0;
  for (size_t n = 0; n < kFrame; ++n) {
    input[n] = static_cast<int16_t>((int32_t{samples[n]} * tables.window[n]) >>
                                    kWindowBits);
    const auto size = static_cast<int16_t>(input[n] < 0 ? -input[n] : input[n]);
    largest = std::max(largest, size);
  }
  const int shift =
      15 - MostSignificantBit(static_cast<uint32_t>(int32_t{largest}));
  for (int16_t& value : input) {
    value = static_cast<int16_t>(
        static_cast<uint32_t>(static_cast<uint16_t>(value)) << shift);
  }
  std::array<Complex, kHalf + 1> spectrum;
  RealFft(tables, input.data(), spectrum.data());
  std::array<uint64_t, kChannels + 2> sums{};
  for (size_t b = 0; b < tables.bins.size(); ++b) {
    const Complex& bin = spectrum[static_cast<size_t>(tables.first_bin) + b];
    const uint32_t square = static_cast<uint32_t>(bin.r * bin.r) +
                            static_cast<uint32_t>(bin.i * bin.i);
    // The reference keeps it as a signed number.
    const auto energy =
        static_cast<uint64_t>(int64_t{static_cast<int32_t>(square)});
    const Tables::Bin& weights = tables.bins[b];
    const auto c = static_cast<size_t>(weights.channel);
    sums[c] += static_cast<uint64_t>(int64_t{weights.weight}) * energy;
    sums[c + 1] += static_cast<uint64_t>(int64_t{weights.unweight}) * energy;
  }
  constexpr auto kEven = static_cast<uint16_t>(0.025f * (1 << kNoiseBits));
  constexpr auto kOdd = static_cast<uint16_t>(0.06f * (1 << kNoiseBits));
  constexpr auto kLeft = static_cast<uint16_t>(0.05f * (1 << kNoiseBits));
  for (size_t c = 0; c < kChannels; ++c) {
    uint32_t signal = Root(sums[c + 1]) >> shift;
    const uint32_t smoothing = c % 2 == 0 ? kEven : kOdd;
    const uint32_t scaled = signal << kSmoothingBits;
    auto estimate = static_cast<uint32_t>(
        (uint64_t{scaled} * smoothing +
         uint64_t{noise[c]} * ((1u << kNoiseBits) - smoothing)) >>
        kNoiseBits);
    noise[c] = estimate;
    estimate = std::min(estimate, scaled);
    const auto floor =
        static_cast<uint32_t>((uint64_t{signal} * kLeft) >> kNoiseBits);
    signal = std::max((scaled - estimate) >> kSmoothingBits, floor);
    const auto snr =
        static_cast<uint32_t>((uint64_t{signal} * GainAt(tables, noise[c])) >>
                              (kGainBits - kCorrection - kSnrBits));
    const uint32_t value = Shrink(snr) << kCorrection;
    out[c] = static_cast<uint16_t>(
        std::min<uint32_t>(value > 1 ? Log(tables, value) : 0, 0xFFFF));
  }
}

}  // namespace

int64_t MicroFrames(int64_t samples) {
  return samples < kFrame ? 0 : 1 + (samples - kFrame) / kStep;
}

void ComputeMicro(std::span<const int16_t> clip, uint16_t* out) {
  static const Tables tables;
  std::array<uint32_t, kChannels> noise{};
  const int64_t frames = MicroFrames(static_cast<int64_t>(clip.size()));
  for (int64_t f = 0; f < frames; ++f) {
    Frame(tables, clip.data() + f * kStep, noise.data(), out + f * kChannels);
  }
}

}  // namespace litesmith
