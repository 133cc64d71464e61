// Dot products forward, and the two gradients as sums of rows.
#include "src/kernels/dense/train.h"

#include <algorithm>
#include <utility>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/dense/train.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

// ---- Forward: dot products ------------------------------------------------

// Rows and outputs in registers, as large as they go.
inline constexpr int kDotRows = kAccumulators >= 24 ? 4 : 2;
inline constexpr int kDotOutputs = kAccumulators >= 24 ? 5 : 4;
// Rows taken together, and floats of `in` of one pass: few passes, since each
// takes the sums from memory and back.
inline constexpr int kRowGroup = 16;
inline constexpr int kDepth = 2048;

struct Dot {
  const float* x;
  const float* w;
  ptrdiff_t in;  // pitch of x and w
  int depth;     // of this pass
  float* sums;   // [rows][out][lanes]
  ptrdiff_t out;
  bool accumulate;
};

template <int R, int O>
HWY_NOINLINE void DotBlock(const Dot& a) {
  const DF d;
  VF acc[R][O];
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(8)
    for (int o = 0; o < O; ++o) {
      acc[r][o] = a.accumulate ? hn::LoadU(d, a.sums + (r * a.out + o) * kLanes)
                               : hn::Zero(d);
    }
  }
  const float* x = a.x;
  const float* w = a.w;
  const ptrdiff_t in = a.in;
  int left = a.depth;
  for (; left >= kLanes; left -= kLanes, x += kLanes, w += kLanes) {
    VF xv[R];
    HWY_UNROLL(4)
    for (int r = 0; r < R; ++r) xv[r] = hn::LoadU(d, x + r * in);
    HWY_UNROLL(8)
    for (int o = 0; o < O; ++o) {
      const VF wv = hn::LoadU(d, w + o * in);
      HWY_UNROLL(4)
      for (int r = 0; r < R; ++r) acc[r][o] = hn::MulAdd(xv[r], wv, acc[r][o]);
    }
  }
  if (left > 0) {
    VF xv[R];
    HWY_UNROLL(4)
    for (int r = 0; r < R; ++r) xv[r] = LoadFirst(x + r * in, left);
    HWY_UNROLL(8)
    for (int o = 0; o < O; ++o) {
      const VF wv = LoadFirst(w + o * in, left);
      HWY_UNROLL(4)
      for (int r = 0; r < R; ++r) acc[r][o] = hn::MulAdd(xv[r], wv, acc[r][o]);
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(8)
    for (int o = 0; o < O; ++o) {
      hn::StoreU(acc[r][o], d, a.sums + (r * a.out + o) * kLanes);
    }
  }
}

using DotFn = void (*)(const Dot&);

template <int R, int... O>
DotFn DotOf(int outputs, std::integer_sequence<int, O...>) {
  static constexpr DotFn kCalls[] = {DotBlock<R, O + 1>...};
  return kCalls[outputs - 1];
}

template <int... R>
DotFn DotOf(int rows, int outputs, std::integer_sequence<int, R...>) {
  using Outputs = std::make_integer_sequence<int, kDotOutputs>;
  DotFn result = nullptr;
  ((rows == R + 1 ? void(result = DotOf<R + 1>(outputs, Outputs())) : void()),
   ...);
  return result;
}

// The sizes of the nearly equal parts of `left`, at most `most` each.
HWY_INLINE int NextPart(int left, int most) {
  const int parts = (left + most - 1) / most;
  return (left + parts - 1) / parts;
}

void Dense(DenseShape size, FloatRange range, int rows, const float* x,
           const float* w, const float* bias, float* y, float* sums) {
  const DF d;
  using Rows = std::make_integer_sequence<int, kDotRows>;
  for (int first = 0; first < rows; first += kRowGroup) {
    const int group = std::min(kRowGroup, rows - first);
    for (int k = 0; k < size.depth; k += kDepth) {
      for (int o = 0; o < size.outputs;) {
        const int outputs = NextPart(size.outputs - o, kDotOutputs);
        for (int r = 0; r < group;) {
          const int n = NextPart(group - r, kDotRows);
          Dot dot;
          dot.x = x + ptrdiff_t{first + r} * size.depth + k;
          dot.w = w + ptrdiff_t{o} * size.depth + k;
          dot.in = size.depth;
          dot.depth = std::min(kDepth, size.depth - k);
          dot.sums = sums + (ptrdiff_t{r} * size.outputs + o) * kLanes;
          dot.out = size.outputs;
          dot.accumulate = k > 0;
          DotOf(n, outputs, Rows())(dot);
          r += n;
        }
        o += outputs;
      }
    }
    float* to = y + ptrdiff_t{first} * size.outputs;
    const float* from = sums;
    for (int r = 0; r < group; ++r) {
      for (int o = 0; o < size.outputs; ++o, from += kLanes) {
        const float sum = hn::GetLane(hn::SumOfLanes(d, hn::LoadU(d, from))) +
                          (bias != nullptr ? bias[o] : 0.0f);
        *to++ = std::min(std::max(sum, range.low), range.high);
      }
    }
  }
}

// ---- Gradients: sums of broadcasts times vectors along `in` ---------------

// c[m][i] = sum over k < depth of a[k][m] * b[k][i]: with a = g transposed and
// b = w it is the input's gradient, with a = g and b = x the weights'.
struct Outer {
  const float* a;
  ptrdiff_t a_row;
  const float* b;
  ptrdiff_t b_row;
  int depth;
  float* c;
  ptrdiff_t c_row;
  int last;  // lanes of the last vector
};

inline constexpr int kOuterVectors = kAccumulators >= 24 ? 2 : 2;
inline constexpr int kOuterRows = kAccumulators / kOuterVectors >= 12 ? 12 : 6;

template <int M, int V, bool kPartial>
HWY_NOINLINE void OuterBlock(const Outer& s) {
  const DF d;
  VF acc[M][V];
  HWY_UNROLL(16)
  for (int m = 0; m < M; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v) acc[m][v] = hn::Zero(d);
  }
  const float* HWY_RESTRICT a = s.a;
  const float* HWY_RESTRICT b = s.b;
  for (int k = 0; k < s.depth; ++k, a += s.a_row, b += s.b_row) {
    VF bv[V];
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v) {
      bv[v] = kPartial && v == V - 1 ? LoadFirst(b + v * kLanes, s.last)
                                     : hn::LoadU(d, b + v * kLanes);
    }
    HWY_UNROLL(16)
    for (int m = 0; m < M; ++m) {
      const VF av = hn::Set(d, a[m]);
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) acc[m][v] = hn::MulAdd(bv[v], av, acc[m][v]);
    }
  }
  HWY_UNROLL(16)
  for (int m = 0; m < M; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v) {
      float* to = s.c + m * s.c_row + v * kLanes;
      if (kPartial && v == V - 1) {
        StoreFirst(acc[m][v], s.last, to);
      } else {
        hn::StoreU(acc[m][v], d, to);
      }
    }
  }
}

using OuterFn = void (*)(const Outer&);

template <int... M>
void OuterProduct(const float* a, int rows, const float* b, int depth, int in,
                  float* c, std::integer_sequence<int, M...>) {
  static constexpr OuterFn kPairs[] = {
      OuterBlock<M + 1, kOuterVectors, false>...};
  static constexpr OuterFn kSingles[] = {OuterBlock<M + 1, 1, true>...};
  for (int i = 0; i < in;) {
    const bool pair = in - i >= kOuterVectors * kLanes;
    const int width = pair ? kOuterVectors * kLanes : std::min(kLanes, in - i);
    for (int m = 0; m < rows;) {
      const int n = NextPart(rows - m, kOuterRows);
      Outer s;
      s.a = a + m;
      s.a_row = rows;
      s.b = b + i;
      s.b_row = in;
      s.depth = depth;
      s.c = c + ptrdiff_t{m} * in + i;
      s.c_row = in;
      s.last = width;
      (pair ? kPairs : kSingles)[n - 1](s);
      m += n;
    }
    i += width;
  }
}

void DenseGrad(DenseShape size, FloatRange range, int rows, const float* x,
               const float* w, const float* y, const float* dy, float* dx,
               float* dw, float* db, float* workspace) {
  using Rows = std::make_integer_sequence<int, kOuterRows>;
  float* g = workspace;                            // [rows][out]
  float* gt = g + ptrdiff_t{rows} * size.outputs;  // [out][rows]
  for (int r = 0; r < rows; ++r) {
    for (int o = 0; o < size.outputs; ++o) {
      const ptrdiff_t at = ptrdiff_t{r} * size.outputs + o;
      g[at] = gt[ptrdiff_t{o} * rows + r] = range.Passes(y[at]) ? dy[at] : 0.0f;
    }
  }
  if (db != nullptr) {
    for (int o = 0; o < size.outputs; ++o) {
      float sum = 0;
      for (int r = 0; r < rows; ++r) sum += gt[ptrdiff_t{o} * rows + r];
      db[o] = sum;
    }
  }
  if (dw != nullptr)
    OuterProduct(g, size.outputs, x, rows, size.depth, dw, Rows());
  if (dx != nullptr)
    OuterProduct(gt, rows, w, size.outputs, size.depth, dx, Rows());
}

int Lanes() { return kLanes; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Dense);
HWY_EXPORT(DenseGrad);
HWY_EXPORT(Lanes);

size_t DenseWorkspace(DenseShape size, int rows) {
  const auto out = static_cast<size_t>(size.outputs);
  const size_t forward =
      out *
      static_cast<size_t>(std::min(rows, 16) * HWY_DYNAMIC_DISPATCH(Lanes)());
  return std::max(forward, 2 * out * static_cast<size_t>(rows));
}

void DenseF32(DenseShape size, FloatRange range, int rows, const float* x,
              const float* w, const float* bias, float* y, float* workspace) {
  HWY_DYNAMIC_DISPATCH(Dense)
  (size, range, rows, x, w, bias, y, workspace);
}

void DenseGradF32(DenseShape size, FloatRange range, int rows, const float* x,
                  const float* w, const float* y, const float* dy, float* dx,
                  float* dw, float* db, float* workspace) {
  HWY_DYNAMIC_DISPATCH(DenseGrad)
  (size, range, rows, x, w, y, dy, dx, dw, db, workspace);
}

}  // namespace litesmith::kernels
#endif
