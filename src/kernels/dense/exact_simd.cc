// FULLY_CONNECTED in float32 with the bits of its reference twin on every
// target: outputs in lanes, each sum begun with zero and taken along the depth
// one product at a time, multiplied and added apart, the bias last. Not for
// speed: the chain of additions is what bounds one row.
#include <cstring>

#include "src/kernels/common/simd_targets.h"
#include "src/kernels/dense/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/dense/exact_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>

#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Pack(const DenseSpec&, PackedDense*) { return false; }

#else

constexpr int kLanes = hn::MaxLanes(DF32());

// kX rows against kV vectors of outputs from vector v on.
template <int kX, int kV>
HWY_INLINE void RunTile(const PackedDense& p, int v, const float* x, float* y) {
  const DF32 d;
  const ptrdiff_t depth = p.spec.shape.depth;
  const ptrdiff_t outputs = p.spec.shape.outputs;
  const ptrdiff_t pitch = depth * kLanes;
  const float* w = p.weights.as<float>() + v * pitch;
  VF32 sums[kX * kV];
  for (VF32& sum : sums) sum = hn::Zero(d);
  for (ptrdiff_t i = 0; i < depth; ++i, w += kLanes) {
    VF32 ws[kV];
    for (int b = 0; b < kV; ++b) ws[b] = hn::Load(d, w + b * pitch);
    for (int k = 0; k < kX; ++k) {
      const VF32 word = WordsF32Exact::Broadcast(x + k * depth + i);
      for (int b = 0; b < kV; ++b) {
        VF32& sum = sums[k * kV + b];
        sum = WordsF32Exact::Step(sum, word, ws[b]);
      }
    }
  }
  const VF32 lo = hn::Set(d, p.spec.lo);
  const VF32 hi = hn::Set(d, p.spec.hi);
  for (int k = 0; k < kX; ++k) {
    for (int b = 0; b < kV; ++b) {
      const ptrdiff_t o = ptrdiff_t{v + b} * kLanes;
      const VF32 bias = hn::Load(d, p.bias.as<float>() + o);
      HWY_ALIGN float out[kLanes];
      hn::Store(hn::Min(hn::Max(hn::Add(sums[k * kV + b], bias), lo), hi), d,
                out);
      std::copy_n(out, std::min<ptrdiff_t>(kLanes, outputs - o),
                  y + k * outputs + o);
    }
  }
}

template <int kX>
void RunRows(const PackedDense& p, const float* x, float* y) {
  int v = 0;
  for (; v + 2 <= p.vectors; v += 2) RunTile<kX, 2>(p, v, x, y);
  if (v < p.vectors) RunTile<kX, 1>(p, v, x, y);
}

void Run(const PackedDense& p, int rows, const void* x, void* y, std::byte*) {
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  const ptrdiff_t depth = p.spec.shape.depth;
  const ptrdiff_t outputs = p.spec.shape.outputs;
  int row = 0;
  for (; row + 4 <= rows; row += 4) {
    RunRows<4>(p, in + row * depth, out + row * outputs);
  }
  for (; row < rows; ++row) {
    RunRows<1>(p, in + row * depth, out + row * outputs);
  }
}

bool Pack(const DenseSpec& spec, PackedDense* p) {
  const int depth = spec.shape.depth;
  const int outputs = spec.shape.outputs;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->vectors = (outputs + kLanes - 1) / kLanes;
  const auto padded = static_cast<size_t>(p->vectors * kLanes);
  p->bias = PackedBuffer(padded * sizeof(float));
  std::copy(spec.float_bias.begin(), spec.float_bias.end(),
            p->bias.as<float>());
  p->weights =
      PackedBuffer(padded * static_cast<size_t>(depth) * sizeof(float));
  const auto* w = static_cast<const float*>(spec.weights);
  for (int o = 0; o < outputs; ++o) {
    float* to = p->weights.as<float>() +
                ptrdiff_t{o / kLanes} * depth * kLanes + o % kLanes;
    for (int i = 0; i < depth; ++i, to += kLanes) *to = *w++;
  }
  p->run = &Run;
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

bool PackFullyConnectedExact(const DenseSpec& spec, PackedDense* packed) {
  return HWY_DYNAMIC_DISPATCH(Pack)(spec, packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
