// Quantization-aware training onto a graph (specs/tfmot.md 3, 4, 5): fake
// quants on the weights of every layer, behind every op whose integers have a
// range of their own, and on the model's inputs; with sparsity and clusters
// preserved, as asked.
#include <algorithm>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "src/base/slices.h"
#include "src/graph/edit.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/batch_norm.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

// More values than this are not clusters (TFMOT's bound).
constexpr size_t kMostClusters = 1024;

std::vector<TensorId> AddRange(Graph* graph, const std::string& name,
                               const Shape& shape, float min, float max) {
  const auto count = static_cast<size_t>(shape.NumElements());
  const std::vector<float> low(count, min);
  const std::vector<float> high(count, max);
  const TensorId a =
      graph->AddConstant<float>(name + "/min", shape, low, TensorKind::kState);
  const TensorId b =
      graph->AddConstant<float>(name + "/max", shape, high, TensorKind::kState);
  return {a, b};
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
                                             int channel_axis,
                                             bool scale_per_channel) {
  const auto values = weight.As<float>();
  const Slices channels = SlicesAlong(weight.shape, channel_axis);
  std::vector<std::vector<float>> rows;
  size_t sum = 0;
  for (size_t c = 0; c < channels.count; ++c) {
    rows.push_back(DistinctValues(channels.Take(values, c)));
    sum += rows.back().size();
  }
  std::vector<std::vector<float>> whole = {DistinctValues(values)};
  const bool own = scale_per_channel
                       ? 2 * whole[0].size() > sum
                       : CountNonZeros(whole) == CountNonZeros(rows);
  return channels.count > 1 && own ? rows : whole;
}

// The centroids are the values that the weights have. Returns whether there
// were clusters to preserve: fewer values than weights.
bool PreserveClusters(Graph* graph, WeightRef* weights,
                      const QatOptions& options) {
  const Tensor weight = graph->tensor(weights->parameter);
  const std::vector<std::vector<float>> rows =
      FindClusters(weight, weights->channel_axis,
                   HasRangePerChannel(*graph, *weights, options));
  size_t k = 0;
  size_t sum = 0;
  for (const std::vector<float>& row : rows) {
    k = std::max(k, row.size());
    sum += row.size();
  }
  const auto count = static_cast<size_t>(weight.shape.NumElements());
  if (k > kMostClusters || sum >= count) return false;
  std::vector<TensorId> extra = {AddCentroids(graph, *weights, rows)};
  const std::vector<float> mask = NonZeros(weight);
  if (options.preserve_sparsity &&
      std::find(mask.begin(), mask.end(), 0.0f) != mask.end()) {
    extra.push_back(graph->AddConstant<float>(
        weight.name + "/cluster_mask", weight.shape, mask, TensorKind::kState));
  }
  InsertOnEdge(graph, weights, kClusterLookup, weight.name + "/cluster", extra);
  return true;
}

bool Joins(const Node& node) {
  return node.op->quant.output == QuantRule::kLikeAllInputs;
}

// Whether one joining node, and nobody else, reads the node's outputs.
bool IsOnlyJoined(const Graph& graph, const Node& node) {
  const Node* only = nullptr;
  const auto is_output_of_node = [&](TensorId id) {
    return std::find(node.outputs.begin(), node.outputs.end(), id) !=
           node.outputs.end();
  };
  for (const Node& reader : graph.nodes) {
    if (std::none_of(reader.inputs.begin(), reader.inputs.end(),
                     is_output_of_node))
      continue;
    if (only != nullptr || !Joins(reader)) return false;
    only = &reader;
  }
  return only != nullptr &&
         std::none_of(graph.outputs.begin(), graph.outputs.end(),
                      is_output_of_node);
}

// Whether anybody makes infinity of the node's output where it is zero, which
// steps of a grid make of what is small: a variance, and the little that is
// added so that it never is.
bool IsInverted(const Graph& graph, const Node& node) {
  const TensorId out = node.outputs[0];
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& reader) {
                       return ((reader.op == &kRsqrt || reader.op == &kLog) &&
                               reader.inputs[0] == out) ||
                              (reader.op == &kDiv && reader.inputs[1] == out);
                     });
}

// Whether the tensor is what the graph gives, but for moves.
bool IsOutput(const Graph& graph, TensorId id) {
  if (std::find(graph.outputs.begin(), graph.outputs.end(), id) !=
      graph.outputs.end())
    return true;
  return std::any_of(
      graph.nodes.begin(), graph.nodes.end(), [&](const Node& reader) {
        return reader.op->quant.output == QuantRule::kLikeInput &&
               reader.inputs[0] == id && IsOutput(graph, reader.outputs[0]);
      });
}

// A fake quant behind the activation, at position `at` in the graph.
Node& InsertBehindActivation(Graph* graph, TensorId id, NodeId at, int update,
                             float min, float max) {
  const std::string name = graph->tensor(id).name + "/fake_quant";
  const std::vector<TensorId> range = AddRange(graph, name, {1}, min, max);
  Node& node = InsertBehind(graph, id, at, kFakeQuant, name, range);
  node.Set<&FakeQuantAttrs::range_update>(update);
  return node;
}

}  // namespace

const Node* RangeBefore(const Graph& graph, TensorId id) {
  for (NodeId n = graph.Producer(id); n >= 0; n = graph.Producer(id)) {
    const Node& node = graph.node(n);
    if (node.op == &kFakeQuant) return &node;
    if (node.op->quant.output != QuantRule::kLikeInput &&
        !node.op->only_in_training())
      return nullptr;
    id = node.inputs[0];
  }
  return nullptr;
}

bool HasRangePerChannel(const Graph& graph, const WeightRef& weights,
                        const QatOptions& options) {
  return options.per_channel && HasScalePerChannel(graph, weights);
}

bool HasOwnRange(const Graph& graph, const Node& node) {
  const QuantRule::Output rule = node.op->quant.output;
  return (rule == QuantRule::kOwn || Joins(node)) &&
         !IsOnlyJoined(graph, node) && !TakesBatchNorm(graph, node) &&
         !IsInverted(graph, node);
}

void InsertFakeQuant(Graph* graph, WeightRef weights,
                     const QatOptions& options) {
  // Clusters keep the zeros too; where there are none the zeros still count.
  // Frozen weights keep both by themselves.
  if (!IsFrozen(*graph, weights) &&
      !(options.preserve_clusters &&
        PreserveClusters(graph, &weights, options)) &&
      options.preserve_sparsity) {
    InsertZeroMask(graph, &weights);
  }
  const Tensor& weight = graph->tensor(weights.parameter);
  const std::string name = weight.name + "/fake_quant";
  const Shape shape = ShapeOfSlices(
      weight.shape,
      HasRangePerChannel(*graph, weights, options) ? weights.channel_axis : -1);
  const std::vector<TensorId> range = AddRange(graph, name, shape, -6.0f, 6.0f);
  Node& node = InsertOnEdge(graph, &weights, kFakeQuant, name, range);
  node.Set<&FakeQuantAttrs::narrow_range>(1);
  node.Set<&FakeQuantAttrs::range_update>(fake_quant::kLastValue);
}

void InsertOutputFakeQuant(Graph* graph, NodeId node,
                           const QatOptions& options) {
  const std::vector<TensorId> outputs = graph->node(node).outputs;
  for (const TensorId output : outputs) {
    if (graph->tensor(output).dtype != DType::kFloat32) continue;
    Node& fake = InsertBehindActivation(
        graph, output, node + 1, fake_quant::kMovingAverage, -6.0f, 6.0f);
    fake.Set<&FakeQuantAttrs::rate>(static_cast<float>(1.0 - options.decay));
    if (!options.debias) continue;
    const int32_t none = 0;
    fake.inputs.push_back(graph->AddConstant<int32_t>(
        fake.name + "/count", {1}, {&none, 1}, TensorKind::kState));
  }
}

void InsertRoundings(Graph* graph) {
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    const OpDef& op = *graph->nodes[n].op;
    const TensorId out = graph->nodes[n].outputs[0];
    const auto behind = static_cast<NodeId>(n) + 1;
    if (op.quant.output == QuantRule::kFixed && !IsOutput(*graph, out)) {
      const FixedScale& fixed = op.quant.fixed8;
      const auto zero = static_cast<float>(fixed.zero_point);
      InsertBehindActivation(graph, out, behind, fake_quant::kFixed,
                             fixed.scale * (-128.0f - zero),
                             fixed.scale * (127.0f - zero));
      continue;
    }
    if (&op != &kAveragePool2D) continue;
    const Node* range = RangeBefore(*graph, graph->nodes[n].inputs[0]);
    if (range == nullptr) continue;
    const std::vector<TensorId> of = {range->inputs[1], range->inputs[2]};
    InsertBehind(graph, out, behind, kFakeQuant,
                 graph->tensor(out).name + "/fake_quant", of)
        .Set<&FakeQuantAttrs::range_update>(fake_quant::kFixed);
  }
}

void InsertInputFakeQuant(Graph* graph) {
  const std::vector<TensorId> inputs = graph->inputs;
  for (const TensorId id : inputs) {
    if (graph->tensor(id).dtype != DType::kFloat32) continue;
    InsertBehindActivation(graph, id, 0, fake_quant::kAllValues, 0.0f, 0.0f);
  }
}

}  // namespace litesmith
