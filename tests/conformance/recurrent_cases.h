// What the cases of recurrent ops share.
#ifndef LITESMITH_TESTS_CONFORMANCE_RECURRENT_CASES_H_
#define LITESMITH_TESTS_CONFORMANCE_RECURRENT_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/random.h"

namespace litesmith {

// int8 from -127 to 127: LiteRT's hybrid products on x86 are wrong for weights
// of -128, which no converter writes.
inline TensorId NarrowWeights(const std::string& name, const Shape& shape,
                              const Quantization& quant, GraphBuilder* build) {
  std::vector<int8_t> values(static_cast<size_t>(shape.NumElements()));
  for (int8_t& v : values)
    v = static_cast<int8_t>(Draw(build->rng(), -127, 127));
  return build->Values(name, shape, values, quant);
}

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_RECURRENT_CASES_H_
