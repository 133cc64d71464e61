// Pooling in windows, and over the whole image.
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

template <const OpDef* kOp, int kSpatial>
std::vector<TensorId> BuildPool(LayerIn* in) {
  return InChannelsLast(in, [](LayerIn* inner) {
    ImageOf(*inner, kSpatial);
    const auto pool = SizesOf(inner->config, "pool_size", kSpatial, {2, 2});
    const auto strides = SizesOf(inner->config, "strides", kSpatial, pool);
    Nodes nodes(inner->name, inner->graph);
    const TensorId image =
        kSpatial == 1 ? ExpandSequence(&nodes, inner->input()) : inner->input();
    const TensorId y =
        nodes.Add(*kOp, kSpatial == 1 ? "pool" : "", {image},
                  Pool2DAttrs{.padding = PaddingOf(inner->config),
                              .stride_w = strides[1],
                              .stride_h = strides[0],
                              .filter_w = pool[1],
                              .filter_h = pool[0]});
    return std::vector<TensorId>{kSpatial == 1 ? SqueezeSequence(&nodes, y)
                                               : y};
  });
}

template <const OpDef* kOp, int kSpatial>
bool GuessPool(const NodeGroup& group, LayerConfig* config) {
  const Node* pool = kSpatial == 1 ? group.Find("pool") : &group.last();
  if (pool == nullptr || pool->op != kOp ||
      group.nodes.size() != (kSpatial == 1 ? 3u : 1u))
    return false;
  const auto attrs = Get<Pool2DAttrs>(*pool);
  config->emplace_back("pool_size",
                       SizesFor(kSpatial, attrs.filter_h, attrs.filter_w));
  config->emplace_back("padding", std::string(PaddingName(attrs.padding)));
  config->emplace_back("strides",
                       SizesFor(kSpatial, attrs.stride_h, attrs.stride_w));
  config->emplace_back("data_format", std::string("channels_last"));
  return true;
}

// Over everything between the batch and the channels.
template <const OpDef* kOp, int kSpatial>
std::vector<TensorId> BuildGlobal(LayerIn* in) {
  const bool first = IsChannelsFirst(in->config);
  ImageOf(*in, kSpatial);
  std::vector<int32_t> axes(static_cast<size_t>(kSpatial));
  std::iota(axes.begin(), axes.end(), first ? 2 : 1);
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(
      *kOp, "", {in->input(), nodes.Ints("axes", axes)},
      ReduceAttrs{.keep_dims = JsonBool(in->config, "keepdims", false)})};
}

// By a mask: the sum of what is kept, by how many steps that is.
std::vector<TensorId> BuildGlobalAverage1D(LayerIn* in) {
  const MaskPtr mask = MaskOf(*in, in->input());
  in->handed_on = std::vector<MaskPtr>();
  if (mask == nullptr) return BuildGlobal<&kMean, 1>(in);
  ImageOf(*in, 1);
  const bool first = IsChannelsFirst(in->config);
  const int32_t steps = in->input_shape()[first ? 2 : 1];
  Nodes nodes(in->name, in->graph);
  const TensorId kept = MaskFloats(*in, "kept", mask,
                                   first ? std::vector<int32_t>{-1, 1, steps}
                                         : std::vector<int32_t>{-1, steps, 1});
  const TensorId axes = nodes.Ints("axes", {first ? 2 : 1});
  const ReduceAttrs attrs{.keep_dims = JsonBool(in->config, "keepdims", false)};
  const TensorId part = nodes.Add(kMean, "part", {kept, axes}, attrs);
  const TensorId values = nodes.Add(kMul, "values", {in->input(), kept});
  const TensorId mean = nodes.Add(kMean, "mean", {values, axes}, attrs);
  return {nodes.Add(kDiv, "", {mean, part})};
}

template <const OpDef* kOp, int kSpatial>
bool GuessGlobal(const NodeGroup& group, LayerConfig* config) {
  const Node& node = group.last();
  if (node.op != kOp || group.nodes.size() != 1 ||
      group.input_shape().rank() != kSpatial + 2)
    return false;
  const std::vector<bool> reduced = ReducedDims(group.graph, node);
  config->emplace_back(
      "data_format",
      std::string(reduced.back() ? "channels_first" : "channels_last"));
  config->emplace_back("keepdims", node.Get<&ReduceAttrs::keep_dims>());
  return true;
}

template <const OpDef* kOp, int kSpatial>
constexpr LayerRow Pool(const char* name) {
  return {name,    "padding same or valid, strides",
          {},      BuildPool<kOp, kSpatial>,
          nullptr, GuessPool<kOp, kSpatial>};
}
template <const OpDef* kOp, int kSpatial>
constexpr LayerRow Global(const char* name) {
  return {name,    "keepdims",
          {},      BuildGlobal<kOp, kSpatial>,
          nullptr, GuessGlobal<kOp, kSpatial>};
}

constexpr LayerRow kPoolRows[] = {
    Pool<&kMaxPool2D, 2>("MaxPooling2D"),
    Pool<&kMaxPool2D, 1>("MaxPooling1D"),
    Pool<&kAveragePool2D, 2>("AveragePooling2D"),
    Pool<&kAveragePool2D, 1>("AveragePooling1D"),
    Global<&kMean, 2>("GlobalAveragePooling2D"),
    {"GlobalAveragePooling1D",
     "keepdims; of what a mask keeps",
     {},
     BuildGlobalAverage1D,
     nullptr,
     GuessGlobal<&kMean, 1>},
    Global<&kReduceMax, 2>("GlobalMaxPooling2D"),
    Global<&kReduceMax, 1>("GlobalMaxPooling1D"),
};

}  // namespace

std::span<const LayerRow> PoolLayers() { return kPoolRows; }

}  // namespace litesmith
