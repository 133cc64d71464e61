// Clustering onto the weight edge (specs/tfmot.md 2).
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/centroids.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

// A state of ones and zeros: where the clustered weights are not zero. The
// zeros are those of the weights and any weight that zero is nearest to.
TensorId AddMask(Graph* graph, const Tensor& weight,
                 const std::vector<std::vector<float>>& rows) {
  const auto values = weight.As<float>();
  const size_t size = values.size() / rows.size();
  std::vector<float> mask;
  for (size_t i = 0; i < values.size(); ++i) {
    mask.push_back(NearestCentroid(rows[i / size], values[i]) != 0.0f ? 1.0f
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

}  // namespace

Graph InsertClustering(const Graph& graph,
                       const LayerChoice<ClusterOptions>& choice) {
  Graph result = graph;
  const std::vector<WeightEdge> edges = WeightEdges(result);
  for (size_t e = edges.size(); e-- > 0;) {
    if (edges[e].frozen) continue;
    const Tensor weight = result.tensor(EdgeParameter(result, edges[e]));
    const std::optional<ClusterOptions> options =
        choice(result.node(edges[e].node), weight);
    if (!options) continue;
    Check(*options, weight);
    const auto values = weight.As<float>();
    const size_t slices =
        options->per_channel ? static_cast<size_t>(weight.shape[0]) : 1;
    const size_t size = values.size() / slices;
    // As many weights as clusters: there is nothing to share, but zeros to
    // keep.
    if (size <= static_cast<size_t>(options->clusters)) {
      if (options->preserve_sparsity) SpliceZeroMask(&result, edges[e], weight);
      continue;
    }
    Rng rng(options->seed, e);
    std::vector<std::vector<float>> rows;
    size_t k = 0;
    for (size_t s = 0; s < slices; ++s) {
      rows.push_back(InitialCentroids(values.subspan(s * size, size),
                                      options->clusters, options->init,
                                      options->preserve_sparsity, &rng));
      k = std::max(k, rows.back().size());
    }
    const std::vector<float> centroids = PadRows(rows);
    const auto columns = static_cast<int32_t>(k);
    const Shape shape =
        options->per_channel ? Shape{weight.shape[0], columns} : Shape{columns};
    std::vector<TensorId> extra = {result.AddConstant<float>(
        weight.name + "/centroids", shape, centroids, TensorKind::kParameter)};
    if (options->preserve_sparsity)
      extra.push_back(AddMask(&result, weight, rows));
    Node& node = result.node(Splice(&result, edges[e], kClusterLookup,
                                    weight.name + "/cluster", extra));
    node.Set<&ClusterLookupAttrs::average_gradient>(
        options->average_gradient ? 1 : 0);
  }
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
