// Training-only ops on the layers that a test chooses, for the tests of this
// room and those above it.
#ifndef LITESMITH_TRANSFORM_CHOICE_TEST_H_
#define LITESMITH_TRANSFORM_CHOICE_TEST_H_

#include <functional>
#include <optional>

#include "src/transform/training_ops.h"

namespace litesmith {

// What a layer gets; nothing leaves it as it is. Called with the layer's node
// and its weights.
template <typename Options>
using LayerChoice =
    std::function<std::optional<Options>(const Node&, const Tensor&)>;

template <typename Options>
std::optional<Options> ChoiceOf(const LayerChoice<Options>& choice,
                                const Graph& graph, const WeightRef& weights) {
  return choice(graph.node(weights.node), graph.tensor(weights.parameter));
}

inline Graph InsertPruning(const Graph& graph,
                           const LayerChoice<PruneOptions>& choice) {
  return InsertOps(graph, {.weights = [&](Graph* g, const WeightRef& w) {
                     const auto options = ChoiceOf(choice, *g, w);
                     if (!options || IsFrozen(*g, w)) return false;
                     InsertPruning(g, w, *options);
                     return true;
                   }});
}

inline Graph InsertClustering(const Graph& graph,
                              const LayerChoice<ClusterOptions>& choice) {
  return InsertOps(graph, {.weights = [&](Graph* g, const WeightRef& w) {
                     const auto options = ChoiceOf(choice, *g, w);
                     if (!options || IsFrozen(*g, w)) return false;
                     InsertClustering(g, w, *options);
                     return true;
                   }});
}

// An output's choice is that of the node's weights; one without gets `rest`.
inline Graph InsertFakeQuant(const Graph& graph,
                             const LayerChoice<QatOptions>& choice,
                             std::optional<QatOptions> rest = std::nullopt) {
  OpInserts inserts;
  inserts.output = [&](Graph* g, NodeId node) {
    std::optional<QatOptions> options = rest;
    for (const WeightRef& w : FloatWeights(*g)) {
      if (w.node == node) options = ChoiceOf(choice, *g, w);
    }
    if (options) InsertOutputFakeQuant(g, node, *options);
    return options.has_value();
  };
  inserts.weights = [&](Graph* g, const WeightRef& w) {
    const auto options = ChoiceOf(choice, *g, w);
    if (options) InsertFakeQuant(g, w, *options);
    return options.has_value();
  };
  inserts.input = InsertInputFakeQuant;
  return InsertOps(graph, inserts);
}

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_CHOICE_TEST_H_
