// The sum of all shards in one fixed tree, by vectors.
#include "src/kernels/train/sum_shards.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/sum_shards.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

template <typename Load>
HWY_INLINE VF Sum8(const float* p, size_t stride, Load&& load) {
  const auto pair = [&](size_t s) HWY_ATTR {
    return hn::Add(load(p + s * stride), load(p + (s + 1) * stride));
  };
  return hn::Add(hn::Add(pair(0), pair(2)), hn::Add(pair(4), pair(6)));
}

float SumTree(const float* p, size_t stride, int count) {
  if (count == 1) return *p;
  int left = 1;
  while (2 * left < count) left *= 2;
  const float a = SumTree(p, stride, left);
  return a +
         SumTree(p + static_cast<size_t>(left) * stride, stride, count - left);
}

void Sum(const float* shards, size_t stride, int count, size_t begin,
         size_t end, float* out) {
  if (count != 8) {
    for (size_t i = begin; i < end; ++i) {
      out[i] = count == 0 ? 0.0f : SumTree(shards + i, stride, count);
    }
    return;
  }
  ForEachVector(begin, end, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    store(Sum8(shards + i, stride, load), out + i);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Sum);

void SumShards(const float* shards, size_t stride, int count, size_t begin,
               size_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(Sum)(shards, stride, count, begin, end, out);
}

}  // namespace litesmith::kernels
#endif
