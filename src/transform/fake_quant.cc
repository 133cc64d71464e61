// Quantization-aware training onto a graph (specs/tfmot.md 3, 4, 5): fake
// quants on the weights of every layer, after every fused activation, and on
// the model's input; with sparsity and clusters preserved, as asked.
#include <algorithm>
#include <set>
#include <vector>

#include "src/base/error.h"
#include "src/ops/registry.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

// More values than this are not clusters (TFMOT's bound).
constexpr size_t kMostClusters = 1024;

std::vector<TensorId> AddRange(Graph* graph, const std::string& name,
                               int channels, float min, float max) {
  const std::vector<float> low(static_cast<size_t>(channels), min);
  const std::vector<float> high(static_cast<size_t>(channels), max);
  const TensorId a = graph->AddConstant<float>(name + "/min", {channels}, low,
                                               TensorKind::kState);
  const TensorId b = graph->AddConstant<float>(name + "/max", {channels}, high,
                                               TensorKind::kState);
  return {a, b};
}

void PreserveSparsity(Graph* graph, const WeightEdge& edge,
                      const Tensor& weight) {
  std::vector<float> mask;
  bool any = false;
  for (const float v : weight.As<float>()) {
    mask.push_back(v != 0.0f ? 1.0f : 0.0f);
    any |= v == 0.0f;
  }
  if (!any) return;
  const TensorId id = graph->AddConstant<float>(
      weight.name + "/mask", weight.shape, mask, TensorKind::kState);
  Node& node = graph->node(
      Splice(graph, edge, kPruneMask, weight.name + "/prune", {id}));
  node.Set(prune_mask::kSchedule, prune_mask::kFixedMask);
  node.Set(prune_mask::kMaskGradient, 1);
}

// The centroids are the values that the weights have. Returns whether there
// were clusters to preserve.
bool PreserveClusters(Graph* graph, const WeightEdge& edge,
                      const Tensor& weight, const QatOptions& options) {
  const auto values = weight.As<float>();
  const size_t slices =
      options.clusters_per_channel ? static_cast<size_t>(weight.shape[0]) : 1;
  const size_t size = values.size() / slices;
  std::vector<std::vector<float>> rows;
  size_t k = 0;
  bool zeros = false;
  for (size_t s = 0; s < slices; ++s) {
    const auto slice = values.subspan(s * size, size);
    const std::set<float> distinct(slice.begin(), slice.end());
    rows.emplace_back(distinct.begin(), distinct.end());
    k = std::max(k, rows.back().size());
    zeros |= distinct.contains(0.0f);
  }
  if (k <= 1 || k > kMostClusters || k >= size) return false;
  std::vector<float> centroids;
  for (std::vector<float>& row : rows) {
    row.resize(k, row.back());
    centroids.insert(centroids.end(), row.begin(), row.end());
  }
  const auto columns = static_cast<int32_t>(k);
  const Shape shape =
      slices > 1 ? Shape{weight.shape[0], columns} : Shape{columns};
  std::vector<TensorId> extra = {graph->AddConstant<float>(
      weight.name + "/centroids", shape, centroids, TensorKind::kParameter)};
  if (options.preserve_sparsity && zeros) {
    std::vector<float> mask;
    for (const float v : values) mask.push_back(v != 0.0f ? 1.0f : 0.0f);
    extra.push_back(graph->AddConstant<float>(
        weight.name + "/cluster_mask", weight.shape, mask, TensorKind::kState));
  }
  Splice(graph, edge, kClusterLookup, weight.name + "/cluster", extra);
  return true;
}

// A fake quant behind the tensor: all its readers read the new one.
void AfterActivation(Graph* graph, TensorId id, int at, int update, float decay,
                     float min, float max) {
  const std::string name = graph->tensor(id).name + "/fake_quant";
  const std::vector<TensorId> range = AddRange(graph, name, 1, min, max);
  Node node;
  node.op = &kFakeQuant;
  node.name = name;
  node.attrs = DefaultAttrs(kFakeQuant);
  node.Set(fake_quant::kRangeUpdate, update);
  node.SetFloat(fake_quant::kDecay, decay);
  Tensor out;
  out.name = name;
  const TensorId out_id = graph->AddTensor(std::move(out));
  graph->ReplaceUses(id, out_id);
  node.inputs = {id, range[0], range[1]};
  node.outputs = {out_id};
  graph->nodes.insert(graph->nodes.begin() + at, std::move(node));
}

}  // namespace

Graph InsertFakeQuant(const Graph& graph,
                      const LayerChoice<QatOptions>& choice) {
  Graph result = graph;
  const std::vector<WeightEdge> edges = WeightEdges(result);
  for (size_t e = edges.size(); e-- > 0;) {
    WeightEdge edge = edges[e];
    const Tensor weight = result.tensor(EdgeParameter(result, edge));
    const Node layer = result.node(edge.node);
    const std::optional<QatOptions> options = choice(layer, weight);
    if (!options) continue;
    // The activation first: it stands behind the layer's node.
    AfterActivation(&result, layer.outputs[0], edge.node + 1,
                    fake_quant::kMovingAverage, options->decay, -6.0f, 6.0f);
    if (options->preserve_sparsity && !options->preserve_clusters) {
      const size_t before = result.nodes.size();
      PreserveSparsity(&result, edge, weight);
      edge.node += static_cast<NodeId>(result.nodes.size() - before);
    }
    if (options->preserve_clusters &&
        PreserveClusters(&result, edge, weight, *options))
      ++edge.node;
    // Convolutions per channel, dense layers per tensor.
    const int channels = layer.op == &kFullyConnected
                             ? 1
                             : weight.shape[layer.op->quant.per_axis_dim];
    const std::string name = weight.name + "/fake_quant";
    Node& node =
        result.node(Splice(&result, edge, kFakeQuant, name,
                           AddRange(&result, name, channels, -6.0f, 6.0f)));
    node.Set(fake_quant::kNarrowRange, 1);
    node.Set(fake_quant::kRangeUpdate, fake_quant::kLastValue);
  }
  for (const TensorId id : result.inputs) {
    AfterActivation(&result, id, 0, fake_quant::kAllValues, 0.0f, 0.0f, 0.0f);
  }
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
