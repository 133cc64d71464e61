// Scales and zero points from ranges and weights, and values quantized with
// them (specs/tflite.md 5.1, 5.3).
#ifndef LITESMITH_QUANT_PARAMETERS_H_
#define LITESMITH_QUANT_PARAMETERS_H_

#include <span>
#include <vector>

#include "src/base/dtype.h"
#include "src/graph/graph.h"
#include "src/quant/convert.h"

namespace litesmith {

// Of an activation: asymmetric for int8 and uint8, symmetric for int16, which
// holds twice the range that few samples had. Zero is always exactly
// representable. The range must be finite.
Quantization ActivationQuantization(Range range, DType dtype);

// Symmetric narrow-range scales of weights: one for each slice along `axis`, or
// one for all if it is -1.
Quantization WeightQuantization(std::span<const float> weights,
                                const Shape& shape, int axis);

// clamp(round-half-away(w / scale), -127, 127), scale by slice.
std::vector<int8_t> QuantizeWeights(std::span<const float> weights,
                                    const Shape& shape,
                                    const Quantization& quant);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_PARAMETERS_H_
