// litesmith optimize: a trained model through a recipe.
#include "src/optimize/optimize.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/base/overall_progress.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/config_options.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/verb.h"
#include "src/measure/data_checks.h"
#include "src/measure/evaluate.h"
#include "src/measure/metrics.h"
#include "src/models/class_names.h"
#include "src/models/models.h"
#include "src/optimize/coverage.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

struct OptimizeFlags {
  std::string file;
  std::string recipe;
  std::string data;
  std::string out;
  DataContext reading;
  int64_t limit = 0;
  bool dequantize = false;
  std::string metric = kAutoMetric;
  bool json = false;
  TrainOptions train;
};

// "NAME", "FILE.toml" with one recipe in it, or "FILE.toml:NAME". A study's
// options may stand in the file; they are the study's alone.
std::string RecipeName(const std::string& given, const CLI::App& verb,
                       RecipeTable* table) {
  const size_t end = given.rfind(".toml");
  if (end == std::string::npos) return given;
  const std::string path = given.substr(0, end + 5);
  const std::string rest = given.substr(end + 5);
  const std::vector<std::string> names = table->AddFile(path);
  for (const ConfigEntry& entry : ReadStudyConfig(path, verb)) {
    Warn(
        "{}:{}: \"{}\" has no effect here: it is an option of `litesmith "
        "study`",
        path, entry.line, entry.key);
  }
  if (rest.starts_with(":")) return rest.substr(1);
  if (names.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--recipe {}: {} holds no recipe; a table [recipe.NAME] is wanted",
         given, path);
  }
  if (names.size() != 1 || !rest.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--recipe {}: {} holds {}: {}; {}:NAME says which", given, path,
         Counted(static_cast<int64_t>(names.size()), "recipe"),
         JoinNames(names), path);
  }
  return names[0];
}

void PerformOptimize(OptimizeFlags options, const CLI::App& verb) {
  const ModelFormat format = RequireModelEnding(options.out);
  WarnIfMomentumUnused(verb, options.train);
  UseOutput(options.out);
  UseCheckpoint(options.train.checkpoint);
  RecipeTable table;
  const Recipe& recipe = table.Find(RecipeName(options.recipe, verb, &table));
  const Graph model =
      LoadFloatModel(options.file, options.train.seed, options.dequantize);
  WarnIfNoKerasForm(model, format);
  WarnIfUntrained(options.file);
  WarnIfOverwritten(options.file, options.out);
  const Halves data =
      OpenData(options.data, options.limit, model, options.reading);
  RequireOutputs(model, *data.train, options.metric);
  CheckSamples(*data.train, data.test.get());
  CheckTrained(model, *data.train);
  EvaluateOptions check;
  check.threads = options.train.threads;
  check.metric = ChooseMetric(options.metric, model, *data.train);
  CheckModel(model, *data.train, check);
  int64_t epochs = 0;
  for (const Recipe* each : RecipesToRun(table, recipe))
    epochs += RecipeEpochs(*each, options.train);
  const std::vector<CoverageRow> coverage =
      CoverageOf(StripTrainingOps(model), table, recipe, data.train->size(),
                 options.train);
  OptimizeResult result;
  {
    TerminalProgress terminal;
    terminal.Line(fmt::format("{}: {}\n{}", recipe.name,
                              CoverageSummary(coverage),
                              CoverageText(coverage)));
    OverallProgress progress(&terminal, std::max<int64_t>(1, epochs));
    result =
        Optimize(model, table, recipe, *data.train, options.train, &progress);
  }
  if (format == ModelFormat::kTflite && HasFakeQuant(result.graph)) {
    Warn(
        "{}: a .tflite of floats has no room for the ranges that were learned; "
        ".h5 or .keras keeps them, and `litesmith convert` makes integers of "
        "it",
        options.out);
  }
  SaveModelAs(format, result.graph, options.out);
  AddClassNames(options.out, NamesFor(*data.train, options.file));
  const TestResult test =
      TestOf(result.graph, *data.test, options.train, options.metric);
  if (options.json) {
    PrintOut(TrainingJson(result.steps, result.step_ms, result.seconds,
                          result.epochs, test, options.out, &coverage));
  } else {
    PrintLine(fmt::format("{}: trained {} in {:.2f} s; {}; written to {}",
                          recipe.name, Counted(epochs, "epoch"), result.seconds,
                          TestText(test), options.out));
  }
  RequireKept(BrokenPromises(
      recipe.name + " keras",
      CheckPromises(StripTrainingOps(result.graph), result.promises)));
}

}  // namespace

void AddOptimize(CLI::App* app) {
  const auto options = std::make_shared<OptimizeFlags>();
  CLI::App* verb = app->add_subcommand(
      "optimize",
      "Put a trained model through a recipe (prune, cluster, train\n"
      "quantization-aware, or combinations) and write the result as Keras\n"
      ".h5 or .keras, which `litesmith convert` turns into .tflite files. The "
      "recipe's "
      "parents\n"
      "are gone through first; the model stands for the result of `none`.");
  verb->add_option("file", options->file,
                   "A trained model: .h5, .keras or a float .tflite")
      ->type_name("FILE")
      ->required();
  CompleteWith(
      verb->add_option("--recipe", options->recipe,
                       "A built-in recipe (`litesmith list recipes`), or "
                       "FILE.toml[:NAME] with one of your own")
          ->type_name("NAME|FILE.toml")
          ->required(),
      {Completes::kWordsFiles, NamesOf(RecipeTable().recipes())});
  AddData(verb, &options->data, &options->reading);
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("OUT.h5|.keras|.tflite")
      ->required();
  AddTraining(verb, &options->train);
  AddMetric(verb, &options->metric);
  AddCheckpoint(verb, &options->train);
  AddLimit(verb, &options->limit);
  AddDequantize(verb, &options->dequantize);
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformOptimize(*options, *verb); });
}

}  // namespace litesmith
