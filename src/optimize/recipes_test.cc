// Recipes built in and from TOML: what they say of each layer, and how they are
// refused.
#include "src/optimize/recipes.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/fields.h"
#include "src/base/file.h"
#include "src/graph/op_def.h"
#include "src/models/models.h"
#include "src/optimize/optimize.h"
#include "src/optimize/recipe_toml.h"
#include "src/optimize/step_graph.h"
#include "src/optimize/techniques/prune.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// The message of the error that parsing the text throws.
std::string ErrorOf(const std::string& text) {
  try {
    ParseRecipes(text, "my.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Recipe One(const std::string& text) {
  const std::vector<Recipe> recipes = ParseRecipes(text, "my.toml");
  EXPECT_EQ(recipes.size(), 1u);
  return recipes.at(0);
}

// The settings of a layer of mnist-cnn by its name, in a training of `steps`.
LayerSettings SettingsOf(const Recipe& recipe, const std::string& layer,
                         int64_t steps = 2110) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  for (const WeightRef& weights : Weights(graph)) {
    if (graph.node(weights.node).name == layer)
      return ResolveSettings(recipe.steps[0], graph, weights, steps);
  }
  ADD_FAILURE() << "no layer " << layer;
  return {};
}

PruneOptions PruningOf(const Recipe& recipe, const std::string& layer,
                       int64_t steps = 2110) {
  return SettingsOf(recipe, layer, steps).As<PruneOptions>();
}

TEST(RecipesTest, ElevenAreBuiltIn) {
  const RecipeTable table;
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"none", ""},
      {"prune", "none"},
      {"quant", "none"},
      {"cluster", "none"},
      {"cluster_qat", "cluster"},
      {"cluster_cqat", "cluster"},
      {"prune_qat", "prune"},
      {"prune_pqat", "prune"},
      {"prune_cluster", "prune"},
      {"prune_cluster_qat", "prune_cluster"},
      {"prune_cluster_pcqat", "prune_cluster"}};
  ASSERT_EQ(table.recipes().size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(table.recipes()[i].name, wanted[i].first);
    EXPECT_EQ(table.recipes()[i].parent, wanted[i].second);
    EXPECT_FALSE(table.recipes()[i].summary.empty());
  }
  EXPECT_EQ(table.Lineage(table.Find("prune_cluster_pcqat")).size(), 4u);
  EXPECT_EQ(RecipesToRun(table, table.Find("prune_pqat")).size(), 2u)
      << "a given model stands for the result of none";
  EXPECT_EQ(RecipesToRun(table, table.Find("none")).size(), 1u);
}

TEST(RecipesTest, ClustersAsTheOriginalSystem) {
  const RecipeTable table;
  const Graph graph = LoadModel("mnist-cnn", 1);
  const std::vector<WeightRef> weights = Weights(graph);
  ASSERT_EQ(weights.size(), 2u);
  const auto options =
      SettingsOf(table.Find("cluster"), "conv2d").As<ClusterOptions>();
  EXPECT_EQ(options.clusters, 8);
  EXPECT_TRUE(HasCentroidsPerChannel(graph, weights[0], options));
  EXPECT_FALSE(HasCentroidsPerChannel(graph, weights[1], options));
  const auto sparse =
      SettingsOf(table.Find("prune_cluster"), "conv2d").As<ClusterOptions>();
  EXPECT_FALSE(HasCentroidsPerChannel(graph, weights[0], sparse));
  EXPECT_TRUE(sparse.preserve_sparsity);
}

TEST(RecipesTest, PrunesOverTheWholeTraining) {
  const RecipeTable table;
  const auto prune = PruningOf(table.Find("prune"), "dense");
  EXPECT_EQ(prune.schedule, prune_mask::kPolynomialDecay);
  EXPECT_EQ(prune.frequency, 100);
  EXPECT_EQ(prune.end_step, 2100) << "the last update has the final sparsity";
  EXPECT_EQ(FinalSparsity(prune, 2110), 0.8f);
  // A short training still gets ten masks and ends where it should.
  const auto brief = PruningOf(table.Find("prune"), "dense", 43);
  EXPECT_EQ(brief.frequency, 4);
  EXPECT_EQ(brief.end_step, 40);
  EXPECT_EQ(FinalSparsity(brief, 43), 0.8f);
}

TEST(RecipesTest, ParametersByLayer) {
  const Recipe recipe = One(R"(
[recipe.mine]
parent = "none"
summary = "smaller"
[[recipe.mine.steps]]
type = "prune"
sparsity = 0.9
epochs = 7
learning_rate = 0.01
batch = 64
layers = [
  { match = "*", frequency = 10 },
  { match = "conv*", sparsity = 0.25, schedule = "constant" },
]
)");
  EXPECT_EQ(recipe.name, "mine");
  EXPECT_EQ(recipe.parent, "none");
  EXPECT_EQ(recipe.summary, "smaller");
  EXPECT_EQ(recipe.steps[0].epochs, 7);
  EXPECT_EQ(recipe.steps[0].batch, 64);
  EXPECT_EQ(recipe.steps[0].learning_rate, 0.01f);
  const auto conv = PruningOf(recipe, "conv2d");
  const auto dense = PruningOf(recipe, "dense");
  EXPECT_EQ(conv.final_sparsity, 0.25f);
  EXPECT_EQ(conv.schedule, prune_mask::kConstant);
  EXPECT_EQ(dense.final_sparsity, 0.9f);
  EXPECT_EQ(conv.frequency, 10);
  EXPECT_EQ(dense.frequency, 10);
}

TEST(RecipesTest, LayersMayBeLeftOut) {
  const Recipe recipe = One(R"(
[recipe.mine]
steps = [{ type = "qat", layers = [{ match = "dense", skip = true }] }]
)");
  EXPECT_TRUE(SettingsOf(recipe, "dense").skip);
  const Graph graph = LoadModel("mnist-cnn", 1);
  const Graph aware = ApplyStep(graph, recipe.steps[0], 100);
  size_t fake_quants = 0;
  for (const Node& node : aware.nodes) {
    fake_quants += std::string(node.op->name) == "LITESMITH_FAKE_QUANT";
    EXPECT_EQ(node.name.find("dense/"), std::string::npos) << node.name;
  }
  EXPECT_EQ(fake_quants, 3u) << "input, convolution's weights and output";
}

// A rule of a qat step may name any layer with a range of its own.
TEST(RecipesTest, RulesReachOutputsOfLayersWithoutWeights) {
  Graph graph = LoadModel("mnist-cnn", 1);
  Node& pooling = graph.node(Weights(graph)[0].node + 1);
  OpDef op = *pooling.op;
  op.quant.output = QuantRule::kOwn;
  pooling.op = &op;
  const std::string pool = pooling.name;
  const auto count = [&](const std::string& rule) {
    const RecipeStep step =
        One("[recipe.r]\nsteps = [{ type = \"qat\"" + rule + " }]").steps[0];
    size_t fake_quants = 0;
    for (const Node& node : ApplyStep(graph, step, 100).nodes)
      fake_quants += node.op->simulates_integers();
    return std::pair(fake_quants, DescribeStep(graph, step, {}, 1000));
  };
  const auto all = count("");
  const auto some =
      count(", layers = [{ match = \"" + pool + "\", skip = true }]");
  EXPECT_EQ(all.first, 6u);
  EXPECT_EQ(some.first, 5u);
  EXPECT_NE(all.second, some.second);
}

TEST(RecipesTest, RuleThatMatchesNothingIsAnError) {
  const Recipe recipe = One(R"(
[recipe.mine]
steps = [{ type = "prune", layers = [{ match = "lstm*", sparsity = 0.1 }] }]
)");
  try {
    ApplyStep(LoadModel("mnist-cnn", 1), recipe.steps[0], 1000);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("lstm*"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("conv2d, dense"),
              std::string::npos);
  }
}

TEST(RecipesTest, ScheduleThatNeverPrunesIsAnError) {
  const Recipe recipe = One(R"(
[recipe.mine]
steps = [{ type = "prune", begin_step = 500 }]
)");
  EXPECT_THROW(ApplyStep(LoadModel("mnist-cnn", 1), recipe.steps[0], 400),
               Error);
  EXPECT_NO_THROW(ApplyStep(LoadModel("mnist-cnn", 1), recipe.steps[0], 700));
}

TEST(RecipesTest, DescriptionHoldsEveryLayersSettings) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  std::set<std::string> seen;
  for (
      const char* step :
      {R"({ type = "prune" })",
       R"({ type = "prune", power = 2 })",
       R"({ type = "prune", layers = [{ match = "dense", power = 2 }] })",
       R"({ type = "prune", layers = [{ match = "dense", skip = true }] })",
       R"({ type = "prune", pattern = "2:4" })",
       R"({ type = "prune", pattern = "1:4" })",
       R"({ type = "prune", block = [4, 1], layers = [{ match = "conv*", block = [1, 1] }] })",
       R"({ type = "prune", block_pooling = "max" })",
       R"({ type = "cluster" })",
       R"({ type = "cluster", clusters = 9 })",
       R"({ type = "cluster", init = "linear" })",
       R"({ type = "cluster", per_channel = "all" })",
       R"({ type = "cluster", gradient = "average" })",
       R"({ type = "qat" })",
       R"({ type = "qat", calibrate = false })",
       R"({ type = "qat", decay = 0.9 })",
       R"({ type = "qat", debias = true })",
       R"({ type = "qat", weight_ranges = "tensor" })",
       R"({ type = "qat", preserve_clusters = true })",
       R"({ type = "train" })",
       R"({ type = "train", epochs = 3 })"}) {
    const Recipe recipe =
        One(std::string("[recipe.r]\nsteps = [") + step + "]\n");
    EXPECT_TRUE(seen.insert(DescribeRecipe(graph, recipe, 60000, {})).second)
        << step;
  }
}

TEST(RecipesTest, ErrorsNamePlaceKeyAndWhatWouldDo) {
  const auto has = [](const std::string& text, const std::string& part) {
    const std::string error = ErrorOf(text);
    EXPECT_NE(error.find(part), std::string::npos)
        << "\"" << error << "\" lacks \"" << part << "\"";
  };
  has("[recipe.a", "my.toml:1");
  has("recipe = 3", "[recipe.NAME]");
  has("[recipe.a]\nsteps = []", "a list of steps");
  has("[recipe.a]\nparent = \"none\"", "a list of steps");
  has("[recipe.a]\nstep = []\nsteps = []", "parent, summary, steps");
  has("[recipe.\"../a\"]\nsteps = [{ type = \"train\" }]", "folder");
  has("[recipe.a]\nsteps = [{ }]", "recipe.a.steps[0].type");
  has("[recipe.a]\nsteps = [{ type = \"squash\" }]", "prune, cluster, qat");
  has("[recipe.a]\nsteps = [{ type = \"prune\", clusters = 8 }]",
      "unknown key of a prune step \"clusters\"; known: type, layers, skip");
  has("[recipe.a]\n\nsteps = [{ type = \"prune\", sparsty = 0.5 }]",
      "my.toml:3: recipe.a.steps[0].sparsty: unknown key of a prune step "
      "\"sparsty\"; did you mean \"sparsity\"?");
  has("[recipe.a]\nparnet = \"none\"", "did you mean \"parent\"?");
  has("[recipe.a]\nsteps = [{ type = \"prun\" }]", "did you mean \"prune\"?");
  has("[recipe.a]\n\nsteps = [{ type = \"prune\", sparsity = 1.0 }]",
      "my.toml:3: recipe.a.steps[0].sparsity = 1.0: a number of at least 0 and "
      "below 1 is wanted");
  has("[recipe.a]\nsteps = [{ type = \"prune\", sparsity = \"0.5\" }]",
      "sparsity = \"0.5\": a number");
  has("[recipe.a]\nsteps = [{ type = \"prune\", block = [4, \"a\"] }]",
      "block = [4, \"a\"]: ");
  has("[recipe.a]\nsteps = [{ type = \"prune\", sparsity = nan }]", "sparsity");
  has("[recipe.a]\nsteps = [{ type = \"prune\", schedule = \"fast\" }]",
      "\"polynomial\" or \"constant\"");
  has("[recipe.a]\nsteps = [{ type = \"prune\", pattern = \"4:2\" }]", "m:n");
  has("[recipe.a]\nsteps = [{ type = \"prune\", pattern = \"2\" }]", "m:n");
  has("[recipe.a]\nsteps = [{ type = \"prune\", block = [4] }]", "[a, b]");
  has("[recipe.a]\nsteps = [{ type = \"prune\", block = [4, 0] }]", "[a, b]");
  has("[recipe.a]\nsteps = [{ type = \"cluster\", clusters = 1 }]", "2 to");
  has("[recipe.a]\nsteps = [{ type = \"cluster\", clusters = 8.5 }]", "2 to");
  has("[recipe.a]\nsteps = [{ type = \"qat\", epochs = 0 }]", "1 to");
  has("[recipe.a]\nsteps = [{ type = \"qat\", layers = [{ decay = 0.9 }] }]",
      "match");
  has("[recipe.a]\nsteps = [{ type = \"qat\", layers = [{ match = \"x\", "
      "epochs = 3 }] }]",
      "epochs");
  has("[recipe.a]\nsteps = [{ type = \"qat\", preserve_clusters = \"yes\" }]",
      "true or false");
}

TEST(RecipesTest, TableRefusesStrangersAndTwins) {
  const std::string path = testing::TempDir() + "/recipes.toml";
  const auto add = [&](const std::string& text) {
    WriteFile(path, std::string_view(text));
    RecipeTable table;
    return table.AddFile(path);
  };
  const std::string step = "steps = [{ type = \"train\" }]\n";
  EXPECT_EQ(add("[recipe.b]\nparent = \"a\"\n" + step +
                "[recipe.a]\nparent = \"prune\"\n" + step),
            (std::vector<std::string>{"b", "a"}));
  EXPECT_THROW(add("[recipe.prune]\n" + step), Error) << "a built-in name";
  EXPECT_THROW(add("[recipe.a]\nparent = \"nobody\"\n" + step), Error);
  EXPECT_THROW(add("[recipe.a]\nparent = \"b\"\n" + step +
                   "[recipe.b]\nparent = \"a\"\n" + step),
               Error)
      << "a circle";
  EXPECT_THROW(RecipeTable().AddFile(path + ".missing"), Error);
  std::remove(path.c_str());
}

// The message of the error that adding the text's recipes throws.
std::string AddingErrorOf(const std::string& text) {
  const std::string path = testing::TempDir() + "/adding.toml";
  WriteFile(path, std::string_view(text));
  std::string message;
  try {
    RecipeTable().AddFile(path);
  } catch (const Error& error) {
    message = error.what();
  }
  std::remove(path.c_str());
  const size_t at = message.find("adding.toml");
  return at == std::string::npos ? message : message.substr(at);
}

TEST(RecipesTest, ParentsThatCannotBeAreToldApart) {
  const std::string step = "steps = [{ type = \"train\" }]\n";
  EXPECT_EQ(
      AddingErrorOf("\n[recipe.thin]\nparent = \"nun\"\n" + step).substr(0, 72),
      "adding.toml:2: recipe \"thin\": unknown parent \"nun\"; did you "
      "mean \"none\"?");
  EXPECT_NE(AddingErrorOf("[recipe.a]\nparent = \"a\"\n" + step)
                .find("a circle: a, a;"),
            std::string::npos);
  EXPECT_NE(AddingErrorOf("[recipe.c]\nparent = \"a\"\n" + step +
                          "[recipe.a]\nparent = \"b\"\n" + step +
                          "[recipe.b]\nparent = \"a\"\n" + step)
                .find("a circle: c, a, b, a;"),
            std::string::npos);
  EXPECT_NE(AddingErrorOf("[recipe.prune]\n" + step).find("already"),
            std::string::npos);
}

TEST(RecipesTest, WhatCannotBePrunedIsSaidInTheUsersWords) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  const auto error_of = [&](const std::string& step, int64_t steps) {
    try {
      ApplyStep(graph, One("[recipe.thin]\nsteps = [" + step + "]").steps[0],
                steps);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of("{ type = \"prune\", block = [4, 4] }", 1000),
            "my.toml:2: recipe \"thin\", layer 'conv2d': block = [4, 4] is for "
            "dense layers, and this is a convolution; { match = \"conv2d\", "
            "block = [1, 1] } in the step's `layers` would do");
  EXPECT_EQ(error_of("{ type = \"prune\", block = [4, 4], layers = [{ match = "
                     "\"conv2d\", block = [1, 1] }] }",
                     1000),
            "");
  EXPECT_NE(
      error_of("{ type = \"prune\" }", 0)
          .find("my.toml:2: recipe \"thin\", layer 'conv2d': the first "
                "mask would come at step 1, but the training has 0 steps"),
      std::string::npos);
  EXPECT_NE(
      error_of("{ type = \"prune\", layers = [{ match = \"conv2\" }] }", 1000)
          .find("did you mean \"conv2d\"?"),
      std::string::npos);
}

// A member of a technique's options that is no parameter would be neither set
// nor in the key of a result.
TEST(RecipesTest, EveryOptionOfATechniqueIsAParameter) {
  const auto expect_all = [](const Technique& technique, int members) {
    std::set<std::string> names;
    for (const Parameter& p : technique.parameters) names.insert(p.name);
    EXPECT_EQ(names.size(), technique.parameters.size());
    EXPECT_EQ(names.erase("skip"), 1u);
    EXPECT_EQ(static_cast<int>(names.size()), members) << technique.name;
  };
  expect_all(kPruneTechnique, CountFields<PruneOptions>());
  expect_all(kClusterTechnique, CountFields<ClusterOptions>());
  expect_all(kQatTechnique, CountFields<QatOptions>());
}

// What is written is what is read.
TEST(RecipesTest, EveryParameterReadsItsOwnText) {
  for (const Technique* technique : Techniques()) {
    EXPECT_FALSE(std::string(technique->summary).empty());
    const LayerSettings defaults = technique->defaults();
    for (const Parameter& p : technique->parameters) {
      std::string text = ParameterText(p, defaults);
      if (p.type == ParameterType::kPattern) text = "2:4";
      if (p.type == ParameterType::kWord || p.type == ParameterType::kPattern)
        text = "\"" + text + "\"";
      const Recipe recipe =
          One(std::string("[recipe.r]\nsteps = [{ type = \"") +
              technique->name + "\", " + p.name + " = " + text + " }]\n");
      if (p.type == ParameterType::kPattern) {
        EXPECT_EQ(ParameterText(p, recipe.steps[0].settings), "2:4");
      } else {
        EXPECT_EQ(SettingsText(*technique, recipe.steps[0].settings),
                  SettingsText(*technique, defaults))
            << p.name;
      }
    }
  }
}

TEST(RecipesTest, AParameterOfTheStepIsNotOneOfItsLayers) {
  const std::string error = ErrorOf(
      "[recipe.a]\nsteps = [{ type = \"qat\", layers = [{ match = \"x\", "
      "calibrate = true }] }]");
  EXPECT_NE(error.find("unknown key of a rule for layers \"calibrate\""),
            std::string::npos)
      << error;
}

TEST(RecipesTest, EveryParameterIsDocumented) {
  std::set<std::string> names;
  for (const StepParameter& p : StepParameters()) {
    EXPECT_TRUE(names.insert(p.name).second) << p.name;
    EXPECT_GT(std::string(p.summary).size(), 8u) << p.name;
    EXPECT_FALSE(std::string(p.steps).empty());
  }
}

}  // namespace
}  // namespace litesmith
