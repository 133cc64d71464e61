// How long it may take, from what is known or from a short probe.
#include "src/study/plan.h"

#include <algorithm>
#include <string_view>

#include "src/data/views.h"
#include "src/measure/latency.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

// Nodes on weights and activations make a step so much longer; what recipes
// took on MNIST.
constexpr double kTechniques = 1.4;
// Conversion, compression and writing.
constexpr double kCellSeconds = 0.05;

// Seconds of an epoch, by a few batches; the first ones warm up.
double ProbeEpoch(const Graph& model, const DatasetPtr& train,
                  const StudyOptions& options) {
  constexpr int64_t kBatches = 8;
  TrainOptions probe = options.train;
  probe.epochs = 2;
  probe.validation_split = 0;
  probe.checkpoint.clear();
  probe.label = "plan";
  const DatasetPtr some = Take(train, kBatches * options.train.batch);
  const TrainResult result = Train(model, *some, probe, nullptr);
  return result.epochs.back().seconds * static_cast<double>(train->size()) /
         static_cast<double>(std::max<int64_t>(1, some->size()));
}

double ProbeCell(const Graph& model, const Dataset& test) {
  constexpr int64_t kSamples = 64;
  const DatasetPtr some = Take(DatasetPtr(DatasetPtr(), &test), kSamples);
  const double ms = TimeGraph(model, *some, {}).total_ms;
  // Once for the metric and once for the time.
  return kCellSeconds +
         2e-3 * ms * static_cast<double>(test.size()) /
             static_cast<double>(std::max<int64_t>(1, some->size()));
}

}  // namespace

void GuessSeconds(const Graph& model, const DatasetPtr& train,
                  const Dataset& test, const StudyOptions& options,
                  StudyPlan* plan) {
  if (plan->missing == 0) {
    plan->basis = "kept";
    return;
  }
  double seconds = 0;
  int64_t epochs = 0;
  int64_t left = 0;
  for (const PlannedRecipe& recipe : plan->recipes) {
    if (std::string_view(recipe.state) == "kept" && recipe.seconds > 0) {
      seconds += recipe.seconds;
      epochs += recipe.epochs;
    }
    if (std::string_view(recipe.state) == "train") left += recipe.epochs;
  }
  double epoch = 0;
  if (epochs > 0) {
    plan->basis = "kept";
    epoch = seconds / static_cast<double>(epochs);
  } else if (left > 0) {
    epoch = ProbeEpoch(model, train, options);
  }
  for (PlannedRecipe& recipe : plan->recipes) {
    if (std::string_view(recipe.state) != "train") continue;
    recipe.seconds = epoch * static_cast<double>(recipe.epochs) *
                     (recipe.parent.empty() || epochs > 0 ? 1 : kTechniques);
    plan->seconds += recipe.seconds;
  }
  plan->seconds += static_cast<double>(plan->missing) * ProbeCell(model, test);
}

}  // namespace litesmith
