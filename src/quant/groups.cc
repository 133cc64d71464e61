// Groups of tensors with one scale.
#include "src/quant/groups.h"

#include <algorithm>
#include <numeric>

namespace litesmith {
namespace {

bool IsActivation(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.dtype == DType::kFloat32 && !tensor.has_data();
}

bool SameScale(const OpDef* a, const OpDef* b) {
  const auto same = [](const FixedScale& x, const FixedScale& y) {
    return x.scale == y.scale && x.zero_point == y.zero_point;
  };
  return a != nullptr && b != nullptr &&
         same(a->quant.fixed8, b->quant.fixed8) &&
         same(a->quant.fixed16, b->quant.fixed16);
}

class Uniter {
 public:
  explicit Uniter(const Graph& graph)
      : graph_(graph), of_(graph.tensors.size()) {
    std::iota(of_.begin(), of_.end(), 0);
    groups_.fixed.resize(graph.tensors.size(), nullptr);
  }

  Groups Run() {
    // First the groups that have one origin each: it and what only moves it.
    for (const TensorId id : graph_.inputs) AddSource(id);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) Follow(n);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      if (node.op->quant.output == QuantRule::kLikeAllInputs) Join(n);
    }
    for (size_t id = 0; id < of_.size(); ++id)
      groups_.of.push_back(Root(static_cast<TensorId>(id)));
    return std::move(groups_);
  }

 private:
  TensorId Root(TensorId id) {
    TensorId& parent = of_[static_cast<size_t>(id)];
    return parent == id ? id : parent = Root(parent);
  }
  const OpDef*& Fixed(TensorId id) {
    return groups_.fixed[static_cast<size_t>(Root(id))];
  }
  void Link(TensorId a, TensorId b) {
    const OpDef* const fixed = Fixed(a) != nullptr ? Fixed(a) : Fixed(b);
    of_[static_cast<size_t>(Root(b))] = Root(a);
    Fixed(a) = fixed;
  }
  void AddSource(TensorId id) {
    if (IsActivation(graph_, id)) groups_.sources.push_back(id);
  }
  void SetApart(size_t node, size_t input) {
    groups_.apart.push_back(
        {static_cast<NodeId>(node), static_cast<int>(input)});
  }

  // Where the outputs of a node get their scale from.
  void Follow(size_t n) {
    const Node& node = graph_.nodes[n];
    const QuantRule::Output rule = node.op->quant.output;
    const bool moves =
        rule == QuantRule::kLikeInput || node.op->training != nullptr;
    for (const TensorId out : node.outputs) {
      if (!IsActivation(graph_, out)) continue;
      if (rule == QuantRule::kFixed) {
        Fixed(out) = node.op;
      } else if (moves && IsActivation(graph_, node.inputs[0])) {
        Link(node.inputs[0], out);
      } else if (!moves && rule != QuantRule::kLikeAllInputs) {
        AddSource(out);
      }
    }
    // A constant that is only moved.
    if (rule == QuantRule::kLikeInput && ReadsConstant(graph_, node, 0))
      SetApart(n, 0);
  }

  // All inputs and outputs of a node become one group, as far as they can.
  void Join(size_t n) {
    const Node& node = graph_.nodes[n];
    std::vector<size_t> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.op->OperandOf(i).role != Role::kData) continue;
      if (IsActivation(graph_, node.inputs[i])) inputs.push_back(i);
      if (ReadsConstant(graph_, node, i)) SetApart(n, i);
    }
    const bool all_fixed =
        std::all_of(inputs.begin(), inputs.end(), [&](size_t i) {
          return SameScale(Fixed(node.inputs[i]),
                           Fixed(node.inputs[inputs[0]]));
        });
    const TensorId out = node.outputs[0];
    for (size_t o = 1; o < node.outputs.size(); ++o) Link(out, node.outputs[o]);
    for (const size_t i : inputs) {
      if (Fixed(node.inputs[i]) == nullptr || all_fixed) {
        Link(node.inputs[i], out);
      } else {
        SetApart(n, i);
      }
    }
  }

  const Graph& graph_;
  std::vector<TensorId> of_;  // towards the root
  Groups groups_;
};

}  // namespace

bool ReadsConstant(const Graph& graph, const Node& node, size_t input) {
  const TensorId id = node.input(input);
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.dtype == DType::kFloat32 && tensor.has_data();
}

Groups Unite(const Graph& graph) { return Uniter(graph).Run(); }

}  // namespace litesmith
