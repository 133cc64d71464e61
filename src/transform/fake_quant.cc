// Quantization-aware training onto a graph (specs/tfmot.md 3, 4, 5): fake
// quants on the weights of every layer, after every fused activation, and on
// the model's input; with sparsity and clusters preserved, as asked.
#include <algorithm>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/ops/registry.h"
#include "src/transform/centroids.h"
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

// 1 where a weight is not zero.
std::vector<float> NonZeros(const Tensor& weight) {
  std::vector<float> mask;
  for (const float v : weight.As<float>())
    mask.push_back(v != 0.0f ? 1.0f : 0.0f);
  return mask;
}

// Returns whether there were zeros to preserve.
bool PreserveSparsity(Graph* graph, const WeightEdge& edge,
                      const Tensor& weight) {
  const std::vector<float> mask = NonZeros(weight);
  if (std::find(mask.begin(), mask.end(), 0.0f) == mask.end()) return false;
  const TensorId id = graph->AddConstant<float>(
      weight.name + "/mask", weight.shape, mask, TensorKind::kState);
  Node& node = graph->node(
      Splice(graph, edge, kPruneMask, weight.name + "/prune", {id}));
  node.Set(prune_mask::kSchedule, prune_mask::kFixedMask);
  node.Set(prune_mask::kMaskGradient, 1);
  return true;
}

std::vector<float> DistinctValues(std::span<const float> values) {
  std::set<float> distinct;
  for (const float v : values) distinct.insert(v == 0.0f ? 0.0f : v);
  return {distinct.begin(), distinct.end()};
}

// The clusters that the weights have: one row for the whole tensor, or one for
// each output channel. A channel's own values hardly occur in other channels,
// so if the channels' counts add up to less than twice the tensor's the
// clusters are per channel; shared ones add up to far more.
std::vector<std::vector<float>> FindClusters(const Tensor& weight) {
  const auto values = weight.As<float>();
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t size = values.size() / channels;
  std::vector<std::vector<float>> rows;
  size_t sum = 0;
  for (size_t c = 0; c < channels; ++c) {
    rows.push_back(DistinctValues(values.subspan(c * size, size)));
    sum += rows.back().size();
  }
  std::vector<float> whole = DistinctValues(values);
  if (channels > 1 && 2 * whole.size() > sum) return rows;
  return {std::move(whole)};
}

// The centroids are the values that the weights have. Returns whether there
// were clusters to preserve.
bool PreserveClusters(Graph* graph, const WeightEdge& edge,
                      const Tensor& weight, bool preserve_sparsity) {
  const std::vector<std::vector<float>> rows = FindClusters(weight);
  size_t k = 0;
  for (const std::vector<float>& row : rows) k = std::max(k, row.size());
  const auto weights = static_cast<size_t>(weight.shape.NumElements());
  if (k <= 1 || k > kMostClusters || k >= weights / rows.size()) return false;
  const auto columns = static_cast<int32_t>(k);
  const Shape shape =
      rows.size() > 1 ? Shape{weight.shape[0], columns} : Shape{columns};
  const std::vector<float> centroids = PadRows(rows);
  std::vector<TensorId> extra = {graph->AddConstant<float>(
      weight.name + "/centroids", shape, centroids, TensorKind::kParameter)};
  const std::vector<float> mask = NonZeros(weight);
  if (preserve_sparsity &&
      std::find(mask.begin(), mask.end(), 0.0f) != mask.end()) {
    extra.push_back(graph->AddConstant<float>(
        weight.name + "/cluster_mask", weight.shape, mask, TensorKind::kState));
  }
  Splice(graph, edge, kClusterLookup, weight.name + "/cluster", extra);
  return true;
}

// A fake quant behind the tensor, at position `at` in the graph: all its
// readers read the new one. Gives the node.
Node& AfterActivation(Graph* graph, TensorId id, int at, int update, float min,
                      float max) {
  const std::string name = graph->tensor(id).name + "/fake_quant";
  const std::vector<TensorId> range = AddRange(graph, name, 1, min, max);
  Node node;
  node.op = &kFakeQuant;
  node.name = name;
  node.attrs = DefaultAttrs(kFakeQuant);
  node.Set(fake_quant::kRangeUpdate, update);
  Tensor out;
  out.name = name;
  const TensorId out_id = graph->AddTensor(std::move(out));
  graph->ReplaceUses(id, out_id);
  node.inputs = {id, range[0], range[1]};
  node.outputs = {out_id};
  return *graph->nodes.insert(graph->nodes.begin() + at, std::move(node));
}

// The output of a layer, which is that of its fused activation.
void QuantizeOutput(Graph* graph, NodeId layer, const QatOptions& options) {
  const TensorId output = graph->node(layer).outputs[0];
  Node& node = AfterActivation(graph, output, layer + 1,
                               fake_quant::kMovingAverage, -6.0f, 6.0f);
  node.SetFloat(fake_quant::kRate, static_cast<float>(1.0 - options.decay));
  if (!options.debias) return;
  const int32_t none = 0;
  node.inputs.push_back(graph->AddConstant<int32_t>(
      node.name + "/count", {1}, {&none, 1}, TensorKind::kState));
}

// The weights of a layer, as they are after training ops that are there.
void QuantizeWeights(Graph* graph, const WeightEdge& edge, const Tensor& weight,
                     const QatOptions& options) {
  // Convolutions per channel, dense layers per tensor.
  const QuantRule& rule = graph->node(edge.node).op->quant;
  const bool dense = graph->node(edge.node).op == &kFullyConnected;
  const int channels =
      dense || !options.per_channel ? 1 : weight.shape[rule.per_axis_dim];
  const std::string name = weight.name + "/fake_quant";
  Node& node =
      graph->node(Splice(graph, edge, kFakeQuant, name,
                         AddRange(graph, name, channels, -6.0f, 6.0f)));
  node.Set(fake_quant::kNarrowRange, 1);
  node.Set(fake_quant::kRangeUpdate, fake_quant::kLastValue);
}

}  // namespace

Graph InsertFakeQuant(const Graph& graph,
                      const LayerChoice<QatOptions>& choice) {
  Graph result = graph;
  const std::vector<WeightEdge> edges = WeightEdges(result);
  bool any = false;
  // From the last layer back, so that earlier node indices stay true.
  for (size_t e = edges.size(); e-- > 0;) {
    WeightEdge edge = edges[e];
    const Tensor weight = result.tensor(EdgeParameter(result, edge));
    const std::optional<QatOptions> options =
        choice(result.node(edge.node), weight);
    if (!options) continue;
    any = true;
    QuantizeOutput(&result, edge.node, *options);
    // Clusters keep the zeros too; where there are none the zeros still count.
    const bool preserved =
        (options->preserve_clusters &&
         PreserveClusters(&result, edge, weight, options->preserve_sparsity)) ||
        (options->preserve_sparsity && PreserveSparsity(&result, edge, weight));
    if (preserved) ++edge.node;
    QuantizeWeights(&result, edge, weight, *options);
  }
  if (any) {
    for (const TensorId id : result.inputs)
      AfterActivation(&result, id, 0, fake_quant::kAllValues, 0.0f, 0.0f);
  }
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
