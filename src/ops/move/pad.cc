// PAD: real zeros around a tensor, in integers its zero point. Follows
// specs/ops.md 8.1.
#include "src/kernels/move/pad.h"

#include <limits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr int kMaxRank = 5;  // of every runtime's kernel

// [rank, 2]: how many before and behind.
std::vector<int64_t> Paddings(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& paddings = graph.tensor(node.inputs[1]);
  if (paddings.shape != Shape{x.shape.rank(), 2}) {
    Fail(ErrorKind::kCorrupt,
         "the paddings '{}' have shape {}; [{},2] is wanted for '{}'",
         paddings.name, paddings.shape.ToString(), x.shape.rank(), x.name);
  }
  std::vector<int64_t> values = ConstantIndices(paddings, "paddings");
  for (const int64_t value : values) {
    if (value >= 0) continue;
    Fail(ErrorKind::kCorrupt, "the paddings '{}' have {}; 0 or more is wanted",
         paddings.name, value);
  }
  return values;
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64, DType::kBool});
  if (x.shape.rank() < 1 || x.shape.rank() > kMaxRank) {
    Fail(ErrorKind::kUnsupported,
         "the input '{}' has shape {}; ranks 1 to {} are supported", x.name,
         x.shape.ToString(), kMaxRank);
  }
  const std::vector<int64_t> paddings = Paddings(*graph, node);
  Shape shape = x.shape;
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t before = paddings[static_cast<size_t>(2 * d)];
    const int64_t after = paddings[static_cast<size_t>(2 * d + 1)];
    if (before == 0 && after == 0) continue;
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    if (shape[d] == kDynamic) {
      Fail(ErrorKind::kUnsupported,
           "'{}' would be padded along its open batch: it mixes samples",
           x.name);
    }
    if (before > kMost || after > kMost || shape[d] + before + after > kMost) {
      Fail(ErrorKind::kCorrupt,
           "paddings of {} and {} make dimension {} of '{}' larger than 2^31-1",
           before, after, d, x.name);
    }
    shape[d] = static_cast<int32_t>(shape[d] + before + after);
  }
  out.dtype = x.dtype;
  out.shape = shape;
  if (x.dtype == DType::kInt8 || x.dtype == DType::kUInt8 ||
      x.dtype == DType::kInt16) {
    if (!out.quant.empty()) CheckPerTensorQuant(out, "output");
  }
}

// Innermost dimensions without padding are part of the one outside of them.
kernels::PadPlan PlanPad(const Shape& x, const std::vector<int64_t>& paddings) {
  kernels::PadPlan plan;
  int64_t run = 1;   // elements without padding that are next to each other
  int64_t step = 1;  // of the output
  for (int d = x.rank() - 1; d >= 0; --d) {
    const int64_t before = paddings[static_cast<size_t>(2 * d)];
    const int64_t after = paddings[static_cast<size_t>(2 * d + 1)];
    if (d > 0 && plan.empty() && before == 0 && after == 0) {
      run *= x[d];
    } else if (plan.empty()) {
      plan = {{x[d] * run, before * run, after * run, 1}};
    } else {
      plan.insert(plan.begin(), {x[d], before, after, step});
    }
    step *= x[d] + before + after;
  }
  return plan;
}

template <typename T>
class Pad final : public TrainKernel {
 public:
  explicit Pad(const PrepareContext& context)
      : plan_(PlanPad(context.input(0).shape,
                      Paddings(context.graph, context.node))),
        batched_(context.facts.IsBatched(context.node)),
        first_(plan_[0].in) {
    if (batched_) first_ = PerSample(context, first_);
    const Tensor& out = context.output();
    const bool has_zero = out.dtype == DType::kInt8 ||
                          out.dtype == DType::kUInt8 ||
                          out.dtype == DType::kInt16;
    if (has_zero && !out.quant.empty())
      value_ = static_cast<T>(out.quant.zero_point[0]);
  }
  void Run(const KernelArgs& args) const override {
    const T* x = args.in<T>(0);
    T* y = args.out<T>();
    kernels::Pad(plan_, 0, First(args.batch), value_, &x, &y);
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    const float* dy = args.output_grads[0];
    float* dx = args.input_grads[0];
    kernels::Crop(plan_, 0, First(args.batch), &dy, &dx);
  }

 private:
  int64_t First(int batch) const { return batched_ ? first_ * batch : first_; }

  kernels::PadPlan plan_;
  bool batched_;
  int64_t first_;  // of the plan's first dimension, per sample if it is batched
  T value_ = 0;
};

// Bytes move alike whatever they mean.
KernelPtr PrepareAny(const PrepareContext& context) {
  switch (SizeOf(context.input(0).dtype)) {
    case 1:
      return MakeKernel<Pad<uint8_t>>(context);
    case 2:
      return MakeKernel<Pad<uint16_t>>(context);
    case 4:
      return MakeKernel<Pad<uint32_t>>(context);
    default:
      return MakeKernel<Pad<uint64_t>>(context);
  }
}

int Version(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.dtype == DType::kBool) return 5;
  if (x.shape.rank() > 4) return 4;
  return x.dtype == DType::kInt16 ? 3 : x.dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "paddings", .role = Role::kShape},
};

constexpr KernelRow kRows[] = {
    {"PadF32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<Pad<float>>},
    {"PadRef", Purpose::kReference, {}, PrepareAny},
};

}  // namespace

const OpDef kPad = {
    .name = "PAD",
    .summary = "zeros around a tensor",
    .tflite = {.code = 34, .options = 22, .version = Version},
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
