// litesmith study: recipes x methods, the table.
#include "src/study/study.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/cli/config_options.h"
#include "src/cli/options.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/verb.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

struct Options {
  std::string config;
  std::string show;
  StudyOptions study;
};

// Prints what a run directory holds, whatever build computed it.
void Show(const Options& options, const CLI::App& verb) {
  for (const CLI::Option* each : verb.get_options()) {
    const std::string name = each->get_single_name();
    if (each->count() > 0 && name != "show" && name != "recipes" &&
        name != "methods") {
      Warn("--{} has no effect with --show", name);
    }
  }
  const auto asked = [](const std::vector<std::string>& names,
                        const std::string& name) {
    return names.empty() ||
           std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<StudyRow> rows = ReadStudy(options.show);
  std::set<std::string> recipes;
  std::set<std::string> methods;
  for (const StudyRow& row : rows) {
    recipes.insert(row.recipe);
    methods.insert(row.method);
  }
  std::erase_if(rows, [&](const StudyRow& row) {
    return !asked(options.study.recipes, row.recipe) ||
           !asked(options.study.methods, row.method);
  });
  if (rows.empty()) {
    Fail(ErrorKind::kNotFound,
         "{} holds no result of these; its recipes are {}; its methods {}",
         options.show, fmt::join(recipes, ", "), fmt::join(methods, ", "));
  }
  PrintOut(MarkdownTable(rows));
  RequirePromises(rows);
}

void Run(Options* options, CLI::App* verb) {
  if (!options->show.empty()) return Show(*options, *verb);
  if (!options->config.empty()) {
    ApplyConfig(options->config, verb);
    options->study.table.AddFile(options->config);
  }
  WarnIfMomentumUnused(*verb, options->study.train);
  if (options->study.out.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--out DIR is wanted: where the study writes its files");
  }
  std::vector<StudyRow> rows;
  try {
    TerminalProgress progress;
    RunStudy(options->study, &progress, &rows);
  } catch (const Error&) {
    // What is done is worth seeing, also after Ctrl-C.
    if (!rows.empty()) PrintOut(MarkdownTable(rows));
    throw;
  }
  PrintOut(MarkdownTable(rows));
  RequirePromises(rows);
}

}  // namespace

void AddStudy(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  StudyOptions& study = options->study;
  CLI::App* verb = app->add_subcommand(
      "study",
      "Train a model by each recipe, write each result in each format, run "
      "the\n"
      "written files on the test set, and print one row a file: accuracy, "
      "time\n"
      "of the test set one image at a time on one thread, sizes, latency. DIR\n"
      "gets every file, table.md and results.json; a second call computes "
      "only\n"
      "what is missing or changed, also after an interruption. Results of "
      "another\n"
      "seed or of other data and settings go to a folder of their own in DIR.");
  verb->add_option("--config", options->config,
                   "A TOML file whose keys are these options' names (the "
                   "command line wins), and whose [recipe.NAME] tables add "
                   "recipes")
      ->type_name("FILE.toml");
  verb->add_option("--model", study.model,
                   "A built-in model, an .h5, a .keras or a float .tflite file")
      ->type_name("M")
      ->capture_default_str();
  verb->add_option("--data", study.data,
                   "Where samples come from: digits, mnist:DIR, npz:FILE, "
                   "images:DIR, ... and options by commas")
      ->type_name("SPEC")
      ->capture_default_str();
  AddReading(verb, &study.reading);
  AddNames(verb, "--recipes", &study.recipes,
           "Which recipes, by commas (`litesmith list recipes`); all of them "
           "if not given");
  AddNames(verb, "--methods", &study.methods,
           "Which methods, by commas (`litesmith list methods`); those of the "
           "table if not given");
  AddTraining(verb, &study.train);
  AddMetric(verb, &study.metric);
  AddLimit(verb, &study.limit);
  AddDequantize(verb, &study.dequantize);
  verb->add_option("-o,--out", study.out,
                   "The folder to write to (here or in the --config file)")
      ->type_name("DIR REQUIRED");
  verb->add_flag("--force", study.force, "Compute everything anew");
  verb->add_option("--show", options->show,
                   "Print the table of what is in DIR, finished or not, and "
                   "do nothing else; --recipes and --methods narrow it")
      ->type_name("DIR");
  verb->callback([options, verb] { Run(options.get(), verb); });
}

}  // namespace litesmith
