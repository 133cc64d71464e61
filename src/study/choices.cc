// Names to rows of tables, options to settings.
#include "src/study/choices.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/models/models.h"
#include "src/study/report/html.h"
#include "src/study/run_directory.h"
#include "src/train/settings.h"

namespace litesmith {
namespace {

template <typename T, typename Find>
std::vector<T> Select(const std::vector<std::string>& names, const Find& find) {
  std::vector<T> asked;
  std::vector<std::string> seen;
  for (const std::string& name : names) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    asked.push_back(find(name));
  }
  return asked;
}

}  // namespace

StudyOptions WithTrainedModel(StudyOptions options) {
  if (!options.trained) return options;
  if (IsBuiltin(options.model)) {
    Fail(ErrorKind::kInvalidArgument,
         "the built-in model {} is not trained; with --trained a file is "
         "wanted, such as `litesmith train {} -o FILE.h5` writes",
         options.model, options.model);
  }
  options.table.TakeModelAsTrained();
  return options;
}

std::vector<const Recipe*> SelectRecipes(const StudyOptions& options) {
  auto asked = Select<const Recipe*>(
      options.recipes,
      [&](const std::string& name) { return &options.table.Find(name); });
  if (!asked.empty()) return asked;
  for (const Recipe& recipe : options.table.recipes()) asked.push_back(&recipe);
  return asked;
}

std::vector<Method> SelectMethods(const StudyOptions& options) {
  auto asked = Select<Method>(options.methods, FindMethod);
  if (!asked.empty()) return asked;
  for (const Method& method : Methods()) {
    if (method.in_table) asked.push_back(method);
  }
  return asked;
}

std::vector<const Recipe*> WithParents(
    const RecipeTable& table, const std::vector<const Recipe*>& asked) {
  std::vector<const Recipe*> result;
  for (const Recipe* recipe : asked) {
    for (const Recipe* each : table.Lineage(*recipe)) {
      if (std::find(result.begin(), result.end(), each) == result.end())
        result.push_back(each);
    }
  }
  return result;
}

StudySettings SettingsOf(const StudyOptions& options) {
  StudySettings settings;
  settings.seed = options.train.seed;
  settings.data = options.data;
  settings.model = options.model;
  settings.model_digest = FileExists(options.model)
                              ? DigestOf(ReadFile(options.model))
                              : DigestOf(options.model);
  settings.limit = options.limit;
  settings.epochs = options.train.epochs;
  settings.batch = options.train.batch;
  settings.learning_rate = options.train.learning_rate;
  settings.validation_split = options.train.validation_split;
  settings.loss = settings.asked_loss = options.train.loss;
  settings.optimizer = options.train.optimizer;
  settings.momentum = options.train.momentum;
  settings.schedule = options.train.schedule;
  settings.metric = settings.asked_metric = options.metric;
  settings.training = TrainingText(options.train);
  settings.calibration_seed = options.calibration_seed;
  settings.trained = options.trained;
  const auto add = [&](const std::string& flag) {
    settings.flags += (settings.flags.empty() ? "" : " ") + flag;
  };
  if (!options.config.empty()) add("--config " + ShellWord(options.config));
  if (options.dequantize) add("--dequantize");
  if (options.reading.skip_bad) add("--skip-bad");
  return settings;
}

}  // namespace litesmith
