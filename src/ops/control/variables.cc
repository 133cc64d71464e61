// VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE: tensors by name that last from
// call to call (specs/ops.md 11). A handle's value is a pointer into the plan's
// session.
#include <algorithm>
#include <cstring>

#include "src/base/error.h"
#include "src/ops/control/control.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void CheckHandle(const Tensor& handle) {
  const auto dims = handle.shape.dims();
  const bool one = std::all_of(dims.begin(), dims.end(),
                               [](int32_t dim) { return dim == 1; });
  if (handle.dtype == DType::kResource && one) return;
  Fail(ErrorKind::kCorrupt,
       "'{}' is {} of shape {}; the handle of a variable is wanted",
       handle.name, Name(handle.dtype), handle.shape.ToString());
}

Value* VariableOf(const KernelArgs& args) {
  Value* variable = nullptr;
  std::memcpy(&variable, args.inputs[0], sizeof(variable));
  return variable;
}

// ---- VAR_HANDLE -----------------------------------------------------------

void InferHandle(Graph* graph, const Node& node) {
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = DType::kResource;
  CheckHandle(out);
}

class VarHandle final : public Kernel {
 public:
  explicit VarHandle(const PrepareContext& context) {
    LS_CHECK(context.session != nullptr);
    const auto attrs = Get<VarHandleAttrs>(context.node);
    variable_ =
        context.session->Variable(attrs.container + "/" + attrs.shared_name);
  }
  void Run(const KernelArgs& args) const override {
    std::memcpy(args.outputs[0], &variable_, sizeof(variable_));
  }

 private:
  Value* variable_;
};

// ---- READ_VARIABLE --------------------------------------------------------

// The type and shape are those that the file says.
void InferRead(Graph* graph, const Node& node) {
  CheckHandle(graph->tensor(node.inputs[0]));
  if (graph->tensor(node.outputs[0]).dtype == DType::kResource)
    Fail(ErrorKind::kCorrupt, "a variable holds no handles");
}

class ReadVariable final : public Kernel {
 public:
  explicit ReadVariable(const PrepareContext& context)
      : bytes_(context.output().Bytes()) {}
  // Zeros before anything is assigned, as in tflite-micro.
  void Run(const KernelArgs& args) const override {
    const TensorData& data = VariableOf(args)->data;
    auto* to = args.out<std::byte>();
    const size_t there = std::min(bytes_, data.size());
    std::copy_n(data.data(), there, to);
    std::fill_n(to + there, bytes_ - there, std::byte{0});
  }

 private:
  size_t bytes_;
};

// ---- ASSIGN_VARIABLE ------------------------------------------------------

void InferAssign(Graph* graph, const Node& node) {
  CheckHandle(graph->tensor(node.inputs[0]));
}

class AssignVariable final : public Kernel {
 public:
  explicit AssignVariable(const PrepareContext& context)
      : dtype_(context.input(1).dtype),
        shape_(context.input(1).shape),
        bytes_(context.input(1).Bytes()) {}
  // Memory is made once.
  void Run(const KernelArgs& args) const override {
    Value* variable = VariableOf(args);
    variable->dtype = dtype_;
    variable->shape = shape_;
    if (variable->data.size() != bytes_) variable->data = TensorData(bytes_);
    std::copy_n(args.in<std::byte>(1), bytes_, variable->data.MutableData());
  }

 private:
  DType dtype_;
  Shape shape_;
  size_t bytes_;
};

constexpr Operand kNoOperands[] = {{.name = "none", .optional = true}};
constexpr Operand kReadOperands[] = {{.name = "handle"}};
constexpr Operand kAssignOperands[] = {{.name = "handle"}, {.name = "value"}};

constexpr KernelRow kHandleRows[] = {
    {"VarHandleRef", Purpose::kReference, {}, MakeKernel<VarHandle>}};
constexpr KernelRow kReadRows[] = {
    {"ReadVariableRef", Purpose::kReference, {}, MakeKernel<ReadVariable>}};
constexpr KernelRow kAssignRows[] = {
    {"AssignVariableRef", Purpose::kReference, {}, MakeKernel<AssignVariable>}};

}  // namespace

const OpDef kVarHandle = {
    .name = "VAR_HANDLE",
    .summary = "a variable by its name",
    .tflite = {.code = 142, .options = 111},
    .attrs = kAttrs<VarHandleAttrs>,
    .operands = kNoOperands,
    .infer = InferHandle,
    .rows = kHandleRows,
    .effects = true,
};

const OpDef kReadVariable = {
    .name = "READ_VARIABLE",
    .summary = "what a variable holds",
    .tflite = {.code = 143},
    .operands = kReadOperands,
    .infer = InferRead,
    .rows = kReadRows,
    .effects = true,
};

const OpDef kAssignVariable = {
    .name = "ASSIGN_VARIABLE",
    .summary = "makes a variable hold a tensor",
    .tflite = {.code = 144},
    .operands = kAssignOperands,
    .outputs = 0,
    .infer = InferAssign,
    .rows = kAssignRows,
    .effects = true,
};

}  // namespace litesmith
