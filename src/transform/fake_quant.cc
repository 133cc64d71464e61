// Quantization-aware training onto a graph (specs/tfmot.md 3, 4, 5): fake
// quants on the weights of every layer, after every fused activation, and on
// the model's input; with sparsity and clusters preserved, as asked.
#include <algorithm>
#include <set>
#include <span>
#include <utility>
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

// Convolutions' weights have a scale per channel, those of dense layers one.
bool HasScalePerChannel(const Graph& graph, const WeightEdge& edge,
                        const QatOptions& options) {
  return options.per_channel && graph.node(edge.node).op != &kFullyConnected;
}

std::vector<float> DistinctValues(std::span<const float> values) {
  std::set<float> distinct;
  for (const float v : values) distinct.insert(v == 0.0f ? 0.0f : v);
  return {distinct.begin(), distinct.end()};
}

// How many values but zero the rows have, each row's counted for itself.
size_t CountNonZeros(const std::vector<std::vector<float>>& rows) {
  size_t count = 0;
  for (const std::vector<float>& row : rows) {
    count += row.size() -
             static_cast<size_t>(std::count(row.begin(), row.end(), 0.0f));
  }
  return count;
}

// The clusters that the weights have: one row for the whole tensor, or one for
// each output channel. Rows that are not the clusters' own may end with other
// values each, so where channels share a scale, and the tensor's clusters are
// what counts, a single value (but zero) that two channels have shows them to
// be the tensor's. With a scale each it is a channel's clusters that count, and
// rows keep those in any case: there it takes half of the values to be shared,
// as the float model's few values are worth keeping.
std::vector<std::vector<float>> FindClusters(const Tensor& weight,
                                             bool scale_per_channel) {
  const auto values = weight.As<float>();
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t size = values.size() / channels;
  std::vector<std::vector<float>> rows;
  size_t sum = 0;
  for (size_t c = 0; c < channels; ++c) {
    rows.push_back(DistinctValues(values.subspan(c * size, size)));
    sum += rows.back().size();
  }
  std::vector<std::vector<float>> whole = {DistinctValues(values)};
  const bool own = scale_per_channel
                       ? 2 * whole[0].size() > sum
                       : CountNonZeros(whole) == CountNonZeros(rows);
  return channels > 1 && own ? rows : whole;
}

// The centroids are the values that the weights have. Returns whether there
// were clusters to preserve: fewer values than weights.
bool PreserveClusters(Graph* graph, const WeightEdge& edge,
                      const Tensor& weight, const QatOptions& options) {
  const std::vector<std::vector<float>> rows =
      FindClusters(weight, HasScalePerChannel(*graph, edge, options));
  size_t k = 0;
  size_t sum = 0;
  for (const std::vector<float>& row : rows) {
    k = std::max(k, row.size());
    sum += row.size();
  }
  const auto weights = static_cast<size_t>(weight.shape.NumElements());
  if (k > kMostClusters || sum >= weights) return false;
  const auto columns = static_cast<int32_t>(k);
  const Shape shape =
      rows.size() > 1 ? Shape{weight.shape[0], columns} : Shape{columns};
  const std::vector<float> centroids = PadRows(rows);
  std::vector<TensorId> extra = {graph->AddConstant<float>(
      weight.name + "/centroids", shape, centroids, TensorKind::kParameter)};
  const std::vector<float> mask = NonZeros(weight);
  if (options.preserve_sparsity &&
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
  node.Set<&FakeQuantAttrs::range_update>(update);
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
  node.Set<&FakeQuantAttrs::rate>(static_cast<float>(1.0 - options.decay));
  if (!options.debias) return;
  const int32_t none = 0;
  node.inputs.push_back(graph->AddConstant<int32_t>(
      node.name + "/count", {1}, {&none, 1}, TensorKind::kState));
}

// The weights of a layer, as they are after training ops that are there.
void QuantizeWeights(Graph* graph, const WeightEdge& edge, const Tensor& weight,
                     const QatOptions& options) {
  const OpDef& op = *graph->node(edge.node).op;
  const int channels =
      HasScalePerChannel(*graph, edge, options)
          ? weight.shape[op.operands[static_cast<size_t>(edge.input)]
                             .channel_axis]
          : 1;
  const std::string name = weight.name + "/fake_quant";
  Node& node =
      graph->node(Splice(graph, edge, kFakeQuant, name,
                         AddRange(graph, name, channels, -6.0f, 6.0f)));
  node.Set<&FakeQuantAttrs::narrow_range>(1);
  node.Set<&FakeQuantAttrs::range_update>(fake_quant::kLastValue);
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
    // Frozen weights keep both by themselves.
    const bool preserved =
        !edge.frozen &&
        ((options->preserve_clusters &&
          PreserveClusters(&result, edge, weight, *options)) ||
         (options->preserve_sparsity && SpliceZeroMask(&result, edge, weight)));
    if (preserved) ++edge.node;
    QuantizeWeights(&result, edge, weight, *options);
  }
  if (any) {
    for (const TensorId id : result.inputs)
      AfterActivation(&result, id, 0, fake_quant::kAllValues, 0.0f, 0.0f);
  }
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
