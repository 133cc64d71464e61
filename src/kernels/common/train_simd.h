// Highway helpers of the float training kernels. Included once a target from
// their .cc files, hence the toggled include guard.
#if defined(LITESMITH_KERNELS_COMMON_TRAIN_SIMD_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_TRAIN_SIMD_H_
#undef LITESMITH_KERNELS_COMMON_TRAIN_SIMD_H_
#else
#define LITESMITH_KERNELS_COMMON_TRAIN_SIMD_H_
#endif

#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

// Arrays of vectors need a lane count known at compile time: SVE and RVV are
// left out (their machines run the NEON or scalar code).
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(DF()));

// Vector accumulators that a micro-kernel may hold beside its operands: of the
// 32 registers of AVX-512 and 64-bit NEON, or of 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kAccumulators = 28;
#else
inline constexpr int kAccumulators = 12;
#endif

// The first n (0 .. kLanes) lanes of p; touches no byte behind them.
HWY_INLINE VF LoadFirst(const float* p, int n) {
  const DF d;
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN float buffer[kLanes] = {};
  for (int i = 0; i < n; ++i) buffer[i] = p[i];
  return hn::Load(d, buffer);
#endif
}

// Stores the first n (0 .. kLanes) lanes; touches no byte behind them.
HWY_INLINE void StoreFirst(VF v, int n, float* p) {
  const DF d;
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN float buffer[kLanes];
  hn::Store(v, d, buffer);
  for (int i = 0; i < n; ++i) p[i] = buffer[i];
#endif
}

// A vector of channels: all lanes, or the first n of the last channels.
struct AllLanes {
  HWY_INLINE VF Load(const float* p) const { return hn::LoadU(DF(), p); }
  HWY_INLINE void Store(VF v, float* p) const { hn::StoreU(v, DF(), p); }
  static int Count() { return kLanes; }
};
struct FirstLanes {
  int n;
  HWY_INLINE VF Load(const float* p) const { return LoadFirst(p, n); }
  HWY_INLINE void Store(VF v, float* p) const { StoreFirst(v, n, p); }
  int Count() const { return n; }
};

}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_COMMON_TRAIN_SIMD_H_
