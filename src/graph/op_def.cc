// OpDef's look-ups and the choice of a kernel row.
#include "src/graph/op_def.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "src/base/check.h"
#include "src/base/error.h"

namespace litesmith {

void TrainKernel::ForwardPartial(const KernelArgs&, double*) const {
  LS_CHECK(!"no statistics");
}
void TrainKernel::BackwardPartial(const BackwardArgs&, double*) const {
  LS_CHECK(!"no statistics");
}
void TrainKernel::Combine(Phase, std::span<const double>, void* const*,
                          std::byte*) const {
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

int OpDef::MinInputs() const {
  size_t count = operands.size();
  while (count > 0 && operands[count - 1].optional) --count;
  return static_cast<int>(count);
}

int OpDef::MaxInputs() const {
  constexpr int kMostInputs = 1024;
  return variadic ? kMostInputs : static_cast<int>(operands.size());
}

int OpDef::Find(Role role) const {
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].role == role) return static_cast<int>(i);
  }
  return -1;
}

bool OpDef::differentiable() const {
  return std::any_of(rows.begin(), rows.end(), [](const KernelRow& row) {
    return row.purpose == Purpose::kTrain;
  });
}

std::vector<size_t> TrainedInputs(const Node& node) {
  std::vector<size_t> result;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoTensor) continue;
    const Role role = node.op->OperandOf(i).role;
    if (role == Role::kWeight || role == Role::kBias ||
        role == Role::kParameter)
      result.push_back(i);
  }
  return result;
}

bool Fits(const KernelRow& row, const PrepareContext& context) {
  const auto is = [](DType wanted, DType dtype) {
    return wanted == kAnyType || wanted == dtype;
  };
  // The first weight that is there: gates have theirs, and one may be missing.
  const Tensor* weight = nullptr;
  for (size_t i = 0; i < context.node.inputs.size() && weight == nullptr; ++i) {
    if (context.node.op->OperandOf(i).role == Role::kWeight &&
        context.has_input(i))
      weight = &context.input(i);
  }
  return (context.node.inputs.empty() ||
          is(row.types.input, context.input(0).dtype)) &&
         (context.node.outputs.empty() ||
          is(row.types.output, context.output().dtype)) &&
         (weight == nullptr || is(row.types.weight, weight->dtype)) &&
         (row.fits == nullptr || row.fits(context));
}

const KernelRow& ChooseKernel(const PrepareContext& context, Purpose purpose) {
  const auto rows = context.node.op->rows;
  for (const Purpose wanted : {purpose, Purpose::kReference}) {
    for (const KernelRow& row : rows) {
      if (row.purpose == wanted && Fits(row, context)) return row;
    }
    if (purpose == Purpose::kTrain) break;
  }
  std::string types;
  for (const TensorId id : context.node.inputs) {
    if (!types.empty()) types += ", ";
    types += id == kNoTensor ? "none" : Name(context.graph.tensor(id).dtype);
  }
  types += " -> ";
  types +=
      context.node.outputs.empty() ? "nothing" : Name(context.output().dtype);
  Fail(ErrorKind::kUnsupported, "node '{}': no {} kernel for the types ({}){}",
       context.node.name, context.node.op->name, types,
       purpose == Purpose::kTrain ? " in training" : "");
}

std::unique_ptr<TrainKernel> ForTraining(KernelPtr kernel) {
  auto* const training = dynamic_cast<TrainKernel*>(kernel.get());
  LS_CHECK(training != nullptr);
  kernel.release();
  return std::unique_ptr<TrainKernel>(training);
}

std::unique_ptr<TrainKernel> PrepareTraining(const PrepareContext& context) {
  return ForTraining(ChooseKernel(context, Purpose::kTrain).prepare(context));
}

}  // namespace litesmith
