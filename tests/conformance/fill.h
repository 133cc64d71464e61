// What the inputs of cases hold.
#ifndef LITESMITH_TESTS_CONFORMANCE_FILL_H_
#define LITESMITH_TESTS_CONFORMANCE_FILL_H_

#include <cstdint>
#include <functional>
#include <span>

#include "src/base/dtype.h"
#include "src/base/rng.h"

namespace litesmith {

// Fills one element after another: floats uniform in [-1, 1), integers of 8
// bits with every value in turn, shuffled, wider ones uniform over their range
// with both ends among them.
void FillRandom(Rng* rng, DType dtype, std::span<std::byte> bytes);

// For Case::fill.
using Fill = std::function<void(Rng*, std::span<float>)>;
// Integers in [-largest, largest].
Fill GridFill(int largest);
// Different odd multiples of 1/128, as many below zero as above.
Fill DistinctFill();
// Uniform in [-1, 1), but zero in every second run of `run` values.
Fill ZeroRunsFill(int run);
// Multiples of `step` / 2, far beyond the range of int8 on both sides.
Fill TiesFill(float step);

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_FILL_H_
