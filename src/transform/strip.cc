// Takes training ops off a graph: folds them into parameters, or into the
// quantization that tensors carry.
#include <algorithm>
#include <cmath>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/train/train_math.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// Folds every node of an op with `fold`; the rest stays.
Graph FoldWeights(const Graph& graph) {
  Graph result = graph;
  std::vector<Node> nodes = result.nodes;
  std::vector<Node> kept;
  for (size_t n = 0; n < nodes.size(); ++n) {
    const Node node = nodes[n];
    if (node.op->training == nullptr || node.op->training->fold == nullptr) {
      kept.push_back(node);
      continue;
    }
    node.op->training->fold(&result, node);
    for (size_t later = n + 1; later < nodes.size(); ++later) {
      std::replace(nodes[later].inputs.begin(), nodes[later].inputs.end(),
                   node.outputs[0], node.inputs[0]);
    }
    std::replace(result.outputs.begin(), result.outputs.end(), node.outputs[0],
                 node.inputs[0]);
  }
  result.nodes = std::move(kept);
  return result;
}

// The integers that a fake quant stands for. The stored range is moved so that
// zero lies on the grid, as in training.
Quantization QuantizationOf(const Graph& graph, const Node& node) {
  const auto min = graph.tensor(node.inputs[1]).As<float>();
  const auto max = graph.tensor(node.inputs[2]).As<float>();
  const int low = node.Get<&FakeQuantAttrs::narrow_range>() ? 1 : 0;
  const int high = (1 << node.Get<&FakeQuantAttrs::bits>()) - 1;
  const auto offset = int64_t{1} << (node.Get<&FakeQuantAttrs::bits>() - 1);
  Quantization q;
  for (size_t c = 0; c < min.size(); ++c) {
    const kernels::NudgedRange range =
        kernels::NudgeRange(min[c], max[c], low, high);
    const bool empty = !(range.scale > 0.0f);
    q.scale.push_back(empty ? 0.0f : range.scale);
    const auto zero =
        empty
            ? offset
            : static_cast<int64_t>(std::lround(low - range.min / range.scale));
    q.zero_point.push_back(zero - offset);
  }
  // An empty range (a channel of zeros) still needs a positive scale; the
  // widest keeps its bias small.
  const float widest =
      std::max(*std::max_element(q.scale.begin(), q.scale.end()), 1e-6f);
  std::replace(q.scale.begin(), q.scale.end(), 0.0f, widest);
  return q;
}

}  // namespace

Graph StripTrainingOps(const Graph& graph) {
  Graph result = FoldWeights(graph);
  std::vector<Node> kept;
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    const Node node = result.nodes[n];
    if (node.op == &kFakeQuant) {
      result.ReplaceUses(node.outputs[0], node.inputs[0]);
    }
  }
  for (const Node& node : result.nodes) {
    if (node.op != &kFakeQuant) kept.push_back(node);
  }
  result.nodes = std::move(kept);
  result = RemoveDeadNodes(result);
  InferShapes(&result);
  return result;
}

Graph FoldFakeQuant(const Graph& graph) {
  Graph result = FoldWeights(graph);
  RemoveTrainingOnlyNodes(&result);
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    const Node node = result.nodes[n];
    if (node.op != &kFakeQuant) continue;
    const Quantization quant = QuantizationOf(result, node);
    Tensor& x = result.tensor(node.inputs[0]);
    if (x.has_data()) {
      // A weight: its values become the grid's.
      const auto min = result.tensor(node.inputs[1]).As<float>();
      const auto max = result.tensor(node.inputs[2]).As<float>();
      const int low = node.Get<&FakeQuantAttrs::narrow_range>() ? 1 : 0;
      const int high = (1 << node.Get<&FakeQuantAttrs::bits>()) - 1;
      const auto w = x.MutableAs<float>();
      if (min.size() == 1) {
        kernels::FakeQuantF32(w.data(), w.size(), min[0], max[0], low, high,
                              w.data());
      } else {
        kernels::FakeQuantF32c(w.data(), 1, min.size(), w.size() / min.size(),
                               min.data(), max.data(), low, high, w.data());
      }
    }
    x.quant = quant;
    result.ReplaceUses(node.outputs[0], node.inputs[0]);
  }
  std::vector<Node> kept;
  for (const Node& node : result.nodes) {
    if (node.op != &kFakeQuant) kept.push_back(node);
  }
  result.nodes = std::move(kept);
  InferShapes(&result);
  return result;
}

bool HasFakeQuant(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op == &kFakeQuant; });
}

bool HasTrainingOps(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) {
                       return node.op->tflite.code < 0 && !node.op->in_keras();
                     });
}

}  // namespace litesmith
