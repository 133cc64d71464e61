// MEAN, SUM and REDUCE_PROD. Follows specs/ops.md 6.1 and 6.2, specs/tflite.md
// 3.6.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/reduce/reduce_kernels.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Integers are joined in 64 bits.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, int64_t, T>;

// ---- Sums -----------------------------------------------------------------

// In the input's order; integers wrap.
struct Sum {
  template <class T>
  using Total = Wide<T>;
  template <class T>
  static Total<T> Start() {
    return 0;
  }
  template <class T>
  static Total<T> Join(Total<T> total, T x) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(static_cast<uint64_t>(total) +
                                  static_cast<uint64_t>(x));
    } else {
      return total + x;
    }
  }
  template <class T>
  static T Finish(Total<T> total, int64_t) {
    return static_cast<T>(total);
  }
  static float Slope(int64_t) { return 1.0f; }

  class Integer;
};

// What is added up of integers with scales; wraps, as the reference's sums of
// 32 bits do.
struct SumOfStored {
  using Total = uint32_t;
  static uint32_t Start() { return 0; }
  static uint32_t Join(uint32_t total, int32_t x) {
    return total + static_cast<uint32_t>(x);
  }
};

class Sum::Integer : public SumOfStored {
 public:
  Integer(const PrepareContext& context, int64_t count)
      : in_float_(context.numerics == Numerics::kLiteRt &&
                  context.input(0).dtype != DType::kUInt8),
        y_zero_(ZeroOf(context.output())) {
    const Tensor& x = context.input(0);
    const Tensor& y = context.output();
    const float x_scale = x.quant.scale[0];
    const float y_scale = y.quant.scale[0];
    multiplier_ = RatioOfScales(double{x_scale} / double{y_scale}, x, y);
    offset_ = static_cast<uint32_t>(ZeroOf(x)) * static_cast<uint32_t>(count);
    ratio_ = x_scale / y_scale;
    bias_ = static_cast<float>(-ZeroOf(x)) * ratio_ * static_cast<float>(count);
  }
  int32_t Finish(uint32_t total) const {
    const auto fixed = static_cast<int32_t>(total - offset_);
    if (!in_float_) {
      // The multiplier's largest product and a zero point: kept in 64 bits.
      return Narrow(int64_t{y_zero_} + Mbqm(fixed, multiplier_));
    }
    const float real =
        static_cast<float>(static_cast<int32_t>(total)) * ratio_ + bias_;
    return Narrow(y_zero_ + RoundHalfAway(std::clamp(static_cast<double>(real),
                                                     -1e9, 1e9)));
  }

 private:
  static int32_t Narrow(int64_t value) {
    return static_cast<int32_t>(
        std::clamp<int64_t>(value, -(1 << 30), 1 << 30));
  }

  // LiteRT's reference kernel reads int8 and int16 as bytes without a sign: its
  // optimized one, of floats, is the one that is right.
  bool in_float_;
  int32_t y_zero_;
  FixedMultiplier multiplier_;
  uint32_t offset_;
  float ratio_, bias_;
};

// The sum, divided at the end.
struct Mean : Sum {
  template <class T>
  static T Finish(Total<T> total, int64_t count) {
    return static_cast<T>(total / static_cast<Total<T>>(count));
  }
  static float Slope(int64_t count) { return 1.0f / static_cast<float>(count); }

  // Of 8-bit and 16-bit values with scales: the multiplier holds 1 / count, to
  // as many bits as fit.
  class Integer : public SumOfStored {
   public:
    Integer(const PrepareContext& context, int64_t count)
        : y_zero_(ZeroOf(context.output())) {
      const Tensor& x = context.input(0);
      const Tensor& y = context.output();
      multiplier_ = RatioOfScales(static_cast<double>(x.quant.scale[0]) /
                                      static_cast<double>(y.quant.scale[0]),
                                  x, y);
      const int log2 = std::bit_width(static_cast<uint64_t>(count)) - 1;
      const int bits = std::min({log2, 32, 31 + multiplier_.shift});
      // value < 2^31 and 2^bits <= count, so the quotient fits 31 bits.
      multiplier_.value =
          static_cast<int32_t>((int64_t{multiplier_.value} << bits) / count);
      multiplier_.shift -= bits;
      offset_ = static_cast<uint32_t>(ZeroOf(x)) * static_cast<uint32_t>(count);
    }
    int32_t Finish(uint32_t total) const {
      return y_zero_ + Mbqm(static_cast<int32_t>(total - offset_), multiplier_);
    }

   private:
    FixedMultiplier multiplier_;
    uint32_t offset_;
    int32_t y_zero_;
  };
};

// ---- Products -------------------------------------------------------------

struct Product {
  template <class T>
  using Total = Wide<T>;
  template <class T>
  static Total<T> Start() {
    return 1;
  }
  template <class T>
  static Total<T> Join(Total<T> total, T x) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(static_cast<uint64_t>(total) *
                                  static_cast<uint64_t>(x));
    } else {
      return total * x;
    }
  }
  template <class T>
  static T Finish(Total<T> total, int64_t) {
    return static_cast<T>(total);
  }

  // Each factor takes its part of the output's scale along, so that products
  // stay small: |total| < 2^31, times 2^16 is what Mbqm64 takes.
  class Integer {
   public:
    using Total = int64_t;

    Integer(const PrepareContext& context, int64_t count)
        : x_zero_(ZeroOf(context.input(0))), y_zero_(ZeroOf(context.output())) {
      const Tensor& x = context.input(0);
      const Tensor& y = context.output();
      const double ratio =
          double{x.quant.scale[0]} /
          std::pow(double{y.quant.scale[0]}, 1.0 / static_cast<double>(count));
      multiplier_ = RatioOfScales(ratio, x, y);
      if (multiplier_.shift <= kMaxShift64) return;
      Fail(ErrorKind::kUnsupported,
           "the scales of '{}' and '{}' give each factor a multiplier of {}, "
           "which is too large",
           x.name, y.name, ratio);
    }
    // Of no factor yet.
    static int64_t Start() { return kNothing; }
    int64_t Join(int64_t total, int32_t x) const {
      const int64_t factor = x - x_zero_;
      return total == kNothing ? factor : Scaled(total * factor);
    }
    int32_t Finish(int64_t total) const {
      const int64_t y = int64_t{y_zero_} + Scaled(total);
      return static_cast<int32_t>(std::clamp<int64_t>(y, -(1 << 30), 1 << 30));
    }

   private:
    static constexpr int64_t kNothing = std::numeric_limits<int64_t>::min();

    // Of 32 bits, the rest is dropped as in the reference.
    int32_t Scaled(int64_t product) const {
      return static_cast<int32_t>(Mbqm64(product, multiplier_));
    }

    int32_t x_zero_, y_zero_;
    FixedMultiplier multiplier_;
  };
};

// The product of all others: of what is not zero, where one factor is.
class ProductF32 final : public TrainKernel {
 public:
  explicit ProductF32(const PrepareContext& context) : walk_(context) {
    workspace_bytes = 2 * static_cast<size_t>(walk_.outputs()) * sizeof(float);
  }
  void Run(const KernelArgs& args) const override {
    ReducePlain<Product, float>::Reduce(walk_, args);
  }
  void Backward(const BackwardArgs& args) const override {
    float* dx = args.input_grads[0];
    if (dx == nullptr) return;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const float* dy = args.output_grads[0];
    auto* products = reinterpret_cast<float*>(args.workspace);
    float* zeros = products + walk_.outputs();
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      std::fill_n(products, walk_.outputs(), 1.0f);
      std::fill_n(zeros, walk_.outputs(), 0.0f);
      walk_.ForEach([&](int64_t in, int64_t out) {
        products[out] *= x[in] == 0 ? 1.0f : x[in];
        zeros[out] += x[in] == 0 ? 1.0f : 0.0f;
      });
      walk_.ForEach([&](int64_t in, int64_t out) {
        const float others = zeros[out] - (x[in] == 0 ? 1.0f : 0.0f);
        const float product =
            x[in] == 0 ? products[out] : products[out] / x[in];
        dx[in] = others > 0 ? 0.0f : dy[out] * product;
      });
      x += walk_.inputs(), dx += walk_.inputs();
      dy += walk_.outputs();
    }
  }

 private:
  ReduceWalk walk_;
};

// ---- The ops --------------------------------------------------------------

// Nothing has a sum and a product, but no mean.
void InferMean(Graph* graph, const Node& node) {
  InferScaledReduce(graph, node);
  if (!AreKnown(*graph, node)) return;
  const Tensor& x = graph->tensor(node.inputs[0]);
  const std::vector<bool> reduced = ReducedDims(*graph, node);
  for (int d = 0; d < x.shape.rank(); ++d) {
    if (x.shape[d] != 0 || !reduced[static_cast<size_t>(d)]) continue;
    Fail(ErrorKind::kCorrupt, "dimension {} of '{}' is 0: nothing has no mean",
         d, x.name);
  }
}

// Integers of 8 and 16 bits may have scales or none.
void InferProduct(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.quant.empty() && graph->tensor(node.outputs[0]).quant.empty()) {
    InferReduce(graph, node);
  } else {
    InferMean(graph, node);
  }
}

bool HasScale(const PrepareContext& c) { return !c.input(0).quant.empty(); }

template <class F>
constexpr KernelRow kSumRows[] = {
    kReduceF32Train<F>,
    {"F32",
     Purpose::kFast,
     {DType::kFloat32},
     MakeKernel<AddRowsF32<F>>,
     IsOfRows},
    AddedRows<F, int8_t>("S8", DType::kInt8),
    AddedRows<F, int16_t>("S16", DType::kInt16),
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<ReduceF32<F>>},
    ScaledReduce<F, int8_t>("S8Ref", DType::kInt8),
    ScaledReduce<F, uint8_t>("U8Ref", DType::kUInt8),
    ScaledReduce<F, int16_t>("S16Ref", DType::kInt16),
    PlainReduce<F, int32_t>("I32Ref", DType::kInt32),
    PlainReduce<F, int64_t>("I64Ref", DType::kInt64),
};

constexpr KernelRow kProductRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<ProductF32>},
    PlainReduce<Product, float>("F32Ref", DType::kFloat32),
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<ReduceInteger<Product, int8_t>>,
     HasScale},
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<ReduceInteger<Product, int16_t>>,
     HasScale},
    PlainReduce<Product, int8_t>("I8Ref", DType::kInt8),
    PlainReduce<Product, uint8_t>("U8Ref", DType::kUInt8),
    PlainReduce<Product, int16_t>("I16Ref", DType::kInt16),
    PlainReduce<Product, int32_t>("I32Ref", DType::kInt32),
    PlainReduce<Product, int64_t>("I64Ref", DType::kInt64),
};

int MeanVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

int SumVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt8 ? 2 : 1;
}

int ProductVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt8 || dtype == DType::kInt16 ? 2 : 1;
}

}  // namespace

const OpDef kMean = {
    .name = "MEAN",
    .summary = "mean along axes",
    .tflite = {.code = 40, .options = 27, .version = MeanVersion},
    .attrs = kAttrs<ReduceAttrs>,
    .operands = kReduceOperands,
    .infer = InferMean,
    .rows = kSumRows<Mean>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kSum = {
    .name = "SUM",
    .summary = "sum along axes",
    .tflite = {.code = 74, .options = 27, .version = SumVersion},
    .attrs = kAttrs<ReduceAttrs>,
    .operands = kReduceOperands,
    .infer = InferScaledReduce,
    .rows = kSumRows<Sum>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kReduceProd = {
    .name = "REDUCE_PROD",
    .summary = "product along axes",
    .tflite = {.code = 81, .options = 27, .version = ProductVersion},
    .attrs = kAttrs<ReduceAttrs>,
    .operands = kReduceOperands,
    .infer = InferProduct,
    .rows = kProductRows,
    .quant = {.output = QuantRule::kOwn},
};

}  // namespace litesmith
