// What of a model no layer row can build, said for the whole file at once.
#ifndef LITESMITH_FORMATS_KERAS_UNKNOWN_LAYERS_H_
#define LITESMITH_FORMATS_KERAS_UNKNOWN_LAYERS_H_

#include <string>

#include "src/formats/json.h"

namespace litesmith {

// Of models in models.
inline constexpr int kMaxModelDepth = 8;
// What the class of a function of keras.ops begins with.
inline const std::string kOperationClass = "operation ";

// "Sequential", "Functional" or "Model".
bool IsModelClass(const std::string& class_name);
// A layer's class: Keras's name for it, "package>Class" for a user's own, which
// may be called as one of Keras's, and "operation Add" for a function of
// keras.ops, which may be called as a layer and takes other arguments.
std::string LayerClass(const Json& layer);
// Its name, or "" where it has none.
std::string LayerName(const Json& layer);
// The layers of a model's config. Before Keras 2.2.3 a Sequential's config was
// the list itself.
const Json& ModelLayers(const Json& config);

// Throws Error{unsupported} with every layer that is not supported, by its path
// through models inside the model, and what it is: an unknown class, a wrapped
// layer or a model.
void RequireKnownLayers(const Json& layers);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_UNKNOWN_LAYERS_H_
