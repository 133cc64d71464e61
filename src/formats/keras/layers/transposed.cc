// Transposed convolutions of images and sequences.
#include <algorithm>
#include <array>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/layer/conv_2d.h"
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

constexpr Variable kTransposedVariables[] = {{"kernel", Layout::kTransposed},
                                             {"bias", Layout::kPlain}};
constexpr Variable kTransposedVariables1D[] = {
    {"kernel", Layout::kTransposed1D}, {"bias", Layout::kPlain}};

// With a dilation and strides of 1 it is a convolution of the filter turned by
// half a turn, over as many zeros around the image as give the same windows.
// Keras has no dilations with strides.
constexpr Variable kTurned[] = {{"kernel", Layout::kTurned},
                                {"bias", Layout::kPlain}};
constexpr Variable kTurned1D[] = {{"kernel", Layout::kTurned1D},
                                  {"bias", Layout::kPlain}};
constexpr LayerRow kTurnedRows[] = {{"Conv1DTranspose", "", kTurned1D, nullptr},
                                    {"Conv2DTranspose", "", kTurned, nullptr}};

std::array<int32_t, 2> ZerosAround(const Axis1D& side, bool same) {
  const int64_t e = side.effective(), out = side.Output(same);
  const int64_t before =
      same ? std::max<int64_t>(side.in - 1 + e - out, 0) / 2 : 0;
  return {static_cast<int32_t>(e - 1 - before),
          static_cast<int32_t>(out - side.in + before)};
}

// The layer with its bias, but for the way from and to sequences.
TensorId BuildTurned(const Axis1D& rows, const Axis1D& columns, bool same,
                     int spatial, const std::vector<int32_t>& dims,
                     TensorId image, Nodes* nodes, LayerIn* in) {
  if (rows.stride != 1 || columns.stride != 1)
    Fail(ErrorKind::kUnsupported,
         "it has strides and a dilation_rate, of which Keras has one");
  LayerIn turned = LayerInside(*in, "", kTurnedRows[spatial - 1], in->config,
                               in->name, in->label, in->inputs);
  const TensorId kernel = AddVariable(&turned, "kernel", dims);
  const auto [top, bottom] = ZerosAround(rows, same);
  const auto [left, right] = ZerosAround(columns, same);
  const std::vector<int32_t> zeros = {0, 0, top, bottom, left, right, 0, 0};
  const TensorId around =
      nodes->Add(kPad, "around",
                 {image, in->graph->AddConstant<int32_t>(
                             nodes->Name("around/paddings"), {4, 2}, zeros)});
  std::vector<TensorId> inputs = {around, kernel};
  AddBias(&turned, dims[dims.size() - 2], &inputs);
  in->num_variables = turned.num_variables;
  return nodes->Add(
      kConv2D, spatial == 1 ? "conv" : "", std::move(inputs),
      Conv2DAttrs{.padding = kValid,
                  .stride_w = 1,
                  .stride_h = 1,
                  .dilation_w = static_cast<int32_t>(columns.dilation),
                  .dilation_h = static_cast<int32_t>(rows.dilation)});
}

// Without a dilation.
TensorId BuildPlain(const Axis1D& rows, const Axis1D& columns, bool same,
                    int spatial, const std::vector<int32_t>& dims,
                    TensorId image, Nodes* nodes, LayerIn* in) {
  const int32_t filters = dims[dims.size() - 2];
  const TensorId kernel = AddVariable(in, "kernel", dims);
  std::vector<TensorId> bias;
  AddBias(in, filters, &bias);
  const std::string step = spatial == 1 ? "conv" : "";
  const TensorId shape =
      nodes->Ints(Nodes::Below(step, "shape"),
                  {1, rows.Output(same), columns.Output(same), filters});
  std::vector<TensorId> inputs = {shape, kernel, image};
  inputs.insert(inputs.end(), bias.begin(), bias.end());
  return nodes->Add(
      kTransposeConv, step, std::move(inputs),
      TransposeConvAttrs{.padding = same ? kSame : kValid,
                         .stride_w = static_cast<int32_t>(columns.stride),
                         .stride_h = static_cast<int32_t>(rows.stride)});
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
  Nodes nodes(in->name, in->graph);
  const TensorId image =
      kSpatial == 1 ? ExpandSequence(&nodes, in->input()) : in->input();
  const Shape from = nodes.ShapeOf(image);
  const Axis1D rows{from[1], kernel_h, kSpatial == 1 ? 1 : stride_h,
                    kSpatial == 1 ? 1 : dilation_h, kSpatial == 1 ? -1 : pad_h};
  const Axis1D columns{from[2], kernel_w, stride_w, dilation_w, pad_w};
  const bool dilated =
      (dilation_h > 1 && kernel_h > 1) || (dilation_w > 1 && kernel_w > 1);
  const TensorId y = (dilated ? BuildTurned : BuildPlain)(
      rows, columns, same, kSpatial, dims, image, &nodes, in);
  if (kSpatial == 2) return WithActivation(in, y);
  const NodeId producer = in->graph->Producer(y);
  const TensorId sequence = SqueezeSequence(&nodes, y);
  const Node conv = in->graph->node(producer);
  return WithActivation(in, sequence, &conv);
}

template <int kSpatial>
std::vector<TensorId> BuildEither(LayerIn* in) {
  return InChannelsLast(in, Build<kSpatial>);
}

std::string WordFor(int64_t fused) {
  return fused == activation::kRelu    ? "relu"
         : fused == activation::kRelu6 ? "relu6"
                                       : "linear";
}

template <int kSpatial>
bool GuessTurned(const NodeGroup& group, LayerConfig* config) {
  const Node* around = group.Find("around");
  const Node& node = group.main("conv");
  if (around == nullptr || node.op != &kConv2D) return false;
  const auto attrs = Get<Conv2DAttrs>(node);
  const Shape& filter = group.graph.tensor(node.inputs[1]).shape;
  const Shape& x = group.graph.tensor(around->inputs[0]).shape;
  const Shape& y = group.graph.tensor(node.outputs[0]).shape;
  const bool same = y[1] <= x[1] && y[2] <= x[2];
  config->emplace_back("filters", int64_t{filter[0]});
  config->emplace_back("kernel_size", SizesFor(kSpatial, filter[1], filter[2]));
  config->emplace_back("dilation_rate",
                       SizesFor(kSpatial, attrs.dilation_h, attrs.dilation_w));
  config->emplace_back("padding", same ? "same" : "valid");
  if (y[2] < x[2] || y[1] < x[1])
    config->emplace_back("output_padding", SizesFor(kSpatial, 0, 0));
  const bool own =
      kSpatial == 1 || group.graph.tensor(node.outputs[0]).name == node.name;
  config->emplace_back("activation", WordFor(own ? attrs.activation : kNone));
  config->emplace_back("use_bias", node.inputs.size() > 2);
  return true;
}

template <int kSpatial>
bool Guess(const NodeGroup& group, LayerConfig* config) {
  if (GuessTurned<kSpatial>(group, config)) return true;
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
  config->emplace_back("activation", WordFor(own ? attrs.activation : kNone));
  config->emplace_back("use_bias", node.inputs.size() > 3);
  return true;
}

constexpr LayerRow kTransposedRows[] = {
    {"Conv2DTranspose",
     "padding same or valid, strides or dilation_rate, output_padding",
     kTransposedVariables, BuildEither<2>, nullptr, Guess<2>},
    {"Conv1DTranspose", "as Conv2DTranspose", kTransposedVariables1D,
     BuildEither<1>, nullptr, Guess<1>},
};

}  // namespace

std::span<const LayerRow> TransposedLayers() { return kTransposedRows; }

}  // namespace litesmith
