// The copy of an image that a convolution reads where the image itself will not
// do: with its padding around it, and bytes in the form that the products take.
// One definition a SIMD target.
#if defined(LITESMITH_KERNELS_COMMON_COPY_IMAGE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_COPY_IMAGE_INL_H_
#undef LITESMITH_KERNELS_COMMON_COPY_IMAGE_INL_H_
#else
#define LITESMITH_KERNELS_COMMON_COPY_IMAGE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/kernels/common/window.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// How elements change on the way, a vector and one at a time.
template <typename T>
struct CopySame {
  using To = T;
  template <class D>
  HWY_INLINE hn::Vec<D> Many(D d, const T* x) const {
    return hn::LoadU(d, x);
  }
  T One(T x) const { return x; }
};
struct CopyFlipped {  // x + 128, unsigned
  using To = uint8_t;
  template <class D>
  HWY_INLINE hn::Vec<D> Many(D d, const int8_t* x) const {
    return hn::Xor(hn::LoadU(d, reinterpret_cast<const uint8_t*>(x)),
                   hn::Set(d, uint8_t{128}));
  }
  uint8_t One(int8_t x) const { return static_cast<uint8_t>(x ^ -128); }
};
struct CopyWidened {  // x - zero
  using To = int16_t;
  int16_t zero;
  template <class D>
  HWY_INLINE hn::Vec<D> Many(D d, const int8_t* x) const {
    const hn::Rebind<int8_t, D> d8;
    return hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x)), hn::Set(d, zero));
  }
  int16_t One(int8_t x) const { return static_cast<int16_t>(x - zero); }
};

// A row of n elements; the last vector may overlap the one before.
template <class Copy, typename T, class D>
HWY_INLINE void CopyRow(const Copy& copy, D d, const T* x, int64_t n,
                        typename Copy::To* to) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (n >= lanes) {
    for (int64_t i = 0; i < n - lanes; i += lanes) {
      hn::StoreU(copy.Many(d, x + i), d, to + i);
    }
    hn::StoreU(copy.Many(d, x + n - lanes), d, to + n - lanes);
  } else if constexpr (hn::MaxLanes(d) * sizeof(*to) > 16) {
    CopyRow(copy, hn::Half<D>(), x, n, to);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = copy.One(x[i]);
  }
}

// The window's image as [copy_h, copy_w, in_c]. `pad` is what a real zero
// becomes. Up to pad_left pixels and a vector behind the copy are written.
template <class Copy, typename T>
void CopyImage(const Window& g, int copy_h, int copy_w, const Copy& copy,
               const T* x, typename Copy::To pad, std::byte* to) {
  const hn::ScalableTag<typename Copy::To> d;
  auto* out = reinterpret_cast<typename Copy::To*>(to);
  const int64_t pitch = int64_t{copy_w} * g.in_c;
  const int64_t row = int64_t{g.in_w} * g.in_c;
  if (pitch == row) {
    out = std::fill_n(out, g.pad_top * pitch, pad);
    CopyRow(copy, d, x, row * g.in_h, out);
    out += row * g.in_h;
  } else {
    // Behind each row the padding on its right, and on the next one's left.
    // What it spills over that row is overwritten there.
    out = std::fill_n(out, g.pad_top * pitch + g.pad_left * g.in_c, pad);
    const auto pads = hn::Set(d, pad);
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int y = 0; y < g.in_h; ++y, x += row, out += pitch) {
      CopyRow(copy, d, x, row, out);
      for (int64_t i = row; i < pitch; i += lanes) hn::StoreU(pads, d, out + i);
    }
    out -= g.pad_left * g.in_c;
  }
  std::fill_n(out, (copy_h - g.pad_top - g.in_h) * pitch, pad);
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_COMMON_COPY_IMAGE_INL_H_
