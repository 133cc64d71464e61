// RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: images of another size, NHWC.
// Follow specs/ops.md 8.7 and specs/tflite.md 3.12.
#include "src/kernels/move/resize.h"

#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::ResizeRule;
using kernels::Tap;

void InferResize(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& operand = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckRank(x, "input", 4);
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  const std::vector<int64_t> size = ConstantIndices(operand, "size");
  if (operand.shape != Shape{2}) {
    Fail(ErrorKind::kCorrupt, "the size '{}' has shape {}; [2] is wanted",
         operand.name, operand.shape.ToString());
  }
  // Places are computed in 32 bits of which ten are a fraction.
  for (const int64_t dim :
       {size[0], size[1], int64_t{x.shape[1]}, int64_t{x.shape[2]}}) {
    CheckPositive(dim, "a height or width");
  }
  out.shape = {x.shape[0], static_cast<int32_t>(size[0]),
               static_cast<int32_t>(size[1]), x.shape[3]};
}

// The images of a sample, and how large they are.
struct Images {
  explicit Images(const PrepareContext& context)
      : batched(context.facts.IsBatched(context.node)),
        count(context.input(0).shape[0]),
        width(context.input(0).shape[2]),
        channels(context.input(0).shape[3]) {
    if (batched) count = PerSample(context, count);
    const Shape& x = context.input(0).shape;
    const Shape& y = context.output().shape;
    in = int64_t{x[1]} * x[2] * x[3];
    out = int64_t{y[1]} * y[2] * y[3];
  }
  int64_t Count(int batch) const { return batched ? count * batch : count; }

  bool batched;
  int64_t count;  // of one sample
  int64_t width;
  int64_t channels;
  int64_t in = 0;  // elements of one
  int64_t out = 0;
};

// ---- RESIZE_NEAREST_NEIGHBOR ----------------------------------------------

void InferNearest(Graph* graph, const Node& node) {
  CheckMovable(graph->tensor(node.inputs[0]), "input");
  InferResize(graph, node);
}

class Nearest final : public TrainKernel {
 public:
  explicit Nearest(const PrepareContext& context)
      : images_(context),
        pixel_bytes_(static_cast<size_t>(images_.channels) *
                     SizeOf(context.input(0).dtype)) {
    const auto attrs = Get<ResizeNearestAttrs>(context.node);
    const ResizeRule rule{attrs.align_corners, attrs.half_pixel_centers};
    const Shape& x = context.input(0).shape;
    const Shape& y = context.output().shape;
    rows_ = kernels::NearestPlaces(x[1], y[1], rule);
    columns_ = kernels::NearestPlaces(x[2], y[2], rule);
  }
  void Run(const KernelArgs& args) const override {
    const std::byte* x = args.in<std::byte>(0);
    std::byte* y = args.out<std::byte>();
    ForEachPixel(args.batch, [&](int64_t from) {
      std::memcpy(y, x + static_cast<size_t>(from) * pixel_bytes_,
                  pixel_bytes_);
      y += pixel_bytes_;
    });
  }
  void Backward(const BackwardArgs& args) const override {
    float* dx = args.input_grads[0];
    if (dx == nullptr) return;
    const float* dy = args.output_grads[0];
    std::fill_n(dx, images_.Count(args.batch) * images_.in, 0.0f);
    ForEachPixel(args.batch, [&](int64_t from) {
      for (int64_t c = 0; c < images_.channels; ++c)
        dx[from * images_.channels + c] += *dy++;
    });
  }

 private:
  // Where each pixel of the output comes from, in pixels of the input.
  template <class Visit>
  void ForEachPixel(int batch, const Visit& visit) const {
    for (int64_t i = 0; i < images_.Count(batch); ++i) {
      const int64_t image =
          i * images_.in / std::max<int64_t>(images_.channels, 1);
      for (const int32_t row : rows_) {
        for (const int32_t column : columns_)
          visit(image + row * images_.width + column);
      }
    }
  }

  Images images_;
  size_t pixel_bytes_;
  std::vector<int32_t> rows_;
  std::vector<int32_t> columns_;
};

int NearestVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  const auto attrs = Get<ResizeNearestAttrs>(node);
  if (dtype == DType::kInt16) return 4;
  if (attrs.align_corners || attrs.half_pixel_centers) return 3;
  return dtype == DType::kInt8 ? 2 : 1;
}

constexpr KernelRow kNearestRows[] = {
    {"NearestF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<Nearest>},
    {"NearestRef", Purpose::kReference, {}, MakeKernel<Nearest>},
};

// ---- RESIZE_BILINEAR ------------------------------------------------------

void InferBilinear(Graph* graph, const Node& node) {
  CheckDType(graph->tensor(node.inputs[0]), "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16});
  const auto attrs = Get<ResizeBilinearAttrs>(node);
  if (attrs.align_corners && attrs.half_pixel_centers) {
    Fail(ErrorKind::kUnsupported,
         "align_corners and half_pixel_centers: one of them is possible");
  }
  InferResize(graph, node);
}

// Weights W of values T: floats, or integers in 1/1024.
template <class T, class W>
class Bilinear : public TrainKernel {
 public:
  explicit Bilinear(const PrepareContext& context) : images_(context) {
    const auto attrs = Get<ResizeBilinearAttrs>(context.node);
    const ResizeRule rule{attrs.align_corners, attrs.half_pixel_centers};
    const Shape& x = context.input(0).shape;
    const Shape& y = context.output().shape;
    rows_ = kernels::BilinearTaps<W>(x[1], y[1], rule);
    columns_ = kernels::BilinearTaps<W>(x[2], y[2], rule);
  }
  void Run(const KernelArgs& args) const override {
    for (int64_t i = 0; i < images_.Count(args.batch); ++i) {
      const T* x = args.in<T>(0) + i * images_.in;
      T* y = args.out<T>() + i * images_.out;
      if constexpr (std::is_same_v<W, float>) {
        kernels::BilinearFloat(rows_, columns_, images_.width, images_.channels,
                               x, y);
      } else {
        kernels::BilinearInteger(rows_, columns_, images_.width,
                                 images_.channels, x, y);
      }
    }
  }
  void Backward(const BackwardArgs& args) const override {
    if constexpr (std::is_same_v<T, float>) {
      float* dx = args.input_grads[0];
      if (dx == nullptr) return;
      const int64_t count = images_.Count(args.batch);
      std::fill_n(dx, count * images_.in, 0.0f);
      for (int64_t i = 0; i < count; ++i) {
        kernels::BilinearBackward(
            rows_, columns_, images_.width, images_.channels,
            args.output_grads[0] + i * images_.out, dx + i * images_.in);
      }
    }
  }

 private:
  Images images_;
  std::vector<Tap<W>> rows_;
  std::vector<Tap<W>> columns_;
};

int BilinearVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kInt16) return 4;
  if (node.Get<&ResizeBilinearAttrs::half_pixel_centers>()) return 3;
  return dtype == DType::kInt8 ? 2 : 1;
}

constexpr KernelRow kBilinearRows[] = {
    {"BilinearF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<Bilinear<float, float>>},
    {"BilinearF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<Bilinear<float, float>>},
    {"BilinearU8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<Bilinear<uint8_t, float>>},
    {"BilinearS8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<Bilinear<int8_t, int32_t>>},
    {"BilinearS16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<Bilinear<int16_t, int32_t>>},
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "size", .role = Role::kShape},
};

}  // namespace

const OpDef kResizeNearestNeighbor = {
    .name = "RESIZE_NEAREST_NEIGHBOR",
    .summary = "images of another size, each value the nearest, NHWC",
    .tflite = {.code = 97, .options = 74, .version = NearestVersion},
    .attrs = kAttrs<ResizeNearestAttrs>,
    .operands = kOperands,
    .infer = InferNearest,
    .rows = kNearestRows,
    .quant = {.output = QuantRule::kLikeInput},
};

const OpDef kResizeBilinear = {
    .name = "RESIZE_BILINEAR",
    .summary = "images of another size, each value between the nearest, NHWC",
    .tflite = {.code = 23, .options = 15, .version = BilinearVersion},
    .attrs = kAttrs<ResizeBilinearAttrs>,
    .operands = kOperands,
    .infer = InferBilinear,
    .rows = kBilinearRows,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
