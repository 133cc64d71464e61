// Configs that no Keras would write, without files.
#include <map>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/unknown_op.h"

namespace litesmith {
namespace {

std::vector<H5Tree> WithConfig(const std::string& config) {
  std::vector<H5Tree> trees(3);
  trees[kH5Root].attributes["@model_config"] = {config};
  return trees;
}

// A Sequential of an input [?,4,4,1] and one more layer.
std::string OneLayer(const std::string& class_name, const std::string& config) {
  return R"({"class_name": "Sequential", "config": [{"class_name":
      "InputLayer", "config": {"name": "i", "batch_input_shape":
      [null, 4, 4, 1]}}, {"class_name": ")" +
         class_name + R"(", "config": {"name": "bad")" + config + "}}]}";
}

struct BadConfig {
  std::string config;
  ErrorKind kind;
  std::string part;
};

// What is not supported is shown by its class, with the weights that the file
// has for it; what reads it has no shape.
TEST(ModelConfigTest, UnknownLayersCanBeLookedAt) {
  const std::string config = R"({"class_name": "Sequential", "config": [
      {"class_name": "InputLayer",
       "config": {"name": "i", "batch_input_shape": [null, 4]}},
      {"class_name": "ReLU", "config": {"name": "r"}},
      {"class_name": "Mine", "config": {"name": "m"}},
      {"class_name": "Dense", "config": {"name": "d", "units": 2}}]})";
  std::vector<H5Tree> trees = WithConfig(config);
  trees[kH5Weights].attributes["m@weight_names"] = {"m/kernel:0"};
  trees[kH5Weights].datasets["m/m/kernel:0"] = {
      DType::kFloat32, {4, 3}, std::vector<std::byte>(48)};
  EXPECT_THROW(GraphFromH5(trees, "f.h5"), Error);
  const Graph graph = GraphFromH5(trees, "f.h5", /*to_look_at=*/true);
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_STREQ(graph.nodes[0].op->name, "RELU");
  EXPECT_STREQ(graph.nodes[1].op->name, "Mine");
  EXPECT_TRUE(IsUnknownOp(*graph.nodes[1].op));
  EXPECT_FALSE(IsUnknownOp(*graph.nodes[0].op));
  EXPECT_STREQ(graph.nodes[2].op->name, "Dense");
  ASSERT_EQ(graph.nodes[1].inputs.size(), 2u);
  EXPECT_EQ(graph.tensor(graph.nodes[1].inputs[1]).shape, (Shape{4, 3}));
  EXPECT_EQ(graph.nodes[2].inputs[0], graph.nodes[1].outputs[0]);
  EXPECT_EQ(graph.outputs[0], graph.nodes[2].outputs[0]);
  VerifyStructure(graph);
}

TEST(ModelConfigTest, BadConfigsAreNamed) {
  const BadConfig cases[] = {
      {"{", ErrorKind::kCorrupt, "not valid JSON"},
      {"[]", ErrorKind::kCorrupt, "class_name"},
      {R"({"class_name": "Mine", "config": {}})", ErrorKind::kUnsupported,
       "Mine"},
      {R"({"class_name": "Sequential", "config": []})", ErrorKind::kCorrupt,
       "no layers"},
      {OneLayer("StringLookup", ""), ErrorKind::kUnsupported,
       "1 of its 2 layers is not supported: 'bad' (StringLookup); `litesmith "
       "list layers`"},
      {OneLayer("Sequential",
                R"(, "layers": [{"class_name": "StringLookup", "config":
          {"name": "g"}}, {"class_name": "Dense", "config": {"name": "d"}}])"),
       ErrorKind::kUnsupported,
       "1 of its 3 layers is not supported: 'bad/g' (StringLookup)"},
      {OneLayer("Sequential", R"(, "layers": [{"class_name": "Dense", "config":
          {"name": "d", "units": 1}}])"),
       ErrorKind::kCorrupt, "layer 'd': the file holds no weight 'kernel'"},
      {OneLayer("MaxPool2D", ""), ErrorKind::kUnsupported,
       "'bad' (MaxPool2D; there is MaxPooling2D)"},
      {OneLayer("PruneLowMagnitude",
                R"(, "layer": {"class_name": "StringLookup",
          "config": {"name": "h"}})"),
       ErrorKind::kUnsupported, "'bad' (PruneLowMagnitude around StringLookup"},
      {OneLayer("TFOpLambda", R"(, "function": "math.erfinv")"),
       ErrorKind::kUnsupported, "TFOpLambda math.erfinv"},
      {OneLayer("Lambda", ""), ErrorKind::kUnsupported,
       "Lambda, whose function is Python code"},
      {OneLayer("Dense", R"(}, "registered_name": "mine>Dense", "a": {)"),
       ErrorKind::kUnsupported, "mine>Dense, a class of its author's own"},
      {OneLayer("Dense", R"(, "units": 3, "lora_rank": 4)"),
       ErrorKind::kUnsupported, "layer 'bad': its lora_rank is 4"},
      {OneLayer("InputLayer", R"(, "batch_shape": [1, 2], "sparse": true)"),
       ErrorKind::kUnsupported, "sparse"},
      {OneLayer("Dropout", R"(, "rate": 1.0)"), ErrorKind::kCorrupt,
       "rate is 1"},
      {OneLayer("Dropout", ""), ErrorKind::kCorrupt, "rate"},
      {OneLayer("Dropout", R"(, "rate": 0.5, "noise_shape": [null, 3, 1, 1])"),
       ErrorKind::kCorrupt, "noise_shape (-1, 3, 1, 1) does not fit"},
      {OneLayer("Dropout", R"(, "rate": 0.5, "seed": "a")"),
       ErrorKind::kUnsupported, "its seed"},
      {OneLayer("Flatten", R"(, "trainable": 0)"), ErrorKind::kCorrupt,
       "trainable"},
      {R"({"class_name": "Functional", "config": {"layers": [{"class_name":
          "InputLayer", "name": "i", "config": {"batch_input_shape": [null, 4]},
          "inbound_nodes": []}, {"class_name":
          "Dropout", "name": "d", "config": {"rate": 0.5}, "inbound_nodes":
          [[["i", 0, 0, {"training": true}]]]}], "input_layers": [["i", 0, 0]],
          "output_layers": [["d", 0, 0]]}})",
       ErrorKind::kUnsupported, "layer 'd': it is called with training=true"},
      {OneLayer("Rescaling", R"(, "scale": "a")"), ErrorKind::kCorrupt,
       "its scale is"},
      {OneLayer("Dense", R"(, "units": 3, "activation": "softmax")"),
       ErrorKind::kCorrupt, "no weight 'kernel'"},
      {OneLayer("Activation", R"(, "activation": "glu")"),
       ErrorKind::kUnsupported, "'glu'; linear, relu, relu6, softmax"},
      // One of Keras 3, in a file of Keras 2.
      {OneLayer("Activation", R"(, "activation": "hard_silu")"),
       ErrorKind::kUnsupported, "'hard_silu'; linear"},
      {OneLayer("Softmax", R"(, "axis": 0)"), ErrorKind::kUnsupported,
       "its axis is 0 of the input"},
      {OneLayer("Softmax", R"(, "axis": [1, 2])"), ErrorKind::kUnsupported,
       "several that are not the last"},
      {OneLayer("Add", ""), ErrorKind::kCorrupt, "2 or more wanted"},
      {OneLayer("Average", ""), ErrorKind::kCorrupt, "2 or more wanted"},
      {OneLayer("ReLU", R"(, "max_value": -3.0)"), ErrorKind::kCorrupt,
       "max_value is -3"},
      {OneLayer("Flatten", R"(, "data_format": "channels_middle")"),
       ErrorKind::kUnsupported, "channels_middle"},
      {OneLayer("Flatten", R"(, "dtype": "complex64")"),
       ErrorKind::kUnsupported, "complex64"},
      {OneLayer("Reshape", R"(, "target_shape": [0, 4])"), ErrorKind::kCorrupt,
       "target shape"},
      {OneLayer("Reshape", R"(, "target_shape": [5])"), ErrorKind::kCorrupt,
       "does not fit"},
      {OneLayer("Reshape", R"(, "target_shape": [-1, -1])"),
       ErrorKind::kCorrupt, "target shape"},
      {OneLayer("MaxPooling2D", R"(, "pool_size": 9)"), ErrorKind::kCorrupt,
       "layer 'bad'"},
      {OneLayer("MaxPooling2D", R"(, "strides": [0, 0])"), ErrorKind::kCorrupt,
       "layer 'bad'"},
      {OneLayer("Conv2D", R"(, "kernel_size": 3000000000, "filters": 1)"),
       ErrorKind::kCorrupt, "32 bits"},
      {OneLayer("Dropout", R"(, "rate": 0}}, {"class_name": "Dropout",
          "config": {"name": "bad")"),
       ErrorKind::kCorrupt, "two layers"},
      {R"({"class_name": "Functional", "config": {"layers": [{"class_name":
          "Flatten", "name": "f", "config": {}, "inbound_nodes":
          [[["f", 0, 0, {}]]]}], "input_layers": [["f", 0, 0]],
          "output_layers": [["f", 0, 0]]}})",
       ErrorKind::kCorrupt, "feeds itself"},
      {R"({"class_name": "Functional", "config": {"layers": [],
          "input_layers": [["f", 0, 0]], "output_layers": [["f", 0, 0]]}})",
       ErrorKind::kCorrupt, "no layers"},
  };
  for (const BadConfig& bad : cases) {
    try {
      GraphFromH5(WithConfig(bad.config), "file.h5");
      ADD_FAILURE() << bad.config;
    } catch (const Error& error) {
      const std::string what = error.what();
      EXPECT_EQ(Name(error.kind()), Name(bad.kind)) << what;
      EXPECT_NE(what.find(bad.part), std::string::npos) << what;
      EXPECT_NE(what.find("file.h5"), std::string::npos) << what;
    }
    // A look at it ends in a graph or an error, too.
    try {
      VerifyStructure(GraphFromH5(WithConfig(bad.config), "file.h5", true));
    } catch (const Error&) {
    }
  }
}

// What does not act here is said once for the file; an L2 of weights does.
TEST(ModelConfigTest, RegularizersAreWarnedOf) {
  std::vector<std::string> warnings;
  const WarningSink before = SetWarningSink(
      [&](std::string_view text) { warnings.emplace_back(text); });
  GraphFromH5(
      WithConfig(OneLayer("Flatten", R"(, "activity_regularizer": {"l2": 0.1},
                  "kernel_constraint": {}, "bias_regularizer": {"class_name":
                  "L2", "config": {"l2": 0.1}})")),
      "file.h5");
  SetWarningSink(before);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find(
                "file.h5: constraints and regularizers other than L1 and L2 of "
                "weights are kept in Keras files, but do not act in training "
                "here: 'bad' (activity_regularizer, kernel_constraint)"),
            std::string::npos)
      << warnings[0];
}

TEST(ModelConfigTest, FilesWithoutAModelAreNamed) {
  std::vector<H5Tree> weights(3);
  weights[kH5Weights].datasets["dense/kernel:0"];
  const std::pair<std::vector<H5Tree>, const char*> files[] = {
      {weights, "weights only, no model_config"},
      {std::vector<H5Tree>(3), "no model_config and no weights"}};
  for (const auto& [contents, part] : files) {
    try {
      GraphFromH5(contents, "file.h5");
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << error.what();
    }
  }
}

// Each model calls the one in it ten times: a million calls of one layer.
TEST(ModelConfigTest, ModelsThatGrowLikePowersAreRefused) {
  const std::string input =
      R"({"class_name": "InputLayer", "name": "i", "config": {"name": "i",
      "batch_input_shape": [null, 4]}, "inbound_nodes": []})";
  std::string inner = R"({"class_name": "Flatten", "name": "m", "config":
      {"name": "m"}, "inbound_nodes": )";
  std::string json;
  for (int depth = 0; depth < 7; ++depth) {
    std::string calls;
    for (int c = 0; c < 10; ++c)
      calls += std::string(c == 0 ? "" : ", ") + R"([["i", 0, 0, {}]])";
    json = R"({"class_name": "Functional", "name": "m", "config": {"name":
        "m", "layers": [)" +
           input + ", " + inner + "[" + calls + R"(]}], "input_layers":
        [["i", 0, 0]], "output_layers": [["m", 1, 0]]})";
    inner = json + R"(, "inbound_nodes": )";
  }
  ExpectError(ErrorKind::kUnsupported, "it calls layers more than",
              [&] { GraphFromH5(WithConfig(json + "}"), "file.h5"); });
}

TEST(ModelConfigTest, EveryRowIsFound) {
  for (const LayerRow& row : LayerRows()) {
    EXPECT_EQ(FindLayerRow(row.class_name), &row);
  }
}

}  // namespace
}  // namespace litesmith
