// Clustering onto the weight edge (specs/tfmot.md 2).
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/centroids.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

// A state of ones and zeros: where the clustered weights are not zero. The
// zeros are those of the weights and any weight that zero is nearest to.
TensorId AddMask(Graph* graph, const Tensor& weight, const Slices& slices,
                 const std::vector<std::vector<float>>& rows) {
  const auto values = weight.As<float>();
  std::vector<float> mask;
  for (size_t i = 0; i < values.size(); ++i) {
    mask.push_back(NearestCentroid(rows[slices(i)], values[i]) != 0.0f ? 1.0f
                                                                       : 0.0f);
  }
  return graph->AddConstant<float>(weight.name + "/cluster_mask", weight.shape,
                                   mask, TensorKind::kState);
}

void Check(const ClusterOptions& options, const Tensor& weight) {
  const int least = options.preserve_sparsity ? 3 : 2;
  if (options.clusters < least || options.clusters > 65536) {
    Fail(ErrorKind::kInvalidArgument,
         "tensor '{}': {} clusters; {} to 65536 are wanted{}", weight.name,
         options.clusters, least,
         options.preserve_sparsity ? " where sparsity is preserved" : "");
  }
}

// Draws of its own for each of the graph's weights.
uint64_t StreamOf(const Graph& graph, const WeightRef& weights) {
  const std::vector<WeightRef> all = FloatWeights(graph);
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& each) {
    return each.parameter == weights.parameter;
  });
  return static_cast<uint64_t>(at - all.begin());
}

}  // namespace

bool HasCentroidsPerChannel(const Graph& graph, const WeightRef& weights,
                            const ClusterOptions& options) {
  return weights.channel_axis >= 0 &&
         (options.per_channel == CentroidsPerChannel::kAll ||
          (options.per_channel == CentroidsPerChannel::kConvolutions &&
           HasScalePerChannel(graph, weights)));
}

void InsertClustering(Graph* graph, WeightRef weights,
                      const ClusterOptions& options) {
  const Tensor weight = graph->tensor(weights.parameter);
  Check(options, weight);
  const auto values = weight.As<float>();
  const Slices slices =
      SlicesAlong(weight.shape, HasCentroidsPerChannel(*graph, weights, options)
                                    ? weights.channel_axis
                                    : -1);
  // As many weights as clusters: there is nothing to share, but zeros to keep.
  if (slices.size() <= static_cast<size_t>(options.clusters)) {
    if (options.preserve_sparsity) InsertZeroMask(graph, &weights);
    return;
  }
  Rng rng(options.seed, StreamOf(*graph, weights));
  std::vector<std::vector<float>> rows;
  for (size_t c = 0; c < slices.count; ++c) {
    rows.push_back(InitialCentroids(slices.Take(values, c), options.clusters,
                                    options.init, options.preserve_sparsity,
                                    &rng));
  }
  std::vector<TensorId> extra = {AddCentroids(graph, weights, rows)};
  if (options.preserve_sparsity)
    extra.push_back(AddMask(graph, weight, slices, rows));
  Node& node = InsertOnEdge(graph, &weights, kClusterLookup,
                            weight.name + "/cluster", extra);
  node.Set<&ClusterLookupAttrs::average_gradient>(options.average_gradient ? 1
                                                                           : 0);
}

}  // namespace litesmith
