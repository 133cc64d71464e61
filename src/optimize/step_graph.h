// A recipe's step on a graph: which layer gets which settings, and the graph
// with the training ops inserted. Trains nothing.
#ifndef LITESMITH_OPTIMIZE_STEP_GRAPH_H_
#define LITESMITH_OPTIMIZE_STEP_GRAPH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "src/graph/graph.h"
#include "src/optimize/recipes.h"
#include "src/train/trainer.h"

namespace litesmith {

// How the step is trained: its own epochs, batch and learning rate over the
// caller's.
TrainOptions StepTraining(const RecipeStep& step, const TrainOptions& base);

// The settings of one layer once all rules that match its node's or weights'
// name are applied, and with nothing left open: pruning's frequency and end are
// those of a training of `steps` optimizer steps. Throws
// Error{invalid argument} naming the layer if such a training never prunes.
LayerSettings ResolveSettings(const RecipeStep& step, const Node& layer,
                              const Tensor& weights, int64_t steps);

// Calls `visit` for every layer with weights that the step does not skip;
// frozen ones are for quantization only. Throws Error{invalid argument} for a
// rule that matches no layer.
void ForEachLayer(
    const Graph& graph, const RecipeStep& step, int64_t steps,
    const std::function<void(const Node& layer, const Tensor& weights,
                             const LayerSettings& settings)>& visit);

// A copy of the stripped float graph with the step's training ops on it.
Graph ApplyStep(const Graph& graph, const RecipeStep& step, int64_t steps);

// Everything that the step does to this graph with `samples` samples, its
// training and its settings resolved layer by layer: two steps with the same
// description are the same. Made of the structs' lists of fields.
std::string DescribeStep(const Graph& graph, const RecipeStep& step,
                         const TrainOptions& training, int64_t samples);

// The largest update step that is not beyond `steps`, and the share of zeros
// that the mask has from it on. `prune` is resolved.
float FinalSparsity(const PruneOptions& prune, int64_t steps);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_STEP_GRAPH_H_
