// A recipe's step on a graph: which layer gets which settings, and the graph
// with the training ops inserted. Trains nothing.
#ifndef LITESMITH_OPTIMIZE_STEP_GRAPH_H_
#define LITESMITH_OPTIMIZE_STEP_GRAPH_H_

#include <cstdint>
#include <string>

#include "src/graph/graph.h"
#include "src/optimize/recipes.h"
#include "src/train/trainer.h"

namespace litesmith {

// How the step is trained: its own epochs, batch and learning rate over the
// caller's.
TrainOptions StepTraining(const RecipeStep& step, const TrainOptions& base);

// What a step does with weights: its settings for them, or why it leaves them.
struct StepDecision {
  bool takes = false;
  std::string why;  // "a rule skips it"; empty where it takes them
  LayerSettings settings;
};
StepDecision DecisionOf(const RecipeStep& step, const Graph& graph,
                        const WeightRef& weights, int64_t steps);

// The words that a rule's `kind` may be, and the ops that each is, as shell
// patterns.
struct LayerKind {
  const char* name;
  std::vector<std::string> ops;
};
const std::vector<LayerKind>& LayerKinds();

// The settings of one layer's weights once all rules that match its node's or
// the weights' name are applied, and with nothing left open in a training of
// `steps` optimizer steps. Throws Error{invalid argument} naming the layer for
// what the technique refuses.
LayerSettings ResolveSettings(const RecipeStep& step, const Graph& graph,
                              const WeightRef& weights, int64_t steps);

// A copy of the stripped float graph with the step's training ops on it. Warns
// of layers that the technique leaves as they are, unless a rule skips them.
// Throws Error{invalid argument} for a rule that matches no layer.
Graph ApplyStep(const Graph& graph, const RecipeStep& step, int64_t steps);

// Everything that the step does to this graph with `samples` samples, its
// training and its settings resolved layer by layer: two steps with the same
// description are the same. Made of the lists of fields and parameters.
std::string DescribeStep(const Graph& graph, const RecipeStep& step,
                         const TrainOptions& training, int64_t samples);

// What holds after one more step of `steps` optimizer steps on the graph: of
// weights that the step skips or leaves alone nothing does.
Promises PromisesAfter(const Graph& graph, const RecipeStep& step,
                       int64_t steps, const Promises& before);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_STEP_GRAPH_H_
