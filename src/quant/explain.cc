// Decisions in words.
#include <algorithm>

#include "src/graph/op_def.h"
#include "src/quant/conversion.h"

namespace litesmith {
namespace {

std::string FormText(const Form& form) {
  const Quantization& quant = form.quant;
  if (quant.empty()) return Name(form.dtype);
  if (!quant.per_axis()) {
    return fmt::format("{}, scale {:g} zero point {}", Name(form.dtype),
                       quant.scale[0], quant.zero_point[0]);
  }
  const auto [least, largest] =
      std::minmax_element(quant.scale.begin(), quant.scale.end());
  return fmt::format("{}, {} scales {:g} to {:g}", Name(form.dtype),
                     quant.scale.size(), *least, *largest);
}

class Explainer {
 public:
  explicit Explainer(const Conversion& conversion)
      : graph_(conversion.ready),
        nodes_(conversion.float_nodes),
        decisions_(conversion.decisions) {}

  std::vector<Reason> Run() {
    for (const TensorId id : graph_.inputs) Activation(id);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      Constants(n);
      for (const TensorId id : graph_.nodes[n].outputs) {
        if (nodes_.Stays(n)) {
          StaysFloat(n, id);
        } else {
          Activation(id);
        }
      }
    }
    return std::move(reasons_);
  }

 private:
  void Add(TensorId id, const std::string& form, const std::string& why) {
    reasons_.push_back({graph_.tensor(id).name, form, why});
  }

  void Activation(TensorId id) {
    const auto at = static_cast<size_t>(id);
    const Tensor& tensor = graph_.tensor(id);
    if (at >= decisions_.tensors.size() || tensor.has_data()) return;
    const Decision& decision = decisions_.tensors[at];
    if (decision.from == Decision::kNone) {
      Add(id, Name(tensor.dtype),
          tensor.dtype == DType::kFloat32 ? "this format leaves it float"
                                          : "it is about sizes or places");
      return;
    }
    Add(id, FormText(decision.form),
        decision.why.empty() ? "a table's values" : decision.why);
  }

  void StaysFloat(size_t n, TensorId id) {
    const auto beside = decisions_.beside.find(id);
    std::string text = fmt::format("'{}' ({}): {}", graph_.nodes[n].name,
                                   graph_.nodes[n].op->name, nodes_.why[n]);
    if (beside != decisions_.beside.end()) {
      text += fmt::format("; others read it as {} ({})",
                          FormText(beside->second.form), beside->second.why);
    }
    Add(id, Name(graph_.tensor(id).dtype), text);
  }

  // What the node reads of constants, and in another form than others.
  void Constants(size_t n) {
    const Node& node = graph_.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      if (id == kNoTensor) continue;
      const NodeInput at{static_cast<NodeId>(n), static_cast<int>(i)};
      const auto stored = decisions_.constants.find(at);
      const auto other = decisions_.requantized.find(at);
      if (stored != decisions_.constants.end()) {
        Add(id, FormText(stored->second.form), WhyStored(node, i));
      } else if (other != decisions_.requantized.end() && !nodes_.Stays(n)) {
        Add(id, FormText(other->second),
            fmt::format("converted for '{}' ({})", node.name, node.op->name));
      } else if (graph_.tensor(id).dtype == DType::kFloat32 &&
                 graph_.tensor(id).has_data()) {
        const auto t = static_cast<size_t>(id);
        const bool half = t < decisions_.tensors.size() &&
                          decisions_.tensors[t].from == Decision::kValues;
        Add(id, half ? FormText(decisions_.tensors[t].form) : "float32",
            half ? "its values, widened when loaded" : "it stays as it is");
      }
    }
  }

  std::string WhyStored(const Node& node, size_t input) const {
    switch (node.op->OperandOf(input).role) {
      case Role::kWeight:
        return "the largest weight is 127 steps";
      case Role::kBias:
        return "in steps of the input's scale times the weights'";
      default:
        return fmt::format("a constant, as '{}' ({}) reads it", node.name,
                           node.op->name);
    }
  }

  const Graph& graph_;
  const FloatNodes& nodes_;
  const Decisions& decisions_;
  std::vector<Reason> reasons_;
};

}  // namespace

std::vector<Reason> Explain(const Graph& graph, const Scheme& scheme,
                            const Ranges& ranges,
                            const ConvertOptions& options) {
  return Explainer(MakeConversion(graph, scheme, ranges, options)).Run();
}

}  // namespace litesmith
