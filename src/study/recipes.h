// What a model can be put through, as rows of data: a recipe is its parent's
// result and the steps that follow. Nothing here trains; study.cc walks it.
#ifndef LITESMITH_STUDY_RECIPES_H_
#define LITESMITH_STUDY_RECIPES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace litesmith {

// What a step puts into the graph before it trains. One line a kind; study.cc
// has the one switch over it.
enum class StepKind {
  kTrain,  // nothing: the graph is trained as it is
};

// One step: change the graph, then train it with a fresh optimizer.
struct RecipeStep {
  StepKind kind = StepKind::kTrain;
};

struct Recipe {
  const char* name;
  const char* parent;   // whose result it starts from; empty: the model itself
  const char* summary;  // one line for `litesmith list recipes`
  std::span<const RecipeStep> steps;
};

// Every recipe, parents before children.
std::span<const Recipe> Recipes();
// Throws Error{invalid argument} listing the names.
const Recipe& FindRecipe(std::string_view name);

// The recipe and all it descends from, the oldest first.
std::vector<const Recipe*> Lineage(const Recipe& recipe);

// The steps with every parameter, in words: what a result's key is made of.
std::string DescribeSteps(const Recipe& recipe);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_RECIPES_H_
