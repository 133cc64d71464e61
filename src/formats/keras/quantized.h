// Weights that Keras 3's `quantize()` has made integers of (specs/keras.md
// 1.3): 8 bits with a scale for each output, or 4 bits with scales for blocks.
// They are read as the floats that they stand for; that Keras rounds what such
// a layer reads to 8 bits, too, is left out. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_QUANTIZED_H_
#define LITESMITH_FORMATS_KERAS_QUANTIZED_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/formats/hdf5/h5_contents.h"
#include "src/formats/json.h"

namespace litesmith {

// The bits of the layer's first weight: 8, 4, or 0 if it is one of floats.
// Throws Error{unsupported} for other kinds.
int BitsOf(const Json& config);

// The floats of a stored kernel of these dimensions. `find` gives what lies
// behind the layer's own variables, the first, second and third: scales, zeros
// and the block of each input; null if the file has none. `by_row`: it is a
// table whose rows have a scale each. Throws Error{corrupt}.
std::vector<float> Dequantized(
    int bits, const H5Dataset& stored, const std::vector<int32_t>& dims,
    bool by_row, const std::function<const H5Dataset*(int)>& find);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_QUANTIZED_H_
