// ARG_MAX and ARG_MIN: where along an axis the largest or smallest value is,
// the first of equal ones. Follows specs/ops.md 6.4.
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

int AxisOfNode(const Graph& graph, const Node& node) {
  return AxisOf(graph.tensor(node.inputs[0]),
                ConstantIndex(graph.tensor(node.inputs[1]), "axis"));
}

// Whether x comes before the best so far. NaN never does, and gives way.
template <bool kLargest, class T>
bool Beats(T x, T best) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(best)) return !std::isnan(x);
  }
  return kLargest ? x > best : x < best;
}

template <bool kLargest, class T>
class ArgExtreme : public Kernel {
 public:
  explicit ArgExtreme(const PrepareContext& context)
      : wide_(context.output().dtype == DType::kInt64) {
    const Shape& x = context.input(0).shape;
    const int axis = AxisOfNode(context.graph, context.node);
    int64_t outer = 1;
    for (int d = 0; d < axis; ++d) outer *= x[d];
    for (int d = axis + 1; d < x.rank(); ++d) inner_ *= x[d];
    count_ = x[axis];
    outer_ = PerSample(context, outer);
  }
  void Run(const KernelArgs& args) const override {
    if (wide_) {
      Find<int64_t>(args);
    } else {
      Find<int32_t>(args);
    }
  }

 private:
  template <class Index>
  void Find(const KernelArgs& args) const {
    const T* x = args.in<T>(0);
    auto* y = args.out<Index>();
    for (int64_t o = 0; o < outer_ * args.batch; ++o) {
      for (int64_t i = 0; i < inner_; ++i, ++y) {
        int64_t best = 0;
        for (int64_t k = 1; k < count_; ++k) {
          if (Beats<kLargest>(x[k * inner_ + i], x[best * inner_ + i]))
            best = k;
        }
        *y = static_cast<Index>(best);
      }
      x += count_ * inner_;
    }
  }

  bool wide_;
  int64_t outer_;  // per sample
  int64_t count_;
  int64_t inner_ = 1;
};

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const DType type = node.Get<&ArgAttrs::output_type>();
  if (type != DType::kInt32 && type != DType::kInt64) {
    Fail(ErrorKind::kUnsupported,
         "output_type is {}; 2 (int32) or 4 (int64) is wanted",
         static_cast<int>(type));
  }
  CheckKernelDType(x, "input", *node.op);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = type;
  if (!AreKnown(*graph, node)) return;
  const int axis = AxisOfNode(*graph, node);
  if (x.shape[axis] == 0) {
    Fail(ErrorKind::kCorrupt,
         "dimension {} of '{}' is 0: nothing is the largest or smallest there",
         axis, x.name);
  }
  std::vector<int32_t> dims = x.shape.ToVector();
  dims.erase(dims.begin() + axis);
  out.shape = Shape(dims);
}

template <bool kLargest, class T>
constexpr KernelRow Row(const char* name, DType dtype) {
  return {
      name, Purpose::kReference, {dtype}, MakeKernel<ArgExtreme<kLargest, T>>};
}

template <bool kLargest>
constexpr KernelRow kRows[] = {
    Row<kLargest, float>("F32Ref", DType::kFloat32),
    Row<kLargest, int8_t>("S8Ref", DType::kInt8),
    Row<kLargest, uint8_t>("U8Ref", DType::kUInt8),
    Row<kLargest, int32_t>("I32Ref", DType::kInt32),
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "axis", .role = Role::kShape},
};

int Version(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt8 ? 2 : 1;
}

// Integers' scales do not matter: the quantizer leaves the output alone.
template <bool kLargest>
OpDef ArgOp(const char* name, const char* summary, int code, int options) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = options, .version = Version},
          .attrs = kAttrs<ArgAttrs>,
          .operands = kOperands,
          .infer = Infer,
          .rows = kRows<kLargest>,
          .quant = {.output = QuantRule::kOwn}};
}

}  // namespace

const OpDef kArgMax =
    ArgOp<true>("ARG_MAX", "where the largest value is along an axis", 56, 40);
const OpDef kArgMin = ArgOp<false>(
    "ARG_MIN", "where the smallest value is along an axis", 79, 57);

}  // namespace litesmith
