// Pruning against TFMOT: when masks change, which masks, and ten steps of
// training with them.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"
#include "tests/golden/golden.h"
#include "tests/golden/ten_steps.h"

namespace litesmith::golden {
namespace {

namespace pm = prune_mask;

PruneOptions OptionsOf(const std::string& schedule,
                       const nlohmann::json& params) {
  PruneOptions options;
  if (schedule == "ConstantSparsity") {
    options.schedule = pm::kConstant;
    options.final_sparsity = params.at("target_sparsity");
  } else {
    options.schedule = pm::kPolynomialDecay;
    options.initial_sparsity = params.at("initial_sparsity");
    options.final_sparsity = params.at("final_sparsity");
    options.power = params.value("power", 3.0f);
  }
  options.begin_step = params.at("begin_step");
  options.end_step = params.at("end_step");
  options.frequency = params.at("frequency");
  return options;
}

// Every layer of the graph pruned in the same way.
Graph Pruned(const Graph& graph, const PruneOptions& options) {
  return InsertPruning(graph,
                       [&](const Node&, const Tensor&) { return options; });
}

// One dense layer with these weights, pruned; and its mask node's update.
class OneMask {
 public:
  OneMask(const Shape& shape, std::span<const float> weights,
          const PruneOptions& options) {
    const bool dense = shape.rank() == 2;
    Tensor x;
    x.name = "x";
    x.kind = TensorKind::kInput;
    x.shape = dense ? Shape{1, shape[1]} : Shape{1, 8, 8, shape[3]};
    Graph graph;
    const TensorId input = graph.AddTensor(std::move(x));
    const TensorId w =
        graph.AddConstant<float>("w", shape, weights, TensorKind::kParameter);
    Node& node = graph.AddNode(dense ? kFullyConnected : kConv2D, "layer",
                               {input, w}, {"y"});
    if (!dense)
      node.Set<&Conv2DAttrs::stride_w>(1), node.Set<&Conv2DAttrs::stride_h>(1);
    graph.inputs = {input};
    graph.outputs = node.outputs;
    graph_ = Pruned(graph, options);
    node_ = graph_.node(0);
    original_.assign(weights.begin(), weights.end());
  }

  // The mask after the update before `step`; what no update wrote is 0.5.
  std::vector<float> At(int64_t step) {
    std::vector<float> w = original_;
    std::vector<float> mask(w.size(), 0.5f);
    void* inputs[] = {w.data(), mask.data()};
    node_.op->training->update({graph_, node_, inputs, step});
    return mask;
  }

 private:
  Graph graph_;
  Node node_;
  std::vector<float> original_;
};

TEST(PruningGolden, SchedulesUpdateAtTheSameStepsToTheSameSparsity) {
  constexpr int kWeights = 1 << 14;
  std::vector<float> weights;
  for (int i = 0; i < kWeights; ++i)
    weights.push_back(static_cast<float>((i * 7919) % kWeights + 1));
  for (const nlohmann::json& row : ReadJson("tfmot/schedules")) {
    SCOPED_TRACE(row.dump().substr(0, 150));
    OneMask one({1, kWeights}, weights, OptionsOf(row.at("schedule"), row));
    size_t next = 0;
    const auto& updates = row.at("updates");
    for (int64_t step = 1; step <= row.at("last_step_tried"); ++step) {
      const std::vector<float> mask = one.At(step);
      const bool due = next < updates.size() && updates[next][0] == step;
      ASSERT_EQ(mask[0] != 0.5f, due) << "step " << step;
      if (!due) continue;
      const float sparsity = updates[next++][1];
      EXPECT_EQ(std::count(mask.begin(), mask.end(), 1.0f),
                static_cast<ptrdiff_t>(std::max(
                    std::nearbyint(kWeights * (1.0f - sparsity)), 1.0f)))
          << "step " << step;
    }
    EXPECT_EQ(next, updates.size());
  }
}

TEST(PruningGolden, BlockAndGroupMasksAreTheSame) {
  const nlohmann::json info = ReadJson("tfmot/prune_patterns/info");
  int cases = 0;
  for (const nlohmann::json& row : info.at("cases")) {
    const std::string name = row.at("mask");
    SCOPED_TRACE(name);
    const Array weights = Read("tfmot/prune_patterns/" +
                               row.at("kernel").get<std::string>() + "_kernel");
    PruneOptions options;
    options.schedule = pm::kConstant;
    options.begin_step = 1;
    options.final_sparsity = info.at("sparsity");
    if (row.contains("block")) {
      options.block.height = row.at("block")[0];
      options.block.width = row.at("block")[1];
      options.block_pooling =
          row.at("pooling") == "MAX" ? pm::kMax : pm::kAverage;
    } else {
      options.pattern.zeros = row.at("m_by_n")[0];
      options.pattern.size = row.at("m_by_n")[1];
    }
    OneMask one(weights.shape, weights.values, options);
    EXPECT_EQ(one.At(1), Read("tfmot/prune_patterns/" + name).values);
    ++cases;
  }
  EXPECT_EQ(cases, 32);
}

// TFMOT pads every row of input channels with zeros up to a whole number of
// groups, and by a whole group more where there is one already. That moves no
// weight into another group, so our masks have no trace of it: the
// convolution of one input channel keeps every weight.
TEST(PruningGolden, TwoOfFourOfTheModelsOwnKernels) {
  PruneOptions options;
  options.schedule = pm::kZerosInGroups;
  for (const std::string layer : {"conv2d", "dense"}) {
    const Array weights = Read("training/start/" + layer + "_kernel");
    OneMask one(weights.shape, weights.values, options);
    const Array want =
        Read("tfmot/prune_patterns/mask_start_" + layer + "_kernel_2of4");
    EXPECT_EQ(one.At(1), want.values) << layer;
  }
}

class PruningTraining : public MnistTest {
 protected:
  // The masks may differ by exchanging weights that are as large as each other.
  void CheckMask(std::span<const float> got, std::span<const float> want,
                 std::span<const float> weights) {
    constexpr double kTie = 1e-5;
    double smallest = INFINITY;  // of the weights that we keep
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i] == 1)
        smallest = std::min(smallest, std::abs(double{weights[i]}));
    }
    ptrdiff_t more = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      more += static_cast<ptrdiff_t>(got[i] - want[i]);
      if (got[i] != want[i]) {
        EXPECT_NEAR(std::abs(weights[i]) / smallest, 1, kTie) << i;
      }
    }
    EXPECT_EQ(more, 0);
  }

  void Check(const std::string& name) {
    const std::string directory = "tfmot/" + name + "/";
    const nlohmann::json info = ReadJson(directory + "info");
    const TenSteps run =
        Train(Pruned(Model(info.at("start")),
                     OptionsOf(info.at("schedule"), info.at("params"))),
              mnist_train());
    EXPECT_LE(Relative(run.losses, Read(directory + "losses").values), kLoss);
    const std::vector<int> updates = info.at("update_steps");
    for (const std::string layer : {"conv2d", "dense"}) {
      const Array masks = Read(directory + "masks_" + layer + "_kernel");
      for (size_t u = 0; u < updates.size(); ++u) {
        const auto step = static_cast<size_t>(updates[u]);
        CheckMask(Values(run.graphs[step], layer + "/kernel/mask"),
                  masks.Row(static_cast<int>(u)),
                  Values(run.graphs[step - 1], layer + "/kernel"));
      }
    }
    // The recording's weights too are not yet masked again.
    const Graph& end = run.end();
    for (const std::string layer : {"conv2d", "dense"}) {
      for (const std::string kind : {"kernel", "bias"}) {
        EXPECT_LE(
            Distance(Values(end, layer + "/" + kind),
                     Read(directory + "end_" + layer + "_" + kind).values),
            kWeight)
            << layer << " " << kind;
      }
    }
  }
};

TEST_F(PruningTraining, PolynomialDecay) {
  ForEachTarget([&] { Check("prune_polynomial"); });
}
TEST_F(PruningTraining, ConstantSparsity) {
  ForEachTarget([&] { Check("prune_constant"); });
}

}  // namespace
}  // namespace litesmith::golden
