// Recipes from TOML: [recipe.NAME] tables with `parent`, `summary` and a list
// of steps. What a step may say are its technique's parameters (parameter.h);
// docs/recipes.md explains it to users.
#ifndef LITESMITH_OPTIMIZE_RECIPE_TOML_H_
#define LITESMITH_OPTIMIZE_RECIPE_TOML_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/optimize/recipes.h"

namespace litesmith {

// One parameter of a step, for help and documentation.
struct StepParameter {
  std::string name;
  std::string steps;    // which techniques have it: "prune", "cluster, qat"
  std::string summary;  // values and default
};
std::vector<StepParameter> StepParameters();

// The recipes of the text, in the order of the file; `where` names it in
// messages (empty for the built-in ones, whose lines no user sees). Other
// top-level keys than `recipe` are config.h's. Throws Error{corrupt} if it is
// not TOML, Error{invalid argument} naming place, key, value and what would do.
std::vector<Recipe> ParseRecipes(std::string_view text,
                                 const std::string& where);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_RECIPE_TOML_H_
