#include "src/graph/op_def.h"

#include <string>
#include <string_view>

#include "src/base/error.h"

namespace litesmith {

void Kernel::Backward(const BackwardArgs&) const { LS_CHECK(!"no backward"); }
void Kernel::Statistics(const KernelArgs&, float*) const {
  LS_CHECK(!"no statistics");
}
void Kernel::Combine(const float*, int, void* const*) const {
  LS_CHECK(!"no statistics");
}

const AttrValue* FusedActivation(const Node& node) {
  for (size_t a = 0; a < node.op->attrs.size(); ++a) {
    if (std::string_view(node.op->attrs[a].name) == "fused_activation_function")
      return &node.attrs[a];
  }
  return nullptr;
}

AttrValue* FusedActivation(Node* node) {
  return const_cast<AttrValue*>(
      FusedActivation(static_cast<const Node&>(*node)));
}

bool HasAttr(const Node& node, size_t index,
             void (*load)(const AttrValue&, void*)) {
  return index < node.op->attrs.size() && index < node.attrs.size() &&
         node.op->attrs[index].load == load;
}

std::vector<AttrValue> DefaultAttrs(const OpDef& op) {
  std::vector<AttrValue> values(op.attrs.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].i = static_cast<int64_t>(op.attrs[i].initial);
    values[i].f = static_cast<float>(op.attrs[i].initial);
  }
  return values;
}

const KernelRow& ChooseKernel(const PrepareContext& context,
                              bool reference_only) {
  for (const KernelRow& row : context.node.op->kernels) {
    if (reference_only && !row.reference) continue;
    if (row.matches(context)) return row;
  }
  std::string types;
  for (const TensorId id : context.node.inputs) {
    if (!types.empty()) types += ", ";
    types += id == kNoTensor ? "none" : Name(context.graph.tensor(id).dtype);
  }
  types += " -> ";
  types += Name(context.output().dtype);
  Fail(ErrorKind::kUnsupported, "node '{}': no {} kernel for the types ({}){}",
       context.node.name, context.node.op->name, types,
       context.training ? " in training" : "");
}

}  // namespace litesmith
