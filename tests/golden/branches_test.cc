// A network with batch normalizations, a depthwise convolution, an addition and
// a concatenation against TFMOT: where fake quants stand and what ranges they
// have after each of ten steps, the masks of pruning, the centroids of
// clustering (tools/record_tfmot_branches.py).
//
// Fake quantization rounds, and a value half way between two points of its grid
// goes by its last bits; from the second step on ranges are near, not equal.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "src/data/memory_dataset.h"
#include "src/models/models.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"
#include "tests/golden/golden.h"
#include "tests/golden/ten_steps.h"

namespace litesmith::golden {
namespace {

constexpr double kFirst = 2e-6;  // after one step
constexpr double kLast = 5e-3;   // after ten

class BranchesGolden : public testing::Test {
 protected:
  void SetUp() override {
    info_ = ReadJson("branches/info");
    graph_ = LoadFloatModel(
        std::string(LITESMITH_SOURCE_DIR) + "/tests/golden/branches/model.h5",
        1, false);
    const auto bytes = [](const std::string& name) {
      const Array array = Read("branches/" + name);
      return std::vector<uint8_t>(array.values.begin(), array.values.end());
    };
    data_ = LabelledBytes({12, 12, 3}, 5, bytes("images"), bytes("labels"));
  }

  TenSteps TrainIt(const Graph& start, float freeze_batch_norm = 1) const {
    TrainOptions options;
    options.freeze_batch_norm = freeze_batch_norm;
    options.batch = info_["batch"].get<int>();
    std::vector<int32_t> batch(static_cast<size_t>(options.batch));
    std::iota(batch.begin(), batch.end(), 0);
    std::vector<int32_t> batches;
    for (int step = 0; step < kSteps; ++step)
      batches.insert(batches.end(), batch.begin(), batch.end());
    return Train(start, *data_, options, batches);
  }

  // Calls visit(name, its part of `all`) for each entry of a recorded list.
  template <typename Visit>
  void ForEach(const char* list, std::span<const float> all,
               const Visit& visit) const {
    size_t at = 0;
    for (const auto& entry : info_[list]) {
      size_t count = 1;
      for (const auto& dim : entry[1]) count *= dim.get<size_t>();
      visit(entry[0].get<std::string>(), all.subspan(at, count));
      at += count;
    }
    EXPECT_EQ(at, all.size());
  }

  nlohmann::json info_;
  Graph graph_;
  DatasetPtr data_;
};

TEST_F(BranchesGolden, RangesStandAndMoveWhereThoseOfTfmotDo) {
  const Graph start = InsertFakeQuant(
      graph_,
      [](const Node& node, const Tensor&) {
        // The original gives a depthwise kernel one range.
        return QatOptions{.per_channel = node.name != "depth"};
      },
      QatOptions());
  const TenSteps run = TrainIt(start);
  EXPECT_LE(Relative(run.losses, Read("branches/losses_qat").values), kLast);
  const Array all = Read("branches/ranges");
  size_t compared = 0;
  for (const int step : {1, kSteps}) {
    const Graph& graph = run.graphs[static_cast<size_t>(step)];
    ForEach(
        "ranges", all.Row(step - 1),
        [&](const std::string& name, std::span<const float> want) {
          // What feeds a concatenation keeps its variables there, unused.
          if (name.starts_with("left/fake") || name.starts_with("right/fake"))
            return;
          const std::vector<float> got(Values(graph, name).begin(),
                                       Values(graph, name).end());
          ASSERT_EQ(got.size(), want.size()) << name;
          EXPECT_LE(Distance(got, want), step == 1 ? kFirst : kLast)
              << name << " after step " << step;
          ++compared;
        });
  }
  // No range is ours alone: two states of each.
  size_t ours = 0;
  for (const Tensor& tensor : start.tensors) {
    ours += tensor.name.ends_with("fake_quant/min") ||
            tensor.name.ends_with("fake_quant/max");
  }
  EXPECT_EQ(2 * ours, compared);
  ForEach("moments", Read("branches/moments").values,
          [&](const std::string& name, std::span<const float> want) {
            EXPECT_LE(Distance(Values(run.end(), name), want), kLast) << name;
          });
}

TEST_F(BranchesGolden, MasksAreThoseOfTfmot) {
  const Graph start = InsertPruning(
      graph_,
      [](const Node& node, const Tensor&) -> std::optional<PruneOptions> {
        if (node.name == "depth") return std::nullopt;
        return PruneOptions{.end_step = 10, .frequency = 2};
      });
  const TenSteps run = TrainIt(start);
  EXPECT_LE(Relative(run.losses, Read("branches/losses_prune").values), 1e-3);
  ForEach("masks", Read("branches/masks").values,
          [&](const std::string& name, std::span<const float> want) {
            const auto got = Values(run.end(), name + "/mask");
            ASSERT_EQ(got.size(), want.size()) << name;
            EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin()))
                << name;
          });
}

TEST_F(BranchesGolden, CentroidsAreThoseOfTfmot) {
  const int clusters = info_["clusters"].get<int>();
  const Graph start = InsertClustering(
      graph_,
      [&](const Node& node, const Tensor&) -> std::optional<ClusterOptions> {
        if (node.name == "depth") return std::nullopt;
        return ClusterOptions{.clusters = clusters,
                              .init = CentroidInit::kLinear};
      });
  // The original's wrapper does not say to batch normalizations that they
  // train.
  const TenSteps run = TrainIt(start, 0);
  EXPECT_LE(Relative(run.losses, Read("branches/losses_cluster").values), 1e-3);
  ForEach("centroids", Read("branches/centroids").values,
          [&](const std::string& name, std::span<const float> want) {
            EXPECT_LE(Distance(Values(run.end(), name), want), 1e-4) << name;
          });
}

}  // namespace
}  // namespace litesmith::golden
