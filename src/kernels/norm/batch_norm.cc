// Sums and normalization by channel, compiled for each SIMD target. Each pass
// walks down a block of rows with some vectors of channels, whose numbers stay
// in registers; the block stays in the cache for the next ones.
#include "src/kernels/norm/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/norm/batch_norm.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"
#include "src/kernels/train/fake_quant-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

// The most rows that are added up as floats, and the fewest, since each block's
// sums are added to doubles.
constexpr size_t kMostRows = 128;
constexpr size_t kFewestRows = 32;
// Of a block of rows.
constexpr size_t kBlockFloats = 4096;

// Calls f(first row, rows) for each block.
template <class F>
HWY_INLINE void ForEachBlock(ChannelRows shape, const F& f) {
  const size_t block =
      std::clamp(kBlockFloats / shape.channels, kFewestRows, kMostRows);
  for (size_t r = 0; r < shape.rows; r += block)
    f(r, std::min(block, shape.rows - r));
}

template <int V>
using Vectors = std::integral_constant<int, V>;

// As many as registers hold the numbers of.
inline constexpr int kMostVectors = kAccumulators >= 16 ? 4 : 2;

// Calls f(vectors, lanes, first channel) for all channels.
template <class F>
HWY_INLINE void ForEachColumn(size_t channels, const F& f) {
  size_t c = 0;
  for (; c + kMostVectors * kLanes <= channels; c += kMostVectors * kLanes)
    f(Vectors<kMostVectors>(), AllLanes(), c);
  for (; c + 2 * kLanes <= channels; c += 2 * kLanes)
    f(Vectors<2>(), AllLanes(), c);
  if (c + kLanes <= channels) {
    f(Vectors<1>(), AllLanes(), c);
    c += kLanes;
  }
  if (c < channels)
    f(Vectors<1>(), FirstLanes{static_cast<int>(channels - c)}, c);
}

// Tensors come from beyond the second level of cache, whose own prefetches end
// with a page: rows are fetched that are so many floats ahead of those at hand,
// or one row. What lies behind a stretch of rows is most often the next one.
constexpr size_t kAheadFloats = 512;
HWY_INLINE size_t Ahead(size_t pitch) {
  return std::max<size_t>(kAheadFloats / pitch, 1) * pitch;
}

// How many rows are as long as `floats`, or 1: too few, or none.
HWY_INLINE size_t RowsIn(size_t floats, ChannelRows shape) {
  if (shape.channels >= floats || floats % shape.channels != 0) return 1;
  const size_t rows = floats / shape.channels;
  return shape.rows >= 4 * rows ? rows : 1;
}

// Numbers of few channels, repeated so that one vector holds several rows.
struct Repeated {
  HWY_ALIGN float v[kLanes];
  Repeated(const float* from, size_t channels) {
    for (int i = 0; i < kLanes; ++i)
      v[i] = from[static_cast<size_t>(i) % channels];
  }
};

// V vectors of numbers by channel.
template <int V>
struct Column {
  VF v[V];
  template <class Lanes>
  HWY_INLINE Column(const Lanes& lanes, const float* from) {
    HWY_UNROLL(4)
    for (int k = 0; k < V; ++k) v[k] = lanes.Load(from + k * kLanes);
  }
};

// Two sums of V vectors. Of one vector rows take turns, so that an addition
// need not wait for the one before.
template <int V>
struct ColumnSums {
  static constexpr int kSums = std::max(V, 2);
  static constexpr int kTurns = kSums / V;
  VF first[kSums], second[kSums];
  HWY_INLINE ColumnSums() {
    HWY_UNROLL(4)
    for (int i = 0; i < kSums; ++i) first[i] = second[i] = hn::Zero(DF());
  }
  // The sums of vector k's lanes.
  HWY_INLINE void Store(int k, float* to_first, float* to_second) const {
    const DF d;
    if constexpr (V == 1) {
      hn::Store(hn::Add(first[0], first[1]), d, to_first);
      hn::Store(hn::Add(second[0], second[1]), d, to_second);
    } else {
      hn::Store(first[k], d, to_first);
      hn::Store(second[k], d, to_second);
    }
  }
};

// Calls add(sums, place in sums, vector, row) for each row and vector.
template <int V, class Add>
HWY_INLINE void SumRows(size_t rows, ColumnSums<V>* sums, const Add& add) {
  size_t r = 0;
  for (; r + ColumnSums<V>::kTurns <= rows; r += ColumnSums<V>::kTurns) {
    HWY_UNROLL(4)
    for (int i = 0; i < ColumnSums<V>::kSums; ++i)
      add(&sums->first[i], &sums->second[i], i % V,
          r + static_cast<size_t>(i / V));
  }
  for (; r < rows; ++r) add(&sums->first[0], &sums->second[0], 0, r);
}

using DD = hn::ScalableTag<double>;
using VD = hn::Vec<DD>;

// Of so many vectors of doubles.
template <int kVectors>
HWY_INLINE void AddSums(const float* x, size_t rows, size_t pitch, double* sums,
                        double* squares) {
  const DD d;
  const hn::Rebind<float, DD> floats;
  constexpr size_t kDoubles = hn::MaxLanes(DD());
  VD sum[kVectors], square[kVectors];
  for (size_t k = 0; k < kVectors; ++k) {
    sum[k] = hn::LoadU(d, sums + k * kDoubles);
    square[k] = hn::LoadU(d, squares + k * kDoubles);
  }
  for (size_t r = 0; r < rows; ++r, x += pitch) {
    HWY_UNROLL(4)
    for (size_t k = 0; k < kVectors; ++k) {
      const VD v = hn::PromoteTo(d, hn::LoadU(floats, x + k * kDoubles));
      sum[k] = hn::Add(sum[k], v);
      square[k] = hn::MulAdd(v, v, square[k]);
    }
  }
  for (size_t k = 0; k < kVectors; ++k) {
    hn::StoreU(sum[k], d, sums + k * kDoubles);
    hn::StoreU(square[k], d, squares + k * kDoubles);
  }
}

// Adds up what lies `channels` apart.
HWY_INLINE void Fold(const double* from, size_t n, size_t channels,
                     double* to) {
  for (size_t i = 0; i < n; ++i) to[i % channels] += from[i];
}

void Sums(const float* x, ChannelRows shape, double* sums, double* squares) {
  constexpr size_t kDoubles = hn::MaxLanes(DD());
  const size_t pitch = shape.channels;
  constexpr size_t kWide = 4 * kDoubles;
  if (const size_t k = RowsIn(kWide, shape); k > 1) {
    // Several rows are one, so that additions need not wait for each other.
    double wide_sums[kWide] = {}, wide_squares[kWide] = {};
    const size_t whole = shape.rows / k;
    AddSums<4>(x, whole, kWide, wide_sums, wide_squares);
    Fold(wide_sums, kWide, pitch, sums);
    Fold(wide_squares, kWide, pitch, squares);
    x += whole * kWide;
    shape.rows -= whole * k;
  }
  ForEachBlock(shape, [&](size_t first, size_t rows) HWY_ATTR {
    const float* from = x + first * pitch;
    size_t c = 0;
    for (; c + 4 * kDoubles <= pitch; c += 4 * kDoubles)
      AddSums<4>(from + c, rows, pitch, sums + c, squares + c);
    for (; c + kDoubles <= pitch; c += kDoubles)
      AddSums<1>(from + c, rows, pitch, sums + c, squares + c);
    for (; c < pitch; ++c) {
      for (size_t r = 0; r < rows; ++r) {
        const double v = double{from[r * pitch + c]};
        sums[c] += v;
        squares[c] += v * v;
      }
    }
  });
}

// y = x * scale + offset before the range: multiplied and added apart, as on
// targets that cannot do both at once.
HWY_INLINE VF Scaled(VF x, VF scale, VF offset) {
  return hn::Add(hn::Mul(x, scale), offset);
}

// Of four vectors of channels at most, whose least and largest values stay in
// registers.
template <int V, class Lanes>
HWY_INLINE void AddEnds(const Lanes& lanes, const float* x, ChannelRows shape,
                        double* lowest, double* highest) {
  HWY_ALIGN float low[kLanes];
  HWY_ALIGN float high[kLanes];
  VF least[V], most[V];
  HWY_UNROLL(4)
  for (int k = 0; k < V; ++k) least[k] = most[k] = lanes.Load(x + k * kLanes);
  for (size_t r = 1; r < shape.rows; ++r) {
    x += shape.channels;
    HWY_UNROLL(4)
    for (int k = 0; k < V; ++k) {
      const VF v = lanes.Load(x + k * kLanes);
      least[k] = hn::Min(least[k], v);
      most[k] = hn::Max(most[k], v);
    }
  }
  for (int k = 0; k < V; ++k) {
    hn::Store(least[k], DF(), low);
    hn::Store(most[k], DF(), high);
    for (int i = 0; i < lanes.Count(); ++i) {
      double* const to_low = lowest + k * kLanes + i;
      double* const to_high = highest + k * kLanes + i;
      *to_low = std::min(*to_low, double{low[i]});
      *to_high = std::max(*to_high, double{high[i]});
    }
  }
}

void Ends(const float* x, ChannelRows shape, double* lowest, double* highest) {
  ForEachBlock(shape, [&](size_t first, size_t rows) HWY_ATTR {
    const float* from = x + first * shape.channels;
    ForEachColumn(shape.channels, [&](auto vectors, const auto& lanes,
                                      size_t c) HWY_ATTR {
      AddEnds<decltype(vectors)::value>(lanes, from + c, {rows, shape.channels},
                                        lowest + c, highest + c);
    });
  });
}

// What a normalized value becomes: within the range, and on the grid's points.
template <bool kGrid>
struct Clamped {
  VF low, high;
  SnapToGrid<> snap;
  Clamped(FloatRange range, const FakeQuantGrid* grid)
      : low(hn::Set(DF(), range.low)),
        high(hn::Set(DF(), range.high)),
        snap(kGrid ? *grid : FakeQuantGrid()) {}
  HWY_INLINE VF operator()(VF v) const {
    v = hn::Min(hn::Max(v, low), high);
    if constexpr (kGrid) return snap(v);
    return v;
  }
};

template <bool kGrid>
void AffineBlock(const float* x, ChannelRows shape, const float* scale,
                 const float* offset, const Clamped<kGrid>& clamped, float* y) {
  ForEachColumn(
      shape.channels, [&](auto vectors, const auto& lanes, size_t c) HWY_ATTR {
        constexpr int kVectors = decltype(vectors)::value;
        const Column<kVectors> a(lanes, scale + c);
        const Column<kVectors> b(lanes, offset + c);
        const float* from = x + c;
        float* to = y + c;
        const size_t ahead = Ahead(shape.channels);
        for (size_t r = 0; r < shape.rows; ++r) {
          HWY_UNROLL(4)
          for (int k = 0; k < kVectors; ++k) {
            hwy::Prefetch(from + ahead + k * kLanes);
            const VF v = Scaled(lanes.Load(from + k * kLanes), a.v[k], b.v[k]);
            lanes.Store(clamped(v), to + k * kLanes);
          }
          from += shape.channels;
          to += shape.channels;
        }
      });
}

template <bool kGrid>
void AffineRows(const float* x, ChannelRows shape, const float* scale,
                const float* offset, const Clamped<kGrid>& clamped, float* y) {
  ForEachBlock(shape, [&](size_t first, size_t rows) HWY_ATTR {
    const size_t at = first * shape.channels;
    AffineBlock(x + at, {rows, shape.channels}, scale, offset, clamped, y + at);
  });
}

template <bool kGrid>
void AffineBy(const float* x, ChannelRows shape, const float* scale,
              const float* offset, const Clamped<kGrid>& clamped, float* y) {
  if (const size_t k = RowsIn(kLanes, shape); k > 1) {
    const Repeated scales(scale, shape.channels);
    const Repeated offsets(offset, shape.channels);
    const size_t whole = shape.rows / k;
    AffineRows(x, {whole, kLanes}, scales.v, offsets.v, clamped, y);
    x += whole * kLanes;
    y += whole * kLanes;
    shape.rows -= whole * k;
  }
  AffineRows(x, shape, scale, offset, clamped, y);
}

void Affine(const float* x, ChannelRows shape, const float* scale,
            const float* offset, FloatRange range, const FakeQuantGrid* grid,
            float* y) {
  if (grid == nullptr)
    return AffineBy(x, shape, scale, offset, Clamped<false>(range, grid), y);
  AffineBy(x, shape, scale, offset, Clamped<true>(range, grid), y);
}

// Where a gradient passes, ends included.
FloatRange PassRange(FloatRange range, const FakeQuantGrid* grid) {
  constexpr float kAll = std::numeric_limits<float>::infinity();
  FloatRange pass{-kAll, kAll};
  if (!range.IsNone()) {
    pass.low = std::nextafter(range.low, kAll);
    pass.high = std::nextafter(range.high, -kAll);
  }
  if (grid == nullptr) return pass;
  return {std::max(pass.low, grid->pass_low),
          std::min(pass.high, grid->pass_high)};
}

bool AllPass(const NormGradient& a) {
  return a.range.IsNone() && a.grid == nullptr;
}

// Some rows of it.
NormGradient BlockOf(const NormGradient& a, size_t first, size_t rows) {
  NormGradient block = a;
  block.x += first * a.shape.channels;
  block.dy += first * a.shape.channels;
  block.shape.rows = rows;
  return block;
}

// The same with several rows as one.
struct Widened {
  Repeated mean, scale, offset;
  NormGradient a;
  size_t rows;  // that it holds
  Widened(const NormGradient& from, size_t k)
      : mean(from.mean, from.shape.channels),
        scale(from.scale, from.shape.channels),
        offset(from.offset, from.shape.channels),
        a(from),
        rows(from.shape.rows / k * k) {
    a.shape = {from.shape.rows / k, kLanes};
    a.mean = mean.v, a.scale = scale.v, a.offset = offset.v;
  }
};

// The gradient g of one column.
template <int V, bool kRange>
struct Passed {
  Column<V> scale, offset;
  VF low, high;
  template <class Lanes>
  HWY_INLINE Passed(const Lanes& lanes, const NormGradient& a, size_t c)
      : scale(lanes, a.scale + c), offset(lanes, a.offset + c) {
    const FloatRange pass = PassRange(a.range, a.grid);
    low = hn::Set(DF(), pass.low);
    high = hn::Set(DF(), pass.high);
  }
  HWY_INLINE VF operator()(int k, VF x, VF dy) const {
    if constexpr (!kRange) return dy;
    const VF y = Scaled(x, scale.v[k], offset.v[k]);
    return hn::IfThenElseZero(hn::And(hn::Ge(y, low), hn::Le(y, high)), dy);
  }
};

template <int V, bool kRange, class Lanes>
HWY_INLINE void AddGradientSums(const Lanes& lanes, const NormGradient& a,
                                size_t c, double* sums, double* products) {
  HWY_ALIGN float sum[kLanes];
  HWY_ALIGN float product[kLanes];
  const size_t pitch = a.shape.channels;
  const Column<V> mean(lanes, a.mean + c);
  const Passed<V, kRange> passed(lanes, a, c);
  const float* x = a.x + c;
  const float* dy = a.dy + c;
  const size_t ahead = Ahead(pitch);
  ColumnSums<V> of;
  SumRows<V>(a.shape.rows, &of, [&](VF* s, VF* p, int k, size_t r) HWY_ATTR {
    const size_t at = r * pitch + static_cast<size_t>(k * kLanes);
    hwy::Prefetch(x + at + ahead);
    hwy::Prefetch(dy + at + ahead);
    const VF v = lanes.Load(x + at);
    const VF g = passed(k, v, lanes.Load(dy + at));
    *s = hn::Add(*s, g);
    *p = hn::MulAdd(g, hn::Sub(v, mean.v[k]), *p);
  });
  for (int k = 0; k < V; ++k) {
    of.Store(k, sum, product);
    for (int i = 0; i < lanes.Count(); ++i) {
      sums[c + static_cast<size_t>(k * kLanes + i)] += double{sum[i]};
      products[c + static_cast<size_t>(k * kLanes + i)] += double{product[i]};
    }
  }
}

template <bool kRange>
void GradientSumsOf(const NormGradient& a, double* sums, double* products) {
  ForEachColumn(a.shape.channels,
                [&](auto vectors, const auto& lanes, size_t c) HWY_ATTR {
                  AddGradientSums<decltype(vectors)::value, kRange>(
                      lanes, a, c, sums, products);
                });
}

void GradientSumsRows(const NormGradient& a, double* sums, double* products) {
  ForEachBlock(a.shape, [&](size_t first, size_t rows) HWY_ATTR {
    const NormGradient block = BlockOf(a, first, rows);
    if (AllPass(a)) return GradientSumsOf<false>(block, sums, products);
    GradientSumsOf<true>(block, sums, products);
  });
}

void GradientSums(const NormGradient& a, double* sums, double* products) {
  const size_t k = RowsIn(kLanes, a.shape);
  if (k == 1) return GradientSumsRows(a, sums, products);
  const Widened wide(a, k);
  double wide_sums[kLanes] = {}, wide_products[kLanes] = {};
  GradientSumsRows(wide.a, wide_sums, wide_products);
  Fold(wide_sums, kLanes, a.shape.channels, sums);
  Fold(wide_products, kLanes, a.shape.channels, products);
  GradientSumsRows(BlockOf(a, wide.rows, a.shape.rows - wide.rows), sums,
                   products);
}

template <bool kRange>
void GradientOfInputOf(const NormGradient& a, const float* slope,
                       const float* shift, float* dx) {
  ForEachColumn(a.shape.channels, [&](auto vectors, const auto& lanes,
                                      size_t c) HWY_ATTR {
    constexpr int kVectors = decltype(vectors)::value;
    const Column<kVectors> mean(lanes, a.mean + c);
    const Column<kVectors> by_x(lanes, slope + c);
    const Column<kVectors> constant(lanes, shift + c);
    const Column<kVectors> by_g(lanes, a.scale + c);
    const Passed<kVectors, kRange> passed(lanes, a, c);
    const size_t ahead = Ahead(a.shape.channels);
    size_t at = c;
    for (size_t r = 0; r < a.shape.rows; ++r, at += a.shape.channels) {
      HWY_UNROLL(4)
      for (int k = 0; k < kVectors; ++k) {
        hwy::Prefetch(a.x + at + ahead + k * kLanes);
        hwy::Prefetch(a.dy + at + ahead + k * kLanes);
        const VF x = lanes.Load(a.x + at + k * kLanes);
        const VF g = passed(k, x, lanes.Load(a.dy + at + k * kLanes));
        const VF of_x =
            hn::MulAdd(hn::Sub(x, mean.v[k]), by_x.v[k], constant.v[k]);
        lanes.Store(hn::MulAdd(g, by_g.v[k], of_x), dx + at + k * kLanes);
      }
    }
  });
}

void GradientOfInputRows(const NormGradient& a, const float* slope,
                         const float* shift, float* dx) {
  ForEachBlock(a.shape, [&](size_t first, size_t rows) HWY_ATTR {
    const NormGradient block = BlockOf(a, first, rows);
    float* to = dx + first * a.shape.channels;
    if (AllPass(a)) return GradientOfInputOf<false>(block, slope, shift, to);
    GradientOfInputOf<true>(block, slope, shift, to);
  });
}

void GradientOfInput(const NormGradient& a, const float* slope,
                     const float* shift, float* dx) {
  const size_t k = RowsIn(kLanes, a.shape);
  if (k == 1) return GradientOfInputRows(a, slope, shift, dx);
  const Widened wide(a, k);
  const Repeated slopes(slope, a.shape.channels);
  const Repeated shifts(shift, a.shape.channels);
  GradientOfInputRows(wide.a, slopes.v, shifts.v, dx);
  GradientOfInputRows(BlockOf(a, wide.rows, a.shape.rows - wide.rows), slope,
                      shift, dx + wide.rows * a.shape.channels);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Sums);
HWY_EXPORT(Ends);
HWY_EXPORT(Affine);
HWY_EXPORT(GradientSums);
HWY_EXPORT(GradientOfInput);

void AddChannelSums(const float* x, ChannelRows shape, double* sums,
                    double* squares) {
  HWY_DYNAMIC_DISPATCH(Sums)(x, shape, sums, squares);
}

void AddChannelEnds(const float* x, ChannelRows shape, double* lowest,
                    double* highest) {
  HWY_DYNAMIC_DISPATCH(Ends)(x, shape, lowest, highest);
}

void ChannelAffine(const float* x, ChannelRows shape, const float* scale,
                   const float* offset, FloatRange range,
                   const FakeQuantGrid* grid, float* y) {
  HWY_DYNAMIC_DISPATCH(Affine)(x, shape, scale, offset, range, grid, y);
}

void AddNormGradientSums(const NormGradient& a, double* sums,
                         double* products) {
  HWY_DYNAMIC_DISPATCH(GradientSums)(a, sums, products);
}

void NormGradientOfInput(const NormGradient& a, const float* slope,
                         const float* shift, float* dx) {
  HWY_DYNAMIC_DISPATCH(GradientOfInput)(a, slope, shift, dx);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
