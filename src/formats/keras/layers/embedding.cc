// Embedding and Masking, which make masks (specs/keras.md 3.3, 3.11).
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Of ids [batch, steps]: what is not 0 is kept.
MaskPtr MaskOfIds(const std::string& name, TensorId ids, const Graph& graph) {
  if (graph.tensor(ids).shape.rank() != 2) {
    return UnsupportedMask(
        fmt::format("'{}' makes of ids {}; [batch, steps] is supported", name,
                    graph.tensor(ids).shape.ToString()));
  }
  return std::make_shared<Mask>([name, ids](Graph* to) {
    Nodes nodes(name, to);
    return nodes.Add(kNotEqual, "mask", {ids, nodes.Ints("mask/zero", {0})});
  });
}

std::vector<TensorId> BuildEmbedding(LayerIn* in) {
  const int32_t count = JsonInt(JsonAt(in->config, "input_dim"), "input_dim");
  const int32_t width = JsonInt(JsonAt(in->config, "output_dim"), "output_dim");
  const TensorId table = AddVariable(in, "embeddings", {count, width});
  Nodes nodes(in->name, in->graph);
  TensorId ids = in->input();
  // A Sequential of Keras 2 takes floats unless it is told otherwise.
  if (in->graph->tensor(ids).dtype == DType::kFloat32)
    ids = nodes.Cast("ids", ids, DType::kInt32);
  if (JsonBool(in->config, "mask_zero", false))
    in->handed_on = {MaskOfIds(in->name, ids, *in->graph)};
  return {nodes.Add(kGather, "", {table, ids})};
}

bool GuessEmbedding(const NodeGroup& group, LayerConfig* config) {
  const Node& node = group.last();
  if (node.op != &kGather) return false;
  const Tensor& table = group.graph.tensor(node.inputs[0]);
  if (!table.has_data() || table.shape.rank() != 2) return false;
  config->emplace_back("input_dim", int64_t{table.shape[0]});
  config->emplace_back("output_dim", int64_t{table.shape[1]});
  return true;
}

// Of 1 or 0 for each step, [batch, steps, 1].
MaskPtr MaskOfSteps(const std::string& name, TensorId kept,
                    const Graph& graph) {
  const Shape shape = graph.tensor(kept).shape;
  if (shape.rank() != 3) {
    return UnsupportedMask(fmt::format(
        "'{}' makes of {} dimensions; [batch, steps, features] is supported",
        name, shape.rank()));
  }
  return std::make_shared<Mask>([name, kept, steps = shape[1]](Graph* to) {
    Nodes nodes(name, to);
    const TensorId rows = nodes.Reshape("mask_steps", kept, {-1, steps});
    return nodes.WithFloat(kGreater, "mask", rows, "half", 0.5f);
  });
}

// Steps of which every feature is the mask's value become zeros. Another value
// than 0 is taken off before: integers have 0 on their grid, however a runtime
// computes the floats that are compared, and seldom another number.
std::vector<TensorId> BuildMasking(LayerIn* in) {
  const auto value =
      static_cast<float>(JsonNumber(in->config, "mask_value", 0.0));
  Nodes nodes(in->name, in->graph);
  const TensorId distance =
      value == 0
          ? in->input()
          : nodes.WithFloat(kSub, "distance", in->input(), "value", value);
  const TensorId differs =
      nodes.WithFloat(kNotEqual, "differs", distance, "zero", 0.0f);
  const TensorId numbers = nodes.Cast("numbers", differs, DType::kFloat32);
  const TensorId kept =
      nodes.Add(kReduceMax, "kept", {numbers, nodes.Ints("kept/axes", {-1})},
                ReduceAttrs{.keep_dims = true});
  in->handed_on = {MaskOfSteps(in->name, kept, *in->graph)};
  return {nodes.Add(kMul, "", {in->input(), kept})};
}

bool GuessMasking(const NodeGroup& group, LayerConfig* config) {
  if (group.Floats("differs/zero").size() != 1) return false;
  const std::vector<float> value = group.Floats("distance/value");
  config->emplace_back("mask_value", Decimal(value.empty() ? 0 : value[0]));
  return true;
}

constexpr Variable kEmbeddingVariables[] = {{"embeddings", Layout::kPlain}};

constexpr LayerRow kEmbeddingRows[] = {
    {"Embedding", "input_dim, output_dim, mask_zero", kEmbeddingVariables,
     BuildEmbedding, nullptr, GuessEmbedding},
    {"Masking", "mask_value", {}, BuildMasking, nullptr, GuessMasking},
};

}  // namespace

std::span<const LayerRow> EmbeddingLayers() { return kEmbeddingRows; }

}  // namespace litesmith
