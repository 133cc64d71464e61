// Walks a range of floats by vectors. Included once a target, as train_simd.h.
#if defined(LITESMITH_KERNELS_TRAIN_FOR_EACH_VECTOR_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_TRAIN_FOR_EACH_VECTOR_INL_H_
#undef LITESMITH_KERNELS_TRAIN_FOR_EACH_VECTOR_INL_H_
#else
#define LITESMITH_KERNELS_TRAIN_FOR_EACH_VECTOR_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {

// Calls f(load, store, i) for each vector of [begin, end), the last one
// partial. `load` and `store` take addresses of element i.
template <typename F>
HWY_INLINE void ForEachVector(size_t begin, size_t end, F&& f) {
  const DF d;
  size_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    f([&](const float* p) HWY_ATTR { return hn::LoadU(d, p); },
      [&](VF v, float* p) HWY_ATTR { hn::StoreU(v, d, p); }, i);
  }
  const int left = static_cast<int>(end - i);
  if (left > 0) {
    f([&](const float* p) HWY_ATTR { return LoadFirst(p, left); },
      [&](VF v, float* p) HWY_ATTR { StoreFirst(v, left, p); }, i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_TRAIN_FOR_EACH_VECTOR_INL_H_
