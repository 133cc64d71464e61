// MAX_POOL_2D: the maximum of each window of an NHWC image. Padding never
// wins. Input and output share scale and zero point.
#include <cmath>

#include "src/base/error.h"
#include "src/kernels/pool/reference.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/pool/pool_2d_window.h"
#include "src/ops/registry.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckRank(x, "input", 4);
  CheckPositive(node.Get<&Pool2DAttrs::stride_w>(), "stride_w");
  CheckPositive(node.Get<&Pool2DAttrs::stride_h>(), "stride_h");
  CheckPositive(node.Get<&Pool2DAttrs::filter_w>(), "filter_width");
  CheckPositive(node.Get<&Pool2DAttrs::filter_h>(), "filter_height");
  CheckPadding(node.Get<&Pool2DAttrs::padding>());
  CheckActivation(node.Get<&Pool2DAttrs::activation>());
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
  const int32_t h =
      CheckedWindowCount(node.Get<&Pool2DAttrs::padding>(), x.shape[1],
                         node.Get<&Pool2DAttrs::filter_h>(),
                         node.Get<&Pool2DAttrs::stride_h>(), 1, "height");
  const int32_t w =
      CheckedWindowCount(node.Get<&Pool2DAttrs::padding>(), x.shape[2],
                         node.Get<&Pool2DAttrs::filter_w>(),
                         node.Get<&Pool2DAttrs::stride_w>(), 1, "width");
  out.dtype = x.dtype;
  out.shape = Shape{x.shape[0], h, w, x.shape[3]};
}

bool TrainF32(const PrepareContext& c) {
  return c.training && c.input(0).dtype == DType::kFloat32;
}
template <DType kType>
bool Is(const PrepareContext& c) {
  return !c.training && c.input(0).dtype == kType;
}

template <typename T>
class Pool final : public Kernel {
 public:
  explicit Pool(const PrepareContext& context)
      : window_(PoolWindow(context)),
        images_(PerSample(context, context.input(0).shape[0])) {
    const int64_t activation = context.node.Get<&Pool2DAttrs::activation>();
    if constexpr (std::is_same_v<T, float>) {
      const FloatRange range = ActivationRange(activation);
      lo_ = range.lo, hi_ = range.hi;
    } else {
      const IntegerRange range = ActivationRange(activation, context.output());
      lo_ = static_cast<T>(range.lo), hi_ = static_cast<T>(range.hi);
    }
  }
  void Run(const KernelArgs& args) const override {
    MaxPool2DRef<T>(window_, static_cast<int>(args.batch * images_),
                    args.in<T>(0), lo_, hi_, args.out<T>());
  }

 private:
  Window window_;
  int64_t images_;
  T lo_;
  T hi_;
};

template <typename T>
KernelPtr Prepare(const PrepareContext& context) {
  return std::make_unique<Pool<T>>(context);
}

constexpr KernelRow kKernels[] = {
    {"MaxPool2DF32Train", false, TrainF32, PrepareMaxPool2DF32Train},
    {"MaxPool2DF32Ref", true, Is<DType::kFloat32>, Prepare<float>},
    {"MaxPool2DS8Ref", true, Is<DType::kInt8>, Prepare<int8_t>},
    {"MaxPool2DU8Ref", true, Is<DType::kUInt8>, Prepare<uint8_t>},
    {"MaxPool2DS16Ref", true, Is<DType::kInt16>, Prepare<int16_t>},
};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

constexpr QuantRule kRule = {.quantizable = true, .same_scale = true};

}  // namespace

Window PoolWindow(const PrepareContext& context) {
  const Node& node = context.node;
  const Shape& x = context.input(0).shape;
  const Shape& y = context.output().shape;
  Window g;
  g.in_h = x[1], g.in_w = x[2], g.in_c = x[3];
  g.filter_h = static_cast<int>(node.Get<&Pool2DAttrs::filter_h>());
  g.filter_w = static_cast<int>(node.Get<&Pool2DAttrs::filter_w>());
  g.stride_h = static_cast<int>(node.Get<&Pool2DAttrs::stride_h>());
  g.stride_w = static_cast<int>(node.Get<&Pool2DAttrs::stride_w>());
  g.out_h = y[1], g.out_w = y[2], g.out_c = x[3];
  if (node.Get<&Pool2DAttrs::padding>() == kSame) {
    g.pad_top = static_cast<int>(
        PaddingBefore(g.in_h, g.filter_h, g.stride_h, 1, g.out_h));
    g.pad_left = static_cast<int>(
        PaddingBefore(g.in_w, g.filter_w, g.stride_w, 1, g.out_w));
  }
  return g;
}

const OpDef kMaxPool2D = {
    .name = "MAX_POOL_2D",
    .summary = "maximum over a sliding window, NHWC",
    .tflite_code = 17,
    .tflite_options = 5,
    .attrs = kAttrs<Pool2DAttrs>,
    .infer = Infer,
    .kernels = kKernels,
    .version = Version,
    .quant = kRule,
    .differentiable = true,
};

}  // namespace litesmith
