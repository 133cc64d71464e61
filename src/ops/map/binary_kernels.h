// What makes an op of a struct that says what two elements become: the kernels,
// and the rows of them that ops put together. Shapes are broadcast as in numpy
// (specs/ops.md 3).
//
//   struct Difference {
//     template <class T> static T Value(T a, T b);  // of numbers as they are
//     static float SlopeA(float a, float b);        // if it can be trained
//     static float SlopeB(float a, float b);
//     class Integer;  // of integers with scales: made from the context, called
//   };                // with two stored values, gives the result to be clamped
//
// For speed, a struct that vectors know has kOnVectors, which of the functions
// of kernels/map/float_binary.h it is, and its Integer has Fill, which writes
// its multipliers (kernels/map/scaled_binary.h) and says whether they are all.
#ifndef LITESMITH_OPS_MAP_BINARY_KERNELS_H_
#define LITESMITH_OPS_MAP_BINARY_KERNELS_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "src/graph/op_def.h"
#include "src/kernels/map/broadcast.h"
#include "src/kernels/map/float_binary.h"
#include "src/kernels/map/scaled_binary.h"
#include "src/ops/gradients.h"
#include "src/ops/layer/layer.h"

namespace litesmith {

// ---- What the ops share ---------------------------------------------------

inline constexpr Operand kBinaryOperands[] = {{.name = "a"}, {.name = "b"}};

// The shape that two broadcast to. Throws Error.
Shape BroadcastShape(const Tensor& a, const Tensor& b);

// Both inputs and the output of one type, which a kernel row of the op has;
// integers of 8 and 16 bits with scales or without, as they come.
void InferBinary(Graph* graph, const Node& node);
// The same, but 8-bit integers have scales, and 16-bit ones all or none.
void InferScaledBinary(Graph* graph, const Node& node);
// Inputs of one type; the output is bool.
void InferComparison(Graph* graph, const Node& node);

// Whether two inputs are broadcast and one has more than four dimensions, which
// some ops have a version of their own for.
bool BroadcastsBeyondFour(const Graph& graph, const Node& node);

// Of input 0.
bool HasScales(const PrepareContext& context);

// Signed integers wrap in all of these.
template <class T>
T WrappingAdd(T a, T b) {
  using Unsigned = std::make_unsigned_t<T>;
  return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
}
template <class T>
T WrappingSubtract(T a, T b) {
  using Unsigned = std::make_unsigned_t<T>;
  return static_cast<T>(static_cast<Unsigned>(a) - static_cast<Unsigned>(b));
}
template <class T>
T WrappingMultiply(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

// ---- Kernels --------------------------------------------------------------

// The node's fused activation; kNone where its op has none.
inline int64_t ActivationOf(const Node& node) {
  const AttrValue* fused = FusedActivation(node);
  return fused == nullptr ? int64_t{kNone} : fused->i;
}

// How a node walks through its arrays.
class BinaryWalk {
 public:
  explicit BinaryWalk(const PrepareContext& context, size_t a = 0, size_t b = 1)
      : plan_(kernels::PlanBroadcast(context.input(a).shape.dims(),
                                     context.input(b).shape.dims(),
                                     context.output().shape.dims())),
        first_(PerSample(context, plan_.size[0])) {}
  const kernels::BroadcastPlan& plan() const { return plan_; }
  int64_t first(int batch) const { return first_ * batch; }

  // body(a, step_a, b, step_b, n, y) for each run of n outputs.
  template <class T, typename Body>
  void Runs(const KernelArgs& args, const Body& body) const {
    const auto* a = args.in<T>(0);
    const auto* b = args.in<T>(1);
    auto* y = args.out<T>();
    kernels::ForEachRun(plan_, first(args.batch),
                        [&](int64_t at_a, int64_t at_b, int64_t out, int64_t n,
                            int64_t step_a, int64_t step_b) {
                          body(a + at_a, step_a, b + at_b, step_b, n, y + out);
                        });
  }

 private:
  kernels::BroadcastPlan plan_;
  int64_t first_;  // of the first dimension, per sample
};

// Numbers as they are, without scales.
template <class F, class T>
class BinaryPlain : public Kernel {
 public:
  explicit BinaryPlain(const PrepareContext& context) : walk_(context) {
    const kernels::FloatRange range =
        ActivationRange(ActivationOf(context.node));
    if (range.IsNone()) return;
    low_ = static_cast<T>(range.low);
    if (range.high < kernels::FloatRange().high)
      high_ = static_cast<T>(range.high);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Binary(walk_.plan(), walk_.first(args.batch), args.in<T>(0),
                    args.in<T>(1), args.out<T>(), [this](T a, T b) {
                      return std::min(std::max(F::Value(a, b), low_), high_);
                    });
  }

 private:
  BinaryWalk walk_;
  T low_ = std::numeric_limits<T>::lowest();
  T high_ = std::numeric_limits<T>::max();
};

// Numbers as they are, to bools of one byte; bools are such bytes, too.
template <class F, class T>
class BinaryToBool : public Kernel {
 public:
  explicit BinaryToBool(const PrepareContext& context) : walk_(context) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(walk_.plan(), walk_.first(args.batch), args.in<T>(0),
                    args.in<T>(1), args.out<uint8_t>(), [](T a, T b) {
                      return static_cast<uint8_t>(F::Value(a, b));
                    });
  }

 private:
  BinaryWalk walk_;
};

template <class F>
class BinaryF32 : public TrainKernel {
 public:
  explicit BinaryF32(const PrepareContext& context)
      : walk_(context),
        range_(ActivationRange(ActivationOf(context.node))),
        a_(context, 0),
        b_(context, 1),
        as_output_(IsAsOutput(context, 0) && IsAsOutput(context, 1)) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(
        walk_.plan(), walk_.first(args.batch), args.in<float>(0),
        args.in<float>(1), args.out<float>(), [this](float a, float b) {
          return std::min(std::max(F::Value(a, b), range_.low), range_.high);
        });
  }
  void Backward(const BackwardArgs& args) const override {
    if (range_.IsNone()) return Gradients<false>(args);
    Gradients<true>(args);
  }

 private:
  // Not repeated.
  static bool IsAsOutput(const PrepareContext& context, size_t input) {
    return context.input(input).shape.NumElements() ==
           context.output().shape.NumElements();
  }

  template <bool kRange>
  void Gradients(const BackwardArgs& args) const {
    if (as_output_) return WriteGradients<kRange>(args);
    AddGradients<0, kRange>(args, a_);
    AddGradients<1, kRange>(args, b_);
  }

  // What output `out` gives to an input.
  template <size_t kInput, bool kRange>
  auto TermOf(const BackwardArgs& args) const {
    const auto* a = static_cast<const float*>(args.inputs[0]);
    const auto* b = static_cast<const float*>(args.inputs[1]);
    const auto* y = static_cast<const float*>(args.outputs[0]);
    const float* dy = args.output_grads[0];
    const float low = range_.low;
    const float high = range_.high;
    return [=](int64_t in_a, int64_t in_b, int64_t out) {
      const float slope = kInput == 0 ? F::SlopeA(a[in_a], b[in_b])
                                      : F::SlopeB(a[in_a], b[in_b]);
      const float gradient = dy[out] * slope;
      if (!kRange) return gradient;
      // Without a branch: vectors choose.
      return static_cast<int>(y[out] > low) & static_cast<int>(y[out] < high)
                 ? gradient
                 : 0.0f;
    };
  }

  // Both of a stretch that stays in the cache.
  template <bool kRange>
  void WriteGradients(const BackwardArgs& args) const {
    constexpr int64_t kStretch = 1024;
    const int64_t all = a_(args.batch);
    for (int64_t first = 0; first < all; first += kStretch) {
      const int64_t end = std::min(all, first + kStretch);
      WriteSome<0, kRange>(args, first, end);
      WriteSome<1, kRange>(args, first, end);
    }
  }
  template <size_t kInput, bool kRange>
  void WriteSome(const BackwardArgs& args, int64_t first, int64_t end) const {
    float* const to = args.input_grads[kInput];
    if (to == nullptr) return;
    const auto term = TermOf<kInput, kRange>(args);
    for (int64_t i = first; i < end; ++i) to[i] = term(i, i, i);
  }

  // Sums over what the input was repeated for, in the output's order.
  template <size_t kInput, bool kRange>
  void AddGradients(const BackwardArgs& args, const GradientSize& size) const {
    float* const to = args.input_grads[kInput];
    if (to == nullptr) return;
    size.Zero(args.batch, to);
    const auto term = TermOf<kInput, kRange>(args);
    kernels::ForEachRun(
        walk_.plan(), walk_.first(args.batch),
        [&](int64_t at_a, int64_t at_b, int64_t out, int64_t n, int64_t step_a,
            int64_t step_b) {
          float* const sums = to + (kInput == 0 ? at_a : at_b);
          if (step_a == 1 && step_b == 1) {  // what a compiler makes vectors of
            for (int64_t i = 0; i < n; ++i)
              sums[i] += term(at_a + i, at_b + i, out + i);
            return;
          }
          const int64_t step = kInput == 0 ? step_a : step_b;
          for (int64_t i = 0; i < n; ++i)
            sums[i * step] +=
                term(at_a + i * step_a, at_b + i * step_b, out + i);
        });
  }

  BinaryWalk walk_;
  kernels::FloatRange range_;
  GradientSize a_, b_;
  bool as_output_;  // both inputs
};

// Integers with scales.
template <class F, class T>
class BinaryInteger : public Kernel {
 public:
  explicit BinaryInteger(const PrepareContext& context)
      : walk_(context),
        f_(context),
        range_(ActivationRange(ActivationOf(context.node), context.output())) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(
        walk_.plan(), walk_.first(args.batch), args.in<T>(0), args.in<T>(1),
        args.out<T>(), [this](T a, T b) {
          return static_cast<T>(std::clamp(f_(a, b), range_.lo, range_.hi));
        });
  }

 private:
  BinaryWalk walk_;
  typename F::Integer f_;
  IntegerRange range_;
};

// ---- For speed ------------------------------------------------------------

template <class F>
class BinaryF32Simd : public Kernel {
 public:
  explicit BinaryF32Simd(const PrepareContext& context)
      : walk_(context), range_(ActivationRange(ActivationOf(context.node))) {}
  void Run(const KernelArgs& args) const override {
    walk_.Runs<float>(args, [this](auto... run) {
      RunFloatBinary(F::kOnVectors, range_, run...);
    });
  }

 private:
  BinaryWalk walk_;
  kernels::FloatRange range_;
};

template <class T>
class BinaryIntegerSimd : public Kernel {
 public:
  BinaryIntegerSimd(const PrepareContext& context,
                    std::unique_ptr<const PackedBinary> packed)
      : walk_(context), packed_(std::move(packed)) {}
  void Run(const KernelArgs& args) const override {
    walk_.template Runs<T>(
        args, [this](auto... run) { RunScaledBinary(*packed_, run...); });
  }

 private:
  BinaryWalk walk_;
  std::unique_ptr<const PackedBinary> packed_;
};

// The reference where vectors do not hold it.
template <class F, class T>
KernelPtr MakeBinarySimd(const PrepareContext& context) {
  const IntegerRange range =
      ActivationRange(ActivationOf(context.node), context.output());
  ScaledBinarySpec spec;
  spec.wide = sizeof(T) == 2;
  spec.requantizer.lo = range.lo, spec.requantizer.hi = range.hi;
  if (typename F::Integer(context).Fill(&spec)) {
    if (auto packed = PackScaledBinary(spec))
      return std::make_unique<BinaryIntegerSimd<T>>(context, std::move(packed));
  }
  return MakeKernel<BinaryInteger<F, T>>(context);
}

// ---- Rows of them ---------------------------------------------------------

template <class F>
inline constexpr KernelRow kF32Train = {
    "F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<BinaryF32<F>>};
// Of an op that can be trained; of another one.
template <class F>
inline constexpr KernelRow kF32Ref = {
    "F32Ref", Purpose::kReference, {DType::kFloat32}, MakeKernel<BinaryF32<F>>};
template <class F>
inline constexpr KernelRow kPlainF32Ref = {"F32Ref",
                                           Purpose::kReference,
                                           {DType::kFloat32},
                                           MakeKernel<BinaryPlain<F, float>>};
template <class F>
inline constexpr KernelRow kF32Simd = {
    "F32", Purpose::kFast, {DType::kFloat32}, MakeKernel<BinaryF32Simd<F>>};
template <class F>
inline constexpr KernelRow kS8Simd = {
    "S8", Purpose::kFast, {DType::kInt8}, MakeBinarySimd<F, int8_t>};
template <class F>
inline constexpr KernelRow kS16Simd = {"S16",
                                       Purpose::kFast,
                                       {DType::kInt16},
                                       MakeBinarySimd<F, int16_t>,
                                       HasScales};
// With scales.
template <class F>
inline constexpr KernelRow kS8Ref = {"S8Ref",
                                     Purpose::kReference,
                                     {DType::kInt8},
                                     MakeKernel<BinaryInteger<F, int8_t>>};
template <class F>
inline constexpr KernelRow kU8Ref = {"U8Ref",
                                     Purpose::kReference,
                                     {DType::kUInt8},
                                     MakeKernel<BinaryInteger<F, uint8_t>>};
template <class F>
inline constexpr KernelRow kS16Ref = {"S16Ref",
                                      Purpose::kReference,
                                      {DType::kInt16},
                                      MakeKernel<BinaryInteger<F, int16_t>>,
                                      HasScales};
// As they are.
template <class F, class T>
constexpr KernelRow PlainRef(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<BinaryPlain<F, T>>};
}
template <class F>
inline constexpr KernelRow kI8Ref = PlainRef<F, int8_t>("I8Ref", DType::kInt8);
template <class F>
inline constexpr KernelRow kPlainU8Ref = PlainRef<F, uint8_t>("U8Ref",
                                                              DType::kUInt8);
template <class F>
inline constexpr KernelRow kI16Ref = PlainRef<F, int16_t>("I16Ref",
                                                          DType::kInt16);
template <class F>
inline constexpr KernelRow kI32Ref = PlainRef<F, int32_t>("I32Ref",
                                                          DType::kInt32);
template <class F>
inline constexpr KernelRow kI64Ref = PlainRef<F, int64_t>("I64Ref",
                                                          DType::kInt64);

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_BINARY_KERNELS_H_
