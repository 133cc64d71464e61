// Float constants as float16.
#ifndef LITESMITH_QUANT_HALVES_H_
#define LITESMITH_QUANT_HALVES_H_

#include "src/graph/graph.h"

namespace litesmith {

// Constants of at most so many values stay float32: the node that widens halves
// and its tensor take more bytes than they save.
inline constexpr int64_t kFewValues = 32;

// Of a float constant, with a warning for what float16 cannot hold. Values are
// rounded to the nearest; where `axis` is that of a weight's output channels,
// some are rounded the other way, so that a channel's sum is kept, too. Zeros
// stay, and what is equal stays equal. Throws Error{invalid argument} for a
// value that is not finite.
TensorData HalvesOf(const Tensor& tensor, int axis);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_HALVES_H_
