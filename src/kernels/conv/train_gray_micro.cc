// The loops over vectors of filters for one-channel images.
#include "src/kernels/conv/train_gray_micro.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/train_gray_micro.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DI = hn::Rebind<int32_t, DF>;
using VI = hn::Vec<DI>;
using Mask = hn::Mask<DF>;

inline constexpr int kMaskBytes = (kLanes + 7) / 8;
inline constexpr int kRouteBytes = 3 * kMaskBytes;

// Where in the windows of a vector gradients go.
struct Route {
  Mask right, lower, passes;
};

HWY_INLINE void StoreRoute(const Route& route, uint8_t* to) {
  // Each may write some bytes too many, which the next one overwrites.
  const DF d;
  hn::StoreMaskBits(d, route.right, to);
  hn::StoreMaskBits(d, route.lower, to + kMaskBytes);
  hn::StoreMaskBits(d, route.passes, to + 2 * kMaskBytes);
}

HWY_INLINE Route LoadRoute(const uint8_t* from) {
  const DF d;
  return {hn::LoadMaskBits(d, from), hn::LoadMaskBits(d, from + kMaskBytes),
          hn::LoadMaskBits(d, from + 2 * kMaskBytes)};
}

// An output vector of the row, and its route.
struct Output {
  VF y;
  Route route;
};

// The columns that the lanes of a phase read, from the first one on.
template <int F>
HWY_INLINE Mask Columns(VI column) {
  const DF d;
  const DI di;
  const int last = hn::GetLane(hn::MaxOfLanes(di, column)) + F;
  return hn::FirstN(d, static_cast<size_t>(last + 1));
}

HWY_INLINE bool AreBlank(VF row0, VF row1, Mask columns) {
  const VF any = hn::IfThenElseZero(columns, hn::Or(row0, row1));
  const DI di;
  return hn::AllTrue(di, hn::Eq(hn::BitCast(di, any), hn::Zero(di)));
}

// Calls put(make(the four sums of the pool's window), vector in the row, offset
// in the output) for all vectors. Loops run down the image: of a window's
// filter + 1 rows all but two are the one's above it. Where all pixels are
// zero, as in half of the windows of MNIST, every sum is the bias: what is made
// of that is made once.
template <int F, class Make, class Put>
HWY_INLINE void ForEachVector(const GrayLayer& a, const float* x,
                              const float* bias, Make&& make, Put&& put) {
  const DF d;
  const DI di;
  constexpr int kTaps = F * F;
  constexpr int kKept = F - 1;
  for (int phase = 0; phase < a.phases; ++phase) {
    const VI column = hn::LoadU(di, a.column + phase * kLanes);
    const Mask columns = Columns<F>(column);
    const VF b = hn::LoadU(d, bias + phase * kLanes);
    const VF biases[4] = {b, b, b, b};
    const auto blank = make(biases);
    VF w[kTaps];
    HWY_UNROLL(25)
    for (int t = 0; t < kTaps; ++t) {
      w[t] = hn::LoadU(d, a.w + (phase * kTaps + t) * kLanes);
    }
    for (int v = phase; v < a.vectors; v += a.phases) {
      const float* from = x + a.first_x[v];
      // The pixels of the window's rows and columns in each lane.
      VF pixel[F + 1][F + 1];
      const auto spread = [&](VF row, int r) HWY_ATTR {
        HWY_UNROLL(8)
        for (int c = 0; c <= F; ++c) {
          pixel[r][c] = hn::TableLookupLanes(
              row, hn::IndicesFromVec(d, hn::Add(column, hn::Set(di, c))));
        }
      };
      // Rows come in pairs: how many, and the last one that is not blank.
      int pairs = 0;
      int filled = -1;
      VF row0, row1;
      const auto load = [&]() HWY_ATTR {
        row0 = hn::LoadU(d, from);
        row1 = hn::LoadU(d, from + a.x_row);
        from += 2 * a.x_row;
        if (!AreBlank(row0, row1, columns)) filled = pairs;
        ++pairs;
      };
      HWY_UNROLL(4)
      for (int r = 0; r < kKept; r += 2) {
        load();
        spread(row0, r);
        spread(row1, r + 1);
      }
      ptrdiff_t at = v * kLanes;
      for (int py = 0; py < a.rows; ++py, at += a.y_row) {
        load();
        if (filled < py) {
          put(blank, v, at);
          HWY_UNROLL(8)
          for (int r = 0; r < kKept; ++r) {
            HWY_UNROLL(8)
            for (int c = 0; c <= F; ++c) pixel[r][c] = hn::Zero(d);
          }
          continue;
        }
        spread(row0, F - 1);
        spread(row1, F);
        VF sum[4] = {b, b, b, b};
        HWY_UNROLL(8)
        for (int r = 0; r <= F; ++r) {
          HWY_UNROLL(8)
          for (int c = 0; c <= F; ++c) {
            HWY_UNROLL(4)
            for (int i = 0; i < 4; ++i) {
              const int ky = r - i / 2;
              const int kx = c - i % 2;
              if (ky >= 0 && ky < F && kx >= 0 && kx < F) {
                sum[i] = hn::MulAdd(pixel[r][c], w[ky * F + kx], sum[i]);
              }
            }
          }
        }
        put(make(sum), v, at);
        HWY_UNROLL(8)
        for (int r = 0; r < kKept; ++r) {
          HWY_UNROLL(8)
          for (int c = 0; c <= F; ++c) pixel[r][c] = pixel[r + 2][c];
        }
      }
    }
  }
}

// Stores what make gives, an Output, of all vectors.
template <int F, class Make>
HWY_INLINE void ForEachOutput(const GrayLayer& a, const float* x,
                              const float* bias, float* y, uint8_t* routes,
                              Make&& make) {
  ForEachVector<F>(a, x, bias, make,
                   [&](const Output& out, int v, ptrdiff_t at) HWY_ATTR {
                     if (v + 1 < a.vectors) {
                       hn::StoreU(out.y, DF(), y + at);
                     } else {
                       StoreFirst(out.y, a.last_lanes, y + at);
                     }
                     StoreRoute(out.route, routes);
                     routes += kRouteBytes;
                   });
}

template <int F>
void ForwardF(const GrayLayer& a, const float* x, const float* bias, float* y,
              uint8_t* routes) {
  const DF d;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
  ForEachOutput<F>(a, x, bias, y, routes, [&](const VF* sum) HWY_ATTR {
    // The first of equals wins: later ones must be greater.
    const Mask right0 = hn::Gt(sum[1], sum[0]);
    const Mask right1 = hn::Gt(sum[3], sum[2]);
    const VF best0 = hn::Max(sum[0], sum[1]);
    const VF best1 = hn::Max(sum[2], sum[3]);
    const Mask lower = hn::Gt(best1, best0);
    const VF best = hn::Max(best0, best1);
    const Mask right =
        hn::Or(hn::And(lower, right1), hn::AndNot(lower, right0));
    const Mask passes = hn::And(hn::Gt(best, low), hn::Lt(best, high));
    return Output{hn::Min(hn::Max(best, low), high), {right, lower, passes}};
  });
}

template <int F>
float LargestF(const GrayLayer& a, const float* x, const float* bias) {
  const DF d;
  const VF low = hn::Set(d, a.range.low);
  const auto in_row = hn::FirstN(d, static_cast<size_t>(a.last_lanes));
  VF largest = low;
  ForEachVector<F>(
      a, x, bias,
      [&](const VF* sum) HWY_ATTR {
        return hn::Max(hn::Max(sum[0], sum[1]), hn::Max(sum[2], sum[3]));
      },
      [&](VF best, int v, ptrdiff_t) HWY_ATTR {
        if (v + 1 == a.vectors) best = hn::IfThenElse(in_row, best, low);
        largest = hn::Max(best, largest);
      });
  return std::min(hn::GetLane(hn::MaxOfLanes(d, largest)), a.range.high);
}

// The smaller one without its sign.
HWY_INLINE VF MinAbs(VF a, VF b) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  // The minimum of magnitudes, sign cleared.
  return VF{_mm512_range_ps(a.raw, b.raw, 0x0A)};
#else
  return hn::Min(hn::Abs(a), hn::Abs(b));
#endif
}

template <int F>
void QuantForwardF(const GrayLayer& a, const FakeQuantGrid& grid,
                   const float* x, const float* bias, float* y,
                   uint8_t* routes) {
  const DF d;
  // The activation's lower end is not below the grid's.
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, std::min(a.range.high, grid.high));
  const VF grid_low = hn::Set(d, grid.low);
  const VF scale = hn::Set(d, grid.scale);
  const VF zero = hn::Set(d, grid.zero);
  const VF half = hn::Set(d, 0.5f);
  // The number of v's point on the grid, as FakeQuantF32 has it.
  const auto level_of = [&](VF v) HWY_ATTR {
    const VF clamped = hn::Min(hn::Max(v, low), high);
    const VF steps = hn::Div(hn::Sub(clamped, grid_low), scale);
    return hn::Floor(hn::Add(hn::Sub(steps, zero), half));
  };
  const VF lowest_level = level_of(low);
  // Where a level begins is known up to a few roundings of numbers as large as
  // the grid, 2^-21 of it. Values that lie nearer need a division of their own.
  const VF margin = hn::Set(d, (grid.high - grid.low) * 0x1p-20f);
  const VF first_begin = hn::Set(d, grid.low + (grid.zero - 0.5f) * grid.scale);
  const VF minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  // Gradients pass above the activation's lower end and up to the lesser of
  // the upper ends; the activation's itself does not belong.
  const VF pass_high =
      hn::Set(d, std::min(std::nextafter(a.range.high, 0.0f), grid.pass_high));
  ForEachOutput<F>(a, x, bias, y, routes, [&](const VF* sum) HWY_ATTR {
    const VF level =
        level_of(hn::Max(hn::Max(sum[0], sum[1]), hn::Max(sum[2], sum[3])));
    // Every value, however low, has at least the lowest level.
    const VF begin = hn::IfThenElse(hn::Eq(level, lowest_level), minus_infinity,
                                    hn::MulAdd(level, scale, first_begin));
    const VF above0 = hn::Sub(sum[0], begin);
    const VF above1 = hn::Sub(sum[1], begin);
    const VF above2 = hn::Sub(sum[2], begin);
    Mask equal0 = hn::Ge(above0, hn::Zero(d));
    Mask equal1 = hn::Ge(above1, hn::Zero(d));
    Mask equal2 = hn::Ge(above2, hn::Zero(d));
    const VF nearest = MinAbs(MinAbs(above0, above1), above2);
    if (HWY_UNLIKELY(!hn::AllFalse(d, hn::Le(nearest, margin)))) {
      equal0 = hn::Eq(level_of(sum[0]), level);
      equal1 = hn::Eq(level_of(sum[1]), level);
      equal2 = hn::Eq(level_of(sum[2]), level);
    }
    // The first of equals wins.
    VF raw = hn::IfThenElse(equal2, sum[2], sum[3]);
    raw = hn::IfThenElse(equal1, sum[1], raw);
    raw = hn::IfThenElse(equal0, sum[0], raw);
    const Mask right = hn::AndNot(equal0, hn::Or(equal1, hn::Not(equal2)));
    const Mask lower = hn::Not(hn::Or(equal0, equal1));
    const Mask passes = hn::And(hn::Gt(raw, low), hn::Le(raw, pass_high));
    return Output{hn::Mul(level, scale), {right, lower, passes}};
  });
}

// Each lane's `index` in `above`, or in `below` where `lower`.
HWY_INLINE VF Choose(VF above, VF below, VI index, Mask lower) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  const DI di;
  // An index goes on into the second row.
  const VI either = hn::Add(index, hn::IfThenElseZero(hn::RebindMask(di, lower),
                                                      hn::Set(di, kLanes)));
  return VF{_mm512_permutex2var_ps(above.raw, either.raw, below.raw)};
#else
  const auto lanes = hn::IndicesFromVec(DF(), index);
  return hn::IfThenElse(lower, hn::TableLookupLanes(below, lanes),
                        hn::TableLookupLanes(above, lanes));
#endif
}

template <int F>
void WeightGradF(const GrayLayer& a, const float* x, const float* dy,
                 const uint8_t* routes, float* sums) {
  const DF d;
  const DI di;
  constexpr int kTaps = F * F;
  for (int phase = 0; phase < a.phases; ++phase, sums += (kTaps + 1) * kLanes) {
    const VI column = hn::LoadU(di, a.column + phase * kLanes);
    VF acc[kTaps];
    HWY_UNROLL(25)
    for (int t = 0; t < kTaps; ++t) acc[t] = hn::LoadU(d, sums + t * kLanes);
    VF bias = hn::LoadU(d, sums + kTaps * kLanes);
    for (int v = phase; v < a.vectors; v += a.phases) {
      const float* from = x + a.first_x[v];
      VF rows[F + 1];
      HWY_UNROLL(8)
      for (int r = 0; r < F - 1; ++r, from += a.x_row) {
        rows[r] = hn::LoadU(d, from);
      }
      ptrdiff_t at = v * kLanes;
      for (int py = 0; py < a.rows; ++py, at += a.y_row) {
        rows[F - 1] = hn::LoadU(d, from);
        rows[F] = hn::LoadU(d, from + a.x_row);
        from += 2 * a.x_row;
        const Route route = LoadRoute(routes);
        routes += kRouteBytes;
        const VF g = hn::IfThenElseZero(
            route.passes, v + 1 < a.vectors ? hn::LoadU(d, dy + at)
                                            : LoadFirst(dy + at, a.last_lanes));
        bias = hn::Add(bias, g);
        const VI first =
            hn::Add(column, hn::IfThenElseZero(hn::RebindMask(di, route.right),
                                               hn::Set(di, 1)));
        HWY_UNROLL(8)
        for (int kx = 0; kx < F; ++kx) {
          const VI index = hn::Add(first, hn::Set(di, kx));
          HWY_UNROLL(8)
          for (int ky = 0; ky < F; ++ky) {
            const VF pixel = Choose(rows[ky], rows[ky + 1], index, route.lower);
            acc[ky * F + kx] = hn::MulAdd(pixel, g, acc[ky * F + kx]);
          }
        }
        HWY_UNROLL(8)
        for (int r = 0; r < F - 1; ++r) rows[r] = rows[r + 2];
      }
    }
    HWY_UNROLL(25)
    for (int t = 0; t < kTaps; ++t) hn::StoreU(acc[t], d, sums + t * kLanes);
    hn::StoreU(bias, d, sums + kTaps * kLanes);
  }
}

void Forward(const GrayLayer& a, const float* x, const float* bias, float* y,
             uint8_t* routes) {
  if (a.filter == 3) return ForwardF<3>(a, x, bias, y, routes);
  return ForwardF<5>(a, x, bias, y, routes);
}

void QuantForward(const GrayLayer& a, const FakeQuantGrid& grid, const float* x,
                  const float* bias, float* y, uint8_t* routes) {
  if (a.filter == 3) return QuantForwardF<3>(a, grid, x, bias, y, routes);
  return QuantForwardF<5>(a, grid, x, bias, y, routes);
}

float Largest(const GrayLayer& a, const float* x, const float* bias) {
  return a.filter == 3 ? LargestF<3>(a, x, bias) : LargestF<5>(a, x, bias);
}

void WeightGrad(const GrayLayer& a, const float* x, const float* dy,
                const uint8_t* routes, float* sums) {
  if (a.filter == 3) return WeightGradF<3>(a, x, dy, routes, sums);
  return WeightGradF<5>(a, x, dy, routes, sums);
}

const GrayMicro* Table() {
  static constexpr GrayMicro kTable = {kLanes,       kRouteBytes, Forward,
                                       QuantForward, Largest,     WeightGrad};
  return &kTable;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Table);

const GrayMicro& GetGrayMicro() { return *HWY_DYNAMIC_DISPATCH(Table)(); }

}  // namespace litesmith::kernels
#endif
