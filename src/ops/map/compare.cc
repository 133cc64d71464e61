// The comparisons, and the ops of bools. A bool is a byte, and any that is not
// 0 is true: files may hold others than 1.
#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/map/binary_kernels.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- The functions --------------------------------------------------------

struct Equal {
  template <class T>
  static bool Value(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  static bool Value(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <class T>
  static bool Value(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  static bool Value(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static bool Value(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  static bool Value(T a, T b) {
    return a >= b;
  }
};
struct And {
  static bool Value(bool a, bool b) { return a && b; }
};
struct Or {
  static bool Value(bool a, bool b) { return a || b; }
};

// F of the truth of two bytes.
template <class F>
struct OfBools {
  static bool Value(uint8_t a, uint8_t b) { return F::Value(a != 0, b != 0); }
};

// ---- Kernels --------------------------------------------------------------

// What a stored integer is worth, with eight bits of fraction.
class Worth {
 public:
  Worth(const Tensor& tensor, const Tensor& out)
      : zero_(ZeroOf(tensor)),
        multiplier_(RatioOfScales(static_cast<double>(tensor.quant.scale[0]),
                                  tensor, out)) {}
  int32_t operator()(int32_t x) const {
    return Mbqm((x - zero_) * 256, multiplier_);
  }

 private:
  int32_t zero_;
  FixedMultiplier multiplier_;
};

// Integers with scales; follows specs/ops.md 5.6.
template <class F, class T>
class CompareScaled : public Kernel {
 public:
  explicit CompareScaled(const PrepareContext& context)
      : walk_(context),
        a_(context.input(0), context.output()),
        b_(context.input(1), context.output()) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(walk_.plan(), walk_.first(args.batch), args.in<T>(0),
                    args.in<T>(1), args.out<uint8_t>(), [this](T a, T b) {
                      return static_cast<uint8_t>(F::Value(a_(a), b_(b)));
                    });
  }

 private:
  BinaryWalk walk_;
  Worth a_, b_;
};

class LogicalNot : public Kernel {
 public:
  explicit LogicalNot(const PrepareContext& context)
      : size_(ElementsPerSample(context)) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<uint8_t>(0);
    auto* y = args.out<uint8_t>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = x[i] == 0 ? 1 : 0;
  }

 private:
  int64_t size_;  // per sample
};

// ---- The ops --------------------------------------------------------------

bool IsNarrow(const Tensor& x) {
  return x.dtype == DType::kInt8 || x.dtype == DType::kUInt8;
}

// 8-bit integers have scales, and 16-bit ones may.
void Infer(Graph* graph, const Node& node) {
  InferComparison(graph, node);
  const Tensor& a = graph->tensor(node.inputs[0]);
  const Tensor& b = graph->tensor(node.inputs[1]);
  if (!IsNarrow(a) && (a.dtype != DType::kInt16 || a.quant.empty())) return;
  for (const Tensor* x : {&a, &b}) {
    CheckPerTensorQuant(*x, "input");
    // Else 2^16 steps of it with eight bits of fraction leave 32 bits.
    if (x->quant.scale[0] < 64) continue;
    Fail(ErrorKind::kUnsupported,
         "'{}' has the scale {}; integers are compared by scales below 64",
         x->name, x->quant.scale[0]);
  }
}

template <class F, class T>
constexpr KernelRow Plain(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<BinaryToBool<F, T>>};
}
template <class F, class T>
constexpr KernelRow Scaled(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<CompareScaled<F, T>>};
}

// LiteRT's order of 16-bit integers is that of the stored ones, whatever their
// scales.
template <class F>
constexpr KernelRow kOrderRows[] = {
    Plain<F, float>("F32Ref", DType::kFloat32),
    Scaled<F, int8_t>("S8Ref", DType::kInt8),
    Scaled<F, uint8_t>("U8Ref", DType::kUInt8),
    Plain<F, int16_t>("I16Ref", DType::kInt16),
    Plain<F, int32_t>("I32Ref", DType::kInt32),
    Plain<F, int64_t>("I64Ref", DType::kInt64),
};

template <class F>
constexpr KernelRow kEqualityRows[] = {
    Plain<F, float>("F32Ref", DType::kFloat32),
    Scaled<F, int8_t>("S8Ref", DType::kInt8),
    Scaled<F, uint8_t>("U8Ref", DType::kUInt8),
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<CompareScaled<F, int16_t>>,
     HasScales},
    Plain<F, int16_t>("I16Ref", DType::kInt16),
    Plain<F, int32_t>("I32Ref", DType::kInt32),
    Plain<F, int64_t>("I64Ref", DType::kInt64),
    Plain<OfBools<F>, uint8_t>("BoolRef", DType::kBool),
};

template <class F>
constexpr KernelRow kLogicalRows[] = {
    Plain<OfBools<F>, uint8_t>("BoolRef", DType::kBool),
};

constexpr KernelRow kLogicalNotRows[] = {
    {"BoolRef", Purpose::kReference, {DType::kBool}, MakeKernel<LogicalNot>},
};

void InferNot(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input", {DType::kBool});
  out.dtype = DType::kBool;
  out.shape = x.shape;
}

template <int k16>
int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? k16 : dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kNotOperands[] = {{.name = "x"}};

// `k16` is the version of 16-bit integers.
template <class F, int k16>
OpDef Comparison(const char* name, const char* summary, int code, int options,
                 std::span<const KernelRow> rows) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = options, .version = Version<k16>},
          .operands = kBinaryOperands,
          .infer = Infer,
          .rows = rows};
}

template <class F>
OpDef Logical(const char* name, const char* summary, int code, int options) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = options},
          .operands = kBinaryOperands,
          .infer = InferComparison,
          .rows = kLogicalRows<F>};
}

}  // namespace

const OpDef kEqual = Comparison<Equal, 5>("EQUAL", "whether a is b", 71, 53,
                                          kEqualityRows<Equal>);
const OpDef kNotEqual = Comparison<NotEqual, 4>(
    "NOT_EQUAL", "whether a is not b", 72, 54, kEqualityRows<NotEqual>);
const OpDef kLess = Comparison<Less, 3>("LESS", "whether a is less than b", 58,
                                        41, kOrderRows<Less>);
const OpDef kLessEqual = Comparison<LessEqual, 1>(
    "LESS_EQUAL", "whether a is at most b", 63, 46, kOrderRows<LessEqual>);
const OpDef kGreater = Comparison<Greater, 1>(
    "GREATER", "whether a is greater than b", 61, 44, kOrderRows<Greater>);
const OpDef kGreaterEqual =
    Comparison<GreaterEqual, 3>("GREATER_EQUAL", "whether a is at least b", 62,
                                45, kOrderRows<GreaterEqual>);

const OpDef kLogicalAnd =
    Logical<And>("LOGICAL_AND", "whether a and b are true", 86, 62);
const OpDef kLogicalOr =
    Logical<Or>("LOGICAL_OR", "whether a or b is true", 84, 60);
const OpDef kLogicalNot = {
    .name = "LOGICAL_NOT",
    .summary = "whether x is false",
    .tflite = {.code = 87, .options = 63},
    .operands = kNotOperands,
    .infer = InferNot,
    .rows = kLogicalNotRows,
};

}  // namespace litesmith
