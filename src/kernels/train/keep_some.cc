// Bytes to masks, compiled for each SIMD target.
#include "src/kernels/train/keep_some.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/keep_some.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

void Keep(const uint8_t* keep, const float* x, size_t n, float scale,
          float* y) {
  const DF d;
  const hn::Rebind<int32_t, DF> di;
  const hn::Rebind<uint8_t, DF> bytes;
  const VF factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto kept =
        hn::Ne(hn::PromoteTo(di, hn::LoadU(bytes, keep + i)), hn::Zero(di));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(d, kept),
                                  hn::Mul(hn::LoadU(d, x + i), factor)),
               d, y + i);
  }
  for (; i < n; ++i) y[i] = keep[i] != 0 ? x[i] * scale : 0.0f;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Keep);

void KeepSome(const uint8_t* keep, const float* x, size_t n, float scale,
              float* y) {
  HWY_DYNAMIC_DISPATCH(Keep)(keep, x, n, scale, y);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
