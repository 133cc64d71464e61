// What the unary ops have in common: kernels that are made of an op's function,
// their rows, and the facts of an OpDef. A function is a struct:
//
//   struct Square {
//     template <class T> static T Value(T x);       // what x becomes
//     static float Slope(float x, float y);         // dy/dx, of y = Value(x)
//     class Integer;  // made from a PrepareContext: what an integer becomes
//   };
//
// A function that has attributes is made from a PrepareContext itself. Without
// a gradient it has no Slope, without integers that have scales no Integer.
#ifndef LITESMITH_OPS_MAP_UNARY_H_
#define LITESMITH_OPS_MAP_UNARY_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "src/kernels/common/lookup_s16.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"

namespace litesmith::unary {

template <class F>
F Make(const PrepareContext& context) {
  if constexpr (std::is_constructible_v<F, const PrepareContext&>) {
    return F(context);
  } else {
    return F();
  }
}

// ---- Kernels --------------------------------------------------------------

// Of floats, with a gradient.
template <class F>
class Floats : public TrainKernel {
 public:
  explicit Floats(const PrepareContext& context)
      : size_(ElementsPerSample(context)), f_(Make<F>(context)) {}
  void Run(const KernelArgs& args) const override {
    const F f = f_;  // y may not lie over it
    const auto* x = args.in<float>(0);
    auto* y = args.out<float>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = f.Value(x[i]);
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    const F f = f_;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* y = static_cast<const float*>(args.outputs[0]);
    for (int64_t i = 0; i < size_ * args.batch; ++i) {
      args.input_grads[0][i] = args.output_grads[0][i] * f.Slope(x[i], y[i]);
    }
  }

 private:
  int64_t size_;  // per sample
  F f_;
};

// Of numbers as they are, without scales or a gradient.
template <class F, class T>
class Plain : public Kernel {
 public:
  explicit Plain(const PrepareContext& context)
      : size_(ElementsPerSample(context)), f_(Make<F>(context)) {}
  void Run(const KernelArgs& args) const override {
    const F f = f_;
    const auto* x = args.in<T>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = f.Value(x[i]);
  }

 private:
  int64_t size_;  // per sample
  F f_;
};

// Of integers with scales.
template <class F, class T>
class Integers : public Kernel {
 public:
  explicit Integers(const PrepareContext& context)
      : size_(ElementsPerSample(context)), f_(context) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<T>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i)
      y[i] = static_cast<T>(f_(x[i]));
  }

 private:
  int64_t size_;  // per sample
  typename F::Integer f_;
};

// A function of 8-bit integers has 256 values, which the reference arithmetic
// fills a table with.
template <class F, class T>
class Table : public Kernel {
 public:
  explicit Table(const PrepareContext& context)
      : size_(ElementsPerSample(context)) {
    const typename F::Integer f(context);
    for (int32_t x = std::numeric_limits<T>::min();
         x <= std::numeric_limits<T>::max(); ++x)
      table_[static_cast<uint8_t>(x)] = static_cast<T>(f(x));
  }
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<uint8_t>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = table_[x[i]];
  }

 private:
  int64_t size_;  // per sample
  std::array<T, 256> table_{};
};

// ---- Integers by way of real numbers --------------------------------------

// The integer in the range that is nearest to zero from `steps`; the range's
// lowest for NaN.
inline int32_t Truncated(float steps, const IntegerRange& range) {
  if (!(steps > static_cast<float>(range.lo))) return range.lo;
  return steps < static_cast<float>(range.hi) ? static_cast<int32_t>(steps)
                                              : range.hi;
}

// Integer of a function whose float32 values are rounded to the output's steps:
// each of 8 bits, those of 16 bits at 513 places with lines between
// (specs/ops.md 3, LUT8 and LUT16).
template <class F>
class Rounded {
 public:
  explicit Rounded(const PrepareContext& context)
      : f_(Make<F>(context)),
        wide_(context.input(0).dtype == DType::kInt16),
        x_{context.input(0).quant.scale[0], ZeroOf(context.input(0))},
        steps_(1.0f / context.output().quant.scale[0]),
        y_zero_(static_cast<float>(ZeroOf(context.output()))),
        range_(ActivationRange(kNone, context.output())) {
    if (!wide_) return;
    const Grid<float> y{context.output().quant.scale[0], 0};
    table_ =
        MakeLookupS16<float>(x_, y, [this](float x) { return f_.Value(x); });
  }
  int32_t operator()(int32_t x) const {
    if (wide_) return Look(table_, static_cast<int16_t>(x));
    return Truncated(std::round(f_.Value(x_(x)) * steps_) + y_zero_, range_);
  }

 private:
  F f_;
  bool wide_;
  Grid<float> x_;
  float steps_;  // of the output, in 1
  float y_zero_;
  IntegerRange range_;
  LookupS16 table_{};  // of 16 bits
};

// ---- Rows -----------------------------------------------------------------

template <class F>
inline constexpr KernelRow kTrain = {
    "F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<Floats<F>>};
template <class F>
inline constexpr KernelRow kF32 = {
    "F32Ref", Purpose::kReference, {DType::kFloat32}, MakeKernel<Floats<F>>};
template <class F>
inline constexpr KernelRow kS8Fast = {
    "S8", Purpose::kFast, {DType::kInt8}, MakeKernel<Table<F, int8_t>>};
template <class F>
inline constexpr KernelRow kU8Fast = {
    "U8", Purpose::kFast, {DType::kUInt8}, MakeKernel<Table<F, uint8_t>>};
template <class F>
inline constexpr KernelRow kS8 = {"S8Ref",
                                  Purpose::kReference,
                                  {DType::kInt8},
                                  MakeKernel<Integers<F, int8_t>>};
template <class F>
inline constexpr KernelRow kU8 = {"U8Ref",
                                  Purpose::kReference,
                                  {DType::kUInt8},
                                  MakeKernel<Integers<F, uint8_t>>};
template <class F>
inline constexpr KernelRow kS16 = {"S16Ref",
                                   Purpose::kReference,
                                   {DType::kInt16},
                                   MakeKernel<Integers<F, int16_t>>};
// Without scales.
template <class F, class T>
constexpr KernelRow PlainRow(const char* name) {
  return {
      name, Purpose::kReference, {DTypeOf<T>::value}, MakeKernel<Plain<F, T>>};
}

// By the types that TFLite has for an op.
template <class F>
inline constexpr KernelRow kFloatRows[] = {kTrain<F>, kF32<F>};
template <class F>
inline constexpr KernelRow kS8Rows[] = {kTrain<F>, kS8Fast<F>, kF32<F>, kS8<F>};
template <class F>
inline constexpr KernelRow k8BitRows[] = {kTrain<F>, kS8Fast<F>, kU8Fast<F>,
                                          kF32<F>,   kS8<F>,     kU8<F>};
template <class F>
inline constexpr KernelRow kSignedRows[] = {kTrain<F>, kS8Fast<F>, kF32<F>,
                                            kS8<F>, kS16<F>};
template <class F>
inline constexpr KernelRow kAllRows[] = {
    kTrain<F>, kS8Fast<F>, kU8Fast<F>, kF32<F>, kS8<F>, kU8<F>, kS16<F>};

// ---- The op ---------------------------------------------------------------

inline constexpr Operand kOperands[] = {{.name = "x"}};

// The output is of the input's shape and type, one that a row of the op has;
// integers have scales with a ratio that Mbqm takes.
void Infer(Graph* graph, const Node& node);
// Integers have any scales, or none.
void InferPlain(Graph* graph, const Node& node);
// Of an op whose integer outputs have one scale, kFixed.
void InferFixed(Graph* graph, const Node& node);

// 2 for 8-bit or 16-bit integers.
int VersionOfIntegers(const Graph& graph, const Node& node);

}  // namespace litesmith::unary

#endif  // LITESMITH_OPS_MAP_UNARY_H_
