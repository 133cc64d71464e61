// Decisions carried out.
#include "src/quant/edit.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/map/conversion.h"
#include "src/quant/parameters.h"

namespace litesmith {
namespace {

Node ConversionNode(const std::string& name, DType to, TensorId from_id,
                    TensorId to_id) {
  Node node;
  node.op = &ConversionTo(to);
  node.name = name;
  node.attrs = DefaultAttrs(*node.op);
  node.inputs = {from_id};
  node.outputs = {to_id};
  return node;
}

void SetForm(const Form& form, Tensor* tensor) {
  tensor->dtype = form.dtype;
  tensor->quant = form.quant;
}

class Editor {
 public:
  Editor(Graph graph, const Decisions& decisions)
      : graph_(std::move(graph)), decisions_(decisions) {}

  Graph Run(std::optional<DType> io) {
    for (size_t id = 0; id < decisions_.tensors.size(); ++id) {
      const Decision& decision = decisions_.tensors[id];
      if (decision.from == Decision::kNone) continue;
      Tensor& tensor = graph_.tensors[id];
      SetForm(decision.form, &tensor);
      if (!decision.data.empty()) tensor.data = decision.data;
    }
    CountReaders();
    const std::vector<Node> old = std::exchange(graph_.nodes, {});
    for (size_t n = 0; n < old.size(); ++n) {
      Node node = old[n];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != kNoTensor)
          node.inputs[i] = Read({static_cast<NodeId>(n), static_cast<int>(i)},
                                node.inputs[i]);
      }
      if (decisions_.hybrid[n] != 0 && node.op->quant.set_float != nullptr)
        node.op->quant.set_float(&node, true);
      SetIntegerAttrs(graph_.tensor(node.outputs[0]), &node);
      graph_.nodes.push_back(std::move(node));
    }
    for (TensorId& id : graph_.outputs) id = ReadThrough(id);
    if (io) ConvertIo(*io);
    return std::move(graph_);
  }

 private:
  // The tensor that a node reads in this form, made before.
  struct Made {
    TensorId from;
    Form form;
    TensorId to;
  };

  // How many readers a constant has that want it as it is, and how many other
  // forms are still to be stored.
  void CountReaders() {
    open_.resize(graph_.tensors.size(), 0);
    std::vector<Made> seen;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorId id = node.inputs[i];
        if (id == kNoTensor) continue;
        const auto stored = decisions_.constants.find(
            {static_cast<NodeId>(n), static_cast<int>(i)});
        const bool known = stored != decisions_.constants.end() &&
                           Find(seen, id, stored->second.form) != kNoTensor;
        if (known) continue;
        if (stored != decisions_.constants.end())
          seen.push_back({id, stored->second.form, id});
        ++open_[static_cast<size_t>(id)];
      }
    }
    for (const TensorId id : graph_.outputs) ++open_[static_cast<size_t>(id)];
  }

  static TensorId Find(const std::vector<Made>& made, TensorId from,
                       const Form& form) {
    for (const Made& each : made) {
      if (each.from == from && each.form == form) return each.to;
    }
    return kNoTensor;
  }

  TensorId Read(NodeInput at, TensorId id) {
    const auto stored = decisions_.constants.find(at);
    if (stored != decisions_.constants.end())
      return StoredAs(id, stored->second);
    const auto other = decisions_.requantized.find(at);
    if (other != decisions_.requantized.end())
      return Converted(id, other->second);
    return ReadThrough(id);
  }

  // The constant itself for the last form that is asked of it, else a copy.
  TensorId StoredAs(TensorId id, const StoredConstant& stored) {
    const TensorId known = Find(made_, id, stored.form);
    if (known != kNoTensor) return known;
    TensorId to = id;
    if (--open_[static_cast<size_t>(id)] > 0) {
      Tensor copy = graph_.tensor(id);
      to = graph_.AddTensor(std::move(copy));
    }
    SetForm(stored.form, &graph_.tensor(to));
    graph_.tensor(to).data = stored.data;
    made_.push_back({id, stored.form, to});
    return to;
  }

  TensorId ReadThrough(TensorId id) {
    if (static_cast<size_t>(id) >= decisions_.through.size()) return id;
    TensorId at = id;
    for (const Form& form : decisions_.through[static_cast<size_t>(id)])
      at = Converted(at, form, graph_.tensor(id).name);
    return at;
  }

  TensorId Converted(TensorId id, const Form& form) {
    return Converted(id, form, graph_.tensor(id).name);
  }

  // In front of its first reader; the others read the same.
  TensorId Converted(TensorId id, const Form& form, const std::string& base) {
    const TensorId known = Find(made_, id, form);
    if (known != kNoTensor) return known;
    const bool widens = graph_.tensor(id).dtype == DType::kFloat16;
    const bool to_float = form.dtype == DType::kFloat32;
    Tensor tensor;
    tensor.name = base + (widens ? "_f32" : to_float ? "_dq" : "_q");
    tensor.shape = graph_.tensor(id).shape;
    SetForm(form, &tensor);
    const std::string name = widens ? base + "_dequantize" : tensor.name;
    const TensorId to = graph_.AddTensor(std::move(tensor));
    graph_.nodes.push_back(ConversionNode(name, form.dtype, id, to));
    made_.push_back({id, form, to});
    return to;
  }

  // ---- Inputs and outputs ----

  // What the outside reads of a tensor, or gives for it; null: it is as it is.
  const Decision* Outside(TensorId id) const {
    if (static_cast<size_t>(id) >= decisions_.tensors.size()) return nullptr;
    const Decision& own = decisions_.tensors[static_cast<size_t>(id)];
    if (own.from != Decision::kNone) return &own;
    const auto beside = decisions_.beside.find(id);
    return beside == decisions_.beside.end() ? nullptr : &beside->second;
  }

  // The tensor that the outside sees of an inner one; it keeps the name.
  TensorId AddOuter(TensorId inner, const Decision& decision, DType io,
                    TensorKind kind) {
    Tensor& tensor = graph_.tensor(inner);
    const Form& form = decision.form;
    Tensor outer;
    outer.name = UniqueTensorName(graph_, tensor.name + "_q");
    outer.shape = tensor.shape;
    outer.kind = kind;
    outer.dtype = io;
    if (io == form.dtype) {
      outer.quant = form.quant;
    } else if (io == DType::kUInt8 && form.dtype == DType::kInt8) {
      outer.quant = {form.quant.scale, {form.quant.zero_point[0] + 128}, 0};
    } else if (io != DType::kFloat32) {
      outer.quant = ActivationQuantization(decision.range, io);
    }
    std::swap(outer.name, tensor.name);
    return graph_.AddTensor(std::move(outer));
  }

  void ConvertIo(DType io) {
    std::vector<Node> first;
    for (TensorId& id : graph_.inputs) {
      const Decision* outside = Outside(id);
      if (outside == nullptr || graph_.tensor(id).dtype == io) continue;
      const TensorId outer = AddOuter(id, *outside, io, TensorKind::kInput);
      graph_.tensor(id).kind = TensorKind::kActivation;
      first.push_back(ConversionNode(graph_.tensor(id).name,
                                     graph_.tensor(id).dtype, outer, id));
      // Nodes that stay float read it as it comes in.
      const TensorId back = Find(made_, id, Form());
      if (io == DType::kFloat32 && back != kNoTensor)
        graph_.ReplaceUses(back, outer);
      id = outer;
    }
    graph_.nodes.insert(graph_.nodes.begin(), first.begin(), first.end());
    for (TensorId& id : graph_.outputs) {
      const Decision* outside = Outside(id);
      if (outside == nullptr || graph_.tensor(id).dtype == io) continue;
      const TensorId outer =
          AddOuter(id, *outside, io, TensorKind::kActivation);
      graph_.nodes.push_back(
          ConversionNode(graph_.tensor(id).name, io, id, outer));
      id = outer;
    }
  }

  Graph graph_;
  const Decisions& decisions_;
  std::vector<Made> made_;
  std::vector<int> open_;
};

}  // namespace

Graph Edit(Graph graph, const Decisions& decisions, std::optional<DType> io) {
  return Editor(std::move(graph), decisions).Run(io);
}

}  // namespace litesmith
