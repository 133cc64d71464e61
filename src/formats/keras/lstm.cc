// Each gate's rows of a kernel are one after another in both.
#include "src/formats/keras/lstm.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::CellFunction;
using kernels::CellKind;
using kernels::kLstmGates;

constexpr const char* kEndings[kLstmGates] = {"_i", "_f", "_c", "_o"};

bool BecomesLstm(const Node& node) {
  if (node.op != &kRnn || node.outputs.size() != 1) return false;
  const auto attrs = Get<RnnAttrs>(node);
  return attrs.cell == CellKind::kLstm &&
         attrs.activation == CellFunction::kTanh &&
         attrs.recurrent_activation == CellFunction::kLogistic &&
         node.input(rnn::kInitialH) == kNoTensor &&
         node.input(rnn::kInitialC) == kNoTensor &&
         node.input(rnn::kMask) == kNoTensor;
}

// A gate's rows of [gates * n, ...] or [gates * n].
TensorId AddGate(TensorId whole, size_t gate, Graph* graph) {
  Tensor part;
  const Tensor& from = graph->tensor(whole);
  part.name = from.name + kEndings[gate];
  part.kind = from.kind;
  part.regularizer = from.regularizer;
  part.shape = from.shape;
  part.shape[0] /= static_cast<int32_t>(kLstmGates);
  const size_t bytes = from.data.size() / kLstmGates;
  part.data = TensorData(std::span(from.data.data() + gate * bytes, bytes));
  return graph->AddTensor(std::move(part));
}

class Splitter {
 public:
  explicit Splitter(Graph* graph) : graph_(*graph) {}

  void Run() {
    const std::vector<Node> old = std::exchange(graph_.nodes, {});
    for (const Node& node : old) {
      if (BecomesLstm(node)) {
        Split(node);
      } else {
        graph_.nodes.push_back(node);
      }
    }
  }

 private:
  // Of a layer that is called more than once, the same.
  const std::vector<TensorId>& GatesOf(TensorId whole) {
    std::vector<TensorId>& gates = gates_[whole];
    for (size_t gate = gates.size(); gate < kLstmGates; ++gate)
      gates.push_back(AddGate(whole, gate, &graph_));
    return gates;
  }

  void Split(const Node& node) {
    const int32_t n =
        graph_.tensor(node.inputs[rnn::kRecurrentKernel]).shape[1];
    std::vector<TensorId> inputs(lstm::kProjection, kNoTensor);
    inputs[lstm::kX] = node.inputs[rnn::kX];
    for (size_t gate = 0; gate < kLstmGates; ++gate) {
      inputs[lstm::kInputWeights + gate] =
          GatesOf(node.inputs[rnn::kKernel])[gate];
      inputs[lstm::kRecurrentWeights + gate] =
          GatesOf(node.inputs[rnn::kRecurrentKernel])[gate];
      inputs[lstm::kBias + gate] =
          node.input(rnn::kBias) != kNoTensor
              ? GatesOf(node.inputs[rnn::kBias])[gate]
              : graph_.AddConstant<float>(
                    node.name + "/no_bias" + kEndings[gate], {n},
                    std::vector<float>(static_cast<size_t>(n), 0.0f));
    }
    const bool all = node.Get<&RnnAttrs::return_sequences>();
    const std::string name = all ? node.name : node.name + "/sequence";
    Node& lstm =
        graph_.AddNode(kUnidirectionalSequenceLstm, name, inputs, {name});
    lstm.Set<&UnidirectionalSequenceLstmAttrs::activation>(activation::kTanh);
    if (all) {
      lstm.outputs = node.outputs;
      return;
    }
    const TensorId sequence = lstm.outputs[0];
    lstm.op->infer(&graph_, lstm);
    AddLast(node, sequence, n);
  }

  // [batch, steps, n] to [batch, n].
  void AddLast(const Node& node, TensorId sequence, int32_t n) {
    const auto ints = [&](const char* name,
                          const std::vector<int32_t>& values) {
      return graph_.AddConstant<int32_t>(node.name + "/" + name, {3}, values);
    };
    Node& slice =
        graph_.AddNode(kStridedSlice, node.name,
                       {sequence, ints("begin", {0, -1, 0}),
                        ints("end", {0, 0, n}), ints("strides", {1, 1, 1})},
                       {node.name});
    StridedSliceAttrs attrs;
    attrs.begin_mask = 0b101;
    attrs.end_mask = 0b101;
    attrs.shrink_axis_mask = 0b010;
    Put(attrs, &slice);
    slice.outputs = node.outputs;
  }

  Graph& graph_;
  std::map<TensorId, std::vector<TensorId>> gates_;
};

// ---- Joining ----------------------------------------------------------------

class Joiner {
 public:
  explicit Joiner(Graph* graph) : graph_(*graph) {}

  void Run() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (IsKeras(graph_.nodes[n])) Join(n);
    }
    std::vector<Node> nodes;
    for (size_t n = 0; n < graph_.nodes.size(); ++n)
      if (taken_.count(n) == 0) nodes.push_back(std::move(graph_.nodes[n]));
    graph_.nodes = std::move(nodes);
  }

 private:
  // Gates of constant weights alone, whose cells no clip can reach.
  bool IsKeras(const Node& node) const {
    if (node.op != &kUnidirectionalSequenceLstm) return false;
    for (size_t i = 1; i < lstm::kGateSums; ++i) {
      const bool is_gate =
          i < lstm::kPeephole || (i >= lstm::kBias && i < lstm::kProjection);
      const bool is_state = i == lstm::kOutputState || i == lstm::kCellState;
      const TensorId id = node.input(i);
      if (is_gate ? id == kNoTensor || !IsFloatData(id)
                  : id != kNoTensor && !is_state)
        return false;
    }
    const auto attrs = Get<UnidirectionalSequenceLstmAttrs>(node);
    const Shape& x = graph_.tensor(node.inputs[lstm::kX]).shape;
    return !attrs.time_major && (attrs.cell_clip == 0 ||
                                 static_cast<float>(x[1]) <= attrs.cell_clip);
  }
  bool IsFloatData(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    return tensor.dtype == DType::kFloat32 && tensor.has_data();
  }

  // The one reader, if it takes the last step.
  Node* LastStep(const Node& node) {
    const TensorId y = node.outputs[0];
    if (graph_.NumUses(y) != 1) return nullptr;
    for (Node& reader : graph_.nodes) {
      if (reader.op != &kStridedSlice || reader.inputs[0] != y) continue;
      const int32_t steps = graph_.tensor(y).shape[1];
      const auto attrs = Get<StridedSliceAttrs>(reader);
      const Tensor& begin = graph_.tensor(reader.inputs[1]);
      const Tensor& strides = graph_.tensor(reader.inputs[3]);
      if (!begin.has_data() || !strides.has_data()) return nullptr;
      const auto at = ConstantIndices(begin, "begin");
      const auto by = ConstantIndices(strides, "strides");
      const bool last = at.size() == 3 && (at[1] == -1 || at[1] == steps - 1);
      const bool whole = attrs.begin_mask == 0b101 && attrs.end_mask == 0b101 &&
                         attrs.shrink_axis_mask == 0b010;
      const bool ones = by == std::vector<int64_t>{1, 1, 1};
      return last && whole && ones ? &reader : nullptr;
    }
    return nullptr;
  }

  TensorId Whole(const Node& node, size_t first, const std::string& name) {
    std::vector<float> values;
    for (size_t gate = 0; gate < kLstmGates; ++gate) {
      const auto part = graph_.tensor(node.inputs[first + gate]).As<float>();
      values.insert(values.end(), part.begin(), part.end());
    }
    const Tensor& one = graph_.tensor(node.inputs[first]);
    Shape shape = one.shape;
    shape[0] *= static_cast<int32_t>(kLstmGates);
    const TensorKind kind = one.kind;
    const Regularizer regularizer = one.regularizer;
    TensorId& known =
        wholes_.try_emplace(node.inputs[first], kNoTensor).first->second;
    if (known == kNoTensor) {
      known = graph_.AddConstant<float>(name, shape, values, kind);
      graph_.tensor(known).regularizer = regularizer;
    }
    return known;
  }

  bool HasBias(const Node& node) const {
    for (size_t gate = 0; gate < kLstmGates; ++gate) {
      const Tensor& bias = graph_.tensor(node.inputs[lstm::kBias + gate]);
      if (bias.kind != TensorKind::kConstant) return true;
      for (const float v : bias.As<float>())
        if (v != 0) return true;
    }
    return false;
  }

  void Join(size_t at) {
    const Node node = graph_.nodes[at];
    Node* last = LastStep(node);
    const std::string name = last != nullptr ? last->name : node.name;
    std::vector<TensorId> inputs(rnn::kBias + 1, kNoTensor);
    inputs[rnn::kX] = node.inputs[lstm::kX];
    inputs[rnn::kKernel] = Whole(node, lstm::kInputWeights, name + "/kernel");
    inputs[rnn::kRecurrentKernel] =
        Whole(node, lstm::kRecurrentWeights, name + "/recurrent_kernel");
    if (HasBias(node))
      inputs[rnn::kBias] = Whole(node, lstm::kBias, name + "/bias");
    Node joined;
    joined.op = &kRnn;
    joined.attrs = DefaultAttrs(kRnn);
    joined.name = name;
    joined.inputs = std::move(inputs);
    joined.outputs = last != nullptr ? last->outputs : node.outputs;
    Put(RnnAttrs{.cell = CellKind::kLstm, .return_sequences = last == nullptr},
        &joined);
    if (last != nullptr)
      taken_.insert(static_cast<size_t>(last - graph_.nodes.data()));
    graph_.nodes[at] = std::move(joined);
  }

  Graph& graph_;
  std::set<size_t> taken_;               // nodes that became part of another
  std::map<TensorId, TensorId> wholes_;  // by the first gate's
};

}  // namespace

Graph SplitLstms(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), BecomesLstm))
    return graph;
  Graph result = graph;
  Splitter(&result).Run();
  InferShapes(&result);
  return RemoveDeadNodes(result);
}

Graph JoinLstms(const Graph& graph) {
  Graph result = graph;
  Joiner(&result).Run();
  return result;
}

}  // namespace litesmith
