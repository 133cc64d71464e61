// REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL: one of the values, by
// their order. Integers are compared as they are stored; a bool is a byte, and
// any that is not 0 is true.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/reduce/reduce_kernels.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

template <bool kLargest>
struct Extreme {
  template <class T>
  using Total = T;
  template <class T>
  static T Start() {
    using Limits = std::numeric_limits<T>;
    if constexpr (Limits::has_infinity) {
      return kLargest ? -Limits::infinity() : Limits::infinity();
    } else {
      return kLargest ? Limits::lowest() : Limits::max();
    }
  }
  template <class T>
  static T Join(T total, T x) {
    return (kLargest ? x > total : x < total) ? x : total;
  }
  template <class T>
  static T Finish(T total, int64_t) {
    return total;
  }
};

// The gradient goes in equal parts to all that are the extreme, as
// TensorFlow's.
template <class F>
class ExtremeF32 final : public TrainKernel {
 public:
  explicit ExtremeF32(const PrepareContext& context) : walk_(context) {
    workspace_bytes = static_cast<size_t>(walk_.outputs()) * sizeof(float);
  }
  void Run(const KernelArgs& args) const override {
    ReducePlain<F, float>::Reduce(walk_, args);
  }
  void Backward(const BackwardArgs& args) const override {
    float* dx = args.input_grads[0];
    if (dx == nullptr) return;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* y = static_cast<const float*>(args.outputs[0]);
    const float* dy = args.output_grads[0];
    auto* counts = reinterpret_cast<float*>(args.workspace);
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      std::fill_n(counts, walk_.outputs(), 0.0f);
      walk_.ForEach([&](int64_t in, int64_t out) {
        counts[out] += x[in] == y[out] ? 1.0f : 0.0f;
      });
      walk_.ForEach([&](int64_t in, int64_t out) {
        dx[in] = x[in] == y[out] ? dy[out] / counts[out] : 0.0f;
      });
      x += walk_.inputs(), dx += walk_.inputs();
      y += walk_.outputs(), dy += walk_.outputs();
    }
  }

 private:
  ReduceWalk walk_;
};

template <bool kAll>
struct Quantifier {
  template <class T>
  using Total = T;
  template <class T>
  static T Start() {
    return kAll ? 1 : 0;
  }
  template <class T>
  static T Join(T total, T x) {
    const T truth = x != 0 ? 1 : 0;
    return kAll ? total & truth : total | truth;
  }
  template <class T>
  static T Finish(T total, int64_t) {
    return total;
  }
};

// Input and output have one scale, exactly, or none.
void InferExtreme(Graph* graph, const Node& node) {
  InferReduce(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& y = graph->tensor(node.outputs[0]);
  if (x.quant.empty() && y.quant.empty()) return;
  if (x.dtype == DType::kFloat32 || x.dtype == DType::kInt32 ||
      x.dtype == DType::kInt64)
    return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(y, "output");
  if (x.quant.scale == y.quant.scale &&
      x.quant.zero_point == y.quant.zero_point)
    return;
  Fail(ErrorKind::kUnsupported,
       "'{}' has the scale {} and the zero point {}, '{}' {} and {}; the same "
       "are wanted",
       x.name, x.quant.scale[0], x.quant.zero_point[0], y.name,
       y.quant.scale[0], y.quant.zero_point[0]);
}

template <class F>
constexpr KernelRow kExtremeRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<ExtremeF32<F>>},
    PlainReduce<F, float>("F32Ref", DType::kFloat32),
    PlainReduce<F, int8_t>("S8Ref", DType::kInt8),
    PlainReduce<F, uint8_t>("U8Ref", DType::kUInt8),
    PlainReduce<F, int16_t>("S16Ref", DType::kInt16),
    PlainReduce<F, int32_t>("I32Ref", DType::kInt32),
    PlainReduce<F, int64_t>("I64Ref", DType::kInt64),
};

template <class F>
constexpr KernelRow kQuantifierRows[] = {
    PlainReduce<F, uint8_t>("BoolRef", DType::kBool),
};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

template <bool kLargest>
OpDef ExtremeOp(const char* name, const char* summary, int code) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = 27, .version = Version},
          .attrs = kAttrs<ReduceAttrs>,
          .operands = kReduceOperands,
          .infer = InferExtreme,
          .rows = kExtremeRows<Extreme<kLargest>>,
          .quant = {.output = QuantRule::kLikeInput}};
}

template <bool kAll>
OpDef QuantifierOp(const char* name, const char* summary, int code) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = 27},
          .attrs = kAttrs<ReduceAttrs>,
          .operands = kReduceOperands,
          .infer = InferReduce,
          .rows = kQuantifierRows<Quantifier<kAll>>};
}

}  // namespace

const OpDef kReduceMax =
    ExtremeOp<true>("REDUCE_MAX", "largest value along axes", 82);
const OpDef kReduceMin =
    ExtremeOp<false>("REDUCE_MIN", "smallest value along axes", 89);
const OpDef kReduceAny =
    QuantifierOp<false>("REDUCE_ANY", "whether any is true along axes", 91);
const OpDef kReduceAll =
    QuantifierOp<true>("REDUCE_ALL", "whether all are true along axes", 140);

}  // namespace litesmith
