// Convolutions.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<TensorId> BuildConv2D(LayerIn* in) {
  CheckChannelsLast(in->config);
  const auto [kernel_h, kernel_w] = JsonPair(in->config, "kernel_size", {0, 0});
  const auto [stride_h, stride_w] = JsonPair(in->config, "strides", {1, 1});
  const auto [dilation_h, dilation_w] =
      JsonPair(in->config, "dilation_rate", {1, 1});
  const int32_t filters = JsonInt(JsonAt(in->config, "filters"), "filters");
  const int32_t groups = JsonInt(in->config, "groups", 1);
  const Shape x = in->input_shape();
  if (x.rank() != 4 || groups < 1 || x[3] % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; [batch, height, width, channels] is wanted, with a "
         "multiple of {} channels",
         x.ToString(), groups);
  }
  const TensorId kernel =
      AddVariable(in, "kernel", {kernel_h, kernel_w, x[3] / groups, filters});
  std::vector<TensorId> inputs = {in->input(), kernel};
  AddBias(in, filters, &inputs);
  Node& node =
      in->graph->AddNode(kConv2D, in->name, std::move(inputs), {in->name});
  Put(Conv2DAttrs{.padding = PaddingOf(in->config),
                  .stride_w = stride_w,
                  .stride_h = stride_h,
                  .activation = ActivationOf(in->config),
                  .dilation_w = dilation_w,
                  .dilation_h = dilation_h},
      &node);
  return InferLast(in->graph);
}

bool WriteConv2D(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kConv2D) return false;
  const auto attrs = Get<Conv2DAttrs>(node);
  OutLayer& layer = layers->Add("Conv2D", node.name, out.inputs);
  const Shape& filter = out.input(1).shape;
  layer.Set("filters", filter[0]);
  layer.Set("kernel_size", Pair(filter[1], filter[2]));
  layer.Set("strides", Pair(attrs.stride_h, attrs.stride_w));
  layer.Set("padding", PaddingName(attrs.padding));
  layer.Set("data_format", "channels_last");
  layer.Set("dilation_rate", Pair(attrs.dilation_h, attrs.dilation_w));
  layer.Set("groups", out.input(0).shape[3] / filter[3]);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

constexpr Variable kVariables[] = {{"kernel", Layout::kOutputLast},
                                   {"bias", Layout::kPlain}};

constexpr LayerRow kRows[] = {
    {"Conv2D",
     "padding same or valid, strides, dilation_rate, groups, use_bias; "
     "channels_last",
     kVariables, BuildConv2D, WriteConv2D},
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
