// Nodes of a graph that a Keras layer was: found by their names, and made sure
// of by building that layer again. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_GROUPS_H_
#define LITESMITH_FORMATS_KERAS_GROUPS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/formats/json.h"
#include "src/formats/keras/layer.h"

namespace litesmith {

// A layer that nodes were.
struct FoundLayer {
  const LayerRow* row;
  LayerConfig config;
  std::vector<TensorId> inputs;  // in the layer's order
  std::vector<OutVariable> weights;
  std::vector<TensorId> outputs;  // likewise
  int generation = 0;             // see OutLayer
};

// The last node may have an activation that came after, and its output the name
// of that.
std::optional<FoundLayer> FindLayerOf(const NodeGroup& group);

// Whether `build` adds the same nodes to an input that is like the group's only
// one.
bool IsBuiltBy(const NodeGroup& group,
               const std::function<TensorId(Graph*, TensorId)>& build);

// A layer, and the variables that it took.
struct LayerForm {
  const LayerRow* row;
  const Json& config;
  std::vector<OutVariable> weights = {};
};

// Whether two layers with the graph's weights below `label` are the same nodes
// for inputs like these tensors. Throws Error where one of them cannot be
// built.
bool AreSame(const Graph& graph, const std::vector<TensorId>& inputs,
             const std::string& name, const std::string& label, int generation,
             LayerForm* a, LayerForm* b);

// The nodes of the graph by layers: for each node the last one of those that
// have its name in front of theirs, itself where there are none.
std::vector<std::vector<size_t>> GroupNodes(const Graph& graph);

// Those nodes.
NodeGroup GroupOf(const Graph& graph, const std::vector<size_t>& nodes);

// The JSON of a config, as it is written.
std::string ConfigText(const LayerConfig& config);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_GROUPS_H_
