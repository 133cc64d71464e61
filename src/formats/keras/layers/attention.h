// What layers of attention share: whom queries look at, and the weights of
// that.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_ATTENTION_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_ATTENTION_H_

#include <array>
#include <string>
#include <vector>

#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"

namespace litesmith {

// BATCH_MATMUL of a and b, each transposed or not.
TensorId Product(const std::string& step, TensorId a, bool adj_a, TensorId b,
                 bool adj_b, Nodes* nodes);

// query, value, and key or value again: three dimensions each. The query's mask
// is handed on.
std::array<TensorId, 3> QueryValueKey(LayerIn* in, bool by_name);

// What masks let queries look at: 1 or 0 for each score, or what broadcasts to
// them; kNoTensor if there are none. `keys` are masks of values and keys; each
// mask may be null.
TensorId LookAt(TensorId scores, const MaskPtr& query,
                const std::vector<MaskPtr>& keys, LayerIn* in, Nodes* nodes);

// Softmax over what is looked at, and its dropout in training. `keep` is
// LookAt's; `zeros`: nothing comes of a query that looks at nothing.
TensorId AttentionWeights(TensorId scores, TensorId keep, bool zeros,
                          LayerIn* in, Nodes* nodes);

// y, and the weights where the call asks for them.
std::vector<TensorId> WithScores(TensorId y, TensorId weights, LayerIn* in);

// The dropout of the weights.
float AttentionDropout(const NodeGroup& group);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_ATTENTION_H_
