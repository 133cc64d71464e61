#include "src/kernels/train_conv_pool_narrow.h"

#include <algorithm>
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

template <int F>
void ForwardF(const NarrowLayer& a, const float* x, const float* bias, float* y,
              uint8_t* winners) {
  const DF d;
  const DI di;
  const DU8 du8;
  constexpr int kTaps = F * F;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
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
        const float* from = x + a.first_x[v];
        VF sum[4] = {b, b, b, b};
        HWY_UNROLL(8)
        for (int r = 0; r <= F; ++r) {
          const VF row = hn::LoadU(d, from + r * a.x_row);
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
        float* to = y + py * a.y_row + v * kLanes;
        if (v + 1 < a.vectors) {
          hn::StoreU(best, d, to);
        } else {
          StoreFirst(best, a.last_lanes, to);
        }
        // What lies behind the row is overwritten by the next one.
        hn::StoreU(hn::DemoteTo(du8, winner), du8,
                   winners + py * a.y_row + v * kLanes);
      }
    }
    x += 2 * a.x_row;
  }
}

template <int F>
void WeightGradF(const NarrowLayer& a, const float* x, const float* y,
                 const float* dy, const uint8_t* winners, float* sums) {
  const DF d;
  const DI di;
  const DU8 du8;
  constexpr int kTaps = F * F;
  const VF low = hn::Set(d, a.range.low);
  const VF high = hn::Set(d, a.range.high);
  const bool masked = !a.range.IsNone();
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
        VF g, out;
        if (v + 1 < a.vectors) {
          g = hn::LoadU(d, dy + at);
          out = hn::LoadU(d, y + at);
        } else {
          g = LoadFirst(dy + at, a.last_lanes);
          out = LoadFirst(y + at, a.last_lanes);
        }
        if (masked) {
          g = hn::IfThenElseZero(hn::And(hn::Gt(out, low), hn::Lt(out, high)),
                                 g);
        }
        bias = hn::Add(bias, g);
        // In lanes behind the row, where g is 0, any index in range will do.
        const VI winner = hn::And(
            hn::PromoteTo(di, hn::LoadU(du8, winners + at)), hn::Set(di, 3));
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
  if (a.filter == 3) return WeightGradF<3>(a, x, y, dy, winners, sums);
  return WeightGradF<5>(a, x, y, dy, winners, sums);
}

const NarrowMicro* Table() {
  static constexpr NarrowMicro kTable = {kLanes, Forward, WeightGrad};
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
