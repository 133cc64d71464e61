// Keras's regularizers of weights, in configs of layers and on tensors.
#ifndef LITESMITH_FORMATS_KERAS_REGULARIZERS_H_
#define LITESMITH_FORMATS_KERAS_REGULARIZERS_H_

#include <optional>
#include <string>
#include <string_view>

#include "src/formats/json.h"
#include "src/formats/keras/layer.h"
#include "src/graph/graph.h"

namespace litesmith {

// The config's key for a variable: "kernel_regularizer", but of a
// "recurrent_kernel" it is "recurrent_regularizer".
std::string RegularizerKey(std::string_view variable);

// The value of such a key: L1, L2 and L1L2, by name or with numbers. Nothing if
// it is another one.
std::optional<Regularizer> ReadRegularizer(const Json& value);

// Whether what the key says acts in training, but not in ours: a constraint, or
// a regularizer other than L1 and L2 of weights.
bool ActsInKerasAlone(const std::string& key, const Json& value);

// What the config says of the variable; empty: nothing that is read.
Regularizer RegularizerOf(const Json& config, std::string_view variable);

// Says in the layer's config what its weights are regularized by.
void SetRegularizers(const Graph& graph, OutLayer* layer);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_REGULARIZERS_H_
