// Groups of tensors with one scale.
#include "src/quant/groups.h"

#include <algorithm>
#include <numeric>

#include "src/ops/integer_facts.h"

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
  Uniter(const Graph& graph, const std::vector<char>& stays_float)
      : graph_(graph),
        stays_float_(stays_float),
        of_(graph.tensors.size()),
        silent_(graph.tensors.size(), 0),
        learned_(LearnedRanges(graph)) {
    std::iota(of_.begin(), of_.end(), 0);
    groups_.fixed.resize(graph.tensors.size(), nullptr);
    groups_.decides.resize(graph.tensors.size(), kNoTensor);
  }

  Groups Run() {
    // First the groups that have one origin each: it and what only moves it.
    for (const TensorId id : graph_.inputs) AddSource(id);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) Follow(n);
    in_learned_ = learned_;
    for (size_t id = 0; id < learned_.size(); ++id)
      InLearned(static_cast<TensorId>(id)) |= learned_[id];
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      if (node.op->quant.output == QuantRule::kLikeAllInputs && !StaysFloat(n))
        Join(n);
    }
    for (size_t id = 0; id < of_.size(); ++id)
      groups_.of.push_back(Root(static_cast<TensorId>(id)));
    std::erase_if(groups_.sources, [&](TensorId id) {
      return silent_[static_cast<size_t>(id)] != 0;
    });
    return std::move(groups_);
  }

 private:
  bool StaysFloat(size_t node) const {
    return !stays_float_.empty() && stays_float_[node] != 0;
  }
  // Whether an output of the graph, or a node that becomes integer.
  bool IsReadAsInteger(TensorId id) const {
    if (std::find(graph_.outputs.begin(), graph_.outputs.end(), id) !=
        graph_.outputs.end())
      return true;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const auto& inputs = graph_.nodes[n].inputs;
      if (!StaysFloat(n) &&
          std::find(inputs.begin(), inputs.end(), id) != inputs.end())
        return true;
    }
    return false;
  }
  TensorId Root(TensorId id) {
    TensorId& parent = of_[static_cast<size_t>(id)];
    return parent == id ? id : parent = Root(parent);
  }
  const OpDef*& Fixed(TensorId id) {
    return groups_.fixed[static_cast<size_t>(Root(id))];
  }
  // Whether any range of the group was learned, once groups have their origins.
  char& InLearned(TensorId id) {
    return in_learned_[static_cast<size_t>(Root(id))];
  }
  void Link(TensorId a, TensorId b) {
    const OpDef* const fixed = Fixed(a) != nullptr ? Fixed(a) : Fixed(b);
    const char learned = in_learned_.empty() ? 0 : InLearned(a) | InLearned(b);
    of_[static_cast<size_t>(Root(b))] = Root(a);
    Fixed(a) = fixed;
    if (learned != 0) InLearned(a) = 1;
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
    if (StaysFloat(n)) {
      for (const TensorId out : node.outputs) {
        if (IsReadAsInteger(out)) AddSource(out);
      }
      return;
    }
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

  // Whether the tensors of the group are read by nobody but what moves them
  // and the node.
  bool IsReadBy(size_t n, TensorId group) {
    for (size_t r = 0; r < graph_.nodes.size(); ++r) {
      const Node& reader = graph_.nodes[r];
      for (const TensorId id : reader.inputs) {
        if (id == kNoTensor || Root(id) != group || r == n) continue;
        if (StaysFloat(r) || reader.outputs.empty() ||
            Root(reader.outputs[0]) != group)
          return false;
      }
    }
    return std::none_of(graph_.outputs.begin(), graph_.outputs.end(),
                        [&](TensorId id) { return Root(id) == group; });
  }

  // The range is the output's: what lies beyond it is never taken. An input
  // that others read keeps its own and is converted.
  void JoinOneOf(size_t n, const std::vector<size_t>& inputs) {
    const Node& node = graph_.nodes[n];
    const TensorId out = node.outputs[0];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (ReadsConstant(graph_, node, i))
        groups_.cut.push_back({static_cast<NodeId>(n), static_cast<int>(i)});
    }
    for (const size_t i : inputs) {
      const TensorId in = node.inputs[i];
      if (Root(in) == Root(out)) continue;
      if (Fixed(in) != nullptr || InLearned(in) != 0 ||
          !IsReadBy(n, Root(in))) {
        SetApart(n, i);
        groups_.cut.push_back(groups_.apart.back());
        continue;
      }
      for (const TensorId id : groups_.sources) {
        if (Root(id) == Root(in)) silent_[static_cast<size_t>(id)] = 1;
      }
      Link(in, out);
    }
    AddSource(out);
  }

  // All inputs and outputs of a node become one group, as far as they can. A
  // learned range of the output is what training saw there: then inputs with
  // one of their own are requantized, as they were in training.
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
    const bool learned = learned_[static_cast<size_t>(out)] != 0;
    if (!learned && TakesOneOf(*node.op) && !inputs.empty() &&
        (!all_fixed || Fixed(node.inputs[inputs[0]]) == nullptr))
      return JoinOneOf(n, inputs);
    if (learned) AddSource(out);
    for (size_t o = 1; o < node.outputs.size(); ++o) Link(out, node.outputs[o]);
    for (const size_t i : inputs) {
      const TensorId in = node.inputs[i];
      if (Root(in) == Root(out)) continue;
      const bool own = learned ? Fixed(in) != nullptr || InLearned(in) != 0
                               : Fixed(in) != nullptr && !all_fixed;
      if (own) {
        SetApart(n, i);
      } else {
        Link(in, out);
      }
    }
    groups_.decides[static_cast<size_t>(Root(out))] = learned ? out : kNoTensor;
  }

  const Graph& graph_;
  const std::vector<char>& stays_float_;
  std::vector<TensorId> of_;  // towards the root
  std::vector<char> silent_;  // sources whose range is another's
  std::vector<char> learned_;
  std::vector<char> in_learned_;  // by tensor that stands for a group
  Groups groups_;
};

}  // namespace

std::vector<char> LearnedRanges(const Graph& graph) {
  std::vector<char> learned(graph.tensors.size(), 0);
  for (size_t id = 0; id < graph.tensors.size(); ++id)
    learned[id] = !graph.tensors[id].quant.empty();
  // What a fake quant reads, through what else stands in front of it.
  for (const Node& node : graph.nodes) {
    if (!node.op->simulates_integers()) continue;
    NodeId producer = 0;
    for (TensorId id = node.inputs[0];; id = graph.node(producer).inputs[0]) {
      learned[static_cast<size_t>(id)] = 1;
      producer = graph.Producer(id);
      if (producer < 0 || graph.node(producer).op->training == nullptr) break;
    }
  }
  return learned;
}

bool ReadsConstant(const Graph& graph, const Node& node, size_t input) {
  const TensorId id = node.input(input);
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.dtype == DType::kFloat32 && tensor.has_data();
}

Groups Unite(const Graph& graph, const std::vector<char>& stays_float) {
  return Uniter(graph, stays_float).Run();
}

}  // namespace litesmith
