// What one file of layers does for another.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_SHARED_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_SHARED_H_

#include <string>
#include <vector>

#include "src/formats/keras/layer.h"

namespace litesmith {

// conv.cc: kSame or kValid, and back.
Padding PaddingOf(const Json& config);
const char* PaddingName(Padding padding);

// reshape.cc: adds a Flatten and gives its output.
OutTensor AddFlatten(const std::string& name, std::vector<OutTensor> inputs,
                     LayerWriter* out);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_SHARED_H_
