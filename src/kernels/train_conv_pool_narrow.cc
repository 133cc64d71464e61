#include "src/kernels/train_conv_pool_narrow.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train_conv_pool_narrow.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DI = hn::Rebind<int32_t, DF>;
using DU8 = hn::Rebind<uint8_t, DF>;
using VI = hn::Vec<DI>;

// The four sums of a pool window in each lane; x points at the first column.
template <int F>
HWY_INLINE void Sums(const NarrowLayer& a, const float* x, VI column,
                     const VF* w, VF* sum) {
  const DF d;
  const DI di;
  HWY_UNROLL(8)
  for (int r = 0; r <= F; ++r) {
    const VF row = hn::LoadU(d, x + r * a.x_row);
    HWY_UNROLL(8)
    for (int c = 0; c <= F; ++c) {
      const VF pixel = hn::TableLookupLanes(
          row, hn::IndicesFromVec(d, hn::Add(column, hn::Set(di, c))));
      HWY_UNROLL(4)
      for (int at = 0; at < 4; ++at) {
        const int ky = r - at / 2;
        const int kx = c - at % 2;
        if (ky >= 0 && ky < F && kx >= 0 && kx < F) {
          sum[at] = hn::MulAdd(pixel, w[ky * F + kx], sum[at]);
        }
      }
    }
  }
}

// Calls use(sums, vector in the row, offset in the output) for all vectors.
template <int F, class Use>
HWY_INLINE void ForEachVector(const NarrowLayer& a, const float* x,
                              const float* bias, Use&& use) {
  const DF d;
  const DI di;
  constexpr int kTaps = F * F;
  for (int py = 0; py < a.rows; ++py) {
    for (int phase = 0; phase < a.phases; ++phase) {
      const VI column = hn::LoadU(di, a.column + phase * kLanes);
      const VF b = hn::LoadU(d, bias + phase * kLanes);
      VF w[kTaps];
      HWY_UNROLL(25)
      for (int t = 0; t < kTaps; ++t) {
        w[t] = hn::LoadU(d, a.w + (phase * kTaps + t) * kLanes);
      }
      for (int v = phase; v < a.vectors; v += a.phases) {
        VF sum[4] = {b, b, b, b};
        Sums<F>(a, x + a.first_x[v], column, w, sum);
        use(sum, v, py * a.y_row + v * kLanes);
      }
    }
    x += 2 * a.x_row;
  }
}

HWY_INLINE void StoreOutput(const NarrowLayer& a, int v, VF out, VI winner,
                            float* y, uint8_t* winners) {
  if (v + 1 < a.vectors) {
    hn::StoreU(out, DF(), y);
  } else {
    StoreFirst(out, a.last_lanes, y);
  }
  // What lies behind the row is overwritten by the next one.
  hn::StoreU(hn::DemoteTo(DU8(), winner), DU8(), winners);
}

template <int F>
void ForwardF(const NarrowLayer& a, const float* x, const float* bias, float* y,
              uint8_t* winners) {
  const DF d;
  const DI di;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
  ForEachVector<F>(
      a, x, bias, [&](const VF* sum, int v, ptrdiff_t at) HWY_ATTR {
        // The first of equals wins: later ones must be greater.
        const auto right0 = hn::Gt(sum[1], sum[0]);
        const auto right1 = hn::Gt(sum[3], sum[2]);
        const VF best0 = hn::Max(sum[0], sum[1]);
        const VF best1 = hn::Max(sum[2], sum[3]);
        const auto lower = hn::Gt(best1, best0);
        const VI winner0 =
            hn::IfThenElseZero(hn::RebindMask(di, right0), hn::Set(di, 1));
        const VI winner1 = hn::IfThenElse(hn::RebindMask(di, right1),
                                          hn::Set(di, 3), hn::Set(di, 2));
        const VI winner =
            hn::IfThenElse(hn::RebindMask(di, lower), winner1, winner0);
        const VF best = hn::Min(hn::Max(hn::Max(best0, best1), low), high);
        StoreOutput(a, v, best, winner, y + at, winners + at);
      });
}

template <int F>
float LargestF(const NarrowLayer& a, const float* x, const float* bias) {
  const DF d;
  const VF low = hn::Set(d, a.range.low);
  const auto in_row = hn::FirstN(d, static_cast<size_t>(a.last_lanes));
  VF largest = low;
  ForEachVector<F>(a, x, bias, [&](const VF* sum, int v, ptrdiff_t) HWY_ATTR {
    VF best = hn::Max(hn::Max(sum[0], sum[1]), hn::Max(sum[2], sum[3]));
    if (v + 1 == a.vectors) best = hn::IfThenElse(in_row, best, low);
    largest = hn::Max(best, largest);
  });
  return std::min(hn::GetLane(hn::MaxOfLanes(d, largest)), a.range.high);
}

template <int F>
void QuantForwardF(const NarrowLayer& a, const FakeQuantGrid& grid,
                   const float* x, const float* bias, float* y,
                   uint8_t* winners) {
  const DF d;
  const DI di;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
  const VF grid_low = hn::Set(d, grid.low);
  const VF grid_high = hn::Set(d, grid.high);
  const VF scale = hn::Set(d, grid.scale);
  const VF inverse = hn::Set(d, 1.0f / grid.scale);
  const VF zero = hn::Set(d, grid.zero);
  const VF half = hn::Set(d, 0.5f);
  const auto shifted = [&](VF v) HWY_ATTR {
    return hn::Sub(hn::Max(hn::Min(v, grid_high), grid_low), grid_low);
  };
  // The number of v's point on the grid, as FakeQuantF32 has it.
  const auto level_of = [&](VF v) HWY_ATTR {
    const VF steps = hn::Div(shifted(v), scale);
    return hn::Floor(hn::Add(hn::Sub(steps, zero), half));
  };
  // A product with 1 / scale, and where a level begins, are known up to a few
  // roundings of numbers as large as the grid: 2^-21 of it. Only for values
  // that lie nearer to a border than these margins the division is needed.
  const float span = grid.high - grid.low;
  const VF margin = hn::Set(d, span * 0x1p-20f);
  const VF far = hn::Set(d, 0.5f - span / grid.scale * 0x1p-20f);
  // Gradients pass above the activation's lower end, which is not below the
  // grid's, and up to the lesser of the upper ends; the activation's itself
  // does not belong.
  const VF pass_high =
      hn::Set(d, std::min(std::nextafter(a.range.high, 0.0f), grid.pass_high));
  ForEachVector<F>(
      a, x, bias, [&](const VF* sum, int v, ptrdiff_t at) HWY_ATTR {
        VF out[4];
        HWY_UNROLL(4)
        for (int i = 0; i < 4; ++i)
          out[i] = hn::Min(hn::Max(sum[i], low), high);
        const VF best =
            hn::Max(hn::Max(out[0], out[1]), hn::Max(out[2], out[3]));
        const VF point =
            hn::Add(hn::Sub(hn::Mul(shifted(best), inverse), zero), half);
        VF level = hn::Floor(point);
        const VF begin = hn::Add(
            grid_low, hn::Mul(hn::Sub(hn::Add(level, zero), half), scale));
        auto equal0 = hn::Ge(out[0], begin);
        auto equal1 = hn::Ge(out[1], begin);
        auto equal2 = hn::Ge(out[2], begin);
        const VF nearest = hn::Min(hn::Min(hn::Abs(hn::Sub(out[0], begin)),
                                           hn::Abs(hn::Sub(out[1], begin))),
                                   hn::Abs(hn::Sub(out[2], begin)));
        const VF from_half = hn::Abs(hn::Sub(hn::Sub(point, level), half));
        if (!hn::AllFalse(
                d, hn::Or(hn::Le(nearest, margin), hn::Ge(from_half, far)))) {
          level = level_of(best);
          equal0 = hn::Eq(level_of(out[0]), level);
          equal1 = hn::Eq(level_of(out[1]), level);
          equal2 = hn::Eq(level_of(out[2]), level);
        }
        // The first of equals wins.
        VF raw = hn::IfThenElse(equal2, out[2], out[3]);
        raw = hn::IfThenElse(equal1, out[1], raw);
        raw = hn::IfThenElse(equal0, out[0], raw);
        VI winner = hn::IfThenElse(hn::RebindMask(di, equal2), hn::Set(di, 2),
                                   hn::Set(di, 3));
        winner =
            hn::IfThenElse(hn::RebindMask(di, equal1), hn::Set(di, 1), winner);
        winner = hn::IfThenZeroElse(hn::RebindMask(di, equal0), winner);
        const auto passes = hn::And(hn::Gt(raw, low), hn::Le(raw, pass_high));
        winner = hn::Add(winner, hn::IfThenZeroElse(hn::RebindMask(di, passes),
                                                    hn::Set(di, kNoGradient)));
        StoreOutput(a, v, hn::Mul(level, scale), winner, y + at, winners + at);
      });
}

// kMarked: winners say where no gradient passes, y is not needed.
template <int F, bool kMarked>
void WeightGradF(const NarrowLayer& a, const float* x, const float* y,
                 const float* dy, const uint8_t* winners, float* sums) {
  const DF d;
  const DI di;
  const DU8 du8;
  constexpr int kTaps = F * F;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
  const bool masked = !kMarked && !a.range.IsNone();
  for (int phase = 0; phase < a.phases; ++phase, sums += (kTaps + 1) * kLanes) {
    const VI column = hn::LoadU(di, a.column + phase * kLanes);
    VF acc[kTaps];
    HWY_UNROLL(25)
    for (int t = 0; t < kTaps; ++t) acc[t] = hn::LoadU(d, sums + t * kLanes);
    VF bias = hn::LoadU(d, sums + kTaps * kLanes);
    for (int py = 0; py < a.rows; ++py) {
      const float* image = x + 2 * py * a.x_row;
      for (int v = phase; v < a.vectors; v += a.phases) {
        const ptrdiff_t at = py * a.y_row + v * kLanes;
        const bool whole = v + 1 < a.vectors;
        VF g = whole ? hn::LoadU(d, dy + at) : LoadFirst(dy + at, a.last_lanes);
        const VI won = hn::PromoteTo(di, hn::LoadU(du8, winners + at));
        if constexpr (kMarked) {
          const auto marked = hn::Gt(won, hn::Set(di, kNoGradient - 1));
          g = hn::IfThenZeroElse(hn::RebindMask(d, marked), g);
        }
        if (masked) {
          const VF out =
              whole ? hn::LoadU(d, y + at) : LoadFirst(y + at, a.last_lanes);
          g = hn::IfThenElseZero(hn::And(hn::Gt(out, low), hn::Lt(out, high)),
                                 g);
        }
        bias = hn::Add(bias, g);
        // In lanes behind the row, where g is 0, any index in range will do.
        const VI winner = hn::And(won, hn::Set(di, 3));
        const VI first = hn::Add(column, hn::And(winner, hn::Set(di, 1)));
        const auto lower = hn::RebindMask(d, hn::Gt(winner, hn::Set(di, 1)));
        const float* from = image + a.first_x[v];
        VF above[F];
        HWY_UNROLL(8)
        for (int r = 0; r <= F; ++r) {
          const VF row = hn::LoadU(d, from + r * a.x_row);
          HWY_UNROLL(8)
          for (int kx = 0; kx < F; ++kx) {
            const VF pixel = hn::TableLookupLanes(
                row, hn::IndicesFromVec(d, hn::Add(first, hn::Set(di, kx))));
            if (r > 0) {
              const int t = (r - 1) * F + kx;
              acc[t] = hn::MulAdd(hn::IfThenElse(lower, pixel, above[kx]), g,
                                  acc[t]);
            }
            above[kx] = pixel;
          }
        }
      }
    }
    HWY_UNROLL(25)
    for (int t = 0; t < kTaps; ++t) hn::StoreU(acc[t], d, sums + t * kLanes);
    hn::StoreU(bias, d, sums + kTaps * kLanes);
  }
}

void Forward(const NarrowLayer& a, const float* x, const float* bias, float* y,
             uint8_t* winners) {
  if (a.filter == 3) return ForwardF<3>(a, x, bias, y, winners);
  return ForwardF<5>(a, x, bias, y, winners);
}

void WeightGrad(const NarrowLayer& a, const float* x, const float* y,
                const float* dy, const uint8_t* winners, float* sums) {
  if (a.filter == 3) return WeightGradF<3, false>(a, x, y, dy, winners, sums);
  return WeightGradF<5, false>(a, x, y, dy, winners, sums);
}

float Largest(const NarrowLayer& a, const float* x, const float* bias) {
  return a.filter == 3 ? LargestF<3>(a, x, bias) : LargestF<5>(a, x, bias);
}

void QuantForward(const NarrowLayer& a, const FakeQuantGrid& grid,
                  const float* x, const float* bias, float* y,
                  uint8_t* winners) {
  if (a.filter == 3) return QuantForwardF<3>(a, grid, x, bias, y, winners);
  return QuantForwardF<5>(a, grid, x, bias, y, winners);
}

void QuantWeightGrad(const NarrowLayer& a, const float* x, const float* dy,
                     const uint8_t* winners, float* sums) {
  if (a.filter == 3)
    return WeightGradF<3, true>(a, x, nullptr, dy, winners, sums);
  return WeightGradF<5, true>(a, x, nullptr, dy, winners, sums);
}

const NarrowMicro* Table() {
  static constexpr NarrowMicro kTable = {
      kLanes, Forward, WeightGrad, Largest, QuantForward, QuantWeightGrad};
  return &kTable;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Table);

const NarrowMicro& GetNarrowMicro() { return *HWY_DYNAMIC_DISPATCH(Table)(); }

bool NarrowConvPool::Fits(const Window& conv, const Window& pool) {
  if (conv.in_c != 1 || conv.stride_h != 1 || conv.stride_w != 1 ||
      conv.dilation_h != 1 || conv.dilation_w != 1 ||
      conv.filter_h != conv.filter_w ||
      (conv.filter_h != 3 && conv.filter_h != 5) || pool.filter_h != 2 ||
      pool.filter_w != 2) {
    return false;
  }
  // The input columns of all lanes of a vector must lie in one loaded vector.
  const int lanes = GetNarrowMicro().lanes;
  const int common = std::gcd(lanes, conv.out_c);
  int most = 0;
  for (int start = 0; start < conv.out_c; start += common) {
    most = std::max(most, (start + lanes - 1) / conv.out_c);
  }
  return 2 * most + conv.filter_w < lanes;
}

NarrowConvPool::NarrowConvPool(const Window& conv, FloatRange range,
                               const Window& pool, ptrdiff_t x_row)
    : micro_(&GetNarrowMicro()), channels_(conv.out_c) {
  const int lanes = micro_->lanes;
  const int row = pool.out_w * channels_;
  layer_.lanes = lanes;
  layer_.phases = channels_ / std::gcd(channels_, lanes);
  layer_.vectors = (row + lanes - 1) / lanes;
  layer_.last_lanes = row - (layer_.vectors - 1) * lanes;
  layer_.filter = conv.filter_h;
  layer_.rows = pool.out_h;
  layer_.x_row = x_row;
  layer_.y_row = row;
  layer_.range = range;
  for (int v = 0; v < layer_.vectors; ++v) {
    first_x_.push_back(2 * (v * lanes / channels_));
  }
  for (int p = 0; p < layer_.phases; ++p) {
    const int start = p * lanes % channels_;
    for (int l = 0; l < lanes; ++l) {
      column_.push_back(2 * ((start + l) / channels_));
    }
  }
  w_.Resize(static_cast<size_t>(layer_.phases * Taps() * lanes));
}

NarrowLayer NarrowConvPool::Layer() const {
  NarrowLayer layer = layer_;
  layer.first_x = first_x_.data();
  layer.column = column_.data();
  layer.w = w_.data();
  return layer;
}

void NarrowConvPool::Pack(const float* w) {
  float* to = w_.data();
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t < Taps(); ++t) {
      for (int l = 0; l < layer_.lanes; ++l) {
        const int channel = (p * layer_.lanes + l) % channels_;
        *to++ = w[channel * Taps() + t];
      }
    }
  }
}

size_t NarrowConvPool::bias_floats() const {
  return static_cast<size_t>(layer_.phases * layer_.lanes);
}

size_t NarrowConvPool::sum_floats() const {
  return bias_floats() * static_cast<size_t>(Taps() + 1);
}

void NarrowConvPool::PackBias(const float* bias, float* packed) const {
  for (size_t i = 0; i < bias_floats(); ++i) {
    packed[i] =
        bias == nullptr ? 0.0f : bias[i % static_cast<size_t>(channels_)];
  }
}

void NarrowConvPool::Forward(const float* x, const float* packed_bias, float* y,
                             uint8_t* winners) const {
  micro_->forward(Layer(), x, packed_bias, y, winners);
}

void NarrowConvPool::WeightGradient(const float* x, const float* y,
                                    const float* dy, const uint8_t* winners,
                                    float* sums) const {
  micro_->weight_grad(Layer(), x, y, dy, winners, sums);
}

float NarrowConvPool::Largest(const float* x, const float* packed_bias) const {
  return micro_->largest(Layer(), x, packed_bias);
}

void NarrowConvPool::QuantForward(const FakeQuantGrid& grid, const float* x,
                                  const float* packed_bias, float* y,
                                  uint8_t* winners) const {
  micro_->quant_forward(Layer(), grid, x, packed_bias, y, winners);
}

void NarrowConvPool::QuantWeightGradient(const float* x, const float* dy,
                                         const uint8_t* winners,
                                         float* sums) const {
  micro_->quant_weight_grad(Layer(), x, dy, winners, sums);
}

void NarrowConvPool::Unpack(const float* sums, float* dw, float* db) const {
  const int taps = Taps();
  if (dw != nullptr) std::fill_n(dw, channels_ * taps, 0.0f);
  if (db != nullptr) std::fill_n(db, channels_, 0.0f);
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t <= taps; ++t) {
      for (int l = 0; l < layer_.lanes; ++l) {
        const int channel = (p * layer_.lanes + l) % channels_;
        const float sum = *sums++;
        if (t < taps && dw != nullptr) dw[channel * taps + t] += sum;
        if (t == taps && db != nullptr) db[channel] += sum;
      }
    }
  }
}

}  // namespace litesmith::kernels
#endif
