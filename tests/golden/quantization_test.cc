// Quantization-aware training against TFMOT, plain and with sparsity and
// clusters preserved: every range after every step, weights and outputs after
// ten steps.
//
// Fake quantization rounds, and a value half way between two points of its grid
// goes by its last bits: one such activation in a million moves the loss by
// 1e-4, and all that follows. So on every SIMD target losses and ranges must be
// near the recording, and on at least one they and everything else must be the
// same but for roundings.
//
// The recordings' starts have no case of what specs/tfmot.md lists as the
// original's defects in preserving: for the original too the clusters of this
// convolution are the tensor's, and zeros are where it looks for them.
// src/transform/fake_quant_test.cc tests what ours does there.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/ops/registry.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"
#include "tests/golden/golden.h"
#include "tests/golden/ten_steps.h"

namespace litesmith::golden {
namespace {

constexpr int kProbe = 16;  // test images whose logits are recorded

// Extremes of weights and averages of extremes: TensorFlow's own differ by up
// to 1.3e-7.
constexpr double kRange = 2e-7;
// Losses and ranges of a run in which an activation was rounded differently.
constexpr double kNear = 1e-3;

// The fake-quantized output of the convolution as the graph's output.
Graph UpToConvolution(const Graph& graph) {
  Graph result = graph;
  for (const Node& node : graph.nodes) {
    const NodeId producer = graph.Producer(node.inputs[0]);
    if (node.op == &kFakeQuant && producer >= 0 &&
        graph.node(producer).op == &kConv2D)
      result.outputs[0] = node.outputs[0];
  }
  return RemoveDeadNodes(result);
}

class QuantizationTraining : public MnistTest {
 protected:
  void CheckOnEveryTarget(const std::string& name, const QatOptions& options) {
    directory_ = "tfmot/" + name + "/";
    options_ = options;
    std::vector<std::string> reports;
    ForEachTarget([&] {
      report_.clear();
      Check();
      reports.push_back(report_);
    });
    EXPECT_TRUE(std::any_of(reports.begin(), reports.end(),
                            [](const std::string& r) { return r.empty(); }))
        << "no target has it the same; the first has" << reports[0];
  }

 private:
  // Notes what is further away than roundings are.
  void Compare(const std::string& what, std::span<const float> got,
               std::span<const float> want, double roundings) {
    const double distance = Distance(got, want);
    if (distance <= roundings) return;
    report_ +=
        fmt::format("\n{}: {} where {} is allowed", what, distance, roundings);
  }

  // The same centroids as TFMOT found, in its order.
  void TakeCentroids(Graph* graph) {
    for (const std::string layer : {"conv2d", "dense"}) {
      const std::string name = layer + "/kernel/centroids";
      Array want = Read(directory_ + "start_" + layer + "_centroids");
      const auto values = Values(*graph, name);
      std::vector<float> found(values.begin(), values.end());
      ASSERT_EQ(found.size(), want.values.size());
      SetValues(graph, name, want.values);
      std::sort(found.begin(), found.end());
      std::sort(want.values.begin(), want.values.end());
      EXPECT_EQ(found, want.values) << layer;
    }
  }

  void CheckRanges(const Graph& graph, int step) {
    constexpr std::pair<const char*, const char*> kRanges[] = {
        {"input", "input"},
        {"conv2d_kernel", "conv2d/kernel"},
        {"conv2d_output", "conv2d"},
        {"dense_kernel", "dense/kernel"},
        {"dense_output", "dense"}};
    for (const auto& [file, tensor] : kRanges) {
      for (const std::string end : {"min", "max"}) {
        const std::string what =
            fmt::format("range_{}_{} after step {}", file, end, step);
        const auto got =
            Values(graph, std::string(tensor) + "/fake_quant/" + end);
        const Array want = Read(directory_ + "range_" + file + "_" + end);
        EXPECT_LE(Distance(got, want.Row(step - 1)), kNear) << what;
        Compare(what, got, want.Row(step - 1), kRange);
      }
    }
  }

  void CheckClusters(const TenSteps& run, const std::string& layer) {
    const std::string name = layer + "/kernel";
    Array centroids = Read(directory_ + "end_" + layer + "_centroids");
    Array originals = Read(directory_ + "end_" + layer + "_original");
    if (options_.preserve_sparsity) {
      // The original lets the zero centroid and the weights at zero move, and
      // sets them back before each use; ours stay.
      const auto first = Values(run.graphs[0], name + "/centroids");
      const auto mask = Values(run.graphs[0], name + "/cluster_mask");
      for (size_t i = 0; i < first.size(); ++i)
        centroids.values[i] *= first[i] == 0 ? 0.0f : 1.0f;
      for (size_t i = 0; i < mask.size(); ++i) originals.values[i] *= mask[i];
    }
    Compare(layer + " centroids", Values(run.end(), name + "/centroids"),
            centroids.values, kWeight);
    Compare(layer + " originals", Values(run.end(), name), originals.values,
            kWeight);
    // The recorded assignments are those of the last step's forward.
    const Graph& last = run.graphs[kSteps - 1];
    const Array indices = Read(directory_ + "end_" + layer + "_indices");
    std::vector<float> clustered;
    for (const float index : indices.values) {
      clustered.push_back(
          Values(last, name + "/centroids")[static_cast<size_t>(index)]);
    }
    const Graph stripped = StripTrainingOps(last);
    Compare(layer + " clustered", Values(stripped, name), clustered, 0);
  }

  void Check() {
    Graph start =
        InsertFakeQuant(Model(ReadJson(directory_ + "info").at("start")),
                        [&](const Node&, const Tensor&) { return options_; });
    if (options_.preserve_clusters) TakeCentroids(&start);
    const TenSteps run = Train(start, mnist_train());
    const std::vector<float> losses = Read(directory_ + "losses").values;
    EXPECT_LE(Relative(run.losses, losses), kNear);
    Compare("losses", run.losses, losses, kLoss);
    for (int step = 1; step <= kSteps; ++step)
      CheckRanges(run.graphs[static_cast<size_t>(step)], step);
    Graph end = run.end();
    for (const std::string layer : {"conv2d", "dense"}) {
      Compare(layer + " bias", Values(end, layer + "/bias"),
              Read(directory_ + "end_" + layer + "_bias").values, kWeight);
      if (options_.preserve_clusters) {
        CheckClusters(run, layer);
        // Outside training the original uses the clustered kernel that its
        // last step's forward stored; ours is of the centroids as they are.
        for (const std::string kind : {"/kernel", "/kernel/centroids"}) {
          SetValues(&end, layer + kind,
                    Values(run.graphs[kSteps - 1], layer + kind));
        }
      } else {
        Compare(layer + " kernel", Values(end, layer + "/kernel"),
                Read(directory_ + "end_" + layer + "_kernel").values, kWeight);
      }
    }
    Compare("logits", Outputs(end, mnist_test(), kProbe),
            Read(directory_ + "logits").values, kWeight);
    Compare("conv2d_output", Outputs(UpToConvolution(end), mnist_test(), 1),
            Read(directory_ + "conv2d_output").values, kWeight);
  }

  std::string directory_;
  QatOptions options_;
  std::string report_;  // of the target that is being checked
};

TEST_F(QuantizationTraining, Plain) { CheckOnEveryTarget("qat", {}); }

TEST_F(QuantizationTraining, SparsityPreserving) {
  CheckOnEveryTarget("pqat", {.preserve_sparsity = true});
}

TEST_F(QuantizationTraining, ClusterPreserving) {
  CheckOnEveryTarget("cqat", {.preserve_clusters = true});
}

TEST_F(QuantizationTraining, SparsityAndClusterPreserving) {
  CheckOnEveryTarget("pcqat",
                     {.preserve_sparsity = true, .preserve_clusters = true});
}

}  // namespace
}  // namespace litesmith::golden
