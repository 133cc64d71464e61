// Sums of rows of each type, for each SIMD target.
#include "src/kernels/reduce/add_rows.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/reduce/add_rows.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Of kVectors vectors from x on.
template <int kVectors, class D, typename X>
HWY_INLINE void AddVectors(D d, const X* x, int64_t rows, int64_t n,
                           hn::TFromD<D>* totals) {
  using V = hn::Vec<D>;
  const hn::Rebind<X, D> narrow;
  constexpr size_t kLanes = hn::MaxLanes(d);
  V sums[kVectors];
  for (V& sum : sums) sum = hn::Zero(d);
  for (int64_t row = 0; row < rows; ++row, x += n) {
    for (size_t v = 0; v < kVectors; ++v) {
      const auto values = hn::LoadU(narrow, x + v * kLanes);
      if constexpr (std::is_same_v<X, hn::TFromD<D>>) {
        sums[v] = hn::Add(sums[v], values);
      } else {
        sums[v] = hn::Add(sums[v], hn::PromoteTo(d, values));
      }
    }
  }
  for (size_t v = 0; v < kVectors; ++v)
    hn::StoreU(sums[v], d, totals + v * kLanes);
}

template <class D, typename X>
void AddAll(D d, const X* x, int64_t rows, int64_t n, hn::TFromD<D>* totals) {
  constexpr int64_t kLanes = hn::MaxLanes(d);
  // As many sums side by side as hide the time of an addition.
  int64_t at = 0;
  for (; at + 8 * kLanes <= n; at += 8 * kLanes)
    AddVectors<8>(d, x + at, rows, n, totals + at);
  for (; at + 4 * kLanes <= n; at += 4 * kLanes)
    AddVectors<4>(d, x + at, rows, n, totals + at);
  for (; at + kLanes <= n; at += kLanes)
    AddVectors<1>(d, x + at, rows, n, totals + at);
  const hn::CappedTag<hn::TFromD<D>, 1> one;
  for (; at < n; ++at) AddVectors<1>(one, x + at, rows, n, totals + at);
}

void AddFloats(const float* x, int64_t rows, int64_t n, float* totals) {
  AddAll(hn::ScalableTag<float>(), x, rows, n, totals);
}
void AddBytes(const int8_t* x, int64_t rows, int64_t n, uint32_t* totals) {
  AddAll(hn::ScalableTag<int32_t>(), x, rows, n,
         reinterpret_cast<int32_t*>(totals));
}
void AddWords(const int16_t* x, int64_t rows, int64_t n, uint32_t* totals) {
  AddAll(hn::ScalableTag<int32_t>(), x, rows, n,
         reinterpret_cast<int32_t*>(totals));
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(AddFloats);
HWY_EXPORT(AddBytes);
HWY_EXPORT(AddWords);

void AddRows(const float* x, int64_t rows, int64_t n, float* totals) {
  HWY_DYNAMIC_DISPATCH(AddFloats)(x, rows, n, totals);
}
void AddRows(const int8_t* x, int64_t rows, int64_t n, uint32_t* totals) {
  HWY_DYNAMIC_DISPATCH(AddBytes)(x, rows, n, totals);
}
void AddRows(const int16_t* x, int64_t rows, int64_t n, uint32_t* totals) {
  HWY_DYNAMIC_DISPATCH(AddWords)(x, rows, n, totals);
}

}  // namespace litesmith
#endif  // HWY_ONCE
