// The recipe table.
#include "src/study/recipes.h"

#include <algorithm>

#include "src/base/error.h"

namespace litesmith {
namespace {

constexpr RecipeStep kTrainStep[] = {{StepKind::kTrain}};

constexpr Recipe kRecipes[] = {
    {"none", "", "train, nothing else", kTrainStep},
};

}  // namespace

std::span<const Recipe> Recipes() { return kRecipes; }

const Recipe& FindRecipe(std::string_view name) {
  std::string known;
  for (const Recipe& recipe : kRecipes) {
    if (name == recipe.name) return recipe;
    known += (known.empty() ? "" : ", ") + std::string(recipe.name);
  }
  Fail(ErrorKind::kInvalidArgument,
       "unknown recipe \"{}\"; one of these is wanted: {}", name, known);
}

std::vector<const Recipe*> Lineage(const Recipe& recipe) {
  std::vector<const Recipe*> result = {&recipe};
  while (result.back()->parent[0] != '\0')
    result.push_back(&FindRecipe(result.back()->parent));
  std::reverse(result.begin(), result.end());
  return result;
}

std::string DescribeSteps(const Recipe& recipe) {
  std::string text;
  for (const RecipeStep& step : recipe.steps) {
    if (!text.empty()) text += "; ";
    switch (step.kind) {
      case StepKind::kTrain:
        text += "train";
        break;
    }
  }
  return text;
}

}  // namespace litesmith
