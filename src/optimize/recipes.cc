// The built-in recipes, and those that come from files.
#include "src/optimize/recipes.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/optimize/recipe_toml.h"

namespace litesmith {
namespace {

// The recipe table of the design. What a step does not say is the default of
// TFMOT (specs/tfmot.md).
constexpr std::string_view kBuiltin = R"([recipe.none]
summary = "train, nothing else"
steps = [{ type = "train" }]

[recipe.prune]
parent = "none"
summary = "magnitude pruning, 50 % to 80 % zeros over the fine-tune"
steps = [{ type = "prune", initial_sparsity = 0.5, sparsity = 0.8 }]

[recipe.quant]
parent = "none"
summary = "quantization-aware training, 8 bits"
steps = [{ type = "qat" }]

[recipe.cluster]
parent = "none"
summary = "8 shared weights: a channel in convolutions, a tensor in dense layers"
steps = [{ type = "cluster", clusters = 8, per_channel = "convolutions" }]

[recipe.cluster_qat]
parent = "cluster"
summary = "quantization-aware training; clusters may dissolve"
steps = [{ type = "qat" }]

[recipe.cluster_cqat]
parent = "cluster"
summary = "quantization-aware training that keeps the clusters"
steps = [{ type = "qat", preserve_clusters = true }]

[recipe.prune_qat]
parent = "prune"
summary = "quantization-aware training; zeros may fill"
steps = [{ type = "qat" }]

[recipe.prune_pqat]
parent = "prune"
summary = "quantization-aware training that keeps the zeros"
steps = [{ type = "qat", preserve_sparsity = true }]

[recipe.prune_cluster]
parent = "prune"
summary = "8 shared weights a tensor, zero among them; keeps the zeros"
steps = [{ type = "cluster", clusters = 8, preserve_sparsity = true }]

[recipe.prune_cluster_qat]
parent = "prune_cluster"
summary = "quantization-aware training; zeros and clusters may go"
steps = [{ type = "qat" }]

[recipe.prune_cluster_pcqat]
parent = "prune_cluster"
summary = "quantization-aware training that keeps zeros and clusters"
steps = [{ type = "qat", preserve_sparsity = true, preserve_clusters = true }]
)";

}  // namespace

std::string_view BuiltinRecipes() { return kBuiltin; }

bool OnlyTrains(const Recipe& recipe) {
  return std::all_of(
      recipe.steps.begin(), recipe.steps.end(),
      [](const RecipeStep& step) { return !step.technique->inserts(); });
}

RecipeTable::RecipeTable() { Add(ParseRecipes(kBuiltin, "")); }

std::vector<std::string> RecipeTable::AddFile(const std::string& path) {
  const std::vector<std::byte> bytes = ReadFile(path, int64_t{1} << 20);
  std::vector<Recipe> recipes = ParseRecipes(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes) names.push_back(recipe.name);
  Add(std::move(recipes));
  return names;
}

void RecipeTable::Add(std::vector<Recipe> recipes) {
  const auto find = [](const std::vector<Recipe>& list, std::string_view name) {
    return std::find_if(list.begin(), list.end(),
                        [&](const Recipe& r) { return r.name == name; });
  };
  const auto known = [&](std::string_view name) {
    return find(recipes_, name) != recipes_.end();
  };
  for (const Recipe& recipe : recipes) {
    if (known(recipe.name)) {
      Fail(ErrorKind::kInvalidArgument,
           "{}: there is one of this name already; another name would do",
           recipe.place);
    }
    if (recipe.parent.empty() || known(recipe.parent) ||
        find(recipes, recipe.parent) != recipes.end()) {
      continue;
    }
    std::vector<std::string> names = NamesOf(recipes_);
    for (const Recipe& each : recipes) names.push_back(each.name);
    Fail(ErrorKind::kInvalidArgument, "{}: {}", recipe.place,
         UnknownName("parent", recipe.parent, names));
  }
  // Those whose parent is there, until none is left.
  while (!recipes.empty()) {
    const auto ready = std::find_if(
        recipes.begin(), recipes.end(),
        [&](const Recipe& r) { return r.parent.empty() || known(r.parent); });
    if (ready == recipes.end()) {
      std::vector<std::string> line = {recipes[0].name};
      do {
        line.push_back(find(recipes, line.back())->parent);
      } while (std::count(line.begin(), line.end(), line.back()) == 1);
      Fail(ErrorKind::kInvalidArgument,
           "{}: its parents go in a circle: {}; one of them must start from a "
           "recipe outside of it or from none",
           recipes[0].place, JoinNames(line));
    }
    recipes_.push_back(std::move(*ready));
    recipes.erase(ready);
  }
}

void RecipeTable::TakeModelAsTrained() {
  for (Recipe& recipe : recipes_) {
    if (!recipe.parent.empty() || !OnlyTrains(recipe)) continue;
    // The steps stay: stages, which shuffles follow from, are counted by them.
    for (RecipeStep& step : recipe.steps) step.epochs = 0;
  }
}

const Recipe& RecipeTable::Find(std::string_view name) const {
  return FindByName(recipes_, name, "recipe");
}

std::vector<const Recipe*> RecipeTable::Lineage(const Recipe& recipe) const {
  std::vector<const Recipe*> result = {&recipe};
  while (!result.back()->parent.empty())
    result.push_back(&Find(result.back()->parent));
  std::reverse(result.begin(), result.end());
  return result;
}

}  // namespace litesmith
