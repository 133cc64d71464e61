// Convolutions.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// What all layers of this file say of their windows.
struct WindowConfig {
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  Padding padding;
};

WindowConfig WindowOf(const Json& config) {
  CheckChannelsLast(config);
  const auto [kernel_h, kernel_w] = JsonPair(config, "kernel_size", {0, 0});
  const auto [stride_h, stride_w] = JsonPair(config, "strides", {1, 1});
  const auto [dilation_h, dilation_w] =
      JsonPair(config, "dilation_rate", {1, 1});
  return {kernel_h,   kernel_w,   stride_h,         stride_w,
          dilation_h, dilation_w, PaddingOf(config)};
}

// The input, an image.
Shape ImageOf(const LayerIn& in) {
  const Shape x = in.input_shape();
  if (x.rank() != 4) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; [batch, height, width, channels] is wanted",
         x.ToString());
  }
  return x;
}

// Says the window of a node's attributes and filter.
template <class Attrs>
void SetWindow(const Attrs& attrs, const Shape& filter, OutLayer* layer) {
  layer->Set("kernel_size", Pair(filter[1], filter[2]));
  layer->Set("strides", Pair(attrs.stride_h, attrs.stride_w));
  layer->Set("padding", PaddingName(attrs.padding));
  layer->Set("data_format", "channels_last");
  layer->Set("dilation_rate", Pair(attrs.dilation_h, attrs.dilation_w));
}

std::vector<TensorId> BuildConv2D(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config);
  const int32_t filters = JsonInt(JsonAt(in->config, "filters"), "filters");
  const int32_t groups = JsonInt(in->config, "groups", 1);
  const Shape x = ImageOf(*in);
  if (groups < 1 || x[3] % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; a multiple of {} channels is wanted", x.ToString(),
         groups);
  }
  const TensorId kernel = AddVariable(
      in, "kernel", {window.kernel_h, window.kernel_w, x[3] / groups, filters});
  std::vector<TensorId> inputs = {in->input(), kernel};
  AddBias(in, filters, &inputs);
  Node& node =
      in->graph->AddNode(kConv2D, in->name, std::move(inputs), {in->name});
  Put(Conv2DAttrs{.padding = window.padding,
                  .stride_w = window.stride_w,
                  .stride_h = window.stride_h,
                  .activation = ActivationOf(in->config),
                  .dilation_w = window.dilation_w,
                  .dilation_h = window.dilation_h},
      &node);
  return InferLast(in->graph);
}

bool WriteConv2D(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kConv2D) return false;
  OutLayer& layer = layers->Add("Conv2D", node.name, out.inputs);
  const Shape& filter = out.input(1).shape;
  layer.Set("filters", filter[0]);
  SetWindow(Get<Conv2DAttrs>(node), filter, &layer);
  layer.Set("groups", out.input(0).shape[3] / filter[3]);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

// The multiplier, of a layer whose variable has one.
int32_t DepthMultiplier(const LayerIn& in) {
  const int32_t multiplier = JsonInt(in.config, "depth_multiplier", 1);
  if (multiplier < 1 || multiplier > 65535) {
    Fail(ErrorKind::kCorrupt, "its depth_multiplier is {}; 1 or more is wanted",
         multiplier);
  }
  return multiplier;
}

// Adds a node of that name, its output as well. `inputs`: the image, the
// kernel and maybe a bias.
std::vector<TensorId> AddDepthwise(const WindowConfig& window,
                                   Activation activation, int32_t multiplier,
                                   const std::string& name,
                                   std::vector<TensorId> inputs, Graph* graph) {
  Node& node =
      graph->AddNode(kDepthwiseConv2D, name, std::move(inputs), {name});
  Put(DepthwiseConv2DAttrs{.padding = window.padding,
                           .stride_w = window.stride_w,
                           .stride_h = window.stride_h,
                           .depth_multiplier = multiplier,
                           .activation = activation,
                           .dilation_w = window.dilation_w,
                           .dilation_h = window.dilation_h},
      &node);
  return InferLast(graph);
}

std::vector<TensorId> BuildDepthwiseConv2D(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config);
  const int32_t multiplier = DepthMultiplier(*in);
  const Shape x = ImageOf(*in);
  const TensorId kernel =
      AddVariable(in, "depthwise_kernel",
                  {window.kernel_h, window.kernel_w, x[3], multiplier});
  std::vector<TensorId> inputs = {in->input(), kernel};
  AddBias(in, in->graph->tensor(kernel).shape[3], &inputs);
  return AddDepthwise(window, ActivationOf(in->config), multiplier, in->name,
                      std::move(inputs), in->graph);
}

bool WriteDepthwiseConv2D(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kDepthwiseConv2D) return false;
  const auto attrs = Get<DepthwiseConv2DAttrs>(node);
  const bool strided = attrs.stride_h != 1 || attrs.stride_w != 1;
  const bool dilated = attrs.dilation_h != 1 || attrs.dilation_w != 1;
  if (attrs.stride_h != attrs.stride_w || (strided && dilated)) {
    Fail(ErrorKind::kUnsupported,
         "its strides are ({}, {}) and its dilations ({}, {}); a "
         "DepthwiseConv2D has strides of one size, and none with a dilation",
         attrs.stride_h, attrs.stride_w, attrs.dilation_h, attrs.dilation_w);
  }
  OutLayer& layer = layers->Add("DepthwiseConv2D", node.name, out.inputs);
  const Shape& filter = out.input(1).shape;
  layer.depth_multiplier = filter[3] / out.input(0).shape[3];
  SetWindow(attrs, filter, &layer);
  layer.Set("depth_multiplier", layer.depth_multiplier);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

// Two nodes, whose weights have the names that they will have as two layers.
std::vector<TensorId> BuildSeparableConv2D(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config);
  const int32_t filters = JsonInt(JsonAt(in->config, "filters"), "filters");
  const int32_t multiplier = DepthMultiplier(*in);
  const Shape x = ImageOf(*in);
  Graph& graph = *in->graph;
  const std::string depthwise = in->name + "_depthwise";
  const TensorId filter =
      AddVariable(in, "depthwise_kernel",
                  {window.kernel_h, window.kernel_w, x[3], multiplier});
  graph.tensor(filter).name = depthwise + "/depthwise_kernel";
  const TensorId between = AddDepthwise(window, kNone, multiplier, depthwise,
                                        {in->input(), filter}, &graph)[0];
  const TensorId kernel =
      AddVariable(in, "pointwise_kernel", {1, 1, x[3] * multiplier, filters});
  graph.tensor(kernel).name = in->name + "/kernel";
  std::vector<TensorId> inputs = {between, kernel};
  AddBias(in, filters, &inputs);
  Node& node = graph.AddNode(kConv2D, in->name, std::move(inputs), {in->name});
  Put(Conv2DAttrs{.padding = kValid,
                  .stride_w = 1,
                  .stride_h = 1,
                  .activation = ActivationOf(in->config)},
      &node);
  return InferLast(&graph);
}

constexpr Variable kVariables[] = {{"kernel", Layout::kOutputLast},
                                   {"bias", Layout::kPlain}};
constexpr Variable kDepthwiseVariables[] = {
    {"depthwise_kernel", Layout::kDepthwise, "kernel"},
    {"bias", Layout::kPlain}};
constexpr Variable kSeparableVariables[] = {
    {"depthwise_kernel", Layout::kDepthwise},
    {"pointwise_kernel", Layout::kOutputLast},
    {"bias", Layout::kPlain}};

constexpr LayerRow kRows[] = {
    {"Conv2D",
     "padding same or valid, strides, dilation_rate, groups, use_bias; "
     "channels_last",
     kVariables, BuildConv2D, WriteConv2D},
    {"DepthwiseConv2D",
     "padding same or valid, strides, dilation_rate, depth_multiplier, "
     "use_bias; channels_last",
     kDepthwiseVariables, BuildDepthwiseConv2D, WriteDepthwiseConv2D},
    {"SeparableConv2D",
     "as DepthwiseConv2D; becomes that and a Conv2D, which is what is written",
     kSeparableVariables, BuildSeparableConv2D, nullptr},
};

}  // namespace

Padding PaddingOf(const Json& config) {
  const std::string padding = JsonString(config, "padding", "valid");
  if (padding == "same") return kSame;
  if (padding == "valid") return kValid;
  Fail(ErrorKind::kUnsupported, "its padding is {}; same or valid is supported",
       padding);
}

const char* PaddingName(Padding padding) {
  return padding == kSame ? "same" : "valid";
}

std::span<const LayerRow> ConvLayers() { return kRows; }

}  // namespace litesmith
