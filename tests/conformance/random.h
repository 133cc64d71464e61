// Draws for random kinds (case.h).
#ifndef LITESMITH_TESTS_CONFORMANCE_RANDOM_H_
#define LITESMITH_TESTS_CONFORMANCE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "src/base/rng.h"
#include "src/graph/op_def.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {

// One of lo .. hi.
inline int Draw(Rng* rng, int lo, int hi) {
  return lo + static_cast<int>(rng->Below(static_cast<uint32_t>(hi - lo + 1)));
}
inline bool Coin(Rng* rng) { return rng->Below(2) == 1; }

// One that kernels know.
inline Activation DrawActivation(Rng* rng) {
  return static_cast<Activation>(Draw(rng, 0, 3));
}

// A scale between the two, as evenly in its logarithm.
inline float DrawScale(Rng* rng, float lo, float hi) {
  const double u = static_cast<double>(rng->Below(1 << 24)) / (1 << 24);
  return static_cast<float>(double{lo} * std::pow(double{hi} / double{lo}, u));
}

// One scale, and the zero points that the type can have; nothing for floats and
// wide integers.
inline Quantization DrawQuant(Rng* rng, DType dtype, float lo = 0.002f,
                              float hi = 0.2f) {
  switch (dtype) {
    case DType::kInt8:
      return PerTensor(DrawScale(rng, lo, hi), Draw(rng, -128, 127));
    case DType::kUInt8:
      return PerTensor(DrawScale(rng, lo, hi), Draw(rng, 0, 255));
    case DType::kInt16:
      return PerTensor(DrawScale(rng, lo / 256, hi / 256));
    default:
      return {};
  }
}

// `rank` dimensions of 1 .. largest; one in four is 1.
inline Shape DrawShape(Rng* rng, int rank, int largest = 7) {
  std::vector<int32_t> dims;
  for (int d = 0; d < rank; ++d)
    dims.push_back(Draw(rng, 0, 3) == 0 ? 1 : Draw(rng, 1, largest));
  return Shape(dims);
}

// What an input that is broadcast to `whole` may look like: some dimensions are
// 1, some of the first are missing.
inline Shape DrawPart(Rng* rng, const Shape& whole) {
  std::vector<int32_t> dims = whole.ToVector();
  if (Draw(rng, 0, 2) != 0) return whole;
  for (int32_t& dim : dims) {
    if (Coin(rng)) dim = 1;
  }
  if (Coin(rng) && !dims.empty())
    dims.erase(dims.begin(), dims.begin() + Draw(rng, 0, whole.rank()));
  return Shape(dims);
}

// The window of a convolution's geometry, its activation, and an image that it
// fits into.
template <class Geometry>
void DrawWindow(Rng* rng, Geometry* g) {
  g->filter_h = Draw(rng, 1, 4), g->filter_w = Draw(rng, 1, 4);
  g->stride_h = Draw(rng, 1, 3), g->stride_w = Draw(rng, 1, 3);
  g->dilation_h = Coin(rng) ? 1 : Draw(rng, 1, 3);
  g->dilation_w = Coin(rng) ? 1 : Draw(rng, 1, 3);
  g->padding = Coin(rng) ? kSame : kValid;
  g->activation = DrawActivation(rng);
  const bool valid = g->padding == kValid;
  g->in_h = Draw(rng, 1, 8) + (valid ? (g->filter_h - 1) * g->dilation_h : 0);
  g->in_w = Draw(rng, 1, 8) + (valid ? (g->filter_w - 1) * g->dilation_w : 0);
}

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_RANDOM_H_
