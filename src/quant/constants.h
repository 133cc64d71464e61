// Constants as the bytes of another form: biases in their steps, data on the
// grid of activations.
#ifndef LITESMITH_QUANT_CONSTANTS_H_
#define LITESMITH_QUANT_CONSTANTS_H_

#include <span>
#include <vector>

#include "src/graph/graph.h"
#include "src/quant/decisions.h"

namespace litesmith {

template <typename T>
TensorData BytesOf(const std::vector<T>& values) {
  return TensorData(std::as_bytes(std::span<const T>(values)));
}

// The least and the largest of the values, which must be finite: Throws
// Error{invalid argument} naming the tensor.
Range RangeOfValues(const Tensor& tensor);

// Values on the grid of a form with one scale.
TensorData QuantizeData(const Tensor& tensor, const Form& form);

// Enlarges the weights' scales where a channel's weights are so tiny beside its
// bias that sums would not fit 32 bits, as TFLite's quantizer does. Throws
// Error{invalid argument} for a bias that is not finite.
void MakeRoomForBias(const Tensor& bias, float input_scale,
                     Quantization* weights);

// A bias in steps of the form's scales, one or one for each value.
TensorData BiasSteps(const Tensor& bias, const Form& form);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_CONSTANTS_H_
