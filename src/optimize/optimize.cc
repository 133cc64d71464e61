// Recipes carried out step by step.
#include "src/optimize/optimize.h"

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/models/models.h"
#include "src/optimize/step_graph.h"
#include "src/transform/training_ops.h"

namespace litesmith {
TrainResult RunSteps(const Graph& start, const Graph& teacher,
                     const Recipe& recipe, const Dataset& data,
                     const TrainOptions& options, Progress* progress) {
  TrainResult result;
  result.graph = start;
  const Graph plain_teacher = StripTrainingOps(teacher);
  for (size_t s = 0; s < recipe.steps.size(); ++s) {
    const RecipeStep& step = recipe.steps[s];
    TrainOptions train = StepTraining(step, options);
    train.stage = options.stage + static_cast<int>(s);
    train.label = recipe.name;
    if (recipe.steps.size() > 1) {
      train.label += fmt::format(", step {}", s + 1);
      if (!train.checkpoint.empty())
        train.checkpoint += fmt::format(".{}", s + 1);
    }
    const int64_t steps = TrainingSteps(data.size(), train);
    const Graph plain = StripTrainingOps(result.graph);
    Graph graph = ApplyStep(plain, step, steps);
    if (step.technique->start != nullptr && !train.tfmot)
      step.technique->start(plain, data, step.settings, &graph);
    TrainResult trained = Train(graph, data, train, progress, &plain_teacher);
    if (step.technique->finish != nullptr)
      trained.graph = step.technique->finish(trained.graph);
    result.graph = step.technique->stays ? std::move(trained.graph)
                                         : StripTrainingOps(trained.graph);
    result.seconds += trained.seconds;
    result.steps += trained.steps;
    result.step_ms.insert(result.step_ms.end(), trained.step_ms.begin(),
                          trained.step_ms.end());
    result.epochs.insert(result.epochs.end(), trained.epochs.begin(),
                         trained.epochs.end());
  }
  return result;
}

bool Distills(const Recipe& recipe, const TrainOptions& options) {
  return std::any_of(recipe.steps.begin(), recipe.steps.end(),
                     [&](const RecipeStep& step) {
                       return StepTraining(step, options).distill_weight > 0;
                     });
}

int FirstStage(const RecipeTable& table, const Recipe& recipe) {
  int stage = 0;
  for (const Recipe* each : table.Lineage(recipe)) {
    if (each != &recipe) stage += static_cast<int>(each->steps.size());
  }
  return stage;
}

int64_t RecipeEpochs(const Recipe& recipe, const TrainOptions& options) {
  int64_t epochs = 0;
  for (const RecipeStep& step : recipe.steps)
    epochs += StepTraining(step, options).epochs;
  return epochs;
}

Promises RecipePromises(const Graph& graph, const Recipe& recipe,
                        int64_t samples, const TrainOptions& options,
                        Promises before) {
  for (const RecipeStep& step : recipe.steps) {
    before = PromisesAfter(graph, step,
                           TrainingSteps(samples, StepTraining(step, options)),
                           before);
  }
  return before;
}

std::string DescribeRecipe(const Graph& graph, const Recipe& recipe,
                           int64_t samples, const TrainOptions& options) {
  std::string text;
  for (const RecipeStep& step : recipe.steps)
    text += DescribeStep(graph, step, options, samples) + "\n";
  return text;
}

std::vector<const Recipe*> RecipesToRun(const RecipeTable& table,
                                        const Recipe& recipe) {
  std::vector<const Recipe*> lineage = table.Lineage(recipe);
  const auto first =
      std::find_if(lineage.begin(), lineage.end(),
                   [](const Recipe* each) { return !OnlyTrains(*each); });
  if (first == lineage.end()) return {&recipe};
  return {first, lineage.end()};
}

OptimizeResult Optimize(const Graph& model, const RecipeTable& table,
                        const Recipe& recipe, const Dataset& data,
                        const TrainOptions& options, Progress* progress) {
  OptimizeResult result;
  result.graph = model;
  const Graph plain = StripTrainingOps(model);
  RequireTrainable(plain);
  for (const Recipe* each : RecipesToRun(table, recipe)) {
    TrainOptions own = options;
    own.stage = FirstStage(table, *each);
    if (!own.checkpoint.empty()) own.checkpoint += "." + each->name;
    TrainResult trained =
        RunSteps(result.graph, plain, *each, data, own, progress);
    result.graph = std::move(trained.graph);
    result.seconds += trained.seconds;
    result.steps += trained.steps;
    result.step_ms.insert(result.step_ms.end(), trained.step_ms.begin(),
                          trained.step_ms.end());
    result.epochs.insert(result.epochs.end(), trained.epochs.begin(),
                         trained.epochs.end());
    result.promises = RecipePromises(plain, *each, data.size(), options,
                                     std::move(result.promises));
  }
  return result;
}

}  // namespace litesmith
