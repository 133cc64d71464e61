// The logistic function and tanh of int16 values, as LiteRT's reference
// computes them (specs/tflite.md 3.10): a table of the former's upper half with
// lines between.
#ifndef LITESMITH_KERNELS_MAP_LOGISTIC_H_
#define LITESMITH_KERNELS_MAP_LOGISTIC_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace litesmith::kernels {

// 65536 / (1 + e^(-i/24)), to within 1: some of the reference's entries are one
// more than the nearest.
inline constexpr uint16_t kLogisticTable[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498,
    40149, 40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255,
    46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865,
    52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174,
    56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544, 58800, 59048, 59288,
    59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279, 61441,
    61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886,
    62990, 63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835,
    63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450,
    64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845,
    64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097,
    65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258,
    65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425,
    65429, 65433, 65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465,
    65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491,
    65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508,
    65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516, 65517, 65517, 65518,
    65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524, 65525,
    65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529,
    65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531,
    65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533,
    65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65535,
};

// An int16 input of `scale` in steps of 1/(24 * 512), as both functions count
// it: an int16 multiplier and a shift.
class LogisticSteps {
 public:
  // Up to 2^`most` of a step scales that are powers of two are multiplied
  // without a shift.
  LogisticSteps(float scale, int most) {
    const double log = std::log2(double{scale});
    const int power = 12 + static_cast<int>(std::round(log));
    if (std::abs(log - std::round(log)) < 1e-3 && power >= 0 && power <= most) {
      multiplier_ = 3 << power;
      return;
    }
    double multiplier = double{scale} * 4096 * 3;
    while (multiplier <= 32767 / 2.0 && shift_ <= 30) {
      multiplier *= 2;
      ++shift_;
    }
    multiplier_ = static_cast<int32_t>(std::min(multiplier, 65535.0));
  }
  // Larger scales times 32768 do not fit 32 bits.
  static bool IsPossible(float scale) { return scale * 4096 * 3 < 65535; }

  int32_t operator()(int32_t x) const {
    const int32_t half = shift_ > 0 ? 1 << (shift_ - 1) : 0;
    return (x * multiplier_ + half) >> shift_;
  }
  int32_t multiplier() const { return multiplier_; }
  int shift() const { return shift_; }

 private:
  int32_t multiplier_ = 0;
  int shift_ = 0;
};

// The table at `size` >= 0 in units of 2^-`bits` of its entries, times
// 2^`bits`; `beyond` from its last entry on.
inline int32_t BetweenEntries(int32_t size, int bits, int32_t beyond) {
  const auto at = static_cast<size_t>(size >> bits);
  if (at >= 255) return beyond;
  const int32_t low = kLogisticTable[at];
  return low * (1 << bits) +
         (size & ((1 << bits) - 1)) * (kLogisticTable[at + 1] - low);
}

// 1 / (1 + e^-x), outputs of scale 1/32768.
class Logistic16 {
 public:
  explicit Logistic16(float scale) : steps_(scale, 0) {}

  int32_t operator()(int32_t x) const {
    const int32_t steps = steps_(x);
    const int32_t y = BetweenEntries(std::abs(steps), 9, 0x7FFF << 10);
    return (steps >= 0 ? y + 512 : (1 << 25) - y + 511) >> 10;
  }
  const LogisticSteps& steps() const { return steps_; }

 private:
  LogisticSteps steps_;
};

// tanh(x) = 2 / (1 + e^-2x) - 1, outputs of scale 1/32768.
class Tanh16 {
 public:
  explicit Tanh16(float scale) : steps_(scale, 1) {}

  int32_t operator()(int32_t x) const {
    const int32_t steps = steps_(x);
    const int32_t y =
        BetweenEntries(std::abs(steps), 8, 0xFFFF << 8) - (1 << 23);
    return (steps >= 0 ? y + 128 : -y + 127) >> 8;
  }
  const LogisticSteps& steps() const { return steps_; }

 private:
  LogisticSteps steps_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_LOGISTIC_H_
