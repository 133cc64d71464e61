// LITESMITH_CLUSTER_LOOKUP: centroids of the tensor or of each channel, summed
// or averaged gradients, with and without a mask that keeps zeros.
#include <fmt/core.h>

#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  bool per_channel;
  bool mask;
  bool average;
  int outputs = 6;
  int depth = 12;
  int clusters = 4;

  // Of every cluster in every row.
  int members() const { return depth / clusters; }
};

constexpr Row kRows[] = {
    {"per_tensor", false, false, false},
    {"per_channel", true, false, false},
    {"per_tensor_average", false, false, true},
    {"per_channel_average", true, false, true},
    {"per_tensor_mask", false, true, false},
    {"per_channel_mask", true, true, false},
};

constexpr Row kTimed = {"mnist_cnn", false, false, false, 10, 2028, 16};

// Weights a quarter beside a centroid; centroids are 2 apart, 0 among them. A
// step of 1/16 changes no membership.
Graph Build(const Row& row, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {row.depth});
  const int slices = row.per_channel ? row.outputs : 1;
  std::vector<float> centroids;
  for (int s = 0; s < slices; ++s) {
    for (int c = 0; c < row.clusters; ++c) {
      centroids.push_back(2.0f *
                          static_cast<float>(c - (s + 1) % row.clusters));
    }
  }
  std::vector<float> weights, mask;
  for (int o = 0; o < row.outputs; ++o) {
    const int s = row.per_channel ? o : 0;
    std::vector<float> of_row;
    for (int i = 0; i < row.depth; ++i) {
      const float beside = rng->Below(2) != 0 ? 0.25f : -0.25f;
      of_row.push_back(
          centroids[static_cast<size_t>(s * row.clusters + i % row.clusters)] +
          beside);
    }
    rng->Shuffle(std::span<float>(of_row));
    weights.insert(weights.end(), of_row.begin(), of_row.end());
  }
  for (float& w : weights) {
    // Half a step from the zero centroid: removed.
    mask.push_back(row.mask && w * w < 0.1f ? 0.0f : 1.0f);
  }
  const Shape shape = {row.outputs, row.depth};
  std::vector<TensorId> inputs = {
      build.Values<float>("w", shape, weights, {}, TensorKind::kParameter),
      build.Values<float>("centroids",
                          row.per_channel ? Shape{row.outputs, row.clusters}
                                          : Shape{row.clusters},
                          centroids, {}, TensorKind::kParameter)};
  if (row.mask) {
    inputs.push_back(
        build.Values<float>("mask", shape, mask, {}, TensorKind::kState));
  }
  build.Add(kClusterLookup, "clustered", inputs)
      .Set<&ClusterLookupAttrs::average_gradient>(row.average);
  build.Add(kFullyConnected, "y", {x, build.last()});
  return build.Finish();
}

}  // namespace

std::vector<Case> ClusterLookupCases() {
  std::vector<Case> cases;
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("cluster_lookup_{}", row.name);
    c.build = [&row](Rng* rng) { return Build(row, rng); };
    c.fill = GridFill(2);
    if (!row.mask) {
      const double members =
          row.members() * (row.per_channel ? 1 : row.outputs);
      c.gradient = Gradient{.straight_through = true,
                            .divisor = row.average ? members : 1.0};
    }
    cases.push_back(std::move(c));
  }
  Case& timed = cases.emplace_back();
  timed.name = fmt::format("cluster_lookup_{}", kTimed.name);
  timed.build = [](Rng* rng) { return Build(kTimed, rng); };
  timed.fill = GridFill(2);
  timed.timed = true;
  return cases;
}

}  // namespace litesmith
