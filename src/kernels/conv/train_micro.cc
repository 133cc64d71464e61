// The loops over vectors of channels: forward, both gradients, masks.
#include "src/kernels/conv/train_micro.h"

#include <algorithm>
#include <utility>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/train_micro.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

// Pixels in registers beside V vectors of channels.
template <int V>
inline constexpr int kMaxPixels = V == 1 ? std::min(14, kAccumulators)
                                         : std::min(14, kAccumulators / V);

// P pixels x V vectors. The pixels' addresses are formed from one pointer for
// three pixels and the step, so that no offset lives in memory.
template <int P, int V>
HWY_INLINE void ConvPixels(const ConvRow& a, const float* x, float* y) {
  const DF d;
  const ptrdiff_t step = a.x_step;
  VF acc[P][V];
  HWY_UNROLL(4)
  for (int v = 0; v < V; ++v) {
    const VF bias = hn::LoadU(d, a.bias + v * kLanes);
    HWY_UNROLL(16)
    for (int p = 0; p < P; ++p) acc[p][v] = bias;
  }
  if (a.adds) {
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v) {
      const int n = std::clamp(a.channels - v * kLanes, 0, kLanes);
      HWY_UNROLL(16)
      for (int p = 0; p < P; ++p)
        acc[p][v] = LoadFirst(y + p * a.y_step + v * kLanes, n);
    }
  }
  HWY_UNROLL(16)
  for (int p = 0; p < P; ++p) hwy::Prefetch(x + p * step + a.ahead);
  const float* HWY_RESTRICT w = a.w;
  for (int r = 0; r < a.runs; ++r) {
    const float* base = x + a.offset[r];
    const float* q[(P + 2) / 3];
    HWY_UNROLL(8)
    for (int i = 0; i < (P + 2) / 3; ++i) q[i] = base + 3 * i * step;
    const float* const end =
        w + static_cast<ptrdiff_t>(a.run_length) * V * kLanes;
    for (; w != end; w += V * kLanes) {
      VF wv[V];
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + v * kLanes);
      HWY_UNROLL(16)
      for (int p = 0; p < P; ++p) {
        const VF xv = hn::Set(d, q[p / 3][p % 3 * step]);
        HWY_UNROLL(4)
        for (int v = 0; v < V; ++v)
          acc[p][v] = hn::MulAdd(wv[v], xv, acc[p][v]);
      }
      HWY_UNROLL(8)
      for (int i = 0; i < (P + 2) / 3; ++i) ++q[i];
    }
  }
  const VF low = hn::Set(d, a.low);
  const VF high = hn::Set(d, a.high);
  HWY_UNROLL(4)
  for (int v = 0; v < V; ++v) {
    const int n = a.channels - v * kLanes;
    float* to = y + v * kLanes;
    if (n >= kLanes) {
      HWY_UNROLL(16)
      for (int p = 0; p < P; ++p) {
        hn::StoreU(hn::Min(hn::Max(acc[p][v], low), high), d,
                   to + p * a.y_step);
      }
    } else if (n > 0) {
      HWY_UNROLL(16)
      for (int p = 0; p < P; ++p) {
        StoreFirst(hn::Min(hn::Max(acc[p][v], low), high), n,
                   to + p * a.y_step);
      }
    }
  }
}

template <int P, int V>
HWY_NOINLINE void ConvPixelsCall(const ConvRow& a, const float* x, float* y) {
  ConvPixels<P, V>(a, x, y);
}

using PixelsFn = void (*)(const ConvRow&, const float*, float*);

template <int V, int... P>
void ConvRowV(const ConvRow& a, std::integer_sequence<int, P...>) {
  static constexpr PixelsFn kCalls[] = {ConvPixelsCall<P + 1, V>...};
  constexpr int kMax = sizeof...(P);
  // Blocks of nearly equal width.
  int blocks = (a.width + kMax - 1) / kMax;
  const float* x = a.x;
  float* y = a.y;
  for (int left = a.width; left > 0; --blocks) {
    const int width = (left + blocks - 1) / blocks;
    kCalls[width - 1](a, x, y);
    x += width * a.x_step;
    y += width * a.y_step;
    left -= width;
  }
}

void Row(const ConvRow& a, int vectors) {
  switch (vectors) {
    case 1:
      return ConvRowV<1>(a, std::make_integer_sequence<int, kMaxPixels<1>>());
    case 2:
      return ConvRowV<2>(a, std::make_integer_sequence<int, kMaxPixels<2>>());
    case 3:
      return ConvRowV<3>(a, std::make_integer_sequence<int, kMaxPixels<3>>());
    default:
      return ConvRowV<4>(a, std::make_integer_sequence<int, kMaxPixels<4>>());
  }
}

int Vectors(int left, int width) {
  // Few pixels in a row: more vectors, to keep enough sums in flight. Eight are
  // two blocks of four, which with few registers want three.
  const int few = kAccumulators < 16 ? 8 : 7;
  const int wanted = width > few ? 2 : width >= 5 ? 3 : 4;
  return std::min(left, wanted);
}

// R runs x J floats x V vectors of weights.
template <int R, int J, int V>
HWY_NOINLINE void WeightBlock(const ConvWeightGrad& a, int first_run,
                              int first_j) {
  const DF d;
  const ptrdiff_t step = a.dw_step;
  float* dw =
      a.dw +
      (static_cast<ptrdiff_t>(first_run) * a.run_length + first_j) * step;
  const ptrdiff_t dw_run = a.run_length * step;
  VF acc[R * J][V];
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(32)
    for (int j = 0; j < J; ++j) {
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) {
        acc[r * J + j][v] =
            a.accumulate ? hn::LoadU(d, dw + r * dw_run + j * step + v * kLanes)
                         : hn::Zero(d);
      }
    }
  }
  const float* x_first[R];
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r)
    x_first[r] = a.x + a.offset[first_run + r] + first_j;
  // The first block fetches for all, or each block of x what is like its own.
  const bool fetches = a.ahead[0] != nullptr &&
                       (a.ahead_of_x || (first_run == 0 && first_j == 0));
  const ptrdiff_t ahead_first = a.ahead_of_x ? first_j : 0;
  const ptrdiff_t ahead_step = a.ahead_of_x ? a.x_step : a.g_step;
  for (int y = 0; y < a.rows; ++y) {
    const float* HWY_RESTRICT g = a.g + y * a.g_row;
    const ptrdiff_t ahead = ahead_first + y * a.ahead_row;
    const float* ahead0 = fetches ? a.ahead[0] + ahead : nullptr;
    const float* ahead1 = fetches ? a.ahead[1] + ahead : nullptr;
    const float* x[R];
    HWY_UNROLL(4)
    for (int r = 0; r < R; ++r) x[r] = x_first[r] + y * a.x_row;
    for (int n = a.width; n > 0; --n) {
      VF gv[V];
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) {
        gv[v] = hn::LoadU(d, g + v * kLanes);
      }
      if (fetches) {
        HWY_UNROLL(4)
        for (int v = 0; v < V; ++v) {
          hwy::Prefetch(ahead0 + v * kLanes);
          hwy::Prefetch(ahead1 + v * kLanes);
        }
        ahead0 += ahead_step;
        ahead1 += ahead_step;
      }
      hwy::Prefetch(x[R - 1] + a.x_row);  // strided rows are no stream
      HWY_UNROLL(4)
      for (int r = 0; r < R; ++r) {
        HWY_UNROLL(32)
        for (int j = 0; j < J; ++j) {
          const VF xv = hn::Set(d, x[r][j]);
          HWY_UNROLL(4)
          for (int v = 0; v < V; ++v) {
            acc[r * J + j][v] = hn::MulAdd(gv[v], xv, acc[r * J + j][v]);
          }
        }
        x[r] += a.x_step;
      }
      g += a.g_step;
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(32)
    for (int j = 0; j < J; ++j) {
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) {
        hn::StoreU(acc[r * J + j][v], d,
                   dw + r * dw_run + j * step + v * kLanes);
      }
    }
  }
}

using WeightFn = void (*)(const ConvWeightGrad&, int, int);

template <int R, int V, int... J>
void WeightGradV(const ConvWeightGrad& a, std::integer_sequence<int, J...>) {
  static constexpr WeightFn kCalls[] = {WeightBlock<R, J + 1, V>...};
  constexpr int kMax = sizeof...(J);
  for (int r = 0; r < a.runs; r += R) {
    int blocks = (a.run_length + kMax - 1) / kMax;
    for (int j = 0; j < a.run_length; --blocks) {
      const int width = (a.run_length - j + blocks - 1) / blocks;
      kCalls[width - 1](a, r, j);
      j += width;
    }
  }
}

// Short runs are taken three at once.
template <int V>
void WeightGradAny(const ConvWeightGrad& a) {
  constexpr int kMaxJ = std::min(24, kAccumulators / V);
  constexpr int kMaxJ3 = kAccumulators / V / 3;
  if (a.runs % 3 == 0 && a.run_length <= kMaxJ3) {
    WeightGradV<3, V>(a, std::make_integer_sequence<int, kMaxJ3>());
  } else {
    WeightGradV<1, V>(a, std::make_integer_sequence<int, kMaxJ>());
  }
}

void WeightGrad(const ConvWeightGrad& a, int vectors) {
  switch (vectors) {
    case 1:
      return WeightGradAny<1>(a);
    case 2:
      return WeightGradAny<2>(a);
    case 3:
      return WeightGradAny<3>(a);
    default:
      return WeightGradAny<4>(a);
  }
}

void Mask(const float* dy, const float* y, size_t n, float low, float high,
          float* g) {
  const DF d;
  const VF lo = hn::Set(d, low);
  const VF hi = hn::Set(d, high);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const VF v = hn::LoadU(d, y + i);
    const auto pass = hn::And(hn::Gt(v, lo), hn::Lt(v, hi));
    hn::StoreU(hn::IfThenElseZero(pass, hn::LoadU(d, dy + i)), d, g + i);
  }
  for (; i < n; ++i) g[i] = y[i] > low && y[i] < high ? dy[i] : 0.0f;
}

void ColumnSum(const float* g, ptrdiff_t g_row, ptrdiff_t g_step, int rows,
               int width, int channels, float* sum) {
  const DF d;
  for (int c = 0; c < channels; c += kLanes) {
    // Two sums, to overlap additions.
    VF even = hn::LoadU(d, sum + c);
    VF odd = hn::Zero(d);
    for (int r = 0; r < rows; ++r) {
      const float* p = g + r * g_row + c;
      int n = width;
      for (; n >= 2; n -= 2, p += 2 * g_step) {
        even = hn::Add(even, hn::LoadU(d, p));
        odd = hn::Add(odd, hn::LoadU(d, p + g_step));
      }
      if (n > 0) even = hn::Add(even, hn::LoadU(d, p));
    }
    hn::StoreU(hn::Add(even, odd), d, sum + c);
  }
}

const ConvMicro* Table() {
  static constexpr ConvMicro kTable = {kLanes,     Vectors, Row,
                                       WeightGrad, Mask,    ColumnSum};
  return &kTable;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Table);

const ConvMicro& GetConvMicro() { return *HWY_DYNAMIC_DISPATCH(Table)(); }

}  // namespace litesmith::kernels
#endif
