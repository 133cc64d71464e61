// MAX_POOL_2D, AVERAGE_POOL_2D and L2_POOL_2D: the maximum, mean or root mean
// square of each window of an NHWC image; padding does not count. Input and
// output share scale and zero point.
#include "src/ops/pool/pool_2d.h"

#include <array>
#include <cmath>
#include <cstddef>

#include "src/base/error.h"
#include "src/kernels/pool/reference.h"
#include "src/kernels/pool/simd.h"
#include "src/kernels/pool/train.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  const auto attrs = Get<Pool2DAttrs>(node);
  CheckRank(x, "input", 4);
  CheckPositive(attrs.stride_w, "stride_w");
  CheckPositive(attrs.stride_h, "stride_h");
  CheckPositive(attrs.filter_w, "filter_width");
  CheckPositive(attrs.filter_h, "filter_height");
  CheckPadding(attrs.padding);
  CheckActivation(attrs.activation);
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16});
  if (x.dtype != DType::kFloat32) {
    CheckPerTensorQuant(x, "input");
    out.dtype = x.dtype;
    CheckPerTensorQuant(out, "output");
    if (std::abs(x.quant.scale[0] - out.quant.scale[0]) > 1e-6f ||
        x.quant.zero_point != out.quant.zero_point) {
      Fail(ErrorKind::kCorrupt,
           "the output '{}' has scale {} and zero point {}; the input's are "
           "{} and {}",
           out.name, out.quant.scale[0], out.quant.zero_point[0],
           x.quant.scale[0], x.quant.zero_point[0]);
    }
  }
  const int32_t h = CheckedWindowCount(
      attrs.padding, x.shape[1], attrs.filter_h, attrs.stride_h, 1, "height");
  const int32_t w = CheckedWindowCount(
      attrs.padding, x.shape[2], attrs.filter_w, attrs.stride_w, 1, "width");
  out.dtype = x.dtype;
  out.shape = Shape{x.shape[0], h, w, x.shape[3]};
}

void InferFloat(Graph* graph, const Node& node) {
  CheckDType(graph->tensor(node.inputs[0]), "input", {DType::kFloat32});
  Infer(graph, node);
}

}  // namespace

Window PoolWindow(const PrepareContext& context) {
  const auto attrs = Get<Pool2DAttrs>(context.node);
  const Shape& x = context.input(0).shape;
  const Shape& y = context.output().shape;
  Window g;
  g.in_h = x[1], g.in_w = x[2], g.in_c = x[3];
  g.filter_h = attrs.filter_h;
  g.filter_w = attrs.filter_w;
  g.stride_h = attrs.stride_h;
  g.stride_w = attrs.stride_w;
  g.out_h = y[1], g.out_w = y[2], g.out_c = x[3];
  if (attrs.padding == kSame) {
    g.pad_top = static_cast<int>(
        PaddingBefore(g.in_h, g.filter_h, g.stride_h, 1, g.out_h));
    g.pad_left = static_cast<int>(
        PaddingBefore(g.in_w, g.filter_w, g.stride_w, 1, g.out_w));
  }
  return g;
}

namespace {

// What the pools compute, on any type.
struct Max {
  static constexpr PoolKind kKind = PoolKind::kMax;
  template <class T>
  static constexpr auto kRun = MaxPool2DRef<T>;
};
struct Average {
  static constexpr PoolKind kKind = PoolKind::kAverage;
  template <class T>
  static constexpr auto kRun = AveragePool2DRef<T>;
};

struct RootMeanSquare {
  template <class T>
  static constexpr auto kRun = L2Pool2DRef;
};

// The reference, or vectors.
template <class F, typename T, bool kSimd>
class Pool final : public Kernel {
 public:
  explicit Pool(const PrepareContext& context)
      : window_(PoolWindow(context)),
        images_(PerSample(context, context.input(0).shape[0])) {
    const int64_t activation = context.node.Get<&Pool2DAttrs::activation>();
    if constexpr (std::is_same_v<T, float>) {
      const kernels::FloatRange range = ActivationRange(activation);
      lo_ = range.low, hi_ = range.high;
    } else {
      const IntegerRange range = ActivationRange(activation, context.output());
      lo_ = static_cast<T>(range.lo), hi_ = static_cast<T>(range.hi);
    }
    if (kSimd) workspace_bytes = PoolSimdWorkspace(window_);
  }
  void Run(const KernelArgs& args) const override {
    const int images = static_cast<int>(args.batch * images_);
    if constexpr (kSimd) {
      Pool2DSimd<T>(F::kKind, window_, images, args.in<T>(0), lo_, hi_,
                    args.out<T>(), args.workspace);
    } else {
      F::template kRun<T>(window_, images, args.in<T>(0), lo_, hi_,
                          args.out<T>());
    }
  }

 private:
  Window window_;
  int64_t images_;  // per sample
  T lo_;
  T hi_;
};

template <class F, typename T>
bool FitsSimd(const PrepareContext& context) {
  return FitsPoolSimd<T>(F::kKind, PoolWindow(context));
}

class MaxPool2DF32Train final : public TrainKernel {
 public:
  explicit MaxPool2DF32Train(const PrepareContext& context)
      : window_(PoolWindow(context)) {
    const int images = context.input(0).shape[0];
    images_ = static_cast<int>(PerSample(context, images));
    range_ = ActivationRange(context.node.Get<&Pool2DAttrs::activation>());
    saved_bytes = static_cast<size_t>(images * window_.out_size()) +
                  kernels::kWinnerSlack;
  }

  void Run(const KernelArgs& args) const override {
    kernels::MaxPoolF32(window_, range_, args.batch * images_,
                        args.in<float>(0), args.out<float>(),
                        reinterpret_cast<uint8_t*>(args.saved));
  }

  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    kernels::MaxPoolGradF32(
        window_, range_, args.batch * images_,
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        reinterpret_cast<const uint8_t*>(args.saved), args.input_grads[0]);
  }

 private:
  Window window_;
  kernels::FloatRange range_;
  int images_ = 1;  // a sample
};

// Of windows whose places do not fit a byte.
class LargeMaxPool2DF32Train final : public TrainKernel {
 public:
  explicit LargeMaxPool2DF32Train(const PrepareContext& context)
      : window_(PoolWindow(context)),
        range_(ActivationRange(context.node.Get<&Pool2DAttrs::activation>())),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))) {
    workspace_bytes = static_cast<size_t>(window_.in_c);
  }
  void Run(const KernelArgs& args) const override {
    MaxPool2DRef<float>(window_, args.batch * images_, args.in<float>(0),
                        range_.low, range_.high, args.out<float>());
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    MaxPoolGradAnyF32(
        window_, range_, args.batch * images_,
        static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        reinterpret_cast<uint8_t*>(args.workspace), args.input_grads[0]);
  }

 private:
  Window window_;
  kernels::FloatRange range_;
  int images_;  // per sample
};

KernelPtr MakeMaxPoolTrain(const PrepareContext& context) {
  const Window window = PoolWindow(context);
  return window.filter_h * window.filter_w > kernels::kMaxPoolTaps
             ? MakeKernel<LargeMaxPool2DF32Train>(context)
             : MakeKernel<MaxPool2DF32Train>(context);
}

// What differs between means of values and of squares.
struct AverageGradient {
  static constexpr auto kForward = AveragePool2DRef<float>;
  static constexpr auto kBackward = AveragePoolGradF32;
};
struct L2Gradient {
  static constexpr auto kForward = L2Pool2DRef;
  static constexpr auto kBackward = L2PoolGradF32;
};

template <class F>
class MeanPool2DF32Train final : public TrainKernel {
 public:
  explicit MeanPool2DF32Train(const PrepareContext& context)
      : window_(PoolWindow(context)),
        range_(ActivationRange(context.node.Get<&Pool2DAttrs::activation>())),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))) {}

  void Run(const KernelArgs& args) const override {
    F::kForward(window_, args.batch * images_, args.in<float>(0), range_.low,
                range_.high, args.out<float>());
  }

  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    F::kBackward(window_, range_, args.batch * images_,
                 static_cast<const float*>(args.inputs[0]),
                 static_cast<const float*>(args.outputs[0]),
                 args.output_grads[0], args.input_grads[0]);
  }

 private:
  Window window_;
  kernels::FloatRange range_;
  int images_;  // per sample
};

constexpr Operand kOperands[] = {{.name = "input"}};

template <class F, typename T>
constexpr KernelRow SimdRow(const char* name) {
  return {name,
          Purpose::kFast,
          {DTypeOf<T>::value},
          MakeKernel<Pool<F, T, true>>,
          FitsSimd<F, T>};
}

template <class F, typename T>
constexpr KernelRow ReferenceRow(const char* name) {
  return {name,
          Purpose::kReference,
          {DTypeOf<T>::value},
          MakeKernel<Pool<F, T, false>>};
}

// Averages of floats are the reference's.
template <class F, KernelPtr (*kTrain)(const PrepareContext&)>
constexpr auto PoolRows() {
  constexpr bool kMax = F::kKind == PoolKind::kMax;
  std::array<KernelRow, kMax ? 9 : 8> rows = {
      {{"F32Train", Purpose::kTrain, {DType::kFloat32}, kTrain}}};
  size_t n = 1;
  if constexpr (kMax) rows[n++] = SimdRow<F, float>("F32");
  rows[n++] = SimdRow<F, int8_t>("S8");
  rows[n++] = SimdRow<F, uint8_t>("U8");
  rows[n++] = SimdRow<F, int16_t>("S16");
  rows[n++] = ReferenceRow<F, float>("F32Ref");
  rows[n++] = ReferenceRow<F, int8_t>("S8Ref");
  rows[n++] = ReferenceRow<F, uint8_t>("U8Ref");
  rows[n++] = ReferenceRow<F, int16_t>("S16Ref");
  return rows;
}
template <class F, KernelPtr (*kTrain)(const PrepareContext&)>
constexpr auto kPoolRows = PoolRows<F, kTrain>();

constexpr KernelRow kL2Rows[] = {
    {"F32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<MeanPool2DF32Train<L2Gradient>>},
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<Pool<RootMeanSquare, float, false>>}};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

template <class F, KernelPtr (*kTrain)(const PrepareContext&)>
OpDef PoolOp(const char* name, const char* summary, int code) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .options = 5, .version = Version},
          .attrs = kAttrs<Pool2DAttrs>,
          .operands = kOperands,
          .infer = Infer,
          .rows = kPoolRows<F, kTrain>,
          .quant = {.output = QuantRule::kLikeInput}};
}

}  // namespace

const OpDef kMaxPool2D = PoolOp<Max, MakeMaxPoolTrain>(
    "MAX_POOL_2D", "maximum over a sliding window, NHWC", 17);
const OpDef kAveragePool2D =
    PoolOp<Average, MakeKernel<MeanPool2DF32Train<AverageGradient>>>(
        "AVERAGE_POOL_2D", "mean over a sliding window, NHWC", 1);
const OpDef kL2Pool2D = {
    .name = "L2_POOL_2D",
    .summary = "root mean square over a sliding window, NHWC",
    .tflite = {.code = 12, .options = 5},
    .attrs = kAttrs<Pool2DAttrs>,
    .operands = kOperands,
    .infer = InferFloat,
    .rows = kL2Rows,
};

}  // namespace litesmith
