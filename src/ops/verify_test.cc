// Each stage's rules: what breaks one is named.
#include "src/ops/verify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "src/ops/small_graph_test.h"

namespace litesmith {
namespace {

std::string ErrorAfter(Stage stage, const std::function<void(Graph*)>& change) {
  Graph graph = SmallCnn();
  change(&graph);
  return ErrorOf([&] { Verify(graph, stage); });
}

void ExpectHas(const std::string& text, std::vector<std::string> parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

// y = DEQUANTIZE(QUANTIZE(y)) behind the output.
void AddQuantizedTail(Graph* graph) {
  const TensorId q =
      graph->AddNode(kQuantize, "tail_q", {graph->outputs[0]}, {"tail_q"})
          .outputs[0];
  graph->tensor(q).dtype = DType::kInt8;
  graph->tensor(q).quant = {{0.1f}, {0}, 0};
  graph->outputs =
      graph->AddNode(kDequantize, "tail_dq", {q}, {"tail_dq"}).outputs;
  InferShapes(graph);
}

TEST(Verify, EveryStageTakesAPlainFloatGraph) {
  for (const Stage stage : {Stage::kTraining, Stage::kFloat, Stage::kInference})
    EXPECT_EQ(ErrorAfter(stage, [](Graph*) {}), "");
}

TEST(Verify, NamesAreThereAndDifferAtEveryStage) {
  for (const Stage stage :
       {Stage::kTraining, Stage::kFloat, Stage::kInference}) {
    ExpectHas(ErrorAfter(stage,
                         [](Graph* g) {
                           FindTensor(g, "conv/kernel")->name = "dense/kernel";
                         }),
              {"corrupt", "tensors 1 and 7 are both called 'dense/kernel'"});
    ExpectHas(
        ErrorAfter(stage, [](Graph* g) { FindTensor(g, "pool")->name = ""; }),
        {"corrupt", "has no name"});
    ExpectHas(ErrorAfter(stage, [](Graph* g) { g->nodes[1].name = "conv"; }),
              {"corrupt", "nodes 0 and 1 are both called 'conv'"});
  }
}

TEST(Verify, TrainingWantsAParameterBeforeTheFirstOutput) {
  const auto freeze = [](Graph* g) {
    for (Tensor& tensor : g->tensors) {
      if (tensor.kind == TensorKind::kParameter)
        tensor.kind = TensorKind::kConstant;
    }
  };
  ExpectHas(ErrorAfter(Stage::kTraining, freeze),
            {"invalid argument", "no trainable parameter", "'dense'"});
  EXPECT_EQ(ErrorAfter(Stage::kFloat, freeze), "");
  // A parameter that only a second output depends on does not count.
  ExpectHas(ErrorAfter(Stage::kTraining,
                       [&](Graph* g) {
                         g->outputs = {g->node(1).outputs[0], g->outputs[0]};
                         freeze(g);
                         FindTensor(g, "dense/bias")->kind =
                             TensorKind::kParameter;
                       }),
            {"no trainable parameter", "'pool'"});
}

TEST(Verify, WeightsThatAreNotFiniteAreNamed) {
  for (const Stage stage : {Stage::kTraining, Stage::kFloat}) {
    for (const TensorKind kind :
         {TensorKind::kParameter, TensorKind::kConstant}) {
      ExpectHas(ErrorAfter(stage,
                           [&](Graph* g) {
                             Tensor* w = FindTensor(g, "dense/kernel");
                             w->kind = kind;
                             w->MutableAs<float>()[7] =
                                 std::numeric_limits<float>::infinity();
                           }),
                {"invalid argument", "'dense/kernel'", "value 7 of 48 is inf"});
    }
  }
}

TEST(Verify, AConvertedModelIsCalledThat) {
  for (const Stage stage : {Stage::kTraining, Stage::kFloat}) {
    ExpectHas(ErrorAfter(stage, AddQuantizedTail),
              {"unsupported", "'tail_q' (QUANTIZE)", "int8", "converted"});
    ExpectHas(ErrorAfter(stage,
                         [](Graph* g) {
                           Tensor* w = FindTensor(g, "dense/kernel");
                           w->kind = TensorKind::kConstant;
                           w->dtype = DType::kInt8;
                           w->data = TensorData(48);
                           w->quant = {{0.1f}, {0}, 0};
                         }),
              {"unsupported", "'dense' (FULLY_CONNECTED)", "'dense/kernel'",
               "converted"});
  }
  EXPECT_EQ(ErrorAfter(Stage::kInference, AddQuantizedTail), "");
}

constexpr Operand kOperands[] = {{.name = "x"}};
const OpDef kRound = {.name = "TEST_ROUND",
                      .summary = "",
                      .tflite = {.code = 9999},
                      .operands = kOperands,
                      .infer = [](Graph* graph, const Node& node) {
                        graph->tensor(node.outputs[0]).shape =
                            graph->tensor(node.inputs[0]).shape;
                      }};

TEST(Verify, TrainingNamesTheNodeThatNoGradientFlowsThrough) {
  ExpectHas(
      ErrorAfter(
          Stage::kTraining,
          [](Graph* g) {
            g->outputs =
                g->AddNode(kRound, "round", {g->outputs[0]}, {"round"}).outputs;
            InferShapes(g);
          }),
      {"invalid argument", "no trainable parameter", "'round'",
       "no gradient flows through node 'round' (TEST_ROUND)"});
  // Before all parameters it may stand.
  EXPECT_EQ(
      ErrorAfter(Stage::kTraining,
                 [](Graph* g) {
                   const TensorId x = g->inputs[0];
                   const TensorId y =
                       g->AddNode(kRound, "round", {x}, {"round"}).outputs[0];
                   std::rotate(g->nodes.begin(), g->nodes.end() - 1,
                               g->nodes.end());
                   g->node(1).inputs[0] = y;
                   InferShapes(g);
                 }),
      "");
}

TEST(Verify, TheFloatStageHasNoTrainingOpsLeft) {
  const auto mask = [](Graph* g) {
    const TensorId w = g->node(3).inputs[1];
    const std::vector<float> ones(48, 1.0f);
    const TensorId m =
        g->AddConstant<float>("mask", {3, 16}, ones, TensorKind::kState);
    const TensorId y =
        g->AddNode(kPruneMask, "prune", {w, m}, {"prune"}).outputs[0];
    std::rotate(g->nodes.begin(), g->nodes.end() - 1, g->nodes.end());
    g->node(4).inputs[1] = y;
    InferShapes(g);
  };
  ExpectHas(ErrorAfter(Stage::kFloat, mask),
            {"unsupported", "'prune' (LITESMITH_PRUNE_MASK)", "training"});
  EXPECT_EQ(ErrorAfter(Stage::kTraining, mask), "");
  EXPECT_EQ(ErrorAfter(Stage::kInference, mask), "");
}

TEST(Verify, InferenceWantsAnOutputKernelsAndAClosedShape) {
  ExpectHas(ErrorAfter(Stage::kInference, [](Graph* g) { g->outputs = {}; }),
            {"no output"});
  ExpectHas(
      ErrorAfter(Stage::kInference,
                 [](Graph* g) { g->tensor(g->inputs[0]).shape[1] = kDynamic; }),
      {"'input'", "[?,?,6,2]", "batch"});
  ExpectHas(
      ErrorAfter(
          Stage::kInference,
          [](Graph* g) {
            g->outputs =
                g->AddNode(kRound, "round", {g->outputs[0]}, {"round"}).outputs;
            InferShapes(g);
          }),
      {"node 'round' (TEST_ROUND) has no kernel"});
}

}  // namespace
}  // namespace litesmith
