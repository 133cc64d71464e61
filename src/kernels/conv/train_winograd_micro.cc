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
#include "src/kernels/conv/winograd_sides-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

constexpr int kTile = kTrainTile, kSide = kTile + 2;
using Sides = litesmith::HWY_NAMESPACE::WinogradSide<kTile>;
constexpr float kA = kWinogradA, kA2 = kA * kA, kA3 = kA2 * kA;
constexpr float kB = kWinogradB, kB2 = kB * kB, kB3 = kB2 * kB;

HWY_INLINE VF Of(float x) { return hn::Set(DF(), x); }

// A times four values.
HWY_INLINE void SideGradient(const VF* g, VF* to) {
  const VF even = hn::MulAdd(Of(kA2), g[2], g[0]);
  const VF odd = hn::MulAdd(Of(kA3), g[3], hn::Mul(Of(kA), g[1]));
  const VF even2 = hn::MulAdd(Of(kB2), g[2], g[0]);
  const VF odd2 = hn::MulAdd(Of(kB3), g[3], hn::Mul(Of(kB), g[1]));
  to[0] = g[0];
  to[1] = hn::Add(even, odd);
  to[2] = hn::Sub(even, odd);
  to[3] = hn::Add(even2, odd2);
  to[4] = hn::Sub(even2, odd2);
  to[5] = g[3];
}

// kCount pixels of a column, `row` apart.
template <int kCount>
HWY_INLINE void LoadColumn(const float* from, ptrdiff_t row, VF* to) {
  HWY_UNROLL(6)
  for (int y = 0; y < kCount; ++y) to[y] = hn::LoadU(DF(), from + y * row);
}

// One row of positions.
HWY_INLINE void StoreRow(const VF* v, float* at, ptrdiff_t plane) {
  HWY_UNROLL(6)
  for (int x = 0; x < kSide; ++x) hn::StoreU(v[x], DF(), at + x * plane);
}

// Neighbours share two columns.
void Patches(const WinogradImage& from, const WinogradPlanes& to) {
  for (int c = 0; c < from.channels; c += kLanes) {
    const float* x = from.at + c;
    float* out = to.at + c;
    VF t[kSide][kSide];
    const auto column = [&](int at) HWY_ATTR {
      VF in[kSide], side[kSide];
      LoadColumn<kSide>(x, from.row, in);
      Sides::In(in, side);
      HWY_UNROLL(6)
      for (int y = 0; y < kSide; ++y) t[y][at] = side[y];
      x += from.pixel;
    };
    column(0);
    column(1);
    for (int n = 0; n < from.tiles; ++n, out += to.pitch) {
      HWY_UNROLL(4)
      for (int k = 2; k < kSide; ++k) column(k);
      HWY_UNROLL(6)
      for (int y = 0; y < kSide; ++y) {
        VF v[kSide];
        Sides::In(t[y], v);
        StoreRow(v, out + y * kSide * to.plane, to.plane);
        t[y][0] = t[y][kTile];
        t[y][1] = t[y][kTile + 1];
      }
    }
  }
}

template <class Lanes>
HWY_INLINE void OutputsOf(const Lanes& lanes, const WinogradPlanes& from,
                          const WinogradOutputs& to, int c) {
  const VF bias = hn::LoadU(DF(), to.bias + c);
  const VF low = Of(to.low), high = Of(to.high);
  const float* m = from.at + c;
  float* y = to.at + c;
  for (int left = to.columns; left > 0; left -= kTile, m += from.pitch) {
    VF s[kTile][kSide];
    HWY_UNROLL(6)
    for (int x = 0; x < kSide; ++x) {
      VF in[kSide], side[kTile];
      LoadColumn<kSide>(m + x * from.plane, kSide * from.plane, in);
      Sides::Out(in, side);
      HWY_UNROLL(4)
      for (int k = 0; k < kTile; ++k) s[k][x] = side[k];
    }
    const int columns = std::min(left, kTile);
    HWY_UNROLL(4)
    for (int k = 0; k < kTile; ++k) {
      if (k >= to.rows) break;
      VF v[kTile];
      Sides::Out(s[k], v);
      HWY_UNROLL(4)
      for (int x = 0; x < kTile; ++x) {
        if (x >= columns) break;
        float* const place = y + k * to.row + x * ptrdiff_t{to.channels};
        const VF sum = hn::Min(hn::Max(hn::Add(v[x], bias), low), high);
        lanes.Store(to.adds ? hn::Add(sum, lanes.Load(place)) : sum, place);
      }
    }
    y += kTile * ptrdiff_t{to.channels};
  }
}

void Outputs(const WinogradPlanes& from, const WinogradOutputs& to) {
  int c = 0;
  for (; c + kLanes <= to.channels; c += kLanes)
    OutputsOf(AllLanes(), from, to, c);
  if (c < to.channels) OutputsOf(FirstLanes{to.channels - c}, from, to, c);
}

void Gradients(const WinogradImage& from, const WinogradPlanes& to) {
  for (int c = 0; c < from.channels; c += kLanes) {
    const float* g = from.at + c;
    float* out = to.at + c;
    for (int n = 0; n < from.tiles; ++n, out += to.pitch) {
      VF t[kSide][kTile];
      HWY_UNROLL(4)
      for (int x = 0; x < kTile; ++x, g += from.pixel) {
        VF in[kTile], side[kSide];
        LoadColumn<kTile>(g, from.row, in);
        SideGradient(in, side);
        HWY_UNROLL(6)
        for (int y = 0; y < kSide; ++y) t[y][x] = side[y];
      }
      HWY_UNROLL(6)
      for (int y = 0; y < kSide; ++y) {
        VF v[kSide];
        SideGradient(t[y], v);
        StoreRow(v, out + y * kSide * to.plane, to.plane);
      }
    }
  }
}

// G's numbers of 0, and of the points a and b.
constexpr float kOfZero = 1 / (kA2 * kB2);
constexpr float kOfA = 1 / (2 * kA2 * (kA2 - kB2));
constexpr float kOfB = 1 / (2 * kB2 * (kB2 - kA2));

// G times three weights.
HWY_INLINE void SideWeights(const VF* g, VF* to) {
  const VF even = hn::Mul(Of(kOfA), hn::MulAdd(Of(kA2), g[2], g[0]));
  const VF even2 = hn::Mul(Of(kOfB), hn::MulAdd(Of(kB2), g[2], g[0]));
  to[0] = hn::Mul(Of(kOfZero), g[0]);
  to[1] = hn::MulAdd(Of(kOfA * kA), g[1], even);
  to[2] = hn::NegMulAdd(Of(kOfA * kA), g[1], even);
  to[3] = hn::MulAdd(Of(kOfB * kB), g[1], even2);
  to[4] = hn::NegMulAdd(Of(kOfB * kB), g[1], even2);
  to[5] = g[2];
}

// G^T times six sums.
HWY_INLINE void SideTaps(const VF* u, VF* to) {
  const VF even = hn::Mul(Of(kOfA), hn::Add(u[1], u[2]));
  const VF even2 = hn::Mul(Of(kOfB), hn::Add(u[3], u[4]));
  const VF odd = hn::Sub(u[1], u[2]), odd2 = hn::Sub(u[3], u[4]);
  to[0] = hn::Add(hn::MulAdd(Of(kOfZero), u[0], even), even2);
  to[1] = hn::MulAdd(Of(kOfA * kA), odd, hn::Mul(Of(kOfB * kB), odd2));
  to[2] = hn::MulAdd(Of(kA2), even, hn::MulAdd(Of(kB2), even2, u[5]));
}

void Weights(const float* taps, ptrdiff_t step, int n, float* u,
             ptrdiff_t position) {
  for (int c = 0; c < n; c += kLanes) {
    VF t[kSide][3];
    HWY_UNROLL(3)
    for (int x = 0; x < 3; ++x) {
      VF in[3], side[kSide];
      LoadColumn<3>(taps + c + x * step, 3 * step, in);
      SideWeights(in, side);
      HWY_UNROLL(6)
      for (int y = 0; y < kSide; ++y) t[y][x] = side[y];
    }
    HWY_UNROLL(6)
    for (int y = 0; y < kSide; ++y) {
      VF v[kSide];
      SideWeights(t[y], v);
      StoreRow(v, u + c + y * kSide * position, position);
    }
  }
}

void Taps(const float* u, ptrdiff_t position, int n, float* taps,
          ptrdiff_t step) {
  for (int c = 0; c < n; c += kLanes) {
    VF t[3][kSide];
    HWY_UNROLL(6)
    for (int x = 0; x < kSide; ++x) {
      VF in[kSide], side[3];
      LoadColumn<kSide>(u + c + x * position, kSide * position, in);
      SideTaps(in, side);
      HWY_UNROLL(3)
      for (int y = 0; y < 3; ++y) t[y][x] = side[y];
    }
    HWY_UNROLL(3)
    for (int y = 0; y < 3; ++y) {
      VF v[3];
      SideTaps(t[y], v);
      HWY_UNROLL(3)
      for (int x = 0; x < 3; ++x)
        hn::StoreU(v[x], DF(), taps + c + (3 * y + x) * step);
    }
  }
}

const WinogradMicro* WinogradTable() {
  static constexpr WinogradMicro kTable = {Patches, Outputs, Gradients, Weights,
                                           Taps};
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
