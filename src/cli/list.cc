// litesmith list: what there is to choose from, straight from the tables.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/terminal.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/formats/keras/layer.h"
#include "src/measure/metrics.h"
#include "src/models/models.h"
#include "src/ops/registry.h"
#include "src/optimize/recipe_toml.h"
#include "src/optimize/recipes.h"
#include "src/optimize/technique.h"
#include "src/study/methods.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"

namespace litesmith {
namespace {

using NamedRows = std::vector<std::pair<std::string, std::string>>;

NamedRows RecipeRows() {
  NamedRows rows;
  const RecipeTable table;
  for (const Recipe& recipe : table.recipes()) {
    rows.emplace_back(
        recipe.name,
        recipe.parent.empty()
            ? recipe.summary
            : fmt::format("{} (after {})", recipe.summary, recipe.parent));
  }
  return rows;
}

// What a step of a recipe may say.
NamedRows ParameterRows() {
  NamedRows rows;
  for (const StepParameter& p : StepParameters())
    rows.emplace_back(fmt::format("{} ({})", p.name, p.steps), p.summary);
  return rows;
}

// What the type of a step may be.
NamedRows TechniqueRows() {
  NamedRows rows;
  for (const Technique* technique : Techniques())
    rows.emplace_back(technique->name, technique->summary);
  return rows;
}

NamedRows MethodRows() {
  NamedRows rows;
  for (const Method& method : Methods()) {
    rows.emplace_back(
        method.name,
        method.in_table
            ? method.summary
            : fmt::format("{} (in a study only by --methods)", method.summary));
  }
  return rows;
}

NamedRows OpRows() {
  NamedRows rows;
  for (const OpDef* op : AllOps()) rows.emplace_back(op->name, op->summary);
  return rows;
}

// Of Keras, which a model file may have.
NamedRows LayerListing() {
  NamedRows rows;
  for (const LayerRow& row : LayerRows())
    rows.emplace_back(row.class_name, row.summary);
  return rows;
}

NamedRows DatasetRows() {
  NamedRows rows;
  for (const DataSource& source : DataSources()) {
    const bool takes = source.argument[0] != '\0';
    rows.emplace_back(takes ? fmt::format("{}:{}", source.name, source.argument)
                            : std::string(source.name),
                      source.summary);
  }
  return rows;
}

// With the sources that take each.
NamedRows DataOptionRows() {
  NamedRows rows;
  for (const DataOption& option : DataOptions()) {
    std::string takers;
    for (const DataSource& source : DataSources()) {
      for (const char* name : source.options) {
        if (std::string(name) == option.name)
          takers += (takers.empty() ? "" : ", ") + std::string(source.name);
      }
    }
    rows.emplace_back(fmt::format("{}={}", option.name, option.value),
                      fmt::format("{} ({})", option.summary,
                                  takers.empty() ? "every source" : takers));
  }
  return rows;
}

// Tables whose rows are a name and a summary.
template <auto Table>
NamedRows NamesAndSummaries() {
  NamedRows rows;
  for (const auto& row : Table()) rows.emplace_back(row.name, row.summary);
  return rows;
}

struct Listing {
  const char* name;
  NamedRows (*rows)();
};

constexpr Listing kListings[] = {{"recipes", RecipeRows},
                                 {"parameters", ParameterRows},
                                 {"techniques", TechniqueRows},
                                 {"methods", MethodRows},
                                 {"ops", OpRows},
                                 {"layers", LayerListing},
                                 {"models", NamesAndSummaries<BuiltinModels>},
                                 {"datasets", DatasetRows},
                                 {"data-options", DataOptionRows},
                                 {"losses", NamesAndSummaries<Losses>},
                                 {"optimizers", NamesAndSummaries<Optimizers>},
                                 {"schedules", NamesAndSummaries<Schedules>},
                                 {"metrics", NamesAndSummaries<Metrics>}};

void PerformList(const std::string& what, bool json) {
  const NamedRows rows = FindByName(kListings, what, "list").rows();
  if (json) {
    OrderedJson list = OrderedJson::array();
    for (const auto& [name, summary] : rows)
      list.push_back({{"name", name}, {"summary", summary}});
    PrintJson({{"what", what}, {"rows", list}});
    return;
  }
  size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  const auto room = static_cast<size_t>(WidthOf(STDOUT_FILENO));
  std::string text;
  for (const auto& row : rows) {
    // Of long names, as those of parameters, little room is left.
    const size_t column = room > 0 && width + 32 > room ? 4 : width + 2;
    const std::string body = Wrapped(row.second, room, column, column);
    text += column == width + 2
                ? fmt::format("{:<{}}{}\n", row.first, column,
                              std::string_view(body).substr(column))
                : row.first + "\n" + body + "\n";
  }
  PrintOut(text);
}

}  // namespace

void AddList(CLI::App* app) {
  const auto what = std::make_shared<std::string>();
  const auto toml = std::make_shared<bool>(false);
  CLI::App* verb = app->add_subcommand(
      "list",
      "Print what there is: recipes, the parameters and techniques of their\n"
      "steps, methods, ops, Keras layers, models, datasets, losses, "
      "optimizers,\n"
      "schedules or metrics. --toml prints the recipes as they are written, "
      "to\n"
      "start one of your own from.");
  CompleteWith(verb->add_option("what", *what, JoinNames(NamesOf(kListings)))
                   ->type_name("WHAT"),
               {Completes::kWords, NamesOf(kListings)});
  verb->add_flag("--toml", *toml, "Recipes as TOML");
  const auto json = std::make_shared<bool>(false);
  AddJson(verb, json.get());
  verb->callback([what, toml, json] {
    if (what->empty()) {
      Fail(ErrorKind::kInvalidArgument, "what to list is missing: one of {}",
           JoinNames(NamesOf(kListings)));
    }
    if (*toml && !*json && *what == "recipes") {
      PrintOut(std::string(BuiltinRecipes()));
      return;
    }
    PerformList(*what, *json);
    if (*toml) {
      Warn("--toml has no effect: it is for recipes{}",
           *json ? " without --json" : ", not for " + *what);
    }
  });
}

}  // namespace litesmith
