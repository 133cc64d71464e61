// FULLY_CONNECTED in float32 with outputs in lanes: a value of x is broadcast
// and multiplies with as many outputs' weights, up to eight vectors of them at
// a time, so that no sum is across lanes and the weights are one stream. With
// the bits of the reference twin on every target where that is asked for: each
// sum begun with zero, multiplied and added apart, the bias last.
#include <cstring>

#include "src/kernels/common/simd_targets.h"
#include "src/kernels/dense/pack.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/dense/simd_lanes_f32.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Pack(const DenseSpec&, PackedDense*) { return false; }

#else

constexpr int kLanes = hn::MaxLanes(DF32());
constexpr int kRows = 4;  // at a time, if there are so many
// As many sums as registers hold beside operands, of several rows.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kMaxSums = 16;
#else
constexpr int kMaxSums = 8;
#endif

// kX rows against kV vectors of outputs of a group of `group`, whose first
// weights are at w, from output o on. A row's sums do not depend on kX and kV.
template <class Words, int kX, int kV>
void RunTile(const PackedDense& p, const float* w, int group, ptrdiff_t o,
             const float* x, float* y) {
  const DF32 d;
  const ptrdiff_t depth = p.spec.shape.depth;
  const ptrdiff_t outputs = p.spec.shape.outputs;
  const float* bias = p.bias.as<float>() + o;
  VF32 sums[kX][kV];
  for (int k = 0; k < kX; ++k) {
    for (int b = 0; b < kV; ++b)
      sums[k][b] = p.spec.exact ? hn::Zero(d) : hn::Load(d, bias + b * kLanes);
  }
  for (ptrdiff_t i = 0; i < depth; ++i, w += ptrdiff_t{group} * kLanes) {
    VF32 words[kX];
    for (int k = 0; k < kX; ++k) words[k] = Words::Broadcast(x + k * depth + i);
    for (int b = 0; b < kV; ++b) {
      const VF32 weights = hn::Load(d, w + b * kLanes);
      for (int k = 0; k < kX; ++k)
        sums[k][b] = Words::Step(sums[k][b], words[k], weights);
    }
  }
  const VF32 lo = hn::Set(d, p.spec.lo);
  const VF32 hi = hn::Set(d, p.spec.hi);
  for (int k = 0; k < kX; ++k) {
    for (int b = 0; b < kV; ++b) {
      VF32 sum = sums[k][b];
      if (p.spec.exact) sum = hn::Add(sum, hn::Load(d, bias + b * kLanes));
      sum = hn::Min(hn::Max(sum, lo), hi);
      float* to = y + k * outputs + o + b * kLanes;
      const ptrdiff_t left = outputs - o - b * kLanes;
      if (left >= kLanes) {
        hn::StoreU(sum, d, to);
        continue;
      }
      HWY_ALIGN float out[kLanes];
      hn::Store(sum, d, out);
      std::copy_n(out, left, to);
    }
  }
}

template <class Words, int kX>
void RunRows(const PackedDense& p, const float* x, float* y) {
  constexpr int kMost = kX == 1 ? 8 : kMaxSums / kX;
  const auto tile = []<int... kV>(std::integer_sequence<int, kV...>) {
    using Tile = void (*)(const PackedDense&, const float*, int, ptrdiff_t,
                          const float*, float*);
    static constexpr Tile kTiles[] = {RunTile<Words, kX, kV + 1>...};
    return kTiles;
  }
  (std::make_integer_sequence<int, kMost>());
  const float* w = p.weights.as<float>();
  for (int v = 0, group = 0; v < p.vectors; v += group) {
    group = DenseLaneGroup(p.vectors, v);
    for (int i = 0; i < group; i += kMost) {
      tile[std::min(kMost, group - i) - 1](p, w + ptrdiff_t{i} * kLanes, group,
                                           ptrdiff_t{v + i} * kLanes, x, y);
    }
    w += ptrdiff_t{group} * kLanes * p.spec.shape.depth;
  }
}

template <class Words>
void Run(const PackedDense& p, int rows, const void* x, void* y, std::byte*) {
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  const ptrdiff_t depth = p.spec.shape.depth;
  const ptrdiff_t outputs = p.spec.shape.outputs;
  int row = 0;
  for (; row + kRows <= rows; row += kRows) {
    RunRows<Words, kRows>(p, in + row * depth, out + row * outputs);
  }
  for (; row < rows; ++row) {
    RunRows<Words, 1>(p, in + row * depth, out + row * outputs);
  }
}

bool Pack(const DenseSpec& spec, PackedDense* p) {
  const int depth = spec.shape.depth;
  const int outputs = spec.shape.outputs;
  const int vectors = (outputs + kLanes - 1) / kLanes;
  // Fewer vectors are too few sums beside each other; short rows have none
  // along them.
  if (!spec.exact && vectors < 4 && depth >= kLanes) return false;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->vectors = vectors;
  const auto padded = static_cast<size_t>(vectors * kLanes);
  p->bias = PackedBuffer(padded * sizeof(float));
  std::copy(spec.float_bias.begin(), spec.float_bias.end(),
            p->bias.as<float>());
  p->weights =
      PackedBuffer(padded * static_cast<size_t>(depth) * sizeof(float));
  const auto* w = static_cast<const float*>(spec.weights);
  float* to = p->weights.as<float>();
  for (int v = 0, group = 0; v < vectors; v += group) {
    group = DenseLaneGroup(vectors, v);
    const int count = std::min(group * kLanes, outputs - v * kLanes);
    for (int i = 0; i < depth; ++i, to += group * kLanes) {
      for (int o = 0; o < count; ++o)
        to[o] = w[(int64_t{v} * kLanes + o) * depth + i];
    }
  }
  p->run = spec.exact ? &Run<WordsF32Exact> : &Run<WordsF32>;
  return true;
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(Pack);

bool PackFullyConnectedLanes(const DenseSpec& spec, PackedDense* packed) {
  return HWY_DYNAMIC_DISPATCH(Pack)(spec, packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
