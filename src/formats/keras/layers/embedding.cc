// Embedding, and the masks that it and Masking make (specs/keras.md 3.3, 3.11):
// nothing here computes with masks, so whatever would is refused.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/map/cast.h"
#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr const char* kMaskMark = "/makes_mask";

// Says of the node of that name that it makes a mask. Nothing reads the mark in
// the graph, so it does not outlive the reading of a file.
void MarkMask(const LayerIn& in) {
  const float mark = 1;
  in.graph->AddConstant<float>(in.name + kMaskMark, {}, {&mark, 1});
}

std::vector<TensorId> BuildEmbedding(LayerIn* in) {
  const int32_t count = JsonInt(JsonAt(in->config, "input_dim"), "input_dim");
  const int32_t width = JsonInt(JsonAt(in->config, "output_dim"), "output_dim");
  const TensorId table = AddVariable(in, "embeddings", {count, width});
  Nodes nodes(in->name, in->graph);
  TensorId ids = in->input();
  if (in->graph->tensor(ids).dtype == DType::kFloat32) {
    ids = nodes.Add(kCast, "ids", {ids},
                    CastAttrs{.from = DType::kFloat32, .to = DType::kInt32});
  }
  if (JsonBool(in->config, "mask_zero", false)) MarkMask(*in);
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

// Steps of which every feature is the mask's value become zeros.
std::vector<TensorId> BuildMasking(LayerIn* in) {
  const auto value =
      static_cast<float>(JsonNumber(in->config, "mask_value", 0.0));
  Nodes nodes(in->name, in->graph);
  const TensorId differs =
      nodes.WithFloat(kNotEqual, "differs", in->input(), "value", value);
  const TensorId numbers =
      nodes.Add(kCast, "numbers", {differs},
                CastAttrs{.from = DType::kBool, .to = DType::kFloat32});
  const TensorId kept =
      nodes.Add(kReduceMax, "kept", {numbers, nodes.Ints("kept/axes", {-1})},
                ReduceAttrs{.keep_dims = true});
  MarkMask(*in);
  return {nodes.Add(kMul, "", {in->input(), kept})};
}

bool GuessMasking(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> value = group.Floats("differs/value");
  if (value.size() != 1) return false;
  config->emplace_back("mask_value", Decimal(value[0]));
  return true;
}

// Layers of these ops end a mask.
bool EndsMask(const OpDef& op) {
  const OpDef* const kEnds[] = {&kConv2D,        &kDepthwiseConv2D, &kMaxPool2D,
                                &kAveragePool2D, &kReshape,         &kMean,
                                &kReduceMax,     &kTranspose,       &kPad};
  return std::find(std::begin(kEnds), std::end(kEnds), &op) != std::end(kEnds);
}

constexpr Variable kVariables[] = {{"embeddings", Layout::kPlain}};

constexpr LayerRow kRows[] = {
    {"Embedding",
     "input_dim, output_dim; mask_zero where no layer behind it goes by masks",
     kVariables, BuildEmbedding, nullptr, GuessEmbedding},
    {"Masking",
     "mask_value; where no layer behind it goes by masks",
     {},
     BuildMasking,
     nullptr,
     GuessMasking},
};

}  // namespace

void RefuseMask(const LayerIn& in) {
  std::set<std::string> marks;
  for (const Tensor& tensor : in.graph->tensors) {
    if (tensor.name.ends_with(kMaskMark)) {
      marks.insert(tensor.name.substr(
          0, tensor.name.size() - std::string_view(kMaskMark).size()));
    }
  }
  if (marks.empty()) return;
  std::vector<TensorId> open = in.inputs;
  std::set<TensorId> seen;
  while (!open.empty()) {
    const TensorId id = open.back();
    open.pop_back();
    if (id == kNoTensor || !seen.insert(id).second) continue;
    const NodeId producer = in.graph->Producer(id);
    if (producer < 0) continue;
    const Node& node = in.graph->node(producer);
    if (marks.count(node.name) != 0) {
      Fail(ErrorKind::kUnsupported,
           "it goes by the mask that '{}' makes of what it reads, which is not "
           "supported; without mask_zero, and Masking, it is",
           node.name);
    }
    if (!EndsMask(*node.op))
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
  }
}

std::span<const LayerRow> EmbeddingLayers() { return kRows; }

}  // namespace litesmith
