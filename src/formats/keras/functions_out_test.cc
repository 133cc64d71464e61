// Functions between layers through files: what Keras 2 and 3 have no layer of
// both for is written as each calls it.
#include <functional>

#include "src/base/warning.h"
#include "src/formats/keras/nodes.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/keras/to_keras.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"

namespace litesmith {
namespace {

struct Case {
  const char* name;
  std::function<std::vector<TensorId>(Nodes nodes, TensorId x, TensorId y)>
      build;
};

TensorId Axes(Nodes* nodes, std::vector<int32_t> axes) {
  return nodes->Ints("axes", axes);
}

// Of x and y, [batch, 4, 6].
const std::vector<Case>& Cases() {
  using Ids = std::vector<TensorId>;
  static const std::vector<Case> cases = {
      {"TrueDivide",
       [](Nodes n, TensorId x, TensorId y) {
         return Ids{n.Add(kDiv, "", {x, y})};
       }},
      {"TrueDivide",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kDiv, "", {n.Float("x", 2.5f), x})};
       }},
      {"Power",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kPow, "", {x, n.Float("y", 3)})};
       }},
      {"Log",
       [](Nodes n, TensorId x, TensorId) { return Ids{n.Add(kLog, "", {x})}; }},
      {"Sqrt", [](Nodes n, TensorId x,
                  TensorId) { return Ids{n.Add(kSqrt, "", {x})}; }},
      {"Rsqrt", [](Nodes n, TensorId x,
                   TensorId) { return Ids{n.Add(kRsqrt, "", {x})}; }},
      {"Sum",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kSum, "", {x, Axes(&n, {1, 2})},
                          ReduceAttrs{.keep_dims = true})};
       }},
      {"Mean",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kMean, "", {x, Axes(&n, {1, 2})}, ReduceAttrs{})};
       }},
      {"GetItem",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(
             kStridedSlice, "",
             {x, n.Ints("begin", {0, -1, 0, 1}), n.Ints("end", {0, 0, 0, 5}),
              n.Ints("strides", {1, 1, 1, 2})},
             StridedSliceAttrs{.begin_mask = 1,
                               .end_mask = 3,
                               .new_axis_mask = 4,
                               .shrink_axis_mask = 2})};
       }},
      {"Stack",
       [](Nodes n, TensorId x, TensorId y) {
         return Ids{n.Add(kPack, "", {x, y, x},
                          PackAttrs{.values_count = 3, .axis = 2})};
       }},
      {"Matmul",
       [](Nodes n, TensorId x, TensorId) {
         const TensorId values =
             n.Floats("y", {6, 2}, {1, 2, 3, 4, 5, 6, .5, .25, -1, -2, -3, 4});
         return Ids{n.Add(kBatchMatMul, "", {x, values}, BatchMatMulAttrs{})};
       }},
      {"Tile",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kTile, "", {x, n.Ints("multiples", {1, 2, 3})})};
       }},
      {"Flip",
       [](Nodes n, TensorId x, TensorId) {
         return Ids{n.Add(kReverseV2, "", {x, Axes(&n, {2})})};
       }},
  };
  return cases;
}

Graph Build(const Case& c) {
  Graph graph;
  const TensorId x = AddInput("a", {kDynamic, 4, 6}, &graph);
  const TensorId y = AddInput("b", {kDynamic, 4, 6}, &graph);
  graph.outputs = c.build(Nodes("f", &graph), x, y);
  // Both inputs are read.
  graph.outputs.push_back(Nodes("g", &graph).Add(kAdd, "", {x, y}));
  graph.output_names = {"f", "g"};
  InferShapes(&graph);
  return graph;
}

std::vector<std::string> OpNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.emplace_back(node.op->name);
  return names;
}

class FunctionsOutTest : public testing::TestWithParam<KerasFile> {};
INSTANTIATE_TEST_SUITE_P(Containers, FunctionsOutTest,
                         testing::Values(KerasFile::kH5, KerasFile::kArchive),
                         [](const auto& info) {
                           return info.param == KerasFile::kH5 ? "h5"
                                                               : "archive";
                         });

TEST_P(FunctionsOutTest, ComeBackFromTheFormOfEitherKeras) {
  std::vector<float> a, b;
  for (int i = 0; i < 2 * 4 * 6; ++i) {
    a.push_back(0.5f + 0.03f * static_cast<float>(i * 7 % 48));
    b.push_back(0.5f + 0.02f * static_cast<float>(i * 11 % 48));
  }
  for (const Case& c : Cases()) {
    const Graph graph = Build(c);
    std::vector<std::string> said;
    const WarningSink before =
        SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
    const Graph read = ThroughFile(GetParam(), graph);
    SetWarningSink(before);
    ASSERT_EQ(said.size(), 1u) << c.name;
    EXPECT_NE(said[0].find(GetParam() == KerasFile::kH5 ? "one of Keras 2's"
                                                        : "one of Keras 3's"),
              std::string::npos)
        << said[0];
    // Where it stands among layers of both may be another place.
    std::vector<std::string> want = OpNames(graph), got = OpNames(read);
    std::sort(want.begin(), want.end());
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, want) << c.name;
    ExpectSameGraph(read, ThroughFile(GetParam(), read));
    EXPECT_EQ(Forward(read, {a, b}, 2), Forward(graph, {a, b}, 2)) << c.name;
    bool found = false;
    for (const OutLayer& layer : ToKeras(graph).layers)
      found |= layer.class_name == "operation " + std::string(c.name);
    EXPECT_TRUE(found) << c.name;
  }
}

// Layers that one Keras alone has decide for those of two forms.
TEST(FunctionsOutTest, TakeTheFormOfTheKerasThatReadsTheOthers) {
  Graph graph = Build(Cases()[0]);
  OutModel model = ToKeras(graph);
  EXPECT_EQ(GenerationOf(model, /*archive=*/false), 2);
  EXPECT_EQ(GenerationOf(model, /*archive=*/true), 3);
  EXPECT_FALSE(model.is_chain);
  model.layers.back().generation = 3;
  EXPECT_EQ(GenerationOf(model, /*archive=*/false), 3);
  EXPECT_NE(ConfigForH5(model).find("keras.src.ops.numpy"), std::string::npos);
  model.layers.back().generation = 2;
  EXPECT_EQ(GenerationOf(model, /*archive=*/true), 2);
  EXPECT_NE(ConfigForArchive(model).find("TFOpLambda"), std::string::npos);
}

}  // namespace
}  // namespace litesmith
