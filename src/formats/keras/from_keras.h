// The graph of a Keras model, once its config and its variables are there.
#ifndef LITESMITH_FORMATS_KERAS_FROM_KERAS_H_
#define LITESMITH_FORMATS_KERAS_FROM_KERAS_H_

#include <string>

#include "src/formats/keras/config.h"
#include "src/formats/keras/variables.h"
#include "src/graph/graph.h"

namespace litesmith {

// Throws Error{corrupt, unsupported} naming the layer; warns, naming `path`, of
// options that do not act here.
Graph FromKeras(const KerasModel& model, const Variables& variables,
                const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_FROM_KERAS_H_
