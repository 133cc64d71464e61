// One loop for each pair of types.
#include "src/kernels/map/cast.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "src/base/half.h"

namespace litesmith::kernels {
namespace {

// A byte that is not zero where it is true.
struct Bool {
  uint8_t value;
};

// The number that a stored one is.
template <class T>
T Read(T x) {
  return x;
}
float Read(Half x) { return HalfToFloat(x); }
bool Read(Bool x) { return x.value != 0; }

// Half as it is stored; beyond its range infinite.
Half ToHalf(float v) {
  constexpr float kFirstBeyond = 65520;  // half way to the next step
  if (std::fabs(v) < kFirstBeyond || std::isnan(v)) return FloatToHalf(v);
  return {static_cast<uint16_t>(v < 0 ? 0xFC00 : 0x7C00)};
}

template <class To, class From>
To Convert(From v, bool nan_is_zero) {
  if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(v != From{0})};
  } else if constexpr (std::is_same_v<To, Half>) {
    return ToHalf(static_cast<float>(v));
  } else if constexpr (std::is_integral_v<To> &&
                       std::is_floating_point_v<From>) {
    // A bound may be rounded to the next power of two, which is beyond.
    using Limits = std::numeric_limits<To>;
    if (std::isnan(v)) return nan_is_zero ? To{0} : Limits::max();
    if (v >= static_cast<From>(Limits::max())) return Limits::max();
    if (v <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

template <class From, class To>
void CastAll(const void* x, int64_t n, bool nan_is_zero, void* y) {
  const auto* from = static_cast<const From*>(x);
  auto* to = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i)
    to[i] = Convert<To>(Read(from[i]), nan_is_zero);
}

template <class From>
Cast FindCastFrom(DType to) {
  switch (to) {
    case DType::kFloat32:
      return CastAll<From, float>;
    case DType::kFloat16:
      return CastAll<From, Half>;
    case DType::kFloat64:
      return CastAll<From, double>;
    case DType::kBool:
      return CastAll<From, Bool>;
    case DType::kInt8:
      return CastAll<From, int8_t>;
    case DType::kUInt8:
      return CastAll<From, uint8_t>;
    case DType::kInt16:
      return CastAll<From, int16_t>;
    case DType::kInt32:
      return CastAll<From, int32_t>;
    case DType::kInt64:
      return CastAll<From, int64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

Cast FindCast(DType from, DType to) {
  switch (from) {
    case DType::kFloat32:
      return FindCastFrom<float>(to);
    case DType::kFloat16:
      return FindCastFrom<Half>(to);
    case DType::kFloat64:
      return FindCastFrom<double>(to);
    case DType::kBool:
      return FindCastFrom<Bool>(to);
    case DType::kInt8:
      return FindCastFrom<int8_t>(to);
    case DType::kUInt8:
      return FindCastFrom<uint8_t>(to);
    case DType::kInt16:
      return FindCastFrom<int16_t>(to);
    case DType::kInt32:
      return FindCastFrom<int32_t>(to);
    case DType::kInt64:
      return FindCastFrom<int64_t>(to);
    default:
      return nullptr;
  }
}

}  // namespace litesmith::kernels
