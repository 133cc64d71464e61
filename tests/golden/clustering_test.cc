// Clustering against TFMOT: initial centroids, and centroids, assignments and
// weights after ten steps from recorded centroids.
#include <algorithm>
#include <cmath>
#include <optional>
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

CentroidInit InitOf(const std::string& name) {
  if (name == "LINEAR") return CentroidInit::kLinear;
  if (name == "DENSITY_BASED") return CentroidInit::kDensityBased;
  EXPECT_EQ(name, "KMEANS_PLUS_PLUS");
  return CentroidInit::kKmeansPlusPlus;
}

// Both layers clustered as an info.json says; per channel is for convolutions.
Graph Clustered(const Graph& graph, const nlohmann::json& info, int clusters) {
  return InsertClustering(
      graph, [&](const Node&, const Tensor&) -> std::optional<ClusterOptions> {
        ClusterOptions options;
        options.clusters = clusters;
        options.init = InitOf(info.at("init"));
        if (info.at("per_channel"))
          options.per_channel = CentroidsPerChannel::kConvolutions;
        options.preserve_sparsity = info.at("preserve_sparsity");
        options.average_gradient = info.value("aggregation", "SUM") == "AVG";
        return options;
      });
}

Graph InitStart(const std::string& start) {
  if (start == "training" || start == "pruned") return Model(start);
  Graph graph = Model("training");
  SetValues(&graph, "conv2d/kernel",
            Read("tfmot/cluster_init/" + start).values);
  return graph;
}

// The sum of squared distances of the weights to their centroids.
double Spread(std::span<const float> weights,
              std::span<const float> centroids) {
  double sum = 0;
  for (const float w : weights) {
    double nearest = INFINITY;
    for (const float c : centroids)
      nearest = std::min(nearest, std::abs(double{w} - double{c}));
    sum += nearest * nearest;
  }
  return sum;
}

TEST(ClusteringGolden, InitialCentroids) {
  const nlohmann::json info = ReadJson("tfmot/cluster_init/info");
  for (const nlohmann::json& row : info.at("cases")) {
    const std::string name = row.at("case");
    const bool per_channel = row.at("per_channel");
    const Graph graph =
        Clustered(InitStart(row.at("start")), row, info.at("k"));
    for (const std::string layer : {"conv2d", "dense"}) {
      if (per_channel && layer == "dense") continue;  // the same as without
      SCOPED_TRACE(name + " " + layer);
      const auto got = Values(graph, layer + "/kernel/centroids");
      const Array want =
          Read("tfmot/cluster_init/" + name + "_" + layer + "_kernel");
      ASSERT_EQ(got.size(), want.values.size());
      switch (InitOf(row.at("init"))) {
        case CentroidInit::kLinear:
          EXPECT_TRUE(std::equal(got.begin(), got.end(), want.values.begin()));
          break;
        case CentroidInit::kDensityBased:
          // The original solves a line's equation at the line's own end, which
          // gives the end back but for a rounding.
          EXPECT_LE(Distance(got, want.values), 2e-7);
          break;
        default: {
          // The draws of the original are its own generator's. Ours must be
          // spread as well, whatever they are.
          const auto weights = Values(graph, layer + "/kernel");
          const size_t rows = per_channel ? 12 : 1;
          const size_t size = weights.size() / rows;
          const size_t k = got.size() / rows;
          double ours = 0;
          double theirs = 0;
          for (size_t r = 0; r < rows; ++r) {
            const auto w = weights.subspan(r * size, size);
            ours += Spread(w, got.subspan(r * k, k));
            theirs += Spread(w, std::span(want.values).subspan(r * k, k));
          }
          EXPECT_LE(ours, 1.5 * theirs);
        }
      }
    }
  }
}

// A weight half way between two centroids, but for some roundings: which one it
// gets is up to the last bits, in which no two implementations agree.
struct Tie {
  int step;  // before which it was found
  std::string layer;
  size_t weight;
  double gap;  // of the two distances, relative
  float move;  // what brings the weight to its other side
};

constexpr double kTie = 1e-5;

// Rows of centroids: one, or one a channel.
size_t RowsOf(const Tensor& centroids) {
  return centroids.shape.rank() == 2 ? static_cast<size_t>(centroids.shape[0])
                                     : 1;
}

std::vector<Tie> FindTies(const TenSteps& run) {
  std::vector<Tie> ties;
  for (int step = 1; step <= kSteps; ++step) {
    const Graph& graph = run.graphs[static_cast<size_t>(step) - 1];
    for (const std::string layer : {"conv2d", "dense"}) {
      const auto weights = Values(graph, layer + "/kernel");
      const Tensor& matrix = *FindTensor(graph, layer + "/kernel/centroids");
      const size_t rows = RowsOf(matrix);
      const size_t k = matrix.As<float>().size() / rows;
      for (size_t i = 0; i < weights.size(); ++i) {
        const double w = weights[i];
        double below = INFINITY;  // distances to the nearest on either side
        double above = INFINITY;
        const auto row =
            matrix.As<float>().subspan(i * rows / weights.size() * k, k);
        for (const float c : row) {
          double& side = c < w ? below : above;
          side = std::min(side, std::abs(c - w));
        }
        const double gap = std::abs(above - below);
        if (std::isinf(gap) || gap > kTie * below) continue;
        // Half the gap makes the distances equal, the rest is some roundings.
        const double move = gap / 2 + 5e-7 * std::abs(w);
        ties.push_back({step, layer, i, gap / below,
                        static_cast<float>(below < above ? move : -move)});
      }
    }
  }
  return ties;
}

// The first step whose loss is not the recorded one; kSteps + 1 if all are.
int PartingStep(const std::vector<float>& got, const std::vector<float>& want) {
  for (size_t s = 0; s < want.size(); ++s) {
    if (!(Relative({&got[s], 1}, {&want[s], 1}) <= kLoss))
      return static_cast<int>(s) + 1;
  }
  return kSteps + 1;
}

class ClusteringTraining : public MnistTest {
 protected:
  // A tie that falls to the other side changes all that follows. So where the
  // losses part from the recorded ones there must have been one, and with that
  // weight on its other side, by a millionth of it, they must not part.
  TenSteps Follow(Graph start, const std::vector<float>& losses) {
    for (int moves = 0;; ++moves) {
      TenSteps run = Train(start, mnist_train());
      const int parting = PartingStep(run.losses, losses);
      if (parting > kSteps) return run;
      const std::vector<Tie> ties = FindTies(run);
      const auto closest = std::min_element(
          ties.begin(), ties.end(), [&](const Tie& a, const Tie& b) {
            return std::pair(a.step > parting, a.gap) <
                   std::pair(b.step > parting, b.gap);
          });
      if (moves == 2 || closest == ties.end() || closest->step > parting) {
        ADD_FAILURE() << "the losses part at step " << parting;
        return run;
      }
      const std::string name = closest->layer + "/kernel";
      const auto before = Values(start, name);
      std::vector<float> weights(before.begin(), before.end());
      weights[closest->weight] += closest->move;
      SetValues(&start, name, weights);
    }
  }

  // Each weight of the stripped graph is the centroid of the recorded index.
  void CheckAssignments(const Graph& graph, const std::string& layer,
                        const Array& indices) {
    const Graph stripped = StripTrainingOps(graph);
    const auto got = Values(stripped, layer + "/kernel");
    const auto weights = Values(graph, layer + "/kernel");
    const Tensor& matrix = *FindTensor(graph, layer + "/kernel/centroids");
    const auto centroids = matrix.As<float>();
    const size_t rows = RowsOf(matrix);
    const size_t k = centroids.size() / rows;
    for (size_t i = 0; i < got.size(); ++i) {
      const size_t row = i * rows / got.size();
      const float want =
          centroids[row * k + static_cast<size_t>(indices.values[i])];
      if (got[i] == want) continue;
      const double a = std::abs(double{weights[i]} - double{got[i]});
      const double b = std::abs(double{weights[i]} - double{want});
      EXPECT_LE(std::abs(a - b), kTie * b) << layer << " weight " << i;
    }
  }

  // `originals`: how far the original weights may be; a weight whose gradient
  // nearly cancels moves by Adam as far as any other, in the direction of the
  // rounding.
  void Check(const std::string& name, double originals) {
    const std::string directory = "tfmot/" + name + "/";
    const nlohmann::json info = ReadJson(directory + "info");
    Graph start = Clustered(Model(info.at("start")), info, info.at("k"));
    for (const std::string layer : {"conv2d", "dense"}) {
      SetValues(
          &start, layer + "/kernel/centroids",
          Read(directory + "start_centroids_" + layer + "_kernel").values);
      CheckAssignments(start, layer,
                       Read(directory + "start_indices_" + layer + "_kernel"));
    }
    const std::vector<float> losses = Read(directory + "losses").values;
    const Graph end = Follow(start, losses).end();
    for (const std::string layer : {"conv2d", "dense"}) {
      const auto distance = [&](const std::string& tensor,
                                const std::string& file) {
        return Distance(Values(end, layer + tensor),
                        Read(directory + file).values);
      };
      EXPECT_LE(distance("/bias", "end_" + layer + "_bias"), kWeight);
      EXPECT_LE(
          distance("/kernel/centroids", "end_centroids_" + layer + "_kernel"),
          kWeight);
      EXPECT_LE(distance("/kernel", "end_original_" + layer + "_kernel"),
                originals);
      CheckAssignments(end, layer,
                       Read(directory + "end_indices_" + layer + "_kernel"));
    }
  }
};

TEST_F(ClusteringTraining, Linear) {
  ForEachTarget([&] { Check("cluster_linear", 2e-5); });
}

TEST_F(ClusteringTraining, PerChannel) {
  ForEachTarget([&] { Check("cluster_kmeans_per_channel", 2e-5); });
}

// The same steps in float64 end 2.9e-5 away from the recording.
TEST_F(ClusteringTraining, AverageGradient) {
  ForEachTarget([&] { Check("cluster_density_average", 1e-4); });
}

TEST_F(ClusteringTraining, SparsityPreserving) {
  ForEachTarget([&] { Check("cluster_sparse", 2e-5); });
}

}  // namespace
}  // namespace litesmith::golden
