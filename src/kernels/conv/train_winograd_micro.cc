// The transforms of tiles, compiled for each SIMD target.
#include "src/kernels/conv/train_winograd_micro.h"

#include <algorithm>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/train_winograd_micro.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

// B^T times four values.
HWY_INLINE void SideIn(VF x0, VF x1, VF x2, VF x3, VF* to) {
  to[0] = hn::Sub(x0, x2);
  to[1] = hn::Add(x1, x2);
  to[2] = hn::Sub(x2, x1);
  to[3] = hn::Sub(x1, x3);
}

// A column of four pixels, transformed.
HWY_INLINE void ColumnIn(const float* from, ptrdiff_t row, VF* to) {
  const DF d;
  SideIn(hn::LoadU(d, from), hn::LoadU(d, from + row),
         hn::LoadU(d, from + 2 * row), hn::LoadU(d, from + 3 * row), to);
}

// Neighbours share two columns.
void Patches(const WinogradImage& from, const WinogradPlanes& to) {
  const DF d;
  for (int c = 0; c < from.channels; c += kLanes) {
    const float* x = from.at + c;
    float* out = to.at + c;
    VF a[4], b[4];
    ColumnIn(x, from.row, a);
    ColumnIn(x + from.pixel, from.row, b);
    for (int t = 0; t < from.tiles; ++t, out += to.pitch) {
      x += 2 * from.pixel;
      VF e[4], f[4];
      ColumnIn(x, from.row, e);
      ColumnIn(x + from.pixel, from.row, f);
      float* at = out;
      HWY_UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        VF v[4];
        SideIn(a[i], b[i], e[i], f[i], v);
        HWY_UNROLL(4)
        for (int k = 0; k < 4; ++k, at += to.plane) hn::StoreU(v[k], d, at);
        a[i] = e[i];
        b[i] = f[i];
      }
    }
  }
}

// A^T times four values.
HWY_INLINE void SideOut(VF m0, VF m1, VF m2, VF m3, VF* to) {
  to[0] = hn::Add(hn::Add(m0, m1), m2);
  to[1] = hn::Sub(hn::Sub(m1, m2), m3);
}

template <class Lanes>
HWY_INLINE void OutputsOf(const Lanes& lanes, const WinogradPlanes& from,
                          const WinogradOutputs& to, int c) {
  const DF d;
  const VF bias = hn::LoadU(d, to.bias + c);
  const VF low = hn::Set(d, to.low), high = hn::Set(d, to.high);
  const float* m = from.at + c;
  float* y = to.at + c;
  for (int x = 0; x < to.columns; x += 2, m += from.pitch) {
    VF s[4][2];
    HWY_UNROLL(4)
    for (int k = 0; k < 4; ++k) {
      const float* at = m + k * from.plane;
      SideOut(hn::LoadU(d, at), hn::LoadU(d, at + 4 * from.plane),
              hn::LoadU(d, at + 8 * from.plane),
              hn::LoadU(d, at + 12 * from.plane), s[k]);
    }
    HWY_UNROLL(2)
    for (int i = 0; i < 2; ++i) {
      VF v[2];
      SideOut(s[0][i], s[1][i], s[2][i], s[3][i], v);
      if (i >= to.rows) break;
      HWY_UNROLL(2)
      for (int k = 0; k < 2; ++k) {
        if (x + k >= to.columns) break;
        lanes.Store(hn::Min(hn::Max(hn::Add(v[k], bias), low), high),
                    y + i * to.row + (x + k) * ptrdiff_t{to.channels});
      }
    }
  }
}

void Outputs(const WinogradPlanes& from, const WinogradOutputs& to) {
  int c = 0;
  for (; c + kLanes <= to.channels; c += kLanes)
    OutputsOf(AllLanes(), from, to, c);
  if (c < to.channels) OutputsOf(FirstLanes{to.channels - c}, from, to, c);
}

// A times two values.
HWY_INLINE void SideGradient(VF g0, VF g1, VF* to) {
  to[0] = g0;
  to[1] = hn::Add(g0, g1);
  to[2] = hn::Sub(g0, g1);
  to[3] = hn::Neg(g1);
}

void Gradients(const WinogradImage& from, const WinogradPlanes& to) {
  const DF d;
  for (int c = 0; c < from.channels; c += kLanes) {
    const float* g = from.at + c;
    float* out = to.at + c;
    for (int t = 0; t < from.tiles; ++t, out += to.pitch) {
      VF a[4], b[4];
      SideGradient(hn::LoadU(d, g), hn::LoadU(d, g + from.row), a);
      SideGradient(hn::LoadU(d, g + from.pixel),
                   hn::LoadU(d, g + from.pixel + from.row), b);
      g += 2 * from.pixel;
      float* at = out;
      HWY_UNROLL(4)
      for (int i = 0; i < 4; ++i) {
        VF v[4];
        SideGradient(a[i], b[i], v);
        HWY_UNROLL(4)
        for (int k = 0; k < 4; ++k, at += to.plane) hn::StoreU(v[k], d, at);
      }
    }
  }
}

const WinogradMicro* WinogradTable() {
  static constexpr WinogradMicro kTable = {Patches, Outputs, Gradients};
  return &kTable;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(WinogradTable);

const WinogradMicro& GetWinogradMicro() {
  return *HWY_DYNAMIC_DISPATCH(WinogradTable)();
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
