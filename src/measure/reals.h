// What stored numbers stand for: floats as they are, halves widened, integers
// times their scales.
#ifndef LITESMITH_MEASURE_REALS_H_
#define LITESMITH_MEASURE_REALS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Whether values of the tensor stand for real numbers: floats, and integers
// with scales.
bool StandsForReals(const Tensor& tensor);

// The real values of `bytes`, which are values of the tensor's type, with one
// scale or one for each slice along an axis of the whole tensor. The tensor
// StandsForReals.
std::vector<float> RealsOf(const Tensor& tensor,
                           std::span<const std::byte> bytes);
// Of a constant.
inline std::vector<float> RealsOf(const Tensor& tensor) {
  return RealsOf(tensor, {tensor.data.data(), tensor.data.size()});
}

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_REALS_H_
