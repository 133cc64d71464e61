// Pooling in windows, and over the whole image.
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/reduce/reduce.h"
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

// Over everything between the batch and the channels: `spatial` dimensions.
std::vector<TensorId> BuildGlobal(const OpDef& op, int spatial, LayerIn* in) {
  CheckChannelsLast(in->config);
  if (in->input_shape().rank() != spatial + 2) {
    Fail(ErrorKind::kCorrupt, "its input is {}; rank {} is wanted",
         in->input_shape().ToString(), spatial + 2);
  }
  std::vector<int32_t> axes(static_cast<size_t>(spatial));
  std::iota(axes.begin(), axes.end(), 1);
  const TensorId constant =
      in->graph->AddConstant<int32_t>(in->name + "/axes", {spatial}, axes);
  in->graph->AddNode(op, in->name, {in->input(), constant}, {in->name})
      .Set<&ReduceAttrs::keep_dims>(JsonBool(in->config, "keepdims", false));
  return InferLast(in->graph);
}

bool WriteGlobal(const OpDef& op, int spatial, const char* class_name,
                 const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &op) return false;
  std::vector<bool> wanted(static_cast<size_t>(spatial) + 2, true);
  wanted.front() = wanted.back() = false;
  if (ReducedDims(out.graph, node) != wanted) return false;
  OutLayer& layer = layers->Add(class_name, node.name, out.inputs);
  layer.Set("data_format", "channels_last");
  layer.Set("keepdims", node.Get<&ReduceAttrs::keep_dims>());
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
    {"GlobalAveragePooling2D",
     "keepdims; channels_last",
     {},
     [](LayerIn* in) { return BuildGlobal(kMean, 2, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteGlobal(kMean, 2, "GlobalAveragePooling2D", out, layers);
     }},
    {"GlobalAveragePooling1D",
     "keepdims; channels_last",
     {},
     [](LayerIn* in) { return BuildGlobal(kMean, 1, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteGlobal(kMean, 1, "GlobalAveragePooling1D", out, layers);
     }},
};

}  // namespace

std::span<const LayerRow> PoolLayers() { return kRows; }

}  // namespace litesmith
