// The maximum of each window and its place, compiled for each SIMD target.
#include "src/kernels/pool/train.h"

#include <algorithm>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/pool/train.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DI = hn::Rebind<int32_t, DF>;
using DU8 = hn::Rebind<uint8_t, DF>;

template <bool kPartial>
HWY_INLINE void PoolVector(const PoolRow& a, const float* x, int n, float* y,
                           uint8_t* winners) {
  const DF d;
  const DI di;
  const DU8 du8;
  const auto load = [&](const float* p) HWY_ATTR {
    if constexpr (kPartial) return LoadFirst(p, n);
    return hn::LoadU(d, p);
  };
  VF best = load(x + a.offset[0]);
  auto winner = hn::Set(di, a.id[0]);
  for (int t = 1; t < a.taps; ++t) {
    const VF v = load(x + a.offset[t]);
    const auto better = hn::Gt(v, best);
    best = hn::IfThenElse(better, v, best);
    winner = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, a.id[t]),
                            winner);
  }
  best =
      hn::Min(hn::Max(best, hn::Set(d, a.range.low)), hn::Set(d, a.range.high));
  if constexpr (kPartial) {
    StoreFirst(best, n, y);
  } else {
    hn::StoreU(best, d, y);
  }
  // Lanes behind the channels are overwritten by the next window.
  hn::StoreU(hn::DemoteTo(du8, winner), du8, winners);
}

void Pool(const PoolRow& a) {
  const float* x = a.x;
  float* y = a.y;
  uint8_t* winners = a.winners;
  const int whole = a.channels / kLanes * kLanes;
  for (int p = 0; p < a.width; ++p) {
    for (int c = 0; c < whole; c += kLanes) {
      PoolVector<false>(a, x + c, kLanes, y + c, winners + c);
    }
    if (whole < a.channels) {
      PoolVector<true>(a, x + whole, a.channels - whole, y + whole,
                       winners + whole);
    }
    x += a.x_step;
    y += a.channels;
    winners += a.channels;
  }
}

template <bool kPartial>
HWY_INLINE void GradVector(const PoolGradRow& a, const uint8_t* winners,
                           const float* y, const float* dy, int n, float* dx) {
  const DF d;
  const DI di;
  const DU8 du8;
  const auto load = [&](const float* p) HWY_ATTR {
    if constexpr (kPartial) return LoadFirst(p, n);
    return hn::LoadU(d, p);
  };
  VF g = load(dy);
  if (!a.range.IsNone()) {
    const VF v = load(y);
    g = hn::IfThenElseZero(hn::And(hn::Gt(v, hn::Set(d, a.range.low)),
                                   hn::Lt(v, hn::Set(d, a.range.high))),
                           g);
  }
  // winners has slack behind it.
  const auto winner = hn::PromoteTo(di, hn::LoadU(du8, winners));
  for (int t = 0; t < a.taps; ++t) {
    float* to = dx + a.offset[t];
    const auto won = hn::Eq(winner, hn::Set(di, a.id[t]));
    VF v = hn::IfThenElseZero(hn::RebindMask(d, won), g);
    if (a.accumulate) v = hn::Add(v, load(to));
    if constexpr (kPartial) {
      StoreFirst(v, n, to);
    } else {
      hn::StoreU(v, d, to);
    }
  }
}

void PoolGrad(const PoolGradRow& a) {
  const int whole = a.channels / kLanes * kLanes;
  for (ptrdiff_t p = 0; p < a.width; ++p) {
    const ptrdiff_t at = p * a.channels;
    float* dx = a.dx + p * a.dx_step;
    for (int c = 0; c < whole; c += kLanes) {
      GradVector<false>(a, a.winners + at + c, a.y + at + c, a.dy + at + c,
                        kLanes, dx + c);
    }
    if (whole < a.channels) {
      GradVector<true>(a, a.winners + at + whole, a.y + at + whole,
                       a.dy + at + whole, a.channels - whole, dx + whole);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Pool);
HWY_EXPORT(PoolGrad);

void MaxPoolRow(const PoolRow& row) { HWY_DYNAMIC_DISPATCH(Pool)(row); }
void MaxPoolGradRow(const PoolGradRow& row) {
  HWY_DYNAMIC_DISPATCH(PoolGrad)(row);
}

namespace {

// Calls call(first window, how many, taps, offsets, ids) for every stretch of
// windows of row oy that have the same taps inside the image. Offsets are from
// the image's start, of the first window.
template <typename F>
void ForEachStretch(const Window& w, int oy, F&& call) {
  ptrdiff_t offset[kMaxPoolTaps];
  uint8_t id[kMaxPoolTaps];
  const int y0 = oy * w.stride_h - w.pad_top;
  const auto inside = [&](int ox) {
    const int x0 = ox * w.stride_w - w.pad_left;
    return x0 >= 0 && x0 + w.filter_w <= w.in_w;
  };
  for (int ox = 0; ox < w.out_w;) {
    int width = 1;
    if (inside(ox)) {
      while (ox + width < w.out_w && inside(ox + width)) ++width;
    }
    const int x0 = ox * w.stride_w - w.pad_left;
    int taps = 0;
    for (int ky = 0; ky < w.filter_h; ++ky) {
      for (int kx = 0; kx < w.filter_w; ++kx) {
        const int y = y0 + ky;
        const int x = x0 + kx;
        if (y < 0 || y >= w.in_h || x < 0 || x >= w.in_w) continue;
        offset[taps] = (ptrdiff_t{y} * w.in_w + x) * w.in_c;
        id[taps++] = static_cast<uint8_t>(ky * w.filter_w + kx);
      }
    }
    call(ox, width, taps, offset, id);
    ox += width;
  }
}

}  // namespace

void MaxPoolF32(const Window& w, FloatRange range, int batch, const float* x,
                float* y, uint8_t* winners) {
  for (int n = 0; n < batch; ++n, x += w.in_size()) {
    for (int oy = 0; oy < w.out_h; ++oy) {
      ForEachStretch(w, oy,
                     [&](int, int width, int taps, const ptrdiff_t* offset,
                         const uint8_t* id) {
                       MaxPoolRow({x, ptrdiff_t{w.stride_w} * w.in_c, offset,
                                   id, taps, width, w.in_c, range, y, winners});
                       y += ptrdiff_t{width} * w.in_c;
                       winners += ptrdiff_t{width} * w.in_c;
                     });
    }
  }
}

void MaxPoolGradF32(const Window& w, FloatRange range, int batch,
                    const float* y, const float* dy, const uint8_t* winners,
                    float* dx) {
  std::fill_n(dx, batch * w.in_size(), 0.0f);
  for (int n = 0; n < batch; ++n, dx += w.in_size()) {
    for (int oy = 0; oy < w.out_h; ++oy) {
      ForEachStretch(
          w, oy,
          [&](int, int width, int taps, const ptrdiff_t* offset,
              const uint8_t* id) {
            MaxPoolGradRow({dx, ptrdiff_t{w.stride_w} * w.in_c, offset, id,
                            taps, width, w.in_c, range, y, dy, winners, true});
            const ptrdiff_t n_done = ptrdiff_t{width} * w.in_c;
            y += n_done;
            dy += n_done;
            winners += n_done;
          });
    }
  }
}

}  // namespace litesmith::kernels
#endif
