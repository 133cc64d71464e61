// Recipes parsed: keys are looked up in the rows of techniques.
#include "src/optimize/recipe_toml.h"

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/optimize/step_graph.h"
#include "src/optimize/toml_value.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"
#include "src/train/settings.h"

namespace litesmith {
namespace {

// What a step of any technique may say, beside `type`, `layers` and the
// technique's own parameters: how it is trained.
struct StepKey {
  const char* name;
  const char* summary;
  void (*set)(const TomlValue& value, RecipeStep* step);
};

constexpr StepKey kStepKeys[] = {
    {"epochs", "passes over the data (the study's)",
     [](const TomlValue& v, RecipeStep* s) {
       s->epochs = static_cast<int>(v.Whole(1, 1000000));
     }},
    {"batch", "samples an optimizer step (128)",
     [](const TomlValue& v, RecipeStep* s) {
       s->batch = static_cast<int>(v.Whole(1, 65536));
     }},
    {"learning_rate", "Adam's (0.001)",
     [](const TomlValue& v, RecipeStep* s) {
       const double rate = v.Number(0, 1000);
       if (rate == 0) v.Refuse("a rate above 0");
       s->learning_rate = static_cast<float>(rate);
     }},
};

// How the step is trained otherwise: any setting of a training, and the words
// that choose a loss, an optimizer and a schedule.
struct Choice {
  const char* name;
  const char* summary;
  std::vector<std::string> (*words)();
  std::string TrainOptions::*member;
};
constexpr Choice kChoices[] = {
    {"loss", "what is made small (the training's)",
     [] { return NamesOf(Losses()); }, &TrainOptions::loss},
    {"optimizer", "how (the training's)", [] { return NamesOf(Optimizers()); },
     &TrainOptions::optimizer},
    {"rate_schedule", "the learning rate over the steps (the training's)",
     [] { return NamesOf(Schedules()); }, &TrainOptions::schedule},
};

// The row of that name, or null.
template <typename Rows>
auto FindRow(const Rows& rows, std::string_view name) -> decltype(&rows[0]) {
  for (const auto& row : rows) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

// What the key changes about the step's training; null if there is no such one.
std::function<void(TrainOptions*)> TrainingChange(std::string_view key,
                                                  const TomlValue& value) {
  if (const Choice* choice = FindRow(kChoices, key)) {
    const std::string word = value.Text();
    const std::vector<std::string> words = choice->words();
    if (std::find(words.begin(), words.end(), word) == words.end())
      value.RefuseName(choice->name, word, words);
    return [choice, word](TrainOptions* o) { o->*choice->member = word; };
  }
  const TrainSetting* row = FindRow(TrainSettings(), key);
  if (row == nullptr) return nullptr;
  if (row->number != nullptr) {
    const auto number = static_cast<float>(value.Number(0, 1 << 30));
    if (!row->range.Has(number)) value.Refuse(RangeText(row->range));
    return [row, number](TrainOptions* o) { o->*row->number = number; };
  }
  if (row->whole != nullptr) {
    const auto whole = static_cast<int>(value.Whole(0, 1 << 30));
    return [row, whole](TrainOptions* o) { o->*row->whole = whole; };
  }
  if (row->flag != nullptr) {
    const bool flag = value.Flag();
    return [row, flag](TrainOptions* o) { o->*row->flag = flag; };
  }
  const std::string text = value.Text();
  return [row, text](TrainOptions* o) { o->*row->text = text; };
}

// The technique's parameter that a step, or a rule for its layers, may set.
const Parameter* FindParameter(const Technique& technique,
                               std::string_view name, bool rule) {
  const Parameter* parameter = FindRow(technique.parameters, name);
  return parameter != nullptr && (parameter->per_layer || !rule) ? parameter
                                                                 : nullptr;
}

std::vector<std::string> TechniqueNames() {
  std::vector<std::string> names;
  for (const Technique* technique : Techniques())
    names.emplace_back(technique->name);
  return names;
}

// Every key that a step of this technique, or a rule in it, may have.
std::vector<std::string> KnownKeys(const Technique& technique, bool rule) {
  std::vector<std::string> names = {"match", "kind", "position",
                                    "smaller_than"};
  if (!rule) names = {"type", "layers"};
  for (const Parameter& p : technique.parameters) {
    if (p.per_layer || !rule) names.emplace_back(p.name);
  }
  if (rule) return names;
  for (const StepKey& key : kStepKeys) names.emplace_back(key.name);
  for (const Choice& choice : kChoices) names.emplace_back(choice.name);
  for (const TrainSetting& row : TrainSettings()) names.emplace_back(row.name);
  return names;
}

class Parser {
 public:
  explicit Parser(const std::string& where) : where_(where) {}

  Recipe ParseRecipe(const std::string& name, const toml::node& node) const {
    const auto* table = node.as_table();
    if (table == nullptr)
      Of(node, fmt::format("recipe.{}", name)).Refuse("a table");
    for (const char c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' &&
          c != '-') {
        Of(node, fmt::format("recipe \"{}\"", name))
            .Refuse("a name of letters, digits, - and _ (it names a folder)");
      }
    }
    Recipe recipe;
    recipe.name = name;
    recipe.place = Place(node, name);
    const toml::node* steps = nullptr;
    for (const auto& [key, value] : *table) {
      const std::string path = fmt::format("recipe.{}.{}", name, key.str());
      if (key == "parent") {
        recipe.parent = Of(value, path).Text();
      } else if (key == "summary") {
        recipe.summary = Of(value, path).Text();
      } else if (key == "steps") {
        steps = &value;
      } else {
        Of(value, path)
            .RefuseName("key", key.str(), {"parent", "summary", "steps"});
      }
    }
    const std::string path = fmt::format("recipe.{}.steps", name);
    const auto* list = steps == nullptr ? nullptr : steps->as_array();
    if (list == nullptr || list->empty())
      Of(steps == nullptr ? node : *steps, path).Refuse("a list of steps");
    for (const toml::node& step : *list) {
      recipe.steps.push_back(
          ParseStep(step, fmt::format("{}[{}]", path, recipe.steps.size())));
      recipe.steps.back().place = Place(step, name);
    }
    return recipe;
  }

 private:
  // Of a recipe or one of its steps, for messages of those who run them.
  std::string Place(const toml::node& node, const std::string& recipe) const {
    const std::string place = fmt::format("recipe \"{}\"", recipe);
    if (where_.empty()) return place;
    return fmt::format("{}:{}: {}", where_, TomlLine(node), place);
  }
  TomlValue Of(const toml::node& node, std::string name) const {
    return {node, std::move(name), where_};
  }

  const Technique& ParseType(const toml::table& table, const toml::node& node,
                             const std::string& path) const {
    const toml::node* type = table.get("type");
    const std::vector<std::string> names = TechniqueNames();
    if (type == nullptr)
      Of(node, path + ".type").Refuse(JoinNames(names) + ", one of them");
    const std::string name = Of(*type, path + ".type").Text();
    for (const Technique* technique : Techniques()) {
      if (name == technique->name) return *technique;
    }
    Of(*type, path + ".type").RefuseName("kind of step", name, names);
  }

  RecipeStep ParseStep(const toml::node& node, const std::string& path) const {
    const auto* table = node.as_table();
    if (table == nullptr) Of(node, path).Refuse("a table");
    const Technique& technique = ParseType(*table, node, path);
    RecipeStep step;
    step.technique = &technique;
    step.settings = technique.defaults();
    for (const auto& [key, value] : *table) {
      const std::string inner = fmt::format("{}.{}", path, key.str());
      if (key == "type") continue;
      if (key == "layers") {
        ParseLayers(value, inner, &step);
      } else if (const StepKey* own = FindRow(kStepKeys, key.str())) {
        own->set(Of(value, inner), &step);
      } else if (const Parameter* parameter =
                     FindParameter(technique, key.str(), false)) {
        parameter->set(Of(value, inner).Read(*parameter), &step.settings);
      } else if (auto change = TrainingChange(key.str(), Of(value, inner))) {
        step.training.push_back(std::move(change));
      } else {
        Of(value, inner)
            .RefuseName(fmt::format("key of a {} step", technique.name),
                        key.str(), KnownKeys(technique, false));
      }
    }
    return step;
  }

  void ParseLayers(const toml::node& node, const std::string& path,
                   RecipeStep* step) const {
    const auto* list = node.as_array();
    if (list == nullptr) Of(node, path).Refuse("a list of tables");
    for (const toml::node& item : *list) {
      const std::string inner =
          fmt::format("{}[{}]", path, step->layers.size());
      const auto* table = item.as_table();
      if (table == nullptr) Of(item, inner).Refuse("a table");
      step->layers.push_back(ParseRule(*table, inner, *step->technique));
      const LayerRule& rule = step->layers.back();
      if (rule.match.empty() && rule.kind.empty() && rule.position.empty() &&
          rule.smaller_than == 0) {
        Of(item, inner)
            .Refuse(
                "`match`, a pattern of layer names such as \"conv*\", or "
                "`kind`, `position` or `smaller_than`,");
      }
    }
  }

  // Of the keys that say which layers a rule is for.
  static bool ReadsWhich(std::string_view key, const TomlValue& value,
                         LayerRule* rule) {
    const auto word = [&](const std::vector<std::string>& words) {
      const std::string given = value.Text();
      if (std::find(words.begin(), words.end(), given) == words.end())
        value.RefuseName("word", given, words);
      return given;
    };
    if (key == "match") {
      rule->match = value.Text();
    } else if (key == "kind") {
      rule->kind = word(NamesOf(LayerKinds()));
    } else if (key == "position") {
      rule->position = word({"first", "last"});
    } else if (key == "smaller_than") {
      rule->smaller_than = value.Whole(1, int64_t{1} << 40);
    } else {
      return false;
    }
    return true;
  }

  LayerRule ParseRule(const toml::table& table, const std::string& path,
                      const Technique& technique) const {
    LayerRule rule;
    for (const auto& [key, value] : table) {
      const TomlValue read = Of(value, fmt::format("{}.{}", path, key.str()));
      if (ReadsWhich(key.str(), read, &rule)) continue;
      const Parameter* parameter = FindParameter(technique, key.str(), true);
      if (parameter == nullptr) {
        read.RefuseName("key of a rule for layers", key.str(),
                        KnownKeys(technique, true));
      }
      rule.changes.emplace_back(
          [parameter, set = read.Read(*parameter)](LayerSettings* settings) {
            parameter->set(set, settings);
          });
    }
    return rule;
  }

  const std::string& where_;
};

}  // namespace

std::vector<StepParameter> StepParameters() {
  std::vector<StepParameter> rows;
  for (const StepKey& key : kStepKeys)
    rows.push_back({key.name, JoinNames(TechniqueNames()), key.summary});
  for (const Choice& choice : kChoices)
    rows.push_back({choice.name, JoinNames(TechniqueNames()), choice.summary});
  for (const TrainSetting& row : TrainSettings())
    rows.push_back({row.name, JoinNames(TechniqueNames()), row.help});
  for (const Technique* technique : Techniques()) {
    const LayerSettings defaults = technique->defaults();
    for (const Parameter& p : technique->parameters) {
      const std::string summary =
          fmt::format("{} ({})", p.help, ParameterText(p, defaults));
      const auto same =
          std::find_if(rows.begin(), rows.end(), [&](const StepParameter& row) {
            return row.name == p.name && row.summary == summary;
          });
      if (same == rows.end()) {
        rows.push_back({p.name, technique->name, summary});
      } else {
        same->steps += fmt::format(", {}", technique->name);
      }
    }
  }
  return rows;
}

std::vector<Recipe> ParseRecipes(std::string_view text,
                                 const std::string& where) {
  const toml::table document = ParseToml(text, where);
  const toml::node* node = document.get("recipe");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr)
    TomlValue(*node, "recipe", where).Refuse("tables [recipe.NAME]");
  std::vector<std::pair<uint32_t, Recipe>> recipes;
  const Parser parser(where);
  for (const auto& [key, value] : *table) {
    recipes.emplace_back(value.source().begin.line,
                         parser.ParseRecipe(std::string(key.str()), value));
  }
  // Tables are sorted by key; the file's own order reads better.
  std::stable_sort(
      recipes.begin(), recipes.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Recipe> result;
  for (auto& [line, recipe] : recipes) result.push_back(std::move(recipe));
  return result;
}

}  // namespace litesmith
