// tfmot's wrappers (specs/keras.md 4), and Keras's SpectralNormalization, as
// nodes on the weight edge and behind activations, as transform/ inserts them.
#include "src/formats/keras/wrappers.h"

#include <algorithm>
#include <cstring>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/graph/edit.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// The values of one of the wrapper's own variables; empty: it has none.
std::vector<float> ValuesOf(const LayerIn& in, WrapperVariable which) {
  const H5Dataset* data = in.variables->FindOfWrapper(in.layer, which);
  if (data == nullptr) return {};
  std::vector<float> values(data->bytes.size() / sizeof(float));
  if (!values.empty())
    std::memcpy(values.data(), data->bytes.data(), data->bytes.size());
  return values;
}

// A weight of the layer, where its node reads it.
struct Edge {
  TensorId weight;
  NodeId node;
  const Variable* variable;
  int channel_axis;
  bool depthwise;
};

// The layer's first weight; false: none of its variables is one.
bool FindEdge(const LayerIn& in, size_t first, Edge* edge) {
  const Graph& graph = *in.graph;
  for (size_t n = first; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Operand& operand = node.op->OperandOf(i);
      if (operand.role != Role::kWeight) continue;
      for (const Variable& variable : in.row.variables) {
        const auto it = in.tensors->variables.find(in.part + "/" +
                                                   std::string(variable.name));
        if (it == in.tensors->variables.end() || it->second != node.inputs[i])
          continue;
        *edge = {it->second, static_cast<NodeId>(n), &variable,
                 operand.channel_axis, operand.depthwise};
        return true;
      }
    }
  }
  return false;
}

// Values that lie as the weight does in the file, as it does here.
std::vector<float> InOurLayout(const Graph& graph, const Edge& edge,
                               const std::vector<float>& values,
                               const char* what) {
  const Tensor& weight = graph.tensor(edge.weight);
  if (static_cast<int64_t>(values.size()) != weight.shape.NumElements()) {
    Fail(ErrorKind::kCorrupt, "its {} has {} values, its kernel {}", what,
         values.size(), weight.shape.NumElements());
  }
  const Layout layout = edge.variable->layout;
  if (layout == Layout::kPlain || layout == Layout::kDepthwise ||
      layout == Layout::kDepthwise1D)
    return values;
  std::vector<float> ours(values.size());
  FromKerasLayout(layout, ToKerasDims(layout, weight.shape, 1), values, ours);
  return ours;
}

Node& InsertOnEdge(Graph* graph, const Edge& edge, const OpDef& op,
                   const std::string& name,
                   const std::vector<TensorId>& extra) {
  Node& node = InsertBehind(graph, edge.weight, edge.node, op, name, extra);
  return node;
}

void ApplyPruning(const LayerIn& in, size_t first) {
  const std::vector<float> values = ValuesOf(in, WrapperVariable::kMask);
  Edge edge;
  if (values.empty() || !FindEdge(in, first, &edge)) return;
  Graph& graph = *in.graph;
  const std::vector<float> mask = InOurLayout(graph, edge, values, "mask");
  for (const float value : mask) {
    if (value != 0 && value != 1)
      Fail(ErrorKind::kCorrupt, "its mask has the value {}", value);
  }
  const Tensor weight = graph.tensor(edge.weight);
  const TensorId id = graph.AddConstant<float>(
      weight.name + "/mask", weight.shape, mask, TensorKind::kState);
  Node& node =
      InsertOnEdge(&graph, edge, kPruneMask, weight.name + "/prune", {id});
  node.Set<&PruneMaskAttrs::schedule>(prune_mask::kFixedMask);
  node.Set<&PruneMaskAttrs::mask_gradient>(true);
}

void ApplyClustering(const KerasWrapper& wrapper, const LayerIn& in,
                     size_t first) {
  const std::vector<float> centroids =
      ValuesOf(in, WrapperVariable::kCentroids);
  Edge edge;
  if (centroids.empty() || !FindEdge(in, first, &edge)) return;
  Graph& graph = *in.graph;
  const Tensor weight = graph.tensor(edge.weight);
  std::vector<int32_t> dims;
  size_t rows = 1;
  if (JsonBool(*wrapper.config, "cluster_per_channel", false)) {
    const Shape slices = ShapeOfSlices(weight.shape, edge.channel_axis);
    rows = static_cast<size_t>(slices.NumElements());
    dims = slices.ToVector();
  }
  if (centroids.size() % rows != 0 || centroids.size() / rows > 65536) {
    Fail(ErrorKind::kCorrupt, "it has {} centroids for {} channels",
         centroids.size(), rows);
  }
  dims.push_back(static_cast<int32_t>(centroids.size() / rows));
  std::vector<TensorId> extra = {graph.AddConstant<float>(
      weight.name + "/centroids", Shape(std::span<const int32_t>(dims)),
      centroids, TensorKind::kParameter)};
  if (JsonBool(*wrapper.config, "preserve_sparsity", false)) {
    std::vector<float> mask;
    for (const float value : weight.As<float>())
      mask.push_back(value != 0 ? 1.0f : 0.0f);
    extra.push_back(graph.AddConstant<float>(
        weight.name + "/cluster_mask", weight.shape, mask, TensorKind::kState));
  }
  InsertOnEdge(&graph, edge, kClusterLookup, weight.name + "/cluster", extra);
}

TensorId AddRange(Graph* graph, const std::string& name, const Shape& shape,
                  const std::vector<float>& values) {
  return graph->AddConstant<float>(name, shape, values, TensorKind::kState);
}

// Kernels of convolutions have a range for each of their last dimension in
// Keras: output channels, or of depthwise ones the multiplier's.
void QuantizeWeights(const LayerIn& in, size_t first) {
  const std::vector<float> min = ValuesOf(in, WrapperVariable::kWeightMin);
  const std::vector<float> max = ValuesOf(in, WrapperVariable::kWeightMax);
  Edge edge;
  if (min.empty() || min.size() != max.size() || !FindEdge(in, first, &edge))
    return;
  Graph& graph = *in.graph;
  const Tensor weight = graph.tensor(edge.weight);
  const Shape shape =
      ShapeOfSlices(weight.shape, min.size() > 1 ? edge.channel_axis : -1);
  const auto count = static_cast<size_t>(shape.NumElements());
  if (count != min.size() && (!edge.depthwise || count % min.size() != 0)) {
    Fail(ErrorKind::kCorrupt, "it has {} ranges for {} channels", min.size(),
         count);
  }
  std::vector<float> low, high;
  for (size_t c = 0; c < count; ++c) {
    low.push_back(min[c % min.size()]);
    high.push_back(max[c % max.size()]);
  }
  const std::string name = weight.name + "/fake_quant";
  Node& node = InsertOnEdge(&graph, edge, kFakeQuant, name,
                            {AddRange(&graph, name + "/min", shape, low),
                             AddRange(&graph, name + "/max", shape, high)});
  node.Set<&FakeQuantAttrs::narrow_range>(true);
  node.Set<&FakeQuantAttrs::range_update>(fake_quant::kLastValue);
}

// -6 to 6 is what a range is before the first step.
bool WasTrained(float min, float max) { return min != -6 || max != 6; }

}  // namespace

bool IsWrapperClass(const std::string& class_name) {
  return class_name == "PruneLowMagnitude" || class_name == "ClusterWeights" ||
         class_name == "QuantizeWrapperV2" || class_name == "QuantizeWrapper" ||
         class_name == "SpectralNormalization";
}

TensorId AddActivationRange(TensorId x, float min, float max, int update,
                            Graph* graph) {
  if (!(min <= 0 && max >= 0 && min < max)) {
    Fail(ErrorKind::kCorrupt, "its range is {} to {}", min, max);
  }
  const std::string name = graph->tensor(x).name + "/fake_quant";
  const std::vector<TensorId> range = {
      AddRange(graph, name + "/min", {1}, {min}),
      AddRange(graph, name + "/max", {1}, {max})};
  const NodeId producer = graph->Producer(x);
  Node& node = InsertBehind(graph, x, producer + 1, kFakeQuant, name, range);
  node.Set<&FakeQuantAttrs::range_update>(update);
  const TensorId y = node.outputs[0];
  node.op->infer(graph, node);
  return y;
}

std::vector<TensorId> ApplyWrapper(const KerasWrapper& wrapper,
                                   const LayerIn& in, size_t first,
                                   std::vector<TensorId> outputs) {
  // Its kernel has been normalized in training, where alone it does more.
  if (wrapper.class_name == "SpectralNormalization") return outputs;
  if (wrapper.class_name == "PruneLowMagnitude") {
    ApplyPruning(in, first);
  } else if (wrapper.class_name == "ClusterWeights") {
    ApplyClustering(wrapper, in, first);
  } else {
    QuantizeWeights(in, first);
    const std::vector<float> min =
        ValuesOf(in, WrapperVariable::kActivationMin);
    const std::vector<float> max =
        ValuesOf(in, WrapperVariable::kActivationMax);
    if (min.size() == 1 && max.size() == 1 && WasTrained(min[0], max[0])) {
      // Of what a softmax and its like read, where the layer has one.
      TensorId x = outputs[0];
      for (size_t n = first; n < in.graph->nodes.size(); ++n) {
        const Node& node = in.graph->nodes[n];
        if (node.name == in.name && node.outputs[0] != x &&
            in.variables->FindOfWrapper(in.layer,
                                        WrapperVariable::kPreActivationMin))
          x = node.outputs[0];
      }
      const TensorId y = AddActivationRange(
          x, min[0], max[0], fake_quant::kMovingAverage, in.graph);
      if (x == outputs[0]) outputs[0] = y;
    }
  }
  // Tensors that were inserted have no shapes of their own yet.
  for (size_t n = first; n < in.graph->nodes.size(); ++n) {
    const Node node = in.graph->nodes[n];
    node.op->infer(in.graph, node);
  }
  return outputs;
}

}  // namespace litesmith
