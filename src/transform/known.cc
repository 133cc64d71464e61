// Folding by comparison: what has the same value at two batches does not depend
// on the batch.
#include "src/transform/known.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/graph/infer.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

bool SameBytes(const TensorData& a, const TensorData& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// By tensor, whether an op of training stands before it.
std::vector<char> Trained(const Graph& graph) {
  std::vector<char> trained(graph.tensors.size(), 0);
  for (const Node& node : graph.nodes) {
    const bool any =
        node.op->training != nullptr ||
        std::any_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
          return id != kNoTensor && trained[static_cast<size_t>(id)] != 0;
        });
    if (!any) continue;
    for (const TensorId id : node.outputs) trained[static_cast<size_t>(id)] = 1;
  }
  return trained;
}

class Folder {
 public:
  Folder(const Graph& graph, const AtBatch& two, const AtBatch& three)
      : graph_(graph), two_(two), three_(three), trained_(Trained(graph)) {}

  Graph Run() {
    bool any = false;
    for (size_t n = 0; n < graph_.nodes.size();) {
      if (Fold(graph_.nodes[n])) {
        graph_.nodes.erase(graph_.nodes.begin() + static_cast<ptrdiff_t>(n));
        any = true;
        continue;
      }
      const Node before = graph_.nodes[n];
      Node changed = before;
      Reshape(&changed);
      StridedSlice(&changed);
      Slice(&changed);
      Numbers(&changed);
      if (changed.inputs != before.inputs) {
        graph_.nodes[n] = std::move(changed);
        any = true;
      }
      ++n;
    }
    if (any) InferShapes(&graph_);
    return std::move(graph_);
  }

 private:
  const Tensor* Two(TensorId id) const { return Of(two_, id); }
  const Tensor* Three(TensorId id) const { return Of(three_, id); }
  static const Tensor* Of(const AtBatch& tensors, TensorId id) {
    const auto at = static_cast<size_t>(id);
    return id != kNoTensor && at < tensors.size() && tensors[at] ? &*tensors[at]
                                                                 : nullptr;
  }
  bool IsComputed(TensorId id) const {
    return id != kNoTensor && !graph_.tensor(id).has_data() &&
           graph_.Producer(id) >= 0;
  }

  // Whether all batches give the tensor this value.
  bool IsConstant(TensorId id) const {
    const Tensor* two = Two(id);
    const Tensor* three = Three(id);
    return two != nullptr && three != nullptr && two->has_data() &&
           two->shape == three->shape && SameBytes(two->data, three->data);
  }

  // Bytes of the node's operands that have data: more is not to be stored.
  size_t BytesRead(const Node& node) const {
    constexpr size_t kAlways = 4096;
    size_t bytes = kAlways;
    for (const TensorId id : node.inputs) {
      if (id == kNoTensor) continue;
      const Tensor* known = Two(id);
      bytes +=
          known != nullptr ? known->data.size() : graph_.tensor(id).data.size();
    }
    return bytes;
  }

  // Makes constants of the node's outputs.
  bool Fold(const Node& node) {
    if (node.op->effects || node.outputs.empty()) return false;
    for (const TensorId id : node.outputs) {
      const bool is_output =
          std::find(graph_.outputs.begin(), graph_.outputs.end(), id) !=
          graph_.outputs.end();
      if (is_output || trained_[static_cast<size_t>(id)] != 0 ||
          !IsConstant(id) || Two(id)->data.size() > BytesRead(node))
        return false;
    }
    for (const TensorId id : node.outputs) {
      Tensor& tensor = graph_.tensor(id);
      tensor.kind = TensorKind::kConstant;
      tensor.shape = Two(id)->shape;
      tensor.dtype = Two(id)->dtype;
      tensor.data = Two(id)->data;
    }
    return true;
  }

  TensorId AddInts(TensorId like, const std::vector<int64_t>& values) {
    const std::string name =
        UniqueTensorName(graph_, graph_.tensor(like).name + "/known");
    const Shape shape{static_cast<int32_t>(values.size())};
    if (graph_.tensor(like).dtype == DType::kInt64)
      return graph_.AddConstant<int64_t>(name, shape,
                                         std::span<const int64_t>(values));
    const std::vector<int32_t> narrow(values.begin(), values.end());
    return graph_.AddConstant<int32_t>(name, shape,
                                       std::span<const int32_t>(narrow));
  }

  // The target of a reshape whose dimensions but one are known.
  void Reshape(Node* node) {
    if (node->op != &kReshape || !IsComputed(node->input(1))) return;
    const Tensor* two = Two(node->outputs[0]);
    const Tensor* three = Three(node->outputs[0]);
    if (two == nullptr || three == nullptr ||
        two->shape.rank() != three->shape.rank())
      return;
    std::vector<int64_t> target;
    for (int d = 0; d < two->shape.rank(); ++d)
      target.push_back(two->shape[d] == three->shape[d] ? two->shape[d]
                                                        : kDynamic);
    if (std::count(target.begin(), target.end(), kDynamic) <= 1)
      node->inputs[1] = AddInts(node->inputs[1], target);
  }

  // The numbers of an operand where `whole` says what means all of a dimension;
  // nothing if one that depends on the batch is something else.
  std::optional<std::vector<int64_t>> Sizes(const Node& node, size_t operand,
                                            std::vector<size_t>* whole) const {
    const TensorId id = node.input(operand);
    const Tensor* two = Two(id);
    const Tensor* three = Three(id);
    const Tensor* x2 = Two(node.inputs[0]);
    const Tensor* x3 = Three(node.inputs[0]);
    if (!IsComputed(id) || two == nullptr || three == nullptr ||
        !two->has_data() || !three->has_data() || x2 == nullptr ||
        x3 == nullptr)
      return std::nullopt;
    std::vector<int64_t> a = ConstantIndices(*two, "sizes");
    const std::vector<int64_t> b = ConstantIndices(*three, "sizes");
    if (a.size() != b.size() ||
        a.size() > static_cast<size_t>(x2->shape.rank()))
      return std::nullopt;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      const int d = static_cast<int>(i);
      if (a[i] != x2->shape[d] || b[i] != x3->shape[d]) return std::nullopt;
      whole->push_back(i);
    }
    return a;
  }

  // Its end at the batch's end.
  void StridedSlice(Node* node) {
    if (node->op != &kStridedSlice) return;
    const auto attrs = Get<StridedSliceAttrs>(*node);
    if (attrs.ellipsis_mask != 0 || attrs.new_axis_mask != 0 || attrs.offset)
      return;
    std::vector<size_t> whole;
    auto ends = Sizes(*node, 2, &whole);
    if (!ends) return;
    int32_t mask = attrs.end_mask;
    for (const size_t i : whole) {
      (*ends)[i] = 0;
      mask |= 1 << i;
    }
    node->Set<&StridedSliceAttrs::end_mask>(mask);
    node->inputs[2] = AddInts(node->inputs[2], *ends);
  }

  void Slice(Node* node) {
    if (node->op != &kSlice) return;
    std::vector<size_t> whole;
    auto sizes = Sizes(*node, 2, &whole);
    if (!sizes) return;
    for (const size_t i : whole) (*sizes)[i] = -1;
    node->inputs[2] = AddInts(node->inputs[2], *sizes);
  }

  // The one value of a float operand that has the other's shape, or broadcasts
  // to it.
  std::optional<float> OneValue(TensorId id) const {
    const Tensor* two = Two(id);
    const Tensor* three = Three(id);
    if (!IsComputed(id) || trained_[static_cast<size_t>(id)] != 0 ||
        two == nullptr || three == nullptr || !two->has_data() ||
        !three->has_data() || two->dtype != DType::kFloat32)
      return std::nullopt;
    const float value = two->As<float>()[0];
    const auto same = [&](float v) { return v == value; };
    const auto a = two->As<float>();
    const auto b = three->As<float>();
    if (!std::all_of(a.begin(), a.end(), same) ||
        !std::all_of(b.begin(), b.end(), same))
      return std::nullopt;
    return value;
  }
  void Numbers(Node* node) {
    constexpr const OpDef* kBinary[] = {
        &kAdd, &kSub, &kMul, &kDiv, &kMaximum, &kMinimum, &kGreater, &kLess};
    if (node->inputs.size() != 2 ||
        std::find(std::begin(kBinary), std::end(kBinary), node->op) ==
            std::end(kBinary))
      return;
    const Tensor* out = Two(node->outputs[0]);
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const auto value = OneValue(node->inputs[side]);
      const Tensor* other = Two(node->inputs[1 - side]);
      if (!value || out == nullptr || other == nullptr || other->has_data() ||
          !(other->shape == out->shape))
        continue;
      const float number[] = {*value};
      node->inputs[side] = graph_.AddConstant<float>(
          UniqueTensorName(graph_,
                           graph_.tensor(node->inputs[side]).name + "/number"),
          Shape(), std::span<const float>(number));
      return;
    }
  }

  Graph graph_;
  const AtBatch& two_;
  const AtBatch& three_;
  std::vector<char> trained_;
};

}  // namespace

Graph FoldKnown(const Graph& graph, const AtBatch& two, const AtBatch& three) {
  return Folder(graph, two, three).Run();
}

}  // namespace litesmith
