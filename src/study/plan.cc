// How long it may take, by short trials of all that would be done.
#include "src/study/plan.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "src/base/timer.h"
#include "src/data/views.h"
#include "src/formats/tflite/tflite.h"
#include "src/optimize/step_graph.h"
#include "src/quant/convert.h"
#include "src/study/measure_cell.h"
#include "src/study/methods.h"
#include "src/study/quiet.h"
#include "src/train/trainer.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// Seconds of recipes and methods, each step and method tried once.
class Trials {
 public:
  Trials(const Graph& model, const DatasetPtr& train, const Dataset& test,
         const StudyOptions& options)
      : model_(StripTrainingOps(model)),
        train_(train),
        test_(DatasetPtr(), &test),
        options_(options) {}

  // Of training by the recipe's own steps.
  double Training(const Recipe& recipe) {
    double seconds = 0;
    for (const RecipeStep& step : recipe.steps) {
      const TrainOptions train = StepTraining(step, options_.train);
      const std::string key =
          DescribeStep(model_, step, options_.train, train_->size());
      if (steps_.find(key) == steps_.end()) steps_[key] = Step(step, train);
      seconds += steps_[key];
    }
    return seconds;
  }

  // Of making, running and weighing the method's file.
  double Cell(const std::string& name) {
    const auto known = cells_.find(name);
    if (known != cells_.end()) return known->second;
    const Timer making;
    Graph graph = model_;
    std::vector<std::byte> bytes;
    const Method method = FindMethod(name);
    if (method.scheme != nullptr) {
      Ranges ranges;
      if (NeedsRanges(model_, *method.scheme)) {
        ranges = Calibrate(model_, *train_,
                           std::min<int64_t>(kCalibrate, train_->size()));
      }
      bytes = WriteTflite(Convert(model_, *method.scheme, ranges));
      graph = ReadTflite(bytes, name);
    } else {
      // Of about as many bytes, for the compressor.
      bytes = WriteTflite(Convert(model_, FindScheme("fp32"), {}));
    }
    const double made = making.Seconds();
    // What does not depend on the samples, and what does.
    const double few = Measure(bytes, graph, kFew);
    const double more = Measure(bytes, graph, 4 * kFew);
    const auto samples = static_cast<double>(test_->size());
    const double each = std::max(0.0, more - few) / (3.0 * kFew);
    return cells_[name] = made + few + each * std::max(0.0, samples - kFew);
  }

 private:
  static constexpr int64_t kBatches = 4;
  static constexpr int64_t kCalibrate = 100;
  static constexpr int64_t kFew = 32;

  // Of all its epochs. The first batches warm up.
  double Step(const RecipeStep& step, TrainOptions train) const {
    const int64_t epochs = train.epochs;
    if (epochs == 0 || train_->size() == 0) return 0;
    const int64_t steps = TrainingSteps(train_->size(), train);
    const Timer starting;
    Graph graph = ApplyStep(model_, step, steps);
    if (step.technique->start != nullptr)
      step.technique->start(model_, *train_, step.settings, &graph);
    const double start = starting.Seconds();
    const DatasetPtr some = Take(train_, kBatches * train.batch);
    train.epochs = 2;
    train.validation_split = 0;
    train.early_stopping = 0;
    train.checkpoint.clear();
    train.label = "plan";
    const TrainResult result = Train(graph, *some, train, nullptr, &model_);
    return start + static_cast<double>(epochs) * result.epochs.back().seconds *
                       static_cast<double>(train_->size()) /
                       static_cast<double>(std::max<int64_t>(1, some->size()));
  }

  double Measure(const std::vector<std::byte>& bytes, const Graph& graph,
                 int64_t samples) const {
    const Timer timer;
    StudyRow row;
    MeasureCell({bytes, graph, model_, Promises()}, *Take(test_, samples),
                options_, &row);
    return timer.Seconds();
  }

  Graph model_;
  DatasetPtr train_;
  DatasetPtr test_;
  const StudyOptions& options_;
  std::map<std::string, double> steps_;  // by all that they do
  std::map<std::string, double> cells_;  // by method
};

}  // namespace

void GuessSeconds(const Graph& model, const DatasetPtr& train,
                  const Dataset& test, const StudyOptions& options,
                  StudyPlan* plan) {
  if (plan->missing == 0) {
    plan->basis = "kept";
    return;
  }
  const Quiet quiet;  // what there is to warn of comes with the study
  Trials trials(model, train, test, options);
  double took = 0;
  double tried = 0;
  for (PlannedRecipe& recipe : plan->recipes) {
    const std::string_view state = recipe.state;
    if (state == "idle" || (state == "kept" && recipe.seconds <= 0)) continue;
    const double guess = trials.Training(options.table.Find(recipe.recipe));
    if (state == "kept") {
      took += recipe.seconds;
      tried += guess;
    } else {
      recipe.seconds = guess;
    }
  }
  const double factor = tried > 0 ? took / tried : 1;
  if (tried > 0) plan->basis = "kept";
  for (PlannedRecipe& recipe : plan->recipes) {
    if (std::string_view(recipe.state) != "train") continue;
    recipe.seconds *= factor;
    plan->seconds += recipe.seconds;
  }
  for (const PlannedCell& cell : plan->cells) {
    if (!cell.kept) plan->seconds += trials.Cell(cell.method);
  }
}

}  // namespace litesmith
