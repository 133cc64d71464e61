// What results are kept under: no field of a struct of options can be missing,
// and no parameter of a recipe.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "src/base/build_id.h"
#include "src/base/fields.h"
#include "src/models/models.h"
#include "src/optimize/optimize.h"
#include "src/optimize/recipe_toml.h"
#include "src/optimize/step_graph.h"
#include "src/quant/convert.h"
#include "src/study/results.h"
#include "src/study/study.h"
#include "src/train/settings.h"

namespace litesmith {
namespace {

// For VisitFields: gives the field number `at` of those with an effect, counted
// through the structs inside, another value.
struct Change {
  int at;
  int seen = 0;
  std::string changed;

  template <typename T>
  void operator()(const char* name, T& value) {
    if constexpr (HasFields<T>) {
      VisitFields(value, *this);
    } else if (seen++ == at) {
      changed = name;
      if constexpr (std::is_same_v<T, std::string>) {
        value += "x";
      } else if constexpr (std::is_same_v<T, bool>) {
        value = !value;
      } else {
        value = static_cast<T>(static_cast<double>(value) + 1);
      }
    }
  }
  template <typename T>
  void operator()(const char*, T&, NoEffect) {}
};

// Every change of one field gives a text of its own.
template <typename T>
void ExpectEveryFieldInText() {
  std::set<std::string> texts = {FieldsText(T())};
  for (int at = 0;; ++at) {
    T object;
    Change change{at, 0, ""};
    VisitFields(object, change);
    if (change.changed.empty()) {
      EXPECT_GT(at, 1);
      return;
    }
    EXPECT_TRUE(texts.insert(FieldsText(object)).second) << change.changed;
  }
}

template <typename T>
void ExpectWholeList() {
  EXPECT_EQ(CountVisited(T()), CountFields<T>());
}

// A field that is added to a struct and not to its list fails here.
TEST(KeysTest, EveryFieldIsListed) {
  ExpectWholeList<TrainOptions>();
  ExpectWholeList<StudyOptions>();
  ExpectWholeList<StudySettings>();
  ExpectWholeList<ModelFacts>();
  ExpectWholeList<Invariant>();
  // A row's settings are fields of its own in its list.
  EXPECT_EQ(CountVisited(StudyRow()) - CountVisited(StudySettings()) + 1,
            CountFields<StudyRow>());
}

TEST(KeysTest, EveryFieldChangesTheText) {
  ExpectEveryFieldInText<TrainOptions>();
  ExpectEveryFieldInText<StudySettings>();
  std::set<std::string> texts = {FieldsText(ConvertOptions())};
  ConvertOptions convert;
  convert.io = DType::kInt8;
  EXPECT_TRUE(texts.insert(FieldsText(convert)).second);
  convert.dense_per_channel = false;
  EXPECT_TRUE(texts.insert(FieldsText(convert)).second);
}

TEST(KeysTest, TextsOfStringsDoNotRunIntoOneAnother) {
  StudySettings a;
  StudySettings b;
  a.data_digest = "x model_digest=";
  b.data_digest = "x";
  EXPECT_NE(FieldsText(a), FieldsText(b));
}

// Names of the fields with an effect, those of structs inside too.
struct Names {
  std::set<std::string> names;
  template <typename T>
  void operator()(const char* name, const T& value) {
    if constexpr (HasFields<T>) {
      VisitFields(value, *this);
    } else {
      names.insert(name);
    }
  }
  template <typename T>
  void operator()(const char*, const T&, NoEffect) {}
};

// An option of the study that changes results tells folders apart.
TEST(KeysTest, EveryOptionOfTheStudyIsASetting) {
  Names options;
  Names settings;
  const StudyOptions all_options;
  const StudySettings all_settings;
  VisitFields(all_options, options);
  VisitFields(all_settings, settings);
  options.names.erase("stage");  // of a recipe, not of a call
  // These are one setting, "training", but for momentum.
  for (const TrainSetting& setting : TrainSettings()) {
    EXPECT_EQ(options.names.erase(setting.name), 1u) << setting.name;
    TrainOptions changed;
    if (setting.number != nullptr) changed.*setting.number += 0.25f;
    if (setting.whole != nullptr) changed.*setting.whole += 1;
    if (setting.flag != nullptr) changed.*setting.flag = true;
    if (setting.text != nullptr) changed.*setting.text = "balanced";
    const bool apart = TrainingText(changed) != TrainingText(TrainOptions());
    EXPECT_EQ(apart, setting.name != std::string("momentum")) << setting.name;
  }
  for (const std::string& name : options.names) {
    EXPECT_TRUE(settings.names.contains(name) ||
                settings.names.contains(name + "_digest"))
        << name;
  }
}

// Another value than the default of every parameter, in a step that has it.
TEST(KeysTest, EveryParameterOfAStepChangesTheKey) {
  const std::map<std::string, std::string> values = {
      {"epochs", "3"},
      {"batch", "64"},
      {"learning_rate", "0.5"},
      {"calibrate", "false"},
      {"skip", "true"},
      {"sparsity", "0.7"},
      {"schedule", "\"constant\""},
      {"initial_sparsity", "0.1"},
      {"begin_step", "5"},
      {"end_step", "2000"},
      {"frequency", "7"},
      {"power", "2"},
      {"block", "[1, 2], layers = [{ match = \"conv*\", block = [1, 1] }]"},
      {"block_pooling", "\"max\""},
      {"pattern", "\"1:4\""},
      {"clusters", "4"},
      {"init", "\"linear\""},
      {"per_channel", "\"all\""},
      {"gradient", "\"average\""},
      {"init_seed", "3"},
      {"preserve_sparsity", "true"},
      {"preserve_clusters", "true"},
      {"decay", "0.9"},
      {"debias", "true"},
      {"weight_ranges", "\"tensor\""},
      {"loss", "\"mae\""},
      {"optimizer", "\"rmsprop\""},
      {"rate_schedule", "\"step\""},
      {"label_smoothing", "0.1"},
      {"class_weights", "\"balanced\""},
      {"momentum", "0.5"},
      {"nesterov", "true"},
      {"weight_decay", "0.1"},
      {"clip_norm", "1"},
      {"clip_value", "1"},
      {"warmup", "0.1"},
      {"decay_rate", "0.5"},
      {"decay_every", "0.5"},
      {"schedule_power", "3"},
      {"final_learning_rate", "0.0001"},
      {"early_stopping", "3"},
      {"freeze_batch_norm", "0.5"},
      {"tfmot", "true"},
      {"distill_weight", "0.5"},
      {"distill_temperature", "4"}};
  const Graph graph = LoadModel("mnist-cnn", 1);
  const auto describe = [&](const std::string& type, const std::string& extra) {
    const std::vector<Recipe> recipes = ParseRecipes(
        "[recipe.r]\nsteps = [{ type = \"" + type + "\"" + extra + " }]\n",
        "here");
    return DescribeRecipe(graph, recipes.at(0), 60000, {});
  };
  for (const StepParameter& parameter : StepParameters()) {
    const std::string name = parameter.name;
    ASSERT_TRUE(values.contains(name)) << name << " wants a value in this test";
    // "prune, qat": every kind of step that has it.
    const std::string kinds = parameter.steps;
    for (const char* type : {"train", "prune", "cluster", "qat"}) {
      if (kinds.find(type) == std::string::npos) continue;
      EXPECT_NE(describe(type, ", " + name + " = " + values.at(name)),
                describe(type, ""))
          << type << " " << name;
    }
  }
}

TEST(KeysTest, BuildHasAnId) {
  EXPECT_EQ(BuildId().size(), 16u);
  EXPECT_EQ(BuildId().find_first_not_of("0123456789abcdef"),
            std::string_view::npos);
}

}  // namespace
}  // namespace litesmith
