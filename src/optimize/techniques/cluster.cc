// Weight clustering (specs/tfmot.md 2), folded afterwards.
#include "src/optimize/technique.h"
#include "src/transform/batch_norm.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr Word kInits[] = {
    {"kmeans++", static_cast<int64_t>(CentroidInit::kKmeansPlusPlus)},
    {"linear", static_cast<int64_t>(CentroidInit::kLinear)},
    {"random", static_cast<int64_t>(CentroidInit::kRandom)},
    {"density", static_cast<int64_t>(CentroidInit::kDensityBased)}};
constexpr Word kLayers[] = {
    {"none", static_cast<int64_t>(CentroidsPerChannel::kNone)},
    {"convolutions", static_cast<int64_t>(CentroidsPerChannel::kConvolutions)},
    {"all", static_cast<int64_t>(CentroidsPerChannel::kAll)}};
constexpr Word kGradients[] = {{"sum", 0}, {"average", 1}};

constexpr Parameter kClusterParameters[] = {
    kSkip,
    Whole<&ClusterOptions::clusters>("clusters", 2, 65536,
                                     "how many weights are shared"),
    OneOf<&ClusterOptions::init>(
        "init", kInits, "\"kmeans++\", \"linear\", \"random\" or \"density\""),
    OneOf<&ClusterOptions::per_channel>(
        "per_channel", kLayers,
        "centroids of their own for each output channel of \"convolutions\", "
        "of \"all\" layers or of \"none\""),
    OneOf<&ClusterOptions::average_gradient>(
        "gradient", kGradients,
        "a centroid's is the \"sum\" or \"average\" of its members'"),
    Whole<&ClusterOptions::seed>("init_seed", 0, INT64_MAX,
                                 "of kmeans++ and random"),
    Flag<&ClusterOptions::preserve_sparsity>("preserve_sparsity",
                                             "zeros stay zero"),
};

LayerSettings ClusterDefaults() { return {.options = ClusterOptions()}; }

void InsertCluster(Graph* graph, const WeightRef& weights,
                   const LayerSettings& settings) {
  InsertClustering(graph, weights, settings.As<ClusterOptions>());
}

void PromiseAfterCluster(const Graph& graph, const WeightRef& weights,
                         const LayerSettings& settings, int64_t /*steps*/,
                         std::vector<Promise>* promises) {
  const auto& cluster = settings.As<ClusterOptions>();
  if (!cluster.preserve_sparsity) {
    DropPromise<ZerosPromise>(promises);
    DropPromise<GroupsPromise>(promises);
  }
  DropPromise<ClustersPromise>(promises);
  // In a file a batch normalization scales each channel by a number of its own.
  promises->push_back(ClustersPromise{
      cluster.clusters, HasCentroidsPerChannel(graph, weights, cluster) ||
                            TakesBatchNorm(graph, graph.node(weights.node))});
}

}  // namespace

const Technique kClusterTechnique = {
    .name = "cluster",
    .summary = "trains a few values that the weights of a layer share",
    .parameters = kClusterParameters,
    .defaults = ClusterDefaults,
    .fewest_weights = kFewWeights,
    .freeze_batch_norm = 0,
    .tfmot_freeze_batch_norm = 0,
    .schedule = "cosine",
    .spares_depthwise = true,
    .insert = InsertCluster,
    .promise = PromiseAfterCluster,
};

}  // namespace litesmith
