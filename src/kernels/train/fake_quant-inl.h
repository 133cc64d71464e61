// Snaps vectors of floats to a grid. Included once a target, as train_simd.h.
#if defined(LITESMITH_KERNELS_TRAIN_FAKE_QUANT_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_TRAIN_FAKE_QUANT_INL_H_
#undef LITESMITH_KERNELS_TRAIN_FAKE_QUANT_INL_H_
#else
#define LITESMITH_KERNELS_TRAIN_FAKE_QUANT_INL_H_
#endif

#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"
#include "src/kernels/train/fake_quant.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {

// The formula of FakeQuantGrid. kInverse: multiplies by 1 / scale.
template <bool kInverse = false>
struct SnapToGrid {
  VF low, high, scale, inverse, zero, half;
  explicit SnapToGrid(const FakeQuantGrid& grid) {
    const DF d;
    low = hn::Set(d, grid.low);
    high = hn::Set(d, grid.high);
    scale = hn::Set(d, grid.scale);
    inverse = hn::Set(d, 1.0f / grid.scale);
    zero = hn::Set(d, grid.zero);
    half = hn::Set(d, 0.5f);
  }
  HWY_INLINE VF operator()(VF v) const {
    const VF shifted = hn::Sub(hn::Max(hn::Min(v, high), low), low);
    const VF steps =
        kInverse ? hn::Mul(shifted, inverse) : hn::Div(shifted, scale);
    return hn::Mul(hn::Floor(hn::Add(hn::Sub(steps, zero), half)), scale);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_TRAIN_FAKE_QUANT_INL_H_
