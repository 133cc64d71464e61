// Convolutions whose windows TensorFlow spells with other ops: dilation as
// SPACE_TO_BATCH_ND around one, padding in front of one.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "src/graph/infer.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"

namespace litesmith::clean_up {
namespace {

// Height or width of a convolution.
struct Axis {
  int64_t in = 0;
  int64_t taps = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t before = 0, after = 0;  // zeros around the input

  int64_t reach() const { return (taps - 1) * dilation + 1; }
  bool IsValid() const { return before == 0 && after == 0; }
  // Whether padding "same" puts as many zeros in front, and gives as many
  // windows; what of the zeros behind none of them reaches does not matter.
  bool IsSame() const {
    const int64_t windows = (in + stride - 1) / stride;
    const int64_t total =
        std::max<int64_t>((windows - 1) * stride + reach() - in, 0);
    return before == total / 2 &&
           (in + before + after - reach()) / stride + 1 == windows;
  }
};
using Axes = std::array<Axis, 2>;

struct WindowOf {
  Padding padding = kSame;
  std::array<int64_t, 2> stride{}, dilation{};
};

template <class Attrs>
WindowOf Read(const Node& node) {
  const auto a = Get<Attrs>(node);
  return {a.padding, {a.stride_h, a.stride_w}, {a.dilation_h, a.dilation_w}};
}

std::optional<WindowOf> ReadWindow(const Node& node) {
  if (node.op == &kConv2D) return Read<Conv2DAttrs>(node);
  if (node.op == &kDepthwiseConv2D) return Read<DepthwiseConv2DAttrs>(node);
  return std::nullopt;
}

template <class Attrs>
void Write(Padding padding, const Axes& axes, Node* node) {
  node->Set<&Attrs::padding>(padding);
  node->Set<&Attrs::dilation_h>(axes[0].dilation);
  node->Set<&Attrs::dilation_w>(axes[1].dilation);
}

void WriteWindow(Padding padding, const Axes& axes, Node* node) {
  if (node->op == &kConv2D) {
    Write<Conv2DAttrs>(padding, axes, node);
  } else {
    Write<DepthwiseConv2DAttrs>(padding, axes, node);
  }
}

Axes AxesOf(const Graph& graph, const Node& layer, const Shape& x,
            const WindowOf& window) {
  const Shape& filter = graph.tensor(layer.inputs[1]).shape;
  Axes axes;
  for (size_t d = 0; d < 2; ++d) {
    axes[d].in = x[static_cast<int>(d) + 1];
    axes[d].taps = filter[static_cast<int>(d) + 1];
    axes[d].stride = window.stride[d];
    axes[d].dilation = window.dilation[d];
  }
  return axes;
}

// The padding that the axes' zeros are, if any is.
std::optional<Padding> PaddingOf(const Axes& axes) {
  const auto all = [&](bool (Axis::*is)() const) {
    return std::all_of(axes.begin(), axes.end(),
                       [&](const Axis& axis) { return (axis.*is)(); });
  };
  if (all(&Axis::IsValid)) return kValid;
  if (all(&Axis::IsSame)) return kSame;
  return std::nullopt;
}

TensorId Padded(TensorId x, const Axes& axes, const std::string& name,
                NodeId at, Graph* graph) {
  std::vector<int32_t> zeros = {0, 0};
  for (const Axis& axis : axes) {
    zeros.push_back(static_cast<int32_t>(axis.before));
    zeros.push_back(static_cast<int32_t>(axis.after));
  }
  zeros.insert(zeros.end(), {0, 0});
  Shape shape = graph->tensor(x).shape;
  for (int d = 0; d < 2; ++d) {
    const Axis& axis = axes[static_cast<size_t>(d)];
    shape[d + 1] += static_cast<int32_t>(axis.before + axis.after);
  }
  const TensorId paddings = graph->AddConstant<int32_t>(
      name + "/paddings", {4, 2}, std::span<const int32_t>(zeros));
  const TensorId out = AddActivation(name + "/pad", shape, graph);
  Insert(graph, at,
         MakeNode(kPad, graph->tensor(out).name, {x, paddings}, {out}));
  return out;
}

// What stands around a convolution that TensorFlow dilates by moving pixels
// into samples: [reshape] and SPACE_TO_BATCH_ND in front, [reshape] behind.
struct Dilated {
  NodeId layer = -1;
  NodeId reshape = -1;   // in front; -1: images have a height as they are
  NodeId to_batch = -1;  // SPACE_TO_BATCH_ND
};

std::optional<Dilated> FindDilated(const Graph& graph, const Node& to_space) {
  Dilated found;
  TensorId id = to_space.inputs[0];
  if (!IsPrivate(graph, id)) return std::nullopt;
  const Node* node = Producer(graph, id);
  const bool flat = node != nullptr && OnlyReshapes(graph, *node);
  if (flat) {
    id = node->inputs[0];
    if (!IsPrivate(graph, id)) return std::nullopt;
    node = Producer(graph, id);
  }
  if (node == nullptr || !ReadWindow(*node)) return std::nullopt;
  found.layer = graph.Producer(id);
  id = node->inputs[0];
  if (!IsPrivate(graph, id)) return std::nullopt;
  node = Producer(graph, id);
  if (flat) {
    if (node == nullptr || !OnlyReshapes(graph, *node)) return std::nullopt;
    found.reshape = graph.Producer(id);
    id = node->inputs[0];
    if (!IsPrivate(graph, id)) return std::nullopt;
    node = Producer(graph, id);
  }
  if (node == nullptr || node->op != &kSpaceToBatchND) return std::nullopt;
  found.to_batch = graph.Producer(id);
  return found;
}

// The place of each block dimension among height and width; none where images
// have another form than [N,H,W,C], or [N,1,W,C] and [N,W,1,C] by a reshape.
std::vector<size_t> PlacesOf(const Graph& graph, const Dilated& found,
                             size_t blocks) {
  if (found.reshape < 0)
    return blocks == 2 ? std::vector<size_t>{0, 1} : std::vector<size_t>();
  const Shape& image = graph.tensor(graph.node(found.reshape).outputs[0]).shape;
  const Shape& row = graph.tensor(graph.node(found.to_batch).outputs[0]).shape;
  if (blocks != 1 || image.rank() != 4 || row.rank() != 3 || image[3] != row[2])
    return {};
  if (image[1] == 1 && image[2] == row[1]) return {1};
  if (image[2] == 1 && image[1] == row[1]) return {0};
  return {};
}

}  // namespace

bool DilateInstead(Graph* graph, NodeId n) {
  const Node to_space = graph->node(n);
  if (to_space.op != &kBatchToSpaceND || !AreKnown(*graph, to_space))
    return false;
  const auto found = FindDilated(*graph, to_space);
  if (!found) return false;
  const Node to_batch = graph->node(found->to_batch);
  const Node layer = graph->node(found->layer);
  const auto window = ReadWindow(layer);
  if (!AreKnown(*graph, to_batch) || window->padding != kValid ||
      window->stride != std::array<int64_t, 2>{1, 1} ||
      window->dilation != std::array<int64_t, 2>{1, 1} ||
      !IsPlain(*graph, to_batch.inputs[0]))
    return false;
  const auto block = Numbers(*graph, to_space.inputs[1]);
  if (block != Numbers(*graph, to_batch.inputs[1])) return false;
  const auto places = PlacesOf(*graph, *found, block.size());
  const Shape x = graph->tensor(to_batch.inputs[0]).shape;
  const Shape y = graph->tensor(to_space.outputs[0]).shape;
  if (places.empty() || !IsKnown(x) || !IsKnown(y)) return false;
  Shape image = x;  // in front of the layer
  if (found->reshape >= 0) {
    image = places[0] == 1 ? Shape{x[0], 1, x[1], x[2]}
                           : Shape{x[0], x[1], 1, x[2]};
  }
  Axes axes = AxesOf(*graph, layer, image, *window);
  const auto zeros = Numbers(*graph, to_batch.inputs[2]);
  const auto crops = Numbers(*graph, to_space.inputs[2]);
  for (size_t b = 0; b < places.size(); ++b) {
    Axis& axis = axes[places[b]];
    axis.dilation = block[b];
    axis.before = zeros[2 * b] - crops[2 * b];
    axis.after = zeros[2 * b + 1] - crops[2 * b + 1];
    if (axis.before < 0 || axis.after < 0) return false;
  }
  // In place of the layer: [reshape,] [PAD,] layer[, reshape].
  Node dilated = layer;
  TensorId in = to_batch.inputs[0];
  std::vector<Node> nodes;
  if (found->reshape >= 0) {
    const TensorId high = AddActivation(layer.name + "/high", image, graph);
    nodes.push_back(MakeNode(kReshape, graph->tensor(high).name, {}, {high}));
    BecomeReshape(in, &nodes.back(), graph);
    in = high;
  }
  NodeId at = found->layer;
  for (Node& node : nodes) Insert(graph, at++, std::move(node));
  const auto padding = PaddingOf(axes);
  if (!padding) in = Padded(in, axes, layer.name, at++, graph);
  dilated.inputs[0] = in;
  WriteWindow(padding.value_or(kValid), axes, &dilated);
  const NodeId end = n + at - found->layer;  // of BATCH_TO_SPACE_ND
  if (found->reshape >= 0) {
    Shape high = y;
    high = places[0] == 1 ? Shape{y[0], 1, y[1], y[2]}
                          : Shape{y[0], y[1], 1, y[2]};
    const TensorId out = AddActivation(layer.name + "/dilated", high, graph);
    dilated.outputs = {out};
    BecomeReshape(out, &graph->node(end), graph);
  } else {
    dilated.outputs = to_space.outputs;
    Erase(graph, end);
  }
  graph->node(at) = std::move(dilated);
  return true;
}

// Not where training saw it: an average's integers have its input's scale, and
// ranges were learned with that.
bool NameGlobalAverage(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  if (node.op != &kAveragePool2D || !IsPlain(*graph, node.inputs[0]) ||
      !IsPlain(*graph, node.outputs[0]) || ActivationOf(node) != kNone)
    return false;
  const auto pool = Get<Pool2DAttrs>(node);
  const Shape& x = graph->tensor(node.inputs[0]).shape;
  const Shape& y = graph->tensor(node.outputs[0]).shape;
  const bool trained = std::any_of(
      graph->nodes.begin(), graph->nodes.end(),
      [](const Node& other) { return other.op->simulates_integers(); });
  if (trained || !IsKnown(x) || pool.filter_h != x[1] ||
      pool.filter_w != x[2] || y[1] != 1 || y[2] != 1 || pool.padding != kValid)
    return false;
  const int32_t axes[] = {1, 2};
  Node mean =
      MakeNode(kMean, node.name,
               {node.inputs[0], AddInts(node.name + "/axes", axes, graph)},
               node.outputs);
  mean.Set<&ReduceAttrs::keep_dims>(true);
  graph->node(n) = std::move(mean);
  return true;
}

bool PadInside(Graph* graph, NodeId n) {
  const Node& layer = graph->node(n);
  const auto window = ReadWindow(layer);
  if (!window || window->padding != kValid ||
      !IsPrivate(*graph, layer.inputs[0]))
    return false;
  const Node* pad = MadeBy(*graph, layer.inputs[0], kPad);
  if (pad == nullptr || !HasNumbers(*graph, pad->input(1)) ||
      !IsPlain(*graph, pad->inputs[0]))
    return false;
  const auto zeros = Numbers(*graph, pad->inputs[1]);
  const Shape& x = graph->tensor(pad->inputs[0]).shape;
  if (zeros.size() != 8 || !IsKnown(x) || zeros[0] != 0 || zeros[1] != 0 ||
      zeros[6] != 0 || zeros[7] != 0)
    return false;
  Axes axes = AxesOf(*graph, layer, x, *window);
  for (size_t d = 0; d < 2; ++d) {
    axes[d].before = zeros[2 * d + 2];
    axes[d].after = zeros[2 * d + 3];
  }
  const auto padding = PaddingOf(axes);
  if (!padding) return false;
  const TensorId in = pad->inputs[0];
  graph->node(n).inputs[0] = in;
  WriteWindow(*padding, axes, &graph->node(n));
  return true;
}

}  // namespace litesmith::clean_up
