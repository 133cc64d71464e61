// Both pools of each type, for each SIMD target.
#include "src/kernels/pool/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/pool/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "src/base/check.h"
#include "src/kernels/common/words-inl.h"
#include "src/kernels/pool/reference.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool HasPools() { return false; }
template <PoolKind kKind, typename T>
void RunPool(const Window&, int, const T*, T, T, T*, std::byte*) {}

#else

bool HasPools() { return true; }

// Largest values, in vectors of their own type.
template <typename T>
struct Largest {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  using Kept = T;  // what lies between the two passes
  Largest(T lo, T hi) : lo_(hn::Set(D(), lo)), hi_(hn::Set(D(), hi)) {}
  // Of floats never less than the lowest finite one, as the reference begins.
  static HWY_INLINE V Load(const T* x) {
    const V v = hn::LoadU(D(), x);
    if constexpr (!std::is_same_v<T, float>) return v;
    return Join(hn::Set(D(), std::numeric_limits<T>::lowest()), v);
  }
  // The second where one of them is no number, as in the reference.
  static HWY_INLINE V Join(V all, V v) { return hn::Max(v, all); }
  HWY_INLINE V Finish(V all, int) const {
    return hn::Min(hn::Max(all, lo_), hi_);
  }
  static HWY_INLINE void Store(V v, T* y) { hn::StoreU(v, D(), y); }
  V lo_, hi_;
};

template <typename T>
struct Average {
  using D = DS32;
  using V = VS32;
  using Kept = int32_t;
  Average(T lo, T hi) : lo_(hn::Set(D(), lo)), hi_(hn::Set(D(), hi)) {}
  static HWY_INLINE V Load(const T* x) {
    return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<T, D>(), x));
  }
  static HWY_INLINE V Join(V all, V v) { return hn::Add(all, v); }
  // Halves away from zero; what is divided has 24 bits, so that the quotient is
  // never rounded up to a whole number.
  HWY_INLINE V Finish(V sum, int count) const {
    const V half = hn::Set(D(), count / 2);
    const V sign = hn::ShiftRight<31>(sum);
    const V away = hn::Sub(hn::Xor(half, sign), sign);
    const VF32 up = hn::ConvertTo(DF32(), hn::Add(sum, away));
    const V mean =
        TruncateSmall(hn::Div(up, hn::Set(DF32(), static_cast<float>(count))));
    return hn::Min(hn::Max(mean, lo_), hi_);
  }
  static HWY_INLINE void Store(V v, T* y) {
    const hn::Rebind<T, D> narrow;
    hn::StoreU(hn::DemoteTo(narrow, v), narrow, y);
  }
  V lo_, hi_;
};

// Joins the rows [y0, y1) of n values each, at `kept`. The last vector ends
// where the row does.
template <class F, typename T>
void JoinRows(const T* x, int64_t n, int y0, int y1, typename F::Kept* kept) {
  constexpr int64_t kLanes = hn::MaxLanes(typename F::D());
  const auto join = [&](int64_t at) HWY_ATTR {
    const T* from = x + y0 * n + at;
    auto all = F::Load(from);
    for (int y = y0 + 1; y < y1; ++y) {
      from += n;
      all = F::Join(all, F::Load(from));
    }
    hn::StoreU(all, typename F::D(), kept + at);
  };
  int64_t at = 0;
  for (; at + kLanes <= n; at += kLanes) join(at);
  if (at == n) return;
  if (n >= kLanes) return join(n - kLanes);
  // Rows that are shorter than a vector.
  T row[kLanes] = {};
  auto all = hn::Zero(typename F::D());
  for (int y = y0; y < y1; ++y) {
    std::copy_n(x + y * n, n, row);
    const auto v = F::Load(row);
    all = y == y0 ? v : F::Join(all, v);
  }
  hn::StoreU(all, typename F::D(), kept);
}

template <class F, typename T>
void Run(const Window& g, int images, const T* x, const F& f, T* y,
         std::byte* workspace) {
  using D = typename F::D;
  constexpr int64_t kLanes = hn::MaxLanes(D());
  const int64_t row = int64_t{g.in_w} * g.in_c;
  auto* kept = reinterpret_cast<typename F::Kept*>(workspace);
  // A row of outputs, and what the last vectors spill over it.
  auto* out = reinterpret_cast<T*>(kept + row + kLanes);
  const int64_t out_row = int64_t{g.out_w} * g.in_c;
  for (int n = 0; n < images; ++n, x += g.in_size()) {
    for (int oy = 0; oy < g.out_h; ++oy, y += out_row) {
      for (int ox = 0; ox < g.out_w; ++ox) {
        const PoolPart part = PartOf(g, oy, ox);
        if (ox == 0) JoinRows<F>(x, row, part.y0, part.y1, kept);
        for (int64_t c = 0; c < g.in_c; c += kLanes) {
          const auto* pixel = kept + int64_t{part.x0} * g.in_c + c;
          auto all = hn::LoadU(D(), pixel);
          for (int ix = part.x0 + 1; ix < part.x1; ++ix) {
            pixel += g.in_c;
            all = F::Join(all, hn::LoadU(D(), pixel));
          }
          F::Store(f.Finish(all, part.count()), out + ox * g.in_c + c);
        }
      }
      std::copy_n(out, out_row, y);
    }
  }
}

template <PoolKind kKind, typename T>
void RunPool(const Window& g, int images, const T* x, T lo, T hi, T* y,
             std::byte* workspace) {
  if constexpr (kKind == PoolKind::kMax) {
    Run(g, images, x, Largest<T>(lo, hi), y, workspace);
  } else {
    Run(g, images, x, Average<T>(lo, hi), y, workspace);
  }
}

#endif  // HWY_SCALAR

#define LITESMITH_POOL(name, kind, T)                                  \
  void name(const Window& g, int images, const T* x, T lo, T hi, T* y, \
            std::byte* workspace) {                                    \
    RunPool<PoolKind::kind, T>(g, images, x, lo, hi, y, workspace);    \
  }
LITESMITH_POOL(MaxF32, kMax, float)
LITESMITH_POOL(MaxS8, kMax, int8_t)
LITESMITH_POOL(MaxU8, kMax, uint8_t)
LITESMITH_POOL(MaxS16, kMax, int16_t)
LITESMITH_POOL(AverageS8, kAverage, int8_t)
LITESMITH_POOL(AverageU8, kAverage, uint8_t)
LITESMITH_POOL(AverageS16, kAverage, int16_t)
#undef LITESMITH_POOL

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(HasPools);
HWY_EXPORT(MaxF32);
HWY_EXPORT(MaxS8);
HWY_EXPORT(MaxU8);
HWY_EXPORT(MaxS16);
HWY_EXPORT(AverageS8);
HWY_EXPORT(AverageU8);
HWY_EXPORT(AverageS16);

namespace {

// Columns of one pixel are rows of as many.
Window Turned(const Window& g) {
  if (g.in_w != 1 || g.out_w != 1 || g.filter_w != 1 || g.pad_left != 0)
    return g;
  Window t = g;
  std::swap(t.in_w, t.in_h);
  std::swap(t.filter_w, t.filter_h);
  std::swap(t.stride_w, t.stride_h);
  std::swap(t.pad_left, t.pad_top);
  std::swap(t.out_w, t.out_h);
  return t;
}

}  // namespace

template <typename T>
bool FitsPoolSimd(PoolKind kind, const Window& g) {
  if (!HWY_DYNAMIC_DISPATCH(HasPools)()) return false;
  if (kind == PoolKind::kMax) return true;
  if (std::is_same_v<T, float>) return false;
  // Of the sum, half the count, and the count itself.
  const int64_t most = (sizeof(T) == 1 ? 256 : 32768) + 2;
  const int64_t count =
      int64_t{std::min(g.filter_h, g.in_h)} * std::min(g.filter_w, g.in_w);
  return count <= (int64_t{1} << 24) / most;
}

size_t PoolSimdWorkspace(const Window& g) {
  // Of any type: 32 bits a value, and a vector of bytes behind each row.
  constexpr size_t kSpill = 64;
  const Window t = Turned(g);
  const auto channels = static_cast<size_t>(t.in_c);
  return (static_cast<size_t>(t.in_w + t.out_w) * channels + 2 * kSpill) * 4;
}

template <typename T>
void Pool2DSimd(PoolKind kind, const Window& window, int images, const T* x,
                T lo, T hi, T* y, std::byte* workspace) {
  const Window g = Turned(window);
  const bool max = kind == PoolKind::kMax;
  if constexpr (std::is_same_v<T, float>) {
    LS_CHECK(max);
    HWY_DYNAMIC_DISPATCH(MaxF32)(g, images, x, lo, hi, y, workspace);
  } else if constexpr (std::is_same_v<T, int8_t>) {
    const auto run =
        max ? HWY_DYNAMIC_DISPATCH(MaxS8) : HWY_DYNAMIC_DISPATCH(AverageS8);
    run(g, images, x, lo, hi, y, workspace);
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    const auto run =
        max ? HWY_DYNAMIC_DISPATCH(MaxU8) : HWY_DYNAMIC_DISPATCH(AverageU8);
    run(g, images, x, lo, hi, y, workspace);
  } else {
    const auto run =
        max ? HWY_DYNAMIC_DISPATCH(MaxS16) : HWY_DYNAMIC_DISPATCH(AverageS16);
    run(g, images, x, lo, hi, y, workspace);
  }
}

template bool FitsPoolSimd<float>(PoolKind, const Window&);
template bool FitsPoolSimd<int8_t>(PoolKind, const Window&);
template bool FitsPoolSimd<uint8_t>(PoolKind, const Window&);
template bool FitsPoolSimd<int16_t>(PoolKind, const Window&);
template void Pool2DSimd(PoolKind, const Window&, int, const float*, float,
                         float, float*, std::byte*);
template void Pool2DSimd(PoolKind, const Window&, int, const int8_t*, int8_t,
                         int8_t, int8_t*, std::byte*);
template void Pool2DSimd(PoolKind, const Window&, int, const uint8_t*, uint8_t,
                         uint8_t, uint8_t*, std::byte*);
template void Pool2DSimd(PoolKind, const Window&, int, const int16_t*, int16_t,
                         int16_t, int16_t*, std::byte*);

}  // namespace litesmith
#endif  // HWY_ONCE
