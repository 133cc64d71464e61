// Between float samples and an interpreter's tensors: real values to the
// integers that an input takes, outputs to the class they name.
#ifndef LITESMITH_MEASURE_FEED_H_
#define LITESMITH_MEASURE_FEED_H_

#include <cstddef>
#include <span>

#include "src/graph/graph.h"

namespace litesmith {

// Whether a tensor of this type can be fed with real values: float32, float16,
// or an integer with one scale. Throws Error{unsupported} naming it if not.
void CheckFeedable(const Tensor& input);

// Writes values.size() elements of the input's type to `out`. Integers are
// clamp(round(x / scale) + zero point), with the quotient in float32 and halves
// away from zero; NaN becomes the zero point. The input passed CheckFeedable.
void QuantizeInto(const Tensor& input, std::span<const float> values,
                  std::byte* out);

// Whether no float of the output's one sample is NaN or infinite.
bool AllFinite(const Tensor& output, const std::byte* values);

// The index of the largest of `classes` elements of the output's type; of
// equal ones the lowest. A positive scale keeps the order, so integers are
// compared as they are. The output is float32, int8, uint8 or int16.
int ArgMax(const Tensor& output, const std::byte* values, int classes);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_FEED_H_
