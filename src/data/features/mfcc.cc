// mfcc, computed in doubles; tools/make_mfcc_reference.py makes TensorFlow's.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "src/data/features/features.h"

namespace litesmith {
namespace {

constexpr int kRate = 16000;
constexpr size_t kFrame = 480;
constexpr size_t kStep = 320;
constexpr size_t kFft = 512;
constexpr size_t kBins = kFft / 2 + 1;
constexpr size_t kMels = 40;
constexpr size_t kKept = 10;
constexpr double kLow = 20;
constexpr double kHigh = 4000;

double Mel(double hertz) { return 1127.0 * std::log1p(hertz / 700.0); }

// What does not depend on the clip.
struct Tables {
  std::vector<double> window;                  // [kFrame]
  std::vector<double> mel;                     // [kBins, kMels]
  std::vector<double> dct;                     // [kMels, kKept]
  std::vector<std::complex<double>> twiddles;  // e^(-2 pi i k / kFft)

  Tables() : window(kFrame), mel(kBins * kMels), dct(kMels * kKept) {
    using std::numbers::pi;
    for (size_t n = 0; n < kFrame; ++n) {
      window[n] = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(n) /
                                       static_cast<double>(kFrame));
    }
    const double step = (Mel(kHigh) - Mel(kLow)) / (kMels + 1);
    // Triangles between neighbouring edges; the bin of 0 Hz is in none.
    for (size_t bin = 1; bin < kBins; ++bin) {
      const double at =
          Mel(static_cast<double>(bin) * kRate / static_cast<double>(kFft));
      for (size_t m = 0; m < kMels; ++m) {
        const double low = Mel(kLow) + step * static_cast<double>(m);
        const double rising = (at - low) / step;
        const double falling = (low + 2 * step - at) / step;
        mel[bin * kMels + m] = std::max(0.0, std::min(rising, falling));
      }
    }
    for (size_t m = 0; m < kMels; ++m) {
      for (size_t k = 0; k < kKept; ++k) {
        // 2 sum x cos(...) / sqrt(2 N)
        dct[m * kKept + k] =
            2 / std::sqrt(2.0 * kMels) *
            std::cos(pi * static_cast<double>(k) *
                     (2 * static_cast<double>(m) + 1) / (2.0 * kMels));
      }
    }
    for (size_t k = 0; k < kFft / 2; ++k)
      twiddles.push_back(std::polar(
          1.0, -2 * pi * static_cast<double>(k) / static_cast<double>(kFft)));
  }
};

// In place, of kFft numbers.
void Fft(const Tables& tables, std::complex<double>* x) {
  for (size_t i = 1, j = 0; i < kFft; ++i) {
    size_t bit = kFft >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (size_t size = 2; size <= kFft; size *= 2) {
    const size_t half = size / 2;
    for (size_t begin = 0; begin < kFft; begin += size) {
      for (size_t k = 0; k < half; ++k) {
        const std::complex<double> odd =
            x[begin + k + half] * tables.twiddles[k * (kFft / size)];
        const std::complex<double> even = x[begin + k];
        x[begin + k] = even + odd;
        x[begin + k + half] = even - odd;
      }
    }
  }
}

}  // namespace

int64_t MfccFrames(int64_t samples) {
  const auto frame = static_cast<int64_t>(kFrame);
  return samples < frame ? 0
                         : 1 + (samples - frame) / static_cast<int64_t>(kStep);
}

void ComputeMfcc(std::span<const float> clip, float* out) {
  static const Tables tables;
  const float largest =
      clip.empty() ? 0 : *std::max_element(clip.begin(), clip.end());
  // Silence stays silence.
  const double scale = largest > 0 ? 1 / static_cast<double>(largest) : 0;
  const auto frames =
      static_cast<size_t>(MfccFrames(static_cast<int64_t>(clip.size())));
  std::vector<std::complex<double>> x(kFft);
  for (size_t f = 0; f < frames; ++f) {
    std::fill(x.begin(), x.end(), 0);
    for (size_t n = 0; n < kFrame; ++n) {
      x[n] =
          tables.window[n] * scale * static_cast<double>(clip[f * kStep + n]);
    }
    Fft(tables, x.data());
    double log_mel[kMels] = {};
    for (size_t bin = 1; bin < kBins; ++bin) {
      const double magnitude = std::abs(x[bin]);
      for (size_t m = 0; m < kMels; ++m)
        log_mel[m] += magnitude * tables.mel[bin * kMels + m];
    }
    for (double& value : log_mel) value = std::log(value + 1e-6);
    for (size_t k = 0; k < kKept; ++k) {
      double sum = 0;
      for (size_t m = 0; m < kMels; ++m)
        sum += log_mel[m] * tables.dct[m * kKept + k];
      out[f * kKept + k] = static_cast<float>(sum);
    }
  }
}

}  // namespace litesmith
