// litesmith study: recipes x methods, the table.
#include "src/study/study.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/config_options.h"
#include "src/cli/globs.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/study_table.h"
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/verb.h"
#include "src/study/methods.h"
#include "src/study/plan.h"
#include "src/study/report/page.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

struct StudyFlags {
  std::string config;
  std::string show;
  std::string sort;
  bool plan = false;
  bool json = false;
  StudyOptions study;
};

void PrintRows(const StudyFlags& options, const std::string& directory,
               std::vector<StudyRow> rows) {
  if (!options.sort.empty()) SortRows(options.sort, &rows);
  if (!options.json) {
    PrintOut(RowsText(rows));
    return;
  }
  PrintJson({{"directory", directory},
             {"rows", OrderedJson::parse(ResultsJson(rows))}});
}

OrderedJson PlanJson(const StudyPlan& plan) {
  OrderedJson json = {
      {"folder", plan.folder},           {"missing", plan.missing},
      {"seconds", plan.seconds},         {"basis", plan.basis},
      {"recipes", OrderedJson::array()}, {"cells", OrderedJson::array()}};
  for (const PlannedRecipe& each : plan.recipes) {
    json["recipes"].push_back({{"recipe", each.recipe},
                               {"parent", each.parent},
                               {"state", each.state},
                               {"epochs", each.epochs},
                               {"seconds", each.seconds}});
  }
  for (const PlannedCell& each : plan.cells) {
    json["cells"].push_back({{"recipe", each.recipe},
                             {"method", each.method},
                             {"path", each.path},
                             {"kept", each.kept}});
  }
  return json;
}

std::string PlanText(const StudyPlan& plan) {
  TextTable table({{"Recipe"},
                   {"After", false, 2},
                   {"Training"},
                   {"Epochs", true, 3},
                   {"Time", true, 1},
                   {"Kept", false, 4, true},
                   {"To compute", false, 0, true}});
  for (const PlannedRecipe& recipe : plan.recipes) {
    std::string kept;
    std::string missing;
    for (const PlannedCell& cell : plan.cells) {
      if (cell.recipe != recipe.recipe) continue;
      std::string& list = cell.kept ? kept : missing;
      list += (list.empty() ? "" : " ") + cell.method;
    }
    const bool trains = std::string_view(recipe.state) == "train";
    table.Add({recipe.recipe, recipe.parent, recipe.state,
               fmt::format("{}", recipe.epochs),
               recipe.seconds > 0
                   ? (trains ? "about " : "") + Duration(recipe.seconds)
                   : "",
               kept, missing});
  }
  std::string text = table.Text();
  if (plan.missing == 0) {
    return text + fmt::format("all {} are in {}; nothing would be computed\n",
                              Counted(static_cast<int64_t>(plan.cells.size()),
                                      "result"),
                              plan.folder);
  }
  return text +
         Wrapped(fmt::format(
                     "{} of {} to compute, into {}: about {}, by short "
                     "trials of training and inference{}",
                     plan.missing,
                     Counted(static_cast<int64_t>(plan.cells.size()), "result"),
                     plan.folder, Duration(plan.seconds),
                     std::string_view(plan.basis) == "kept"
                         ? " and what was trained there before"
                         : ""),
                 static_cast<size_t>(WidthOf(STDOUT_FILENO)), 0, 2) +
         "\n";
}

// Throws Error{not found} for a name that is no pattern and that no result has.
void RequireThere(const std::vector<std::string>& asked,
                  const std::set<std::string>& there, const char* what,
                  const std::string& directory) {
  const std::vector<std::string> known(there.begin(), there.end());
  for (const std::string& name : asked) {
    if (there.contains(name) || name.find_first_of("*?[") != std::string::npos)
      continue;
    Fail(ErrorKind::kNotFound, "{}: {}", directory,
         UnknownName(what, name, known));
  }
}

// Prints what a run directory holds, whatever build computed it.
void Show(const StudyFlags& options, const CLI::App& verb) {
  for (const CLI::Option* each : verb.get_options()) {
    const std::string name = each->get_single_name();
    if (each->count() > 0 && name != "show" && name != "recipes" &&
        name != "methods" && name != "sort" && name != "json" &&
        name != "quiet" && name != "verbose") {
      Warn("--{} has no effect with --show", name);
    }
  }
  const auto asked = [](const std::vector<std::string>& names,
                        const std::string& name) {
    return names.empty() ||
           std::any_of(names.begin(), names.end(), [&](const auto& each) {
             return fnmatch(each.c_str(), name.c_str(), 0) == 0;
           });
  };
  std::vector<StudyRow> rows = ReadStudy(options.show);
  std::set<std::string> recipes;
  std::set<std::string> methods;
  for (const StudyRow& row : rows) {
    recipes.insert(row.recipe);
    methods.insert(row.method);
  }
  RequireThere(options.study.recipes, recipes, "recipe", options.show);
  RequireThere(options.study.methods, methods, "method", options.show);
  std::erase_if(rows, [&](const StudyRow& row) {
    return !asked(options.study.recipes, row.recipe) ||
           !asked(options.study.methods, row.method);
  });
  if (rows.empty()) {
    Fail(ErrorKind::kNotFound,
         "{} holds no result of these; its recipes are {}; its methods {}",
         options.show, fmt::join(recipes, ", "), fmt::join(methods, ", "));
  }
  PrintRows(options, options.show, rows);
  RequirePromises(rows);
}

void PerformStudy(StudyFlags* options, CLI::App* verb) {
  if (!options->show.empty()) return Show(*options, *verb);
  if (!options->config.empty()) {
    ApplyConfig(options->config, verb);
    if (!options->study.table.AddFile(options->config).empty())
      options->study.config = options->config;
  }
  TakeUsualTraining(*verb, options->study.model, &options->study.train);
  WarnIfMomentumUnused(*verb, options->study.train);
  if (options->study.out.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--out DIR is wanted: where the study writes its files");
  }
  options->study.recipes =
      ExpandGlobs(options->study.recipes,
                  NamesOf(options->study.table.recipes()), "recipe");
  options->study.methods =
      ExpandGlobs(options->study.methods, NamesOf(Methods()), "method");
  if (options->plan) {
    const StudyPlan plan = PlanStudy(options->study);
    if (options->json) {
      PrintJson(PlanJson(plan));
    } else {
      PrintOut(PlanText(plan));
    }
    return;
  }
  std::vector<StudyRow> rows;
  try {
    TerminalProgress progress;
    RunStudy(options->study, &progress, &rows);
  } catch (const Error&) {
    // What is done is worth seeing, also after Ctrl-C.
    if (!rows.empty()) PrintRows(*options, options->study.out, rows);
    throw;
  }
  PrintRows(*options, options->study.out, rows);
  if (!options->json && WidthOf(STDOUT_FILENO) > 0) {
    PrintLine(fmt::format("  all of it as a page: {}/{}", options->study.out,
                          kReportFile));
  }
  RequirePromises(rows);
}

}  // namespace

void AddStudy(CLI::App* app) {
  const auto options = std::make_shared<StudyFlags>();
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
      ->type_name("MODEL")
      ->capture_default_str();
  AddDataSpec(verb, "--data", &study.data,
              "Where samples come from: digits, mnist:DIR, npz:FILE, "
              "images:DIR, ... and options by commas")
      ->capture_default_str();
  AddReading(verb, &study.reading);
  CompleteWith(
      AddNames(verb, "--recipes", &study.recipes,
               "Which recipes, by commas, also by patterns such as 'prune*' "
               "(`litesmith list recipes`); all of them if not given"),
      {Completes::kList, NamesOf(study.table.recipes())});
  CompleteWith(
      AddNames(verb, "--methods", &study.methods,
               "Which methods, by commas, also by patterns (`litesmith list "
               "methods`); those of the table if not given"),
      {Completes::kList, NamesOf(Methods())});
  AddTraining(verb, &study.train);
  study.metric = kAutoMetric;
  AddMetric(verb, &study.metric);
  AddLimit(verb, &study.limit);
  AddNumber<uint64_t>(verb, "--calibration-seed", &study.calibration_seed,
                      "Draw the samples that calibrate from all training "
                      "samples by this seed, of all classes alike; 0: the "
                      "first ones");
  AddDequantize(verb, &study.dequantize);
  verb->add_flag("--trained", study.trained,
                 "The model is trained already: recipe none is the file as it "
                 "is, and the others start from it; without it none trains the "
                 "model first");
  verb->add_option("-o,--out", study.out,
                   "The folder to write to (here or in the --config file)")
      ->type_name("DIR REQUIRED");
  verb->add_flag("--force", study.force, "Compute everything anew");
  verb->add_option("--show", options->show,
                   "Print the table of what is in DIR, finished or not, and "
                   "do nothing else; --recipes and --methods narrow it")
      ->type_name("DIR");
  AddChoice(verb, "--sort", &options->sort, SortNames(),
            "Print the best of this column first: accuracy, size, gzip, "
            "latency, arena, sparsity, time")
      ->type_name("COLUMN");
  verb->add_flag("--plan", options->plan,
                 "Say what would run, what is kept, and about how long it "
                 "would take; write nothing");
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformStudy(options.get(), verb); });
}

}  // namespace litesmith
