// What a Keras file says about layers beyond their shapes, through training,
// recipes and files: dropout, layers without bias, frozen layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/base/warning.h"
#include "src/data/sources.h"
#include "src/models/models.h"
#include "src/ops/small_graph_test.h"
#include "src/ops/train/train.h"
#include "src/optimize/optimize.h"
#include "src/quant/convert.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

// mnist-cnn with a frozen convolution without bias and a dropout before its
// dense layer.
Graph MakeModel() {
  Graph graph = LoadModel("mnist-cnn", 1);
  for (Node& node : graph.nodes) {
    if (node.name == "conv2d") node.inputs.resize(2);
  }
  graph = RemoveDeadNodes(graph);
  Freeze("conv2d", &graph);
  AddDropoutBehind("flatten", 0.25f, &graph);
  return graph;
}

const Node& NodeOf(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  Fail(ErrorKind::kNotFound, "no node '{}'", name);
}

class KerasOptionsTest : public testing::Test {
 protected:
  KerasOptionsTest()
      : out_(testing::TempDir() + "/keras_options_" +
             testing::UnitTest::GetInstance()->current_test_info()->name()),
        data_(LoadData("digits").train.Open(400)) {
    fs::remove_all(out_);
    MakeDirectory(out_);
    training_.epochs = 1;
  }
  ~KerasOptionsTest() override { fs::remove_all(out_); }

  Graph ThroughFile(const Graph& graph, const std::string& name) const {
    SaveModel(graph, out_ + "/" + name);
    return LoadModel(out_ + "/" + name, 0);
  }

  // All that MakeModel has besides its weights.
  static void ExpectKept(const Graph& graph) {
    const Graph plain = StripTrainingOps(graph);
    const Node& conv = NodeOf(plain, "conv2d");
    EXPECT_EQ(conv.input(2), kNoTensor);
    EXPECT_EQ(plain.tensor(conv.inputs[1]).kind, TensorKind::kConstant);
    const Node& dense = NodeOf(plain, "dense");
    for (const size_t i : {1, 2})
      EXPECT_EQ(plain.tensor(dense.inputs[i]).kind, TensorKind::kParameter);
    const Node& dropout = NodeOf(plain, "flatten_dropout");
    EXPECT_EQ(dropout.op, &kDropout);
    EXPECT_EQ(dropout.Get<&DropoutAttrs::rate>(), 0.25f);
    EXPECT_EQ(dense.inputs[0], dropout.outputs[0]);
  }

  std::string out_;
  DatasetPtr data_;
  TrainOptions training_;
};

TEST_F(KerasOptionsTest, AreKeptByEveryRecipe) {
  const Graph start = ThroughFile(MakeModel(), "start.h5");
  ExpectKept(start);
  std::vector<std::string> warnings;
  const WarningSink before = SetWarningSink(
      [&](std::string_view text) { warnings.emplace_back(text); });
  const RecipeTable table;
  for (const Recipe& recipe : table.recipes()) {
    SCOPED_TRACE(recipe.name);
    warnings.clear();
    const OptimizeResult result =
        Optimize(start, table, recipe, *data_, training_, nullptr);
    const bool compresses = recipe.name != "none" && recipe.name != "quant";
    EXPECT_EQ(std::any_of(warnings.begin(), warnings.end(),
                          [](const std::string& text) {
                            return text.find(
                                       "leaves the frozen layers "
                                       "('conv2d') as they are") !=
                                   std::string::npos;
                          }),
              compresses);
    const Graph back = ThroughFile(result.graph, recipe.name + ".h5");
    ExpectKept(back);
    EXPECT_EQ(Print(back), Print(result.graph));
    EXPECT_EQ(ValuesOf(back, "conv2d/kernel"),
              ValuesOf(start, "conv2d/kernel"));
    EXPECT_NE(ValuesOf(back, "dense/kernel"), ValuesOf(start, "dense/kernel"));
    EXPECT_NE(ValuesOf(back, "dense/bias"), ValuesOf(start, "dense/bias"));
    // And the integer file has nothing of it.
    const Scheme& scheme = FindScheme("uint8");
    const Graph file = Convert(
        back, scheme,
        NeedsRanges(back, scheme) ? Calibrate(back, *data_, 20) : Ranges());
    for (const Node& node : file.nodes) EXPECT_GE(node.op->tflite.code, 0);
  }
  SetWarningSink(before);
}

// .h5 -> .tflite -> .h5 -> training: a layer without bias stays one. Frozen
// layers and dropouts are not in a .tflite.
TEST_F(KerasOptionsTest, ATfliteFileKeepsThatThereIsNoBias) {
  const Graph file =
      Convert(MakeModel(), FindScheme("fp32"), {}, ConvertOptions());
  const Graph lite = ThroughFile(file, "model.tflite");
  EXPECT_EQ(NodeOf(lite, "conv2d").input(2), kNoTensor);
  const Graph start = ThroughFile(lite, "back.h5");
  const Graph trained = Train(start, *data_, training_, nullptr).graph;
  const Graph back = ThroughFile(trained, "trained.h5");
  EXPECT_EQ(NodeOf(back, "conv2d").input(2), kNoTensor);
  EXPECT_NE(ValuesOf(back, "conv2d/kernel"), ValuesOf(lite, "conv2d/kernel"));
}

}  // namespace
}  // namespace litesmith
