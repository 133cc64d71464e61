// First the own op, then LSTMs, so that what is new of the former has the same
// ids whatever becomes of the latter.
#include "src/transform/expand_rnn.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/ops/move/move.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"
#include "src/transform/rnn_loop.h"
#include "src/transform/rnn_steps.h"

namespace litesmith {
namespace {

using kernels::Cell;
using kernels::CellKind;

// A loop with its two graphs takes as many bytes as about so many steps.
constexpr int kStepsOfLoop = 2;

bool IsLstm(const Node& node) {
  return node.op == &kUnidirectionalSequenceLstm;
}

TensorId AddVariable(const std::string& name, const Shape& shape,
                     Graph* graph) {
  Tensor tensor;
  tensor.name = name;
  tensor.kind = TensorKind::kVariable;
  tensor.shape = shape;
  return graph->AddTensor(std::move(tensor));
}

// Puts a reference's states where it has none.
void AddStates(Graph* graph) {
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    if (!IsLstm(graph->nodes[n])) continue;
    const Shape shape =
        graph
            ->tensor(graph->nodes[n].inputs[lstm::kRecurrentWeights +
                                            kernels::kForgetGate])
            .shape;
    std::vector<TensorId> inputs = graph->nodes[n].inputs;
    inputs.resize(lstm::kHidden + 1, kNoTensor);
    const std::string name = graph->nodes[n].name;
    const auto state = [&](size_t at, const char* ending, int32_t width) {
      if (inputs[at] == kNoTensor)
        inputs[at] = AddVariable(name + ending, {1, width}, graph);
    };
    state(lstm::kOutputState, "/h", shape[1]);
    state(lstm::kCellState, "/c", shape[0]);
    graph->nodes[n].inputs = std::move(inputs);
  }
}

// Of integers: LiteRT asks for them; the last has the scale of o*tanh(c).
void AddIntermediates(Graph* graph) {
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    if (!IsLstm(graph->nodes[n])) continue;
    for (size_t i = lstm::kGateSums; i <= lstm::kHidden; ++i) {
      if (graph->nodes[n].inputs[i] != kNoTensor) continue;
      Tensor tensor;
      tensor.name =
          graph->nodes[n].name + "/" + std::to_string(i - lstm::kGateSums);
      tensor.shape = {0};
      tensor.kind = TensorKind::kConstant;
      graph->nodes[n].inputs[i] = graph->AddTensor(std::move(tensor));
    }
  }
}

void FixBatch(Graph* graph) {
  for (const TensorId id : graph->inputs) {
    Shape& shape = graph->tensor(id).shape;
    if (shape.rank() > 0 && shape[0] == kDynamic) shape[0] = 1;
  }
}

// Steps of a node one after another.
class Unroller {
 public:
  Unroller(const Node& node, StepWriter* out) : node_(node), out_(*out) {}

  void Rnn() {
    cell_ = CellOf(out_.graph(), node_);
    StepWeights weights;
    weights.recurrent = {node_.inputs[rnn::kRecurrentKernel]};
    weights.recurrent_bias = RnnBias(node_, 1, &out_);
    const std::vector<TensorId> products = RnnProducts(node_, cell_, &out_);
    Steps(weights, products,
          {node_.input(rnn::kInitialH), node_.input(rnn::kInitialC)},
          node_.input(rnn::kMask));
    Give(h_, "y", node_.outputs[0]);
    if (node_.outputs.size() > 1) Give(c_, "d", node_.outputs[1]);
  }

  // `watched`: the cell state gets the cells of all steps.
  void Lstm(bool watched) {
    Graph& graph = out_.graph();
    const Shape x = graph.tensor(node_.inputs[lstm::kX]).shape;
    cell_.kind = CellKind::kLstm;
    cell_.cell_clip = node_.Get<&UnidirectionalSequenceLstmAttrs::cell_clip>();
    cell_.steps = x[1];
    cell_.inputs = x[2];
    StepWeights weights;
    std::vector<TensorId> products;
    for (size_t gate = 0; gate < kernels::kLstmGates; ++gate) {
      weights.recurrent.push_back(node_.inputs[lstm::kRecurrentWeights + gate]);
      products.push_back(out_.FullyConnected(
          Name(std::to_string(gate)), node_.inputs[lstm::kX],
          node_.inputs[lstm::kInputWeights + gate],
          node_.inputs[lstm::kBias + gate], /*keep_dims=*/true));
    }
    cell_.units = graph.tensor(weights.recurrent[0]).shape[1];
    Steps(weights, products, {});
    Give(h_, "y", node_.outputs[0]);
    const TensorId state = node_.inputs[lstm::kCellState];
    if (!watched) return;
    graph.tensor(state).kind = TensorKind::kActivation;
    Give(c_, "d", state);
  }

 private:
  std::string Name(const std::string& letter) const {
    return node_.name + "/" + letter;
  }

  void Steps(const StepWeights& weights, const std::vector<TensorId>& products,
             StepState state, TensorId mask = kNoTensor) {
    std::vector<std::vector<TensorId>> by_step(
        static_cast<size_t>(cell_.steps));
    for (size_t p = 0; p < products.size(); ++p) {
      const auto parts =
          out_.Unpack(Name("x" + std::to_string(p)), products[p], cell_.steps);
      for (size_t t = 0; t < parts.size(); ++t) by_step[t].push_back(parts[t]);
    }
    std::vector<TensorId> masks(by_step.size(), kNoTensor);
    if (mask != kNoTensor) masks = MasksOfSteps(mask);
    for (size_t t = 0; t < by_step.size(); ++t) {
      state = WriteStep(cell_, weights, {by_step[t], masks[t]}, state,
                        Name(std::to_string(t)), &out_);
      h_.push_back(state.h);
      c_.push_back(state.c);
    }
  }

  // [batch, steps] to [batch, 1] of each.
  std::vector<TensorId> MasksOfSteps(TensorId mask) {
    const std::vector<int32_t> shape = {-1, cell_.steps, 1};
    const TensorId rows =
        out_.Add(kReshape, Name("k"), {mask, out_.Ints(shape)});
    out_.last().Set<&ReshapeAttrs::new_shape>(shape);
    return out_.Unpack(Name("l"), rows, cell_.steps);
  }

  void Give(const std::vector<TensorId>& states, const char* letter,
            TensorId to) {
    if (cell_.all_steps) {
      out_.Pack(states, Name(letter), to);
    } else {
      out_.Give(states.back(), to);
    }
  }

  const Node& node_;
  StepWriter& out_;
  Cell cell_;
  std::vector<TensorId> h_, c_;
};

bool IsLoop(const Node& node, const Graph& graph, RnnForm form) {
  return form == RnnForm::kFloat && CellOf(graph, node).steps > kStepsOfLoop;
}

// Calls `expand(node, writer)`, which says whether it took the node's place.
template <class F>
void ForEachNode(Graph* graph, const F& expand) {
  StepWriter writer(graph);
  const std::vector<Node> old = std::exchange(graph->nodes, {});
  for (const Node& node : old) {
    if (!expand(node, &writer)) graph->nodes.push_back(node);
  }
}

}  // namespace

bool IsPlainLstm(const Node& node) {
  if (!IsLstm(node)) return false;
  for (size_t i = 0; i < lstm::kGateSums; ++i) {
    const bool is_gate =
        i < lstm::kPeephole || (i >= lstm::kBias && i < lstm::kProjection);
    const bool is_state = i == lstm::kOutputState || i == lstm::kCellState;
    const bool has = node.input(i) != kNoTensor;
    if (is_gate ? !has : has && !is_state) return false;
  }
  return !node.Get<&UnidirectionalSequenceLstmAttrs::time_major>();
}

Graph ExpandRnns(const Graph& graph, RnnForm form) {
  Graph result = graph;
  const bool has_lstm =
      std::any_of(graph.nodes.begin(), graph.nodes.end(), IsLstm);
  const bool has_rnn =
      std::any_of(graph.nodes.begin(), graph.nodes.end(),
                  [](const Node& node) { return node.op == &kRnn; });
  if (!has_lstm && !has_rnn) return result;
  AddStates(&result);
  bool fixed = false;
  ForEachNode(&result, [&](const Node& node, StepWriter* out) {
    if (node.op != &kRnn) return false;
    if (IsLoop(node, result, form)) {
      fixed = true;
      WriteRnnLoop(node, CellOf(result, node), out);
    } else {
      Unroller(node, out).Rnn();
    }
    return true;
  });
  const bool steps = form == RnnForm::kInt16 || form == RnnForm::kWatched;
  ForEachNode(&result, [&](const Node& node, StepWriter* out) {
    if (!IsLstm(node)) return false;
    if (!steps || !IsPlainLstm(node)) {
      fixed = true;
      return false;
    }
    Unroller(node, out).Lstm(form == RnnForm::kWatched);
    return true;
  });
  if (form == RnnForm::kInt8) AddIntermediates(&result);
  if (fixed) FixBatch(&result);
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

Graph WithoutLstmStates(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), IsPlainLstm))
    return graph;
  Graph result = graph;
  for (Node& node : result.nodes) {
    if (!IsPlainLstm(node)) continue;
    node.inputs.resize(lstm::kCellState + 1, kNoTensor);
    node.inputs[lstm::kOutputState] = kNoTensor;
    node.inputs[lstm::kCellState] = kNoTensor;
  }
  result = RemoveDeadNodes(result);
  // The states were why it had a batch of 1.
  Graph open = result;
  for (const TensorId id : open.inputs) {
    Shape& shape = open.tensor(id).shape;
    if (shape.rank() > 0 && shape[0] == 1) shape[0] = kDynamic;
  }
  try {
    InferShapes(&open);
    return open;
  } catch (const Error&) {  // something else goes by that batch
    return result;
  }
}

}  // namespace litesmith
