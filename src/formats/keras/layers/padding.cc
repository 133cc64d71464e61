// Zeros around an image.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/ops/indices.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<TensorId> BuildZeroPadding(LayerIn* in) {
  CheckChannelsLast(in->config);
  if (in->input_shape().rank() != 4) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; [batch, height, width, channels] is wanted",
         in->input_shape().ToString());
  }
  const auto sides = JsonSides(in->config, "padding", 1);
  const std::vector<int32_t> paddings = {
      0, 0, sides[0][0], sides[0][1], sides[1][0], sides[1][1], 0, 0};
  const TensorId constant =
      in->graph->AddConstant<int32_t>(in->name + "/paddings", {4, 2}, paddings);
  in->graph->AddNode(kPad, in->name, {in->input(), constant}, {in->name});
  return InferLast(in->graph);
}

bool WriteZeroPadding(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kPad || out.input(0).shape.rank() != 4) return false;
  const std::vector<int64_t> values = ConstantIndices(out.input(1), "paddings");
  std::vector<int32_t> sides(values.begin(), values.end());
  if (sides[0] != 0 || sides[1] != 0 || sides[6] != 0 || sides[7] != 0)
    return false;
  OutLayer& layer = layers->Add("ZeroPadding2D", out.node.name, out.inputs);
  layer.Set("padding", std::vector<std::vector<int32_t>>{{sides[2], sides[3]},
                                                         {sides[4], sides[5]}});
  layer.Set("data_format", "channels_last");
  return true;
}

constexpr LayerRow kRows[] = {
    {"ZeroPadding2D",
     "any padding; channels_last",
     {},
     BuildZeroPadding,
     WriteZeroPadding},
};

}  // namespace

std::span<const LayerRow> PaddingLayers() { return kRows; }

}  // namespace litesmith
