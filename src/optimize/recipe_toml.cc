#include "src/optimize/recipe_toml.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/optimize/toml_text.h"

namespace litesmith {
namespace {

// A value of the file with its place, for messages.
class Value {
 public:
  Value(const toml::node& node, std::string name, const std::string& where)
      : node_(node), name_(std::move(name)), where_(where) {}

  // `wanted` says what would do.
  [[noreturn]] void Refuse(const std::string& wanted) const {
    // A table is too long to be shown, and is not what is wrong.
    const bool shown = !node_.is_table() && !node_.is_array_of_tables();
    Fail(ErrorKind::kInvalidArgument, "{}:{}: {}{}: {} is wanted", where_,
         TomlLine(node_), name_, shown ? " = " + TomlText(node_) : "", wanted);
  }
  // `typed` is none of the names that are known there.
  [[noreturn]] void RefuseName(std::string_view what, std::string_view typed,
                               const std::vector<std::string>& known) const {
    Fail(ErrorKind::kInvalidArgument, "{}:{}: {}: {}", where_, TomlLine(node_),
         name_, UnknownName(what, typed, known));
  }
  const toml::node& node() const { return node_; }

  int64_t Integer(int64_t low, int64_t high) const {
    const auto value = node_.value_exact<int64_t>();
    if (!value || *value < low || *value > high)
      Refuse(fmt::format("a whole number from {} to {}", low, high));
    return *value;
  }
  // In [low, high).
  double Number(double low, double high) const {
    const auto value = node_.value<double>();
    if (!(node_.is_number() && *value >= low && *value < high))
      Refuse(fmt::format("a number of at least {} and below {}", low, high));
    return *value;
  }
  // Two whole numbers, as [a, b].
  std::pair<int, int> Pair(int64_t low, int64_t high) const {
    const toml::array* items = node_.as_array();
    int64_t values[2] = {low - 1, low - 1};
    for (size_t i = 0; items != nullptr && items->size() == 2 && i < 2; ++i)
      values[i] = items->get(i)->value_exact<int64_t>().value_or(low - 1);
    for (const int64_t value : values) {
      if (value < low || value > high)
        Refuse(fmt::format("[a, b] of whole numbers from {} to {}", low, high));
    }
    return {static_cast<int>(values[0]), static_cast<int>(values[1])};
  }
  // "m:n", 1 <= m < n <= 64.
  std::pair<int, int> Pattern() const {
    const std::string text = node_.value_exact<std::string>().value_or("");
    const size_t colon = text.find(':');
    const auto number = [](const std::string& digits) {
      const bool plain = !digits.empty() && digits.size() <= 2 &&
                         std::all_of(digits.begin(), digits.end(), [](char c) {
                           return c >= '0' && c <= '9';
                         });
      return plain ? std::stoi(digits) : 0;
    };
    const int zeros = number(text.substr(0, colon));
    const int size =
        colon == std::string::npos ? 0 : number(text.substr(colon + 1));
    if (zeros < 1 || zeros >= size || size > 64)
      Refuse("\"m:n\", m zeros in every n, 1 <= m < n <= 64,");
    return {zeros, size};
  }
  float Share() const { return static_cast<float>(Number(0, 1)); }
  bool Bool() const {
    const auto value = node_.value_exact<bool>();
    if (!value) Refuse("true or false");
    return *value;
  }
  std::string Text() const {
    const auto value = node_.value_exact<std::string>();
    if (!value || value->empty()) Refuse("text");
    return *value;
  }
  // Which of the names it is.
  template <typename T>
  T OneOf(std::initializer_list<std::pair<const char*, T>> names) const {
    std::string wanted;
    const auto value = node_.value_exact<std::string>();
    for (const auto& [name, meaning] : names) {
      if (value && *value == name) return meaning;
      wanted += fmt::format("{}\"{}\"", wanted.empty() ? "" : " or ", name);
    }
    Refuse(wanted);
  }

 private:
  const toml::node& node_;
  std::string name_;
  const std::string& where_;
};

// Bits of the kinds of step that have a parameter.
enum : unsigned { kPrune = 1, kCluster = 2, kQat = 4 };

constexpr struct {
  const char* name;
  StepKind kind;
  unsigned bit;
} kKinds[] = {{"train", StepKind::kTrain, 0},
              {"prune", StepKind::kPrune, kPrune},
              {"cluster", StepKind::kCluster, kCluster},
              {"qat", StepKind::kQat, kQat}};

using Change = std::function<void(LayerSettings*)>;

// A setting that may differ from layer to layer: a new one is a row here.
struct Parameter {
  const char* name;
  unsigned kinds;
  const char* summary;
  // Checks the value at once; what it gives writes the setting.
  Change (*read)(const Value& value);
};

constexpr int64_t kManySteps = int64_t{1} << 30;

constexpr Parameter kParameters[] = {
    {"skip", kPrune | kCluster | kQat,
     "true leaves the layer as it is; for rules of `layers` (false)",
     [](const Value& v) -> Change {
       const auto x = v.Bool();
       return [x](LayerSettings* s) { s->skip = x; };
     }},
    {"sparsity", kPrune, "the final share of zeros, in [0, 1) (0.8)",
     [](const Value& v) -> Change {
       const auto x = v.Share();
       return [x](LayerSettings* s) { s->prune.final_sparsity = x; };
     }},
    {"schedule", kPrune,
     "\"polynomial\" from initial_sparsity to sparsity, or \"constant\" "
     "(polynomial)",
     [](const Value& v) -> Change {
       const auto x =
           v.OneOf<int>({{"polynomial", prune_mask::kPolynomialDecay},
                         {"constant", prune_mask::kConstant}});
       return [x](LayerSettings* s) { s->prune.schedule = x; };
     }},
    {"initial_sparsity", kPrune, "where the polynomial starts (0.5)",
     [](const Value& v) -> Change {
       const auto x = v.Share();
       return [x](LayerSettings* s) { s->prune.initial_sparsity = x; };
     }},
    {"begin_step", kPrune, "optimizer step of the schedule's start (0)",
     [](const Value& v) -> Change {
       const auto x = v.Integer(0, kManySteps);
       return [x](LayerSettings* s) { s->prune.begin_step = x; };
     }},
    {"end_step", kPrune,
     "of its end; -1 is the last update of the training (-1)",
     [](const Value& v) -> Change {
       const auto x = v.Integer(-1, kManySteps);
       return [x](LayerSettings* s) { s->prune.end_step = x; };
     }},
    {"frequency", kPrune,
     "steps from one mask to the next; 0 is a tenth of the training, at most "
     "100 (0)",
     [](const Value& v) -> Change {
       const auto x = v.Integer(0, kManySteps);
       return [x](LayerSettings* s) { s->prune.frequency = x; };
     }},
    {"power", kPrune, "of the polynomial (3)",
     [](const Value& v) -> Change {
       const auto x = static_cast<float>(v.Number(0, 100));
       return [x](LayerSettings* s) { s->prune.power = x; };
     }},
    {"block", kPrune,
     "[rows, columns] of a dense kernel [in, out] that are pruned together "
     "([1, 1])",
     [](const Value& v) -> Change {
       const auto x = v.Pair(1, 65536);
       return [x](LayerSettings* s) {
         s->prune.block_height = x.first;
         s->prune.block_width = x.second;
       };
     }},
    {"block_pooling", kPrune,
     "a block counts by the \"average\" or the \"max\" of its magnitudes "
     "(average)",
     [](const Value& v) -> Change {
       const auto x = v.OneOf<int>(
           {{"average", prune_mask::kAverage}, {"max", prune_mask::kMax}});
       return [x](LayerSettings* s) { s->prune.block_pooling = x; };
     }},
    {"pattern", kPrune,
     "\"2:4\" puts 2 zeros in every 4 neighbours along the input channels, "
     "once, instead of a schedule",
     [](const Value& v) -> Change {
       const auto x = v.Pattern();
       return [x](LayerSettings* s) {
         s->prune.schedule = prune_mask::kZerosInGroups;
         s->prune.group_zeros = x.first;
         s->prune.group_size = x.second;
       };
     }},
    {"clusters", kCluster, "how many weights are shared (8)",
     [](const Value& v) -> Change {
       const auto x = static_cast<int>(v.Integer(2, 65536));
       return [x](LayerSettings* s) { s->cluster.clusters = x; };
     }},
    {"init", kCluster,
     "\"kmeans++\", \"linear\", \"random\" or \"density\" (kmeans++)",
     [](const Value& v) -> Change {
       const auto x =
           v.OneOf<CentroidInit>({{"kmeans++", CentroidInit::kKmeansPlusPlus},
                                  {"linear", CentroidInit::kLinear},
                                  {"random", CentroidInit::kRandom},
                                  {"density", CentroidInit::kDensityBased}});
       return [x](LayerSettings* s) { s->cluster.init = x; };
     }},
    {"per_channel", kCluster,
     "centroids of their own for each output channel of \"convolutions\", of "
     "\"all\" layers or of \"none\" (none)",
     [](const Value& v) -> Change {
       const auto x = v.OneOf<CentroidsPerChannel>(
           {{"none", CentroidsPerChannel::kNone},
            {"convolutions", CentroidsPerChannel::kConvolutions},
            {"all", CentroidsPerChannel::kAll}});
       return [x](LayerSettings* s) { s->per_channel = x; };
     }},
    {"gradient", kCluster,
     "a centroid's is the \"sum\" or \"average\" of its members' (sum)",
     [](const Value& v) -> Change {
       const auto x = v.OneOf<bool>({{"sum", false}, {"average", true}});
       return [x](LayerSettings* s) { s->cluster.average_gradient = x; };
     }},
    {"init_seed", kCluster, "of kmeans++ and random (9)",
     [](const Value& v) -> Change {
       const auto x = static_cast<uint64_t>(v.Integer(0, INT64_MAX));
       return [x](LayerSettings* s) { s->cluster.seed = x; };
     }},
    {"preserve_sparsity", kCluster | kQat, "zeros stay zero (false)",
     [](const Value& v) -> Change {
       const auto x = v.Bool();
       return [x](LayerSettings* s) {
         s->cluster.preserve_sparsity = s->qat.preserve_sparsity = x;
       };
     }},
    {"preserve_clusters", kQat, "shared weights stay shared (false)",
     [](const Value& v) -> Change {
       const auto x = v.Bool();
       return [x](LayerSettings* s) { s->qat.preserve_clusters = x; };
     }},
    {"decay", kQat, "of the moving average of activation ranges (0.999)",
     [](const Value& v) -> Change {
       const auto x = v.Number(0, 1);
       return [x](LayerSettings* s) { s->qat.decay = x; };
     }},
    {"debias", kQat,
     "true makes that the mean of the batches so far, without the -6 to 6 of "
     "its start (false)",
     [](const Value& v) -> Change {
       const auto x = v.Bool();
       return [x](LayerSettings* s) { s->qat.debias = x; };
     }},
    {"weight_ranges", kQat,
     "a convolution's weights have one a \"channel\" or one a \"tensor\" "
     "(channel)",
     [](const Value& v) -> Change {
       const auto x = v.OneOf<bool>({{"channel", true}, {"tensor", false}});
       return [x](LayerSettings* s) { s->qat.per_channel = x; };
     }},
};

// What a whole step says, beside `type`, `layers` and the parameters above.
struct StepKey {
  const char* name;
  unsigned kinds;  // 0: all
  const char* summary;
  void (*set)(const Value& value, RecipeStep* step);
};

constexpr StepKey kStepKeys[] = {
    {"epochs", 0, "passes over the data (the study's)",
     [](const Value& v, RecipeStep* s) {
       s->epochs = static_cast<int>(v.Integer(1, 1000000));
     }},
    {"batch", 0, "samples an optimizer step (128)",
     [](const Value& v, RecipeStep* s) {
       s->batch = static_cast<int>(v.Integer(1, 65536));
     }},
    {"learning_rate", 0, "Adam's (0.001)",
     [](const Value& v, RecipeStep* s) {
       const double rate = v.Number(0, 1000);
       if (rate == 0) v.Refuse("a rate above 0");
       s->learning_rate = static_cast<float>(rate);
     }},
    {"calibrate", kQat,
     "true starts activation ranges from the first 100 samples' instead of "
     "-6 to 6 (false)",
     [](const Value& v, RecipeStep* s) { s->calibrate = v.Bool(); }},
};

std::string KindNames(unsigned bits) {
  std::string names;
  for (const auto& kind : kKinds) {
    if (bits == 0 || (kind.bit & bits) != 0)
      names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  return names;
}

template <typename Row>
const Row* FindRow(std::span<const Row> rows, std::string_view name,
                   unsigned bit) {
  for (const Row& row : rows) {
    if (name == row.name && (row.kinds == 0 || (row.kinds & bit) != 0))
      return &row;
  }
  return nullptr;
}

// Every key that a table of this kind of step may have.
std::vector<std::string> Known(unsigned bit, bool rule) {
  std::vector<std::string> names = {"match"};
  if (!rule) names = {"type", "layers"};
  for (const Parameter& p : kParameters) {
    if ((p.kinds & bit) != 0) names.emplace_back(p.name);
  }
  for (const StepKey& k : kStepKeys) {
    if (!rule && (k.kinds == 0 || (k.kinds & bit) != 0))
      names.emplace_back(k.name);
  }
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
  Value Of(const toml::node& node, std::string name) const {
    return {node, std::move(name), where_};
  }

  RecipeStep ParseStep(const toml::node& node, const std::string& path) const {
    const auto* table = node.as_table();
    if (table == nullptr) Of(node, path).Refuse("a table");
    const toml::node* type = table->get("type");
    if (type == nullptr)
      Of(node, path + ".type").Refuse(KindNames(0) + ", one of them");
    const std::string name = Of(*type, path + ".type").Text();
    const auto* kind =
        std::find_if(std::begin(kKinds), std::end(kKinds),
                     [&](const auto& k) { return name == k.name; });
    if (kind == std::end(kKinds)) {
      Of(*type, path + ".type")
          .RefuseName("kind of step", name, NamesOf(kKinds));
    }
    RecipeStep step;
    step.kind = kind->kind;
    for (const auto& [key, value] : *table) {
      const std::string inner = fmt::format("{}.{}", path, key.str());
      if (key == "type") continue;
      if (key == "layers") {
        ParseLayers(value, inner, kind->bit, &step);
      } else if (const auto* whole =
                     FindRow<StepKey>(kStepKeys, key.str(), kind->bit)) {
        whole->set(Of(value, inner), &step);
      } else if (const auto* parameter =
                     FindRow<Parameter>(kParameters, key.str(), kind->bit)) {
        parameter->read(Of(value, inner))(&step.settings);
      } else {
        Of(value, inner)
            .RefuseName(fmt::format("key of a {} step", kind->name), key.str(),
                        Known(kind->bit, false));
      }
    }
    return step;
  }

  void ParseLayers(const toml::node& node, const std::string& path,
                   unsigned bit, RecipeStep* step) const {
    const auto* list = node.as_array();
    if (list == nullptr) Of(node, path).Refuse("a list of tables");
    for (const toml::node& item : *list) {
      const std::string inner =
          fmt::format("{}[{}]", path, step->layers.size());
      const auto* table = item.as_table();
      if (table == nullptr) Of(item, inner).Refuse("a table");
      LayerRule rule;
      for (const auto& [key, value] : *table) {
        const std::string name = fmt::format("{}.{}", inner, key.str());
        if (key == "match") {
          rule.match = Of(value, name).Text();
          continue;
        }
        const auto* parameter = FindRow<Parameter>(kParameters, key.str(), bit);
        if (parameter == nullptr) {
          Of(value, name)
              .RefuseName("key of a rule for layers", key.str(),
                          Known(bit, true));
        }
        rule.changes.push_back(parameter->read(Of(value, name)));
      }
      if (rule.match.empty())
        Of(item, inner)
            .Refuse(
                "`match`, a pattern of layer names such as "
                "\"conv*\",");
      step->layers.push_back(std::move(rule));
    }
  }

  const std::string& where_;
};

}  // namespace

std::vector<StepParameter> StepParameters() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const StepKey& key : kStepKeys) names.push_back(KindNames(key.kinds));
    for (const Parameter& p : kParameters) names.push_back(KindNames(p.kinds));
    return names;
  }();
  std::vector<StepParameter> rows;
  for (const StepKey& key : kStepKeys)
    rows.push_back({key.name, kinds[rows.size()].c_str(), key.summary});
  for (const Parameter& p : kParameters)
    rows.push_back({p.name, kinds[rows.size()].c_str(), p.summary});
  return rows;
}

std::vector<Recipe> ParseRecipes(std::string_view text,
                                 const std::string& where) {
  const toml::table document = ParseToml(text, where);
  const toml::node* node = document.get("recipe");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr)
    Value(*node, "recipe", where).Refuse("tables [recipe.NAME]");
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
