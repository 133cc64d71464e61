// Multiples of a number in a window, found by Euclid's algorithm.
#include "src/kernels/common/nearest.h"

#include <cmath>
#include <cstdint>

namespace litesmith {
namespace {

using Wide = unsigned __int128;

// Whether 0 < x <= most has low <= (a * x mod m) <= high; if so the least such
// x. 0 < a < m, 0 < low <= high < m. The products stay below (most + 2) * m.
bool FirstInWindow(Wide a, Wide m, Wide low, Wide high, Wide most, Wide* x) {
  const Wide first = (low + a - 1) / a;
  if (first > most) return false;
  if (first * a <= high) {
    *x = first;
    return true;
  }
  // No multiple of a is in the window: a * x - m * y is for the least y for
  // which m * y mod a is in the mirrored one.
  const Wide rest = m % a;
  if (rest == 0) return false;
  Wide y = 0;
  if (!FirstInWindow(rest, a, a - high % a, a - low % a, most * a / m + 1, &y))
    return false;
  *x = (low + m * y + a - 1) / a;
  return *x <= most;
}

}  // namespace

bool RoundsToNearest(double real) {
  constexpr double kMost = 32769;  // of products that are not clamped
  if (!(real > 0x1p-24 && real < 1)) return false;
  int exponent = 0;
  const auto a = static_cast<Wide>(std::ldexp(
      std::frexp(real, &exponent), 53));  // real = a / 2^(53 - exponent)
  const int bits = 53 - exponent;
  // A double below 2^16 is within 2^-38 of the product.
  const Wide half = Wide{1} << (bits - 1);
  const Wide near = Wide{1} << (bits - 37);
  const auto most = static_cast<Wide>(std::ceil(kMost / real));
  Wide x = 0;
  return !FirstInWindow(a, Wide{1} << bits, half - near, half + near, most, &x);
}

}  // namespace litesmith
