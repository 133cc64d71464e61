// SELECT and SELECT_V2: x where a condition holds, y elsewhere.
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/gradients.h"
#include "src/ops/map/binary_kernels.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// SELECT's condition may be one bool for all, or one for each row.
bool IsPerRow(const Tensor& condition, const Tensor& x) {
  return condition.shape.rank() == 1 && x.shape.rank() > 1;
}

// Copies elements of so many bytes as T has, first those of x, then those of y.
// The gradient is of floats.
template <class T>
class Select : public TrainKernel {
 public:
  explicit Select(const PrepareContext& context)
      : x_(PlanOf(context, 1)),
        y_(PlanOf(context, 2)),
        first_(PerSample(context, x_.size[0])),
        x_size_(context, 1),
        y_size_(context, 2) {}
  void Run(const KernelArgs& args) const override {
    Copy<true>(x_, args, args.in<T>(1));
    Copy<false>(y_, args, args.in<T>(2));
  }
  void Backward(const BackwardArgs& args) const override {
    Gradient<true>(x_, x_size_, args, args.input_grads[1]);
    Gradient<false>(y_, y_size_, args, args.input_grads[2]);
  }

 private:
  // Of the condition with input `from`.
  static kernels::BroadcastPlan PlanOf(const PrepareContext& context,
                                       size_t from) {
    std::vector<int32_t> condition = context.input(0).shape.ToVector();
    const Shape& out = context.output().shape;
    if (context.node.op == &kSelect &&
        IsPerRow(context.input(0), context.input(1)))
      condition.resize(static_cast<size_t>(out.rank()), 1);
    return kernels::PlanBroadcast(condition, context.input(from).shape.dims(),
                                  out.dims());
  }

  template <bool kWhere>
  void Copy(const kernels::BroadcastPlan& plan, const KernelArgs& args,
            const T* from) const {
    const auto* condition = args.in<uint8_t>(0);
    T* const to = args.out<T>();
    kernels::ForEachRun(plan, first_ * args.batch,
                        [&](int64_t at_condition, int64_t at, int64_t out,
                            int64_t n, int64_t step_condition, int64_t step) {
                          for (int64_t i = 0; i < n; ++i) {
                            const bool holds =
                                condition[at_condition + i * step_condition] !=
                                0;
                            if (holds == kWhere)
                              to[out + i] = from[at + i * step];
                          }
                        });
  }

  // Of what was chosen, summed over what it was repeated for.
  template <bool kWhere>
  void Gradient(const kernels::BroadcastPlan& plan, const GradientSize& size,
                const BackwardArgs& args, float* to) const {
    if (to == nullptr) return;
    size.Zero(args.batch, to);
    const auto* condition = static_cast<const uint8_t*>(args.inputs[0]);
    const float* dy = args.output_grads[0];
    kernels::ForEachRun(
        plan, first_ * args.batch,
        [&](int64_t at_condition, int64_t at, int64_t out, int64_t n,
            int64_t step_condition, int64_t step) {
          for (int64_t i = 0; i < n; ++i) {
            const bool holds =
                condition[at_condition + i * step_condition] != 0;
            to[at + i * step] += holds == kWhere ? dy[out + i] : 0.0f;
          }
        });
  }

  kernels::BroadcastPlan x_, y_;
  int64_t first_;  // of the first dimension, per sample
  GradientSize x_size_, y_size_;
};

bool IsOne(const Tensor& tensor) {
  return tensor.shape.IsStatic() && tensor.shape.NumElements() == 1;
}

Shape SelectShape(const Tensor& condition, const Tensor& x, const Tensor& y) {
  const bool fits =
      condition.shape == x.shape || condition.shape.rank() == 0 ||
      (IsPerRow(condition, x) && condition.shape[0] == x.shape[0]);
  if (x.shape == y.shape && fits) return x.shape;
  Fail(ErrorKind::kCorrupt,
       "the condition '{}' has shape {}, x '{}' {} and y '{}' {}; all alike "
       "are wanted, or one condition for all or for each row",
       condition.name, condition.shape.ToString(), x.name, x.shape.ToString(),
       y.name, y.shape.ToString());
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& condition = graph->tensor(node.inputs[0]);
  const Tensor& x = graph->tensor(node.inputs[1]);
  const Tensor& y = graph->tensor(node.inputs[2]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(condition, "condition", {DType::kBool});
  CheckDType(x, "x",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64, DType::kBool});
  CheckDType(y, "y", {x.dtype});
  out.dtype = x.dtype;
  // Scalars of other ranks: the file says which the result has.
  if (IsOne(condition) && IsOne(x) && IsOne(y) && IsOne(out)) return;
  if (node.op == &kSelect) {
    out.shape = SelectShape(condition, x, y);
    return;
  }
  Tensor both;
  both.name = x.name;
  both.shape = BroadcastShape(x, y);
  out.shape = BroadcastShape(condition, both);
}

constexpr KernelRow kSelectRows[] = {
    {"F32Train",
     Purpose::kTrain,
     {kAnyType, kAnyType, DType::kFloat32},
     MakeKernel<Select<uint32_t>>},
    {"F32Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kFloat32},
     MakeKernel<Select<uint32_t>>},
    {"S8Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kInt8},
     MakeKernel<Select<uint8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kUInt8},
     MakeKernel<Select<uint8_t>>},
    {"S16Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kInt16},
     MakeKernel<Select<uint16_t>>},
    {"I32Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kInt32},
     MakeKernel<Select<uint32_t>>},
    {"I64Ref",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kInt64},
     MakeKernel<Select<uint64_t>>},
    {"BoolRef",
     Purpose::kReference,
     {kAnyType, kAnyType, DType::kBool},
     MakeKernel<Select<uint8_t>>},
};

constexpr Operand kOperands[] = {
    {.name = "condition"}, {.name = "x"}, {.name = "y"}};

// By the condition's type SELECT never has version 2, though a converter's
// table asks for it.
int SelectVersion(const Graph& graph, const Node& node) {
  for (const TensorId id : node.inputs) {
    if (graph.tensor(id).shape.rank() == 5) return 3;
  }
  return 1;
}

}  // namespace

const OpDef kSelect = {
    .name = "SELECT",
    .summary =
        "x where a condition holds, else y; one condition for each "
        "element, row or all",
    .tflite = {.code = 64, .options = 47, .version = SelectVersion},
    .operands = kOperands,
    .infer = Infer,
    .rows = kSelectRows,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

const OpDef kSelectV2 = {
    .name = "SELECT_V2",
    .summary = "x where a condition holds, else y; all three broadcast",
    .tflite = {.code = 123, .options = 98},
    .operands = kOperands,
    .infer = Infer,
    .rows = kSelectRows,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

}  // namespace litesmith
