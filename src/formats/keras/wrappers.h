// What tfmot has put around a layer: masks, centroids and ranges become the
// nodes that train with them here. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_WRAPPERS_H_
#define LITESMITH_FORMATS_KERAS_WRAPPERS_H_

#include <string>
#include <vector>

#include "src/formats/keras/config.h"
#include "src/formats/keras/layer.h"

namespace litesmith {

// Whether the class is one of tfmot's wrappers around one layer, or Keras's
// SpectralNormalization.
bool IsWrapperClass(const std::string& class_name);

// Adds what the wrapper does to the layer's nodes, those from `first` on, and
// gives its outputs. Throws Error{corrupt, unsupported}.
std::vector<TensorId> ApplyWrapper(const KerasWrapper& wrapper,
                                   const LayerIn& in, size_t first,
                                   std::vector<TensorId> outputs);

// A fake quant of activations behind `x`, in a range that follows them by the
// rule (fake_quant::RangeUpdate); gives its output.
TensorId AddActivationRange(TensorId x, float min, float max, int update,
                            Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_WRAPPERS_H_
