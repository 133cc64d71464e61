// Puts a model through a recipe's steps: insert, train, fold, one after
// another. Writes no files but the checkpoints that it is given.
#ifndef LITESMITH_OPTIMIZE_OPTIMIZE_H_
#define LITESMITH_OPTIMIZE_OPTIMIZE_H_

#include <string>
#include <vector>

#include "src/base/progress.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/optimize/promises.h"
#include "src/optimize/recipes.h"
#include "src/train/trainer.h"

namespace litesmith {

// The recipe's own steps on its parent's result (which may still carry training
// ops: they are stripped first). `options.epochs`, `batch` and `learning_rate`
// are for steps that do not say their own; `checkpoint`, if set, is a prefix:
// every step goes on from its own file. `options.stage` is the first step's.
// Where options.distill_weight says so, it learns from the teacher's answers:
// the float model that the whole lineage starts from. The result carries the
// fake quants of a last quantization-aware step; all else is folded. Throws
// Error as Train and the passes do.
TrainResult RunSteps(const Graph& start, const Graph& teacher,
                     const Recipe& recipe, const Dataset& data,
                     const TrainOptions& options, Progress* progress);

// Whether any of the recipe's own steps learns from the teacher.
bool Distills(const Recipe& recipe, const TrainOptions& options);

// The stage of the recipe's first step: how many steps its parents have.
int FirstStage(const RecipeTable& table, const Recipe& recipe);

// Epochs of all of the recipe's own steps.
int64_t RecipeEpochs(const Recipe& recipe, const TrainOptions& options);

// What holds after the recipe's own steps, `before` being what held before.
Promises RecipePromises(const Graph& graph, const Recipe& recipe,
                        int64_t samples, const TrainOptions& options,
                        Promises before);

// Every step, resolved layer by layer: what a result's key is made of.
std::string DescribeRecipe(const Graph& graph, const Recipe& recipe,
                           int64_t samples, const TrainOptions& options);

// The whole lineage on a trained model, which stands for the result of the
// recipes that only train (`none`); for such a recipe itself, its steps.
struct OptimizeResult {
  Graph graph;
  Promises promises;
  double seconds = 0;           // of training
  int64_t steps = 0;            // of the optimizer
  std::vector<double> step_ms;  // each step's time
  std::vector<EpochResult> epochs;
};
OptimizeResult Optimize(const Graph& model, const RecipeTable& table,
                        const Recipe& recipe, const Dataset& data,
                        const TrainOptions& options, Progress* progress);

// The recipes that Optimize runs.
std::vector<const Recipe*> RecipesToRun(const RecipeTable& table,
                                        const Recipe& recipe);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_OPTIMIZE_H_
