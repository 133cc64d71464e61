// What a model can be put through, as rows of data: a recipe is its parent's
// result and the steps that follow. Built-in recipes and users' own have the
// same form (recipe_toml.h). Nothing here trains or knows a graph.
#ifndef LITESMITH_OPTIMIZE_RECIPES_H_
#define LITESMITH_OPTIMIZE_RECIPES_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/optimize/technique.h"
#include "src/train/trainer.h"

namespace litesmith {

// LayerSettings for the layers that fit all that the rule says of them.
struct LayerRule {
  std::string match;  // a shell pattern of names ("conv*"); empty: any
  std::vector<std::function<void(LayerSettings*)>> changes;
  std::string kind = {};  // a word of step_graph.h's LayerKinds(); empty: any
  std::string position = {};  // "first" or "last" of the layers; empty: any
  int64_t smaller_than = 0;   // so many weights; 0: any number
};

// One step: change the graph, then train it with a fresh optimizer.
struct RecipeStep {
  const Technique* technique = &kTrainTechnique;
  LayerSettings settings;         // of the layers that no rule is for
  std::vector<LayerRule> layers;  // later rules win
  std::string place;              // "my.toml:3: recipe \"thin\"", for messages
  // The caller's own where not given.
  std::optional<int> epochs;
  std::optional<int> batch;
  std::optional<float> learning_rate;
  // The other settings of its training that it says (train/settings.h).
  std::vector<std::function<void(TrainOptions*)>> training;
};

struct Recipe {
  std::string name;
  std::string parent;   // whose result it starts from; empty: the model itself
  std::string summary;  // one line for `litesmith list recipes`
  std::vector<RecipeStep> steps;
  std::string place;  // as a step's
};

// Whether no step changes the graph.
bool OnlyTrains(const Recipe& recipe);

// Recipes by name, parents before children.
class RecipeTable {
 public:
  // The eleven built-in ones.
  RecipeTable();

  // Adds the recipes of a TOML file's [recipe.NAME] tables and returns their
  // names. Throws Error{not found, io, corrupt} for the file,
  // Error{invalid argument} with file and line for a recipe that cannot be:
  // unknown keys, values out of range, a name that is taken, a parent that is
  // not there.
  std::vector<std::string> AddFile(const std::string& path);

  // From now on the model is trained already: a recipe that starts from it and
  // only trains, as none, leaves it as it is.
  void TakeModelAsTrained();

  const std::vector<Recipe>& recipes() const { return recipes_; }
  // Throws Error{invalid argument} with the nearest name and all of them.
  const Recipe& Find(std::string_view name) const;
  // The recipe and all it descends from, the oldest first.
  std::vector<const Recipe*> Lineage(const Recipe& recipe) const;

 private:
  // Moves parents in front of their children.
  void Add(std::vector<Recipe> recipes);

  std::vector<Recipe> recipes_;
};

// The built-in recipes as the TOML text that they are read from.
std::string_view BuiltinRecipes();

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_RECIPES_H_
