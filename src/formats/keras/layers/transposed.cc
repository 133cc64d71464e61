// Transposed convolutions of images and sequences.
#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/layer/transpose_conv.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Along one dimension.
struct Axis1D {
  int64_t in, kernel, stride, dilation;
  int64_t padding = -1;  // output_padding; -1: none is given

  int64_t effective() const { return (kernel - 1) * dilation + 1; }
  // As Keras computes it: what is given must be below the stride.
  int32_t Output(bool same) const {
    const int64_t e = effective();
    int64_t out;
    if (padding < 0) {
      out = same ? in * stride : in * stride + std::max<int64_t>(e - stride, 0);
    } else {
      if (padding >= stride) {
        Fail(ErrorKind::kCorrupt,
             "its output_padding is {}; less than its stride {} is wanted",
             padding, stride);
      }
      out = (in - 1) * stride + e - (same ? e / 2 * 2 : 0) + padding;
    }
    if (out < 1 || out > (int64_t{1} << 29)) {
      Fail(ErrorKind::kCorrupt, "its output would have the size {}", out);
    }
    return static_cast<int32_t>(out);
  }
};

// The kernel with zeros between its values, as a dilation wants it, in the
// place of the kernel: not to be trained, as zeros would be, too.
void Spread(int32_t dilation_h, int32_t dilation_w, Tensor* kernel) {
  const Shape from = kernel->shape;
  const Shape to{from[0], (from[1] - 1) * dilation_h + 1,
                 (from[2] - 1) * dilation_w + 1, from[3]};
  std::vector<float> values(static_cast<size_t>(to.NumElements()));
  const auto old = kernel->As<float>();
  size_t i = 0;
  for (int32_t o = 0; o < from[0]; ++o) {
    for (int32_t h = 0; h < from[1]; ++h) {
      for (int32_t w = 0; w < from[2]; ++w) {
        const size_t place =
            ((static_cast<size_t>(o) * static_cast<size_t>(to[1]) +
              static_cast<size_t>(h * dilation_h)) *
                 static_cast<size_t>(to[2]) +
             static_cast<size_t>(w * dilation_w)) *
            static_cast<size_t>(from[3]);
        for (int32_t c = 0; c < from[3]; ++c)
          values[place + static_cast<size_t>(c)] = old[i++];
      }
    }
  }
  kernel->name += "_spread";
  kernel->kind = TensorKind::kConstant;
  kernel->shape = to;
  kernel->data = TensorData(std::as_bytes(std::span<const float>(values)));
}

template <int kSpatial>
std::vector<TensorId> Build(LayerIn* in) {
  const Json& config = in->config;
  const auto [kernel_h, kernel_w] =
      SizesOf(config, "kernel_size", kSpatial, {0, 0});
  const auto [stride_h, stride_w] =
      SizesOf(config, "strides", kSpatial, {1, 1});
  const auto [dilation_h, dilation_w] =
      SizesOf(config, "dilation_rate", kSpatial, {1, 1});
  const auto [pad_h, pad_w] =
      SizesOf(config, "output_padding", kSpatial, {-1, -1}, -1);
  for (const int32_t size : {stride_h, stride_w, dilation_h, dilation_w}) {
    if (size < 1 || size > 65535)
      Fail(ErrorKind::kCorrupt, "its strides or dilation_rate hold {}", size);
  }
  const bool same = PaddingOf(config) == kSame;
  const int32_t filters = JsonInt(JsonAt(config, "filters"), "filters");
  const Shape x = ImageOf(*in, kSpatial);
  const int32_t channels = x[kSpatial + 1];
  std::vector<int32_t> dims = {kernel_w, filters, channels};
  if (kSpatial == 2) dims.insert(dims.begin(), kernel_h);
  const TensorId kernel = AddVariable(in, "kernel", dims);
  if ((dilation_h > 1 && kernel_h > 1) || (dilation_w > 1 && kernel_w > 1)) {
    Tensor& tensor = in->graph->tensor(kernel);
    if (!tensor.name.ends_with("_spread"))
      Spread(dilation_h, dilation_w, &tensor);
  }
  std::vector<TensorId> bias;
  AddBias(in, filters, &bias);
  Nodes nodes(in->name, in->graph);
  const TensorId image =
      kSpatial == 1 ? ExpandSequence(&nodes, in->input()) : in->input();
  const Shape from = nodes.ShapeOf(image);
  const Axis1D rows{from[1], kernel_h, kSpatial == 1 ? 1 : stride_h,
                    kSpatial == 1 ? 1 : dilation_h, kSpatial == 1 ? -1 : pad_h};
  const Axis1D columns{from[2], kernel_w, stride_w, dilation_w, pad_w};
  const std::string step = kSpatial == 1 ? "conv" : "";
  const TensorId shape =
      nodes.Ints(Nodes::Below(step, "shape"),
                 {1, rows.Output(same), columns.Output(same), filters});
  std::vector<TensorId> inputs = {shape, kernel, image};
  inputs.insert(inputs.end(), bias.begin(), bias.end());
  const TensorId y =
      nodes.Add(kTransposeConv, step, std::move(inputs),
                TransposeConvAttrs{.padding = same ? kSame : kValid,
                                   .stride_w = stride_w,
                                   .stride_h = kSpatial == 1 ? 1 : stride_h});
  if (kSpatial == 2) return WithActivation(in, y);
  const NodeId producer = in->graph->Producer(y);
  const TensorId sequence = SqueezeSequence(&nodes, y);
  const Node conv = in->graph->node(producer);
  return WithActivation(in, sequence, &conv);
}

// A second call has the spread kernel as its variable, of another shape.
template <int kSpatial>
std::vector<TensorId> BuildEither(LayerIn* in) {
  return InChannelsLast(in, Build<kSpatial>);
}

template <int kSpatial>
bool Guess(const NodeGroup& group, LayerConfig* config) {
  const auto it = std::find_if(
      group.nodes.begin(), group.nodes.end(),
      [](const Node* node) { return node->op == &kTransposeConv; });
  if (it == group.nodes.end() ||
      group.nodes.size() != (kSpatial == 1 ? 3u : 1u))
    return false;
  const Node& node = **it;
  const auto attrs = Get<TransposeConvAttrs>(node);
  const Shape& filter = group.graph.tensor(node.inputs[1]).shape;
  const Shape& x = group.graph.tensor(node.inputs[2]).shape;
  const Shape& y = group.graph.tensor(node.outputs[0]).shape;
  const bool same = attrs.padding == kSame;
  config->emplace_back("filters", int64_t{filter[0]});
  config->emplace_back("kernel_size", SizesFor(kSpatial, filter[1], filter[2]));
  config->emplace_back("strides",
                       SizesFor(kSpatial, attrs.stride_h, attrs.stride_w));
  config->emplace_back("padding", std::string(PaddingName(attrs.padding)));
  const Axis1D rows{x[1], filter[1], attrs.stride_h, 1};
  const Axis1D columns{x[2], filter[2], attrs.stride_w, 1};
  if (rows.Output(same) != y[1] || columns.Output(same) != y[2]) {
    const auto padding = [&](Axis1D side, int32_t out) {
      side.padding = 0;
      return out - side.Output(same);
    };
    config->emplace_back(
        "output_padding",
        SizesFor(kSpatial, padding(rows, y[1]), padding(columns, y[2])));
  }
  const bool own =
      kSpatial == 1 || group.graph.tensor(node.outputs[0]).name == node.name;
  const int64_t fused = own ? attrs.activation : kNone;
  config->emplace_back("activation",
                       std::string(fused == activation::kRelu    ? "relu"
                                   : fused == activation::kRelu6 ? "relu6"
                                                                 : "linear"));
  config->emplace_back("use_bias", node.inputs.size() > 3);
  return true;
}

constexpr Variable kTransposedVariables[] = {{"kernel", Layout::kTransposed},
                                             {"bias", Layout::kPlain}};
constexpr Variable kTransposedVariables1D[] = {
    {"kernel", Layout::kTransposed1D}, {"bias", Layout::kPlain}};

constexpr LayerRow kTransposedRows[] = {
    {"Conv2DTranspose",
     "padding same or valid, strides, output_padding; frozen with a "
     "dilation_rate",
     kTransposedVariables, BuildEither<2>, nullptr, Guess<2>},
    {"Conv1DTranspose", "as Conv2DTranspose", kTransposedVariables1D,
     BuildEither<1>, nullptr, Guess<1>},
};

}  // namespace

std::span<const LayerRow> TransposedLayers() { return kTransposedRows; }

}  // namespace litesmith
