// Convolutions of images and, as images of height 1, of sequences.
#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
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
  int32_t causal = 0;  // zeros before a sequence
};

WindowConfig WindowOf(const Json& config, int spatial) {
  const auto [kernel_h, kernel_w] =
      SizesOf(config, "kernel_size", spatial, {0, 0});
  const auto [stride_h, stride_w] = SizesOf(config, "strides", spatial, {1, 1});
  const auto [dilation_h, dilation_w] =
      SizesOf(config, "dilation_rate", spatial, {1, 1});
  WindowConfig window{kernel_h,   kernel_w,   stride_h, stride_w,
                      dilation_h, dilation_w, kValid};
  if (spatial == 1 && JsonString(config, "padding", "valid") == "causal") {
    window.causal = static_cast<int32_t>(std::clamp<int64_t>(
        (int64_t{kernel_w} - 1) * dilation_w, 0, int64_t{1} << 24));
  } else {
    window.padding = PaddingOf(config);
  }
  return window;
}

int32_t CountOf(const LayerIn& in, const char* key) {
  return JsonInt(JsonAt(in.config, key), key);
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

// The dimensions of a kernel, without a height of sequences.
std::vector<int32_t> KernelDims(const WindowConfig& window, int spatial,
                                int32_t a, int32_t b) {
  if (spatial == 1) return {window.kernel_w, a, b};
  return {window.kernel_h, window.kernel_w, a, b};
}

// The image that the layer's convolution reads.
TensorId InputImage(LayerIn* in, const WindowConfig& window, int spatial,
                    Nodes* nodes) {
  TensorId x = in->input();
  if (spatial == 1) x = ExpandSequence(nodes, x);
  if (window.causal == 0) return x;
  const std::vector<int32_t> paddings = {0, 0, 0, 0, window.causal, 0, 0, 0};
  return nodes->Add(kPad, "pad",
                    {x, in->graph->AddConstant<int32_t>(
                            nodes->Name("pad/paddings"), {4, 2}, paddings)});
}

// What the layer gives, of the node whose output is `y`, with its activation.
std::vector<TensorId> Output(LayerIn* in, TensorId y, int spatial,
                             Nodes* nodes) {
  const NodeId producer = in->graph->Producer(y);
  if (spatial == 2) return WithActivation(in, y);
  const TensorId sequence = SqueezeSequence(nodes, y);
  const Node node = in->graph->node(producer);
  return WithActivation(in, sequence, &node);
}

std::string StepOf(int spatial) { return spatial == 1 ? "conv" : ""; }

template <int kSpatial>
std::vector<TensorId> BuildConv(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config, kSpatial);
  const int32_t filters = CountOf(*in, "filters");
  const int32_t groups = JsonInt(in->config, "groups", 1);
  const Shape x = ImageOf(*in, kSpatial);
  const int32_t channels = x[kSpatial + 1];
  if (groups < 1 || channels % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; a multiple of {} channels is wanted", x.ToString(),
         groups);
  }
  const TensorId kernel = AddVariable(
      in, "kernel", KernelDims(window, kSpatial, channels / groups, filters));
  std::vector<TensorId> bias;
  AddBias(in, filters, &bias);
  Nodes nodes(in->name, in->graph);
  std::vector<TensorId> inputs = {InputImage(in, window, kSpatial, &nodes),
                                  kernel};
  inputs.insert(inputs.end(), bias.begin(), bias.end());
  const TensorId y = nodes.Add(kConv2D, StepOf(kSpatial), std::move(inputs),
                               Conv2DAttrs{.padding = window.padding,
                                           .stride_w = window.stride_w,
                                           .stride_h = window.stride_h,
                                           .dilation_w = window.dilation_w,
                                           .dilation_h = window.dilation_h});
  return Output(in, y, kSpatial, &nodes);
}

// Adds a node of that step. `inputs`: the image, the kernel and maybe a bias.
TensorId AddDepthwise(const WindowConfig& window, int32_t multiplier,
                      int spatial, const std::string& step,
                      std::vector<TensorId> inputs, Nodes* nodes) {
  // One row of windows: their stride is for those who want one for both.
  const int32_t stride_h = spatial == 1 ? window.stride_w : window.stride_h;
  return nodes->Add(kDepthwiseConv2D, step, std::move(inputs),
                    DepthwiseConv2DAttrs{.padding = window.padding,
                                         .stride_w = window.stride_w,
                                         .stride_h = stride_h,
                                         .depth_multiplier = multiplier,
                                         .dilation_w = window.dilation_w,
                                         .dilation_h = window.dilation_h});
}

template <int kSpatial>
std::vector<TensorId> BuildDepthwise(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config, kSpatial);
  const int32_t multiplier = DepthMultiplier(*in);
  const int32_t channels = ImageOf(*in, kSpatial)[kSpatial + 1];
  const TensorId kernel =
      AddVariable(in, "depthwise_kernel",
                  KernelDims(window, kSpatial, channels, multiplier));
  std::vector<TensorId> bias;
  AddBias(in, in->graph->tensor(kernel).shape[3], &bias);
  Nodes nodes(in->name, in->graph);
  std::vector<TensorId> inputs = {InputImage(in, window, kSpatial, &nodes),
                                  kernel};
  inputs.insert(inputs.end(), bias.begin(), bias.end());
  const TensorId y = AddDepthwise(window, multiplier, kSpatial,
                                  StepOf(kSpatial), std::move(inputs), &nodes);
  return Output(in, y, kSpatial, &nodes);
}

template <int kSpatial>
std::vector<TensorId> BuildSeparable(LayerIn* in) {
  const WindowConfig window = WindowOf(in->config, kSpatial);
  const int32_t filters = CountOf(*in, "filters");
  const int32_t multiplier = DepthMultiplier(*in);
  const int32_t channels = ImageOf(*in, kSpatial)[kSpatial + 1];
  const TensorId filter =
      AddVariable(in, "depthwise_kernel",
                  KernelDims(window, kSpatial, channels, multiplier));
  std::vector<int32_t> point = {1, 1, channels * multiplier, filters};
  if (kSpatial == 1) point.erase(point.begin());
  const TensorId kernel = AddVariable(in, "pointwise_kernel", point);
  std::vector<TensorId> bias;
  AddBias(in, filters, &bias);
  Nodes nodes(in->name, in->graph);
  const TensorId x = InputImage(in, window, kSpatial, &nodes);
  const TensorId between = AddDepthwise(window, multiplier, kSpatial,
                                        "depthwise", {x, filter}, &nodes);
  std::vector<TensorId> inputs = {between, kernel};
  inputs.insert(inputs.end(), bias.begin(), bias.end());
  const TensorId y =
      nodes.Add(kConv2D, StepOf(kSpatial), std::move(inputs),
                Conv2DAttrs{.padding = kValid, .stride_w = 1, .stride_h = 1});
  return Output(in, y, kSpatial, &nodes);
}

template <auto kBuild>
std::vector<TensorId> InEitherFormat(LayerIn* in) {
  return InChannelsLast(in, kBuild);
}

// ---- Writing ---------------------------------------------------------------

// Says the window of a node's attributes and filter.
template <class Attrs>
void SetWindow(const Attrs& attrs, const Shape& filter, int spatial,
               bool causal, LayerConfig* config) {
  config->emplace_back("kernel_size", SizesFor(spatial, filter[1], filter[2]));
  config->emplace_back("strides",
                       SizesFor(spatial, attrs.stride_h, attrs.stride_w));
  config->emplace_back(
      "padding", std::string(causal ? "causal" : PaddingName(attrs.padding)));
  config->emplace_back("data_format", std::string("channels_last"));
  config->emplace_back("dilation_rate",
                       SizesFor(spatial, attrs.dilation_h, attrs.dilation_w));
}

bool WriteConv2D(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kConv2D) return false;
  OutLayer& layer = layers->Add("Conv2D", node.name, out.inputs);
  const Shape& filter = out.input(1).shape;
  layer.Set("filters", filter[0]);
  SetWindow(Get<Conv2DAttrs>(node), filter, 2, false, &layer.config);
  layer.Set("groups", out.input(0).shape[3] / filter[3]);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
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
  SetWindow(attrs, filter, 2, false, &layer.config);
  layer.Set("depth_multiplier", layer.depth_multiplier);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

// What a layer says of the activation that its node has taken.
std::string ActivationOf(const NodeGroup& group, const Node& node) {
  // That of the last node is of a layer behind, if its output says so.
  const Node& last = group.last();
  if (&node == &last && group.graph.tensor(last.outputs[0]).name != last.name)
    return "linear";
  const int64_t fused = FusedActivation(node)->i;
  return fused == activation::kRelu    ? "relu"
         : fused == activation::kRelu6 ? "relu6"
                                       : "linear";
}

// The convolution of the group, or null.
const Node* ConvOf(const NodeGroup& group, const OpDef& op) {
  const auto it =
      std::find_if(group.nodes.begin(), group.nodes.end(),
                   [&](const Node* node) { return node->op == &op; });
  return it == group.nodes.end() ? nullptr : *it;
}

bool GuessConv1D(const NodeGroup& group, LayerConfig* config) {
  const Node* conv = ConvOf(group, kConv2D);
  if (conv == nullptr || group.Find("expand") == nullptr ||
      group.Find("depthwise") != nullptr)
    return false;
  const Shape& filter = group.graph.tensor(conv->inputs[1]).shape;
  config->emplace_back("filters", int64_t{filter[0]});
  SetWindow(Get<Conv2DAttrs>(*conv), filter, 1, group.Find("pad") != nullptr,
            config);
  config->emplace_back("groups", int64_t{group.input_shape()[2] / filter[3]});
  config->emplace_back("activation", ActivationOf(group, *conv));
  config->emplace_back("use_bias", conv->inputs.size() > 2);
  return true;
}

bool GuessDepthwise1D(const NodeGroup& group, LayerConfig* config) {
  const Node* conv = ConvOf(group, kDepthwiseConv2D);
  if (conv == nullptr || group.Find("expand") == nullptr ||
      group.Find("depthwise") != nullptr)
    return false;
  const auto attrs = Get<DepthwiseConv2DAttrs>(*conv);
  SetWindow(attrs, group.graph.tensor(conv->inputs[1]).shape, 1,
            group.Find("pad") != nullptr, config);
  config->emplace_back("depth_multiplier", int64_t{attrs.depth_multiplier});
  config->emplace_back("activation", ActivationOf(group, *conv));
  config->emplace_back("use_bias", conv->inputs.size() > 2);
  return true;
}

template <int kSpatial>
bool GuessSeparable(const NodeGroup& group, LayerConfig* config) {
  const Node* depthwise = ConvOf(group, kDepthwiseConv2D);
  const Node* conv = ConvOf(group, kConv2D);
  if (depthwise == nullptr || conv == nullptr ||
      (group.Find("expand") != nullptr) != (kSpatial == 1))
    return false;
  const auto attrs = Get<DepthwiseConv2DAttrs>(*depthwise);
  config->emplace_back("filters",
                       int64_t{group.graph.tensor(conv->inputs[1]).shape[0]});
  SetWindow(attrs, group.graph.tensor(depthwise->inputs[1]).shape, kSpatial,
            group.Find("pad") != nullptr, config);
  config->emplace_back("depth_multiplier", int64_t{attrs.depth_multiplier});
  config->emplace_back("activation", ActivationOf(group, *conv));
  config->emplace_back("use_bias", conv->inputs.size() > 2);
  return true;
}

// ---- The rows ---------------------------------------------------------------

constexpr Variable kConvVariables[] = {{"kernel", Layout::kOutputLast},
                                       {"bias", Layout::kPlain}};
constexpr Variable kConvVariables1D[] = {{"kernel", Layout::kOutputLast1D},
                                         {"bias", Layout::kPlain}};
constexpr Variable kDepthwiseVariables[] = {
    {"depthwise_kernel", Layout::kDepthwise, "kernel"},
    {"bias", Layout::kPlain}};
constexpr Variable kDepthwiseVariables1D[] = {
    {"depthwise_kernel", Layout::kDepthwise1D, "kernel"},
    {"bias", Layout::kPlain}};
constexpr Variable kSeparableVariables[] = {
    {"depthwise_kernel", Layout::kDepthwise},
    {"pointwise_kernel", Layout::kOutputLast},
    {"bias", Layout::kPlain}};
constexpr Variable kSeparableVariables1D[] = {
    {"depthwise_kernel", Layout::kDepthwise1D},
    {"pointwise_kernel", Layout::kOutputLast1D},
    {"bias", Layout::kPlain}};

constexpr LayerRow kConvRows[] = {
    {"Conv2D",
     "padding same or valid, strides, dilation_rate, groups, use_bias",
     kConvVariables, InEitherFormat<BuildConv<2>>, WriteConv2D},
    {"Conv1D", "as Conv2D; causal padding, too", kConvVariables1D,
     InEitherFormat<BuildConv<1>>, nullptr, GuessConv1D},
    {"DepthwiseConv2D", "as Conv2D; depth_multiplier, strides of one size",
     kDepthwiseVariables, InEitherFormat<BuildDepthwise<2>>,
     WriteDepthwiseConv2D},
    {"DepthwiseConv1D", "as DepthwiseConv2D", kDepthwiseVariables1D,
     InEitherFormat<BuildDepthwise<1>>, nullptr, GuessDepthwise1D},
    {"SeparableConv2D", "depthwise, then pointwise; as both",
     kSeparableVariables, InEitherFormat<BuildSeparable<2>>, nullptr,
     GuessSeparable<2>},
    {"SeparableConv1D", "as SeparableConv2D; causal padding, too",
     kSeparableVariables1D, InEitherFormat<BuildSeparable<1>>, nullptr,
     GuessSeparable<1>},
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

std::span<const LayerRow> ConvLayers() { return kConvRows; }

}  // namespace litesmith
