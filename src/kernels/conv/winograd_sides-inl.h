// The transforms of Winograd's tiles (winograd.h) along one side, of vectors:
// both sides are transformed one after the other. One definition a SIMD target.
#if defined(LITESMITH_KERNELS_CONV_WINOGRAD_SIDES_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_WINOGRAD_SIDES_INL_H_
#undef LITESMITH_KERNELS_CONV_WINOGRAD_SIDES_INL_H_
#else
#define LITESMITH_KERNELS_CONV_WINOGRAD_SIDES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/conv/winograd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

// kTile: outputs a side. B^T times kTile + 2 values of a patch.
template <int kTile>
struct WinogradSide;

template <>
struct WinogradSide<2> {
  template <class V>
  static HWY_INLINE void In(const V* x, V* to) {
    to[0] = hn::Sub(x[0], x[2]);
    to[1] = hn::Add(x[1], x[2]);
    to[2] = hn::Sub(x[2], x[1]);
    to[3] = hn::Sub(x[1], x[3]);
  }
  // A^T times the sums of products.
  template <class V>
  static HWY_INLINE void Out(const V* m, V* to) {
    to[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
    to[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
  }
  // What is left of the integers' factor.
  static HWY_INLINE VS32 Unscale(VS32 sum) { return hn::ShiftRight<2>(sum); }
};

template <>
struct WinogradSide<4> {
  // Integers of 16 bits: a patch of 9 bits has sums of at most 100 times that.
  template <class V>
  static HWY_INLINE void In(const V* x, V* to) {
    const V p = hn::Sub(x[4], hn::ShiftLeft<2>(x[2]));
    const V q = hn::Sub(x[3], hn::ShiftLeft<2>(x[1]));
    const V u = hn::Sub(x[4], x[2]);
    V v = hn::Sub(x[3], x[1]);
    v = hn::Add(v, v);
    to[0] = hn::Add(u, hn::ShiftLeft<2>(hn::Sub(x[0], x[2])));
    to[1] = hn::Add(p, q);
    to[2] = hn::Sub(p, q);
    to[3] = hn::Add(u, v);
    to[4] = hn::Sub(u, v);
    to[5] = hn::Sub(hn::Sub(x[5], x[3]), hn::Add(v, v));
  }
  static HWY_INLINE void In(const VF32* x, VF32* to) {
    constexpr float kA2 = kWinogradA * kWinogradA;
    constexpr float kB2 = kWinogradB * kWinogradB;
    const VF32 a2 = Of(kA2), b2 = Of(kB2), a = Of(kWinogradA),
               b = Of(kWinogradB);
    const VF32 sum = Of(kA2 + kB2), product = Of(kA2 * kB2);
    const VF32 p = hn::NegMulAdd(b2, x[2], x[4]);
    const VF32 q = hn::NegMulAdd(b2, x[1], x[3]);
    const VF32 u = hn::NegMulAdd(a2, x[2], x[4]);
    const VF32 v = hn::NegMulAdd(a2, x[1], x[3]);
    to[0] = hn::MulAdd(product, x[0], hn::NegMulAdd(sum, x[2], x[4]));
    to[1] = hn::MulAdd(a, q, p);
    to[2] = hn::NegMulAdd(a, q, p);
    to[3] = hn::MulAdd(b, v, u);
    to[4] = hn::NegMulAdd(b, v, u);
    to[5] = hn::MulAdd(product, x[1], hn::NegMulAdd(sum, x[3], x[5]));
  }
  // The last factor of integers is 12 * 2, else weights would leave 16 bits.
  static HWY_INLINE void Out(const VS32* m, VS32* to) {
    const VS32 s = hn::Add(m[1], m[2]), d = hn::Sub(m[1], m[2]);
    const VS32 s2 = hn::Add(m[3], m[4]), d2 = hn::Sub(m[3], m[4]);
    to[0] = hn::Add(hn::Add(m[0], s), s2);
    to[1] = hn::Add(d, hn::Add(d2, d2));
    to[2] = hn::Add(s, hn::ShiftLeft<2>(s2));
    to[3] = hn::Add(d, hn::Add(hn::ShiftLeft<3>(d2), hn::Add(m[5], m[5])));
  }
  static HWY_INLINE void Out(const VF32* m, VF32* to) {
    constexpr float kA2 = kWinogradA * kWinogradA;
    constexpr float kB2 = kWinogradB * kWinogradB;
    const VF32 s = hn::Add(m[1], m[2]), d = hn::Sub(m[1], m[2]);
    const VF32 s2 = hn::Add(m[3], m[4]), d2 = hn::Sub(m[3], m[4]);
    to[0] = hn::Add(hn::Add(m[0], s), s2);
    to[1] = hn::MulAdd(Of(kWinogradB), d2, hn::Mul(Of(kWinogradA), d));
    to[2] = hn::MulAdd(Of(kB2), s2, hn::Mul(Of(kA2), s));
    to[3] = hn::MulAdd(Of(kB2 * kWinogradB), d2,
                       hn::MulAdd(Of(kA2 * kWinogradA), d, m[5]));
  }
  static HWY_INLINE VS32 Unscale(VS32 sum) {
    constexpr int32_t kInverseOf9 = 954437177;
    return hn::ShiftRight<6>(hn::Mul(sum, hn::Set(DS32(), kInverseOf9)));
  }

 private:
  static HWY_INLINE VF32 Of(float x) { return hn::Set(DF32(), x); }
};

template <int kTile>
HWY_INLINE VF32 WinogradSum(VF32 sum) {
  return sum;
}
template <int kTile>
HWY_INLINE VS32 WinogradSum(VS32 sum) {
  return WinogradSide<kTile>::Unscale(sum);
}

// The patch that begins at `from`, rows and pixels so far apart, to planes, a
// position each.
template <int kTile, class D, typename X = hn::TFromD<D> >
HWY_INLINE void TransformPatch(D d, const X* from, ptrdiff_t row,
                               ptrdiff_t pixel, X* to, ptrdiff_t plane) {
  using V = hn::Vec<D>;
  constexpr int kSide = kTile + 2;
  V t[kSide][kSide];
  for (int x = 0; x < kSide; ++x, from += pixel) {
    V in[kSide], out[kSide];
    for (int y = 0; y < kSide; ++y) in[y] = hn::LoadU(d, from + y * row);
    WinogradSide<kTile>::In(in, out);
    for (int y = 0; y < kSide; ++y) t[y][x] = out[y];
  }
  for (int y = 0; y < kSide; ++y) {
    V out[kSide];
    WinogradSide<kTile>::In(t[y], out);
    for (int x = 0; x < kSide; ++x, to += plane) hn::StoreU(out[x], d, to);
  }
}

// The outputs' sums [kTile][kTile] of a tile, from those of its positions.
template <int kTile, class D, typename T = hn::TFromD<D> >
HWY_INLINE void TransformSums(D d, const T* m, ptrdiff_t plane,
                              hn::Vec<D>* sums) {
  using V = hn::Vec<D>;
  constexpr int kSide = kTile + 2;
  V t[kTile][kSide];
  for (int x = 0; x < kSide; ++x, m += plane) {
    V in[kSide], out[kTile];
    for (int y = 0; y < kSide; ++y) in[y] = hn::LoadU(d, m + y * kSide * plane);
    WinogradSide<kTile>::Out(in, out);
    for (int y = 0; y < kTile; ++y) t[y][x] = out[y];
  }
  for (int y = 0; y < kTile; ++y) {
    WinogradSide<kTile>::Out(t[y], sums + y * kTile);
    for (int x = 0; x < kTile; ++x) {
      sums[y * kTile + x] = WinogradSum<kTile>(sums[y * kTile + x]);
    }
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_WINOGRAD_SIDES_INL_H_
