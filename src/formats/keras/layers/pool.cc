// Pooling in windows.
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<TensorId> BuildPool(const OpDef& op, LayerIn* in) {
  CheckChannelsLast(in->config);
  const auto pool = JsonPair(in->config, "pool_size", {2, 2});
  const auto strides = JsonPair(in->config, "strides", pool);
  Node& node = in->graph->AddNode(op, in->name, {in->input()}, {in->name});
  Put(Pool2DAttrs{.padding = PaddingOf(in->config),
                  .stride_w = strides[1],
                  .stride_h = strides[0],
                  .filter_w = pool[1],
                  .filter_h = pool[0]},
      &node);
  return InferLast(in->graph);
}

bool WritePool(const OpDef& op, const char* class_name, const NodeOut& out,
               LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &op) return false;
  const auto attrs = Get<Pool2DAttrs>(node);
  OutLayer& layer = layers->Add(class_name, node.name, out.inputs);
  layer.Set("pool_size", Pair(attrs.filter_h, attrs.filter_w));
  layer.Set("padding", PaddingName(attrs.padding));
  layer.Set("strides", Pair(attrs.stride_h, attrs.stride_w));
  layer.Set("data_format", "channels_last");
  return true;
}

constexpr LayerRow kRows[] = {
    {"MaxPooling2D",
     "padding same or valid; channels_last",
     {},
     [](LayerIn* in) { return BuildPool(kMaxPool2D, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WritePool(kMaxPool2D, "MaxPooling2D", out, layers);
     }},
    {"AveragePooling2D",
     "padding same or valid; channels_last",
     {},
     [](LayerIn* in) { return BuildPool(kAveragePool2D, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WritePool(kAveragePool2D, "AveragePooling2D", out, layers);
     }},
};

}  // namespace

std::span<const LayerRow> PoolLayers() { return kRows; }

}  // namespace litesmith
