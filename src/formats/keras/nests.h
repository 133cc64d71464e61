// Models in the model: their layers are nodes of one graph, and come back as a
// model where they still are one. What the file said of them is kept in
// Graph::said_of_layers. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_NESTS_H_
#define LITESMITH_FORMATS_KERAS_NESTS_H_

#include <map>
#include <string>

#include "src/formats/keras/config.h"
#include "src/formats/keras/to_keras.h"
#include "src/graph/graph.h"

namespace litesmith {

// The key of what is said of models: no layer has that name.
inline constexpr char kSaidOfNests[] = "/";

// The calls of models in the model, for Graph::said_of_layers.
std::string SaidOfNests(const KerasModel& model);

// Puts layers that were a model in the model into one again, with the names
// that they had there, and settles all models. A model stays flat, and is put
// on `flattened`, where it is none any more: layers outside read what it did
// not give, it shares layers with others, or it reads what is made of its
// outputs.
OutModel PutIntoNests(const Graph& graph, OutModel flat);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_NESTS_H_
