// Layouts of Keras's variables against the graph's.
#ifndef LITESMITH_FORMATS_KERAS_LAYOUT_H_
#define LITESMITH_FORMATS_KERAS_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/base/shape.h"

namespace litesmith {

// Of one-dimensional layers the graph's kernels have a height of 1.
enum class Layout : uint8_t {
  kPlain,         // the same in both
  kOutputLast,    // HWIO, [in, out]; the graph has OHWI, [out, in]
  kOutputLast1D,  // [k, in, out]; [out, 1, k, in]
  kDepthwise,     // [kh, kw, in, m]; the graph has [1, kh, kw, in * m]
  kDepthwise1D,   // [k, in, m]; [1, 1, k, in * m]
  kTransposed,    // HWOI; the graph has OHWI
  kTransposed1D,  // [k, out, in]; [out, 1, k, in]
  kTurned,        // as kTransposed, with the filter turned by half a turn
  kTurned1D,
  kHeads,      // [in, heads, n]; the graph has [heads * n, in]
  kHeadsBias,  // [heads, n]; [heads * n]
  kFromHeads,  // [heads, n, out]; [out, heads * n]
  kMatrix,     // [in..., out...] of any ranks; [out, in] (AddMatrix)
};

// The graph's shape of a variable of these dimensions in Keras, which must be
// as many as the layout has, and back; `multiplier` is m, or heads.
Shape FromKerasDims(Layout layout, std::vector<int32_t> dims);
std::vector<int32_t> ToKerasDims(Layout layout, const Shape& shape,
                                 int32_t multiplier);

// Whether the values are in the same order in both.
bool IsCopied(Layout layout);

// The values of a variable of these Keras dimensions in the graph's order, and
// back.
void FromKerasLayout(Layout layout, const std::vector<int32_t>& dims,
                     std::span<const float> keras, std::span<float> ours);
void ToKerasLayout(Layout layout, const std::vector<int32_t>& dims,
                   std::span<const float> ours, std::span<float> keras);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYOUT_H_
