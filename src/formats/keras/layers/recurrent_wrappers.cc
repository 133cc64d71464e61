// Layers around recurrent layers, and around any layer for each step
// (specs/keras.md 3.8).
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/recurrent.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/map/binary.h"
#include "src/ops/move/move.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- Bidirectional ----------------------------------------------------------

// A layer in the layer: {"class_name", "config"}.
struct Inner {
  const LayerRow* row;
  const Json* config;
};

Inner InnerOf(const Json& layer) {
  const std::string name = JsonString(layer, "class_name", "");
  const LayerRow* row = FindLayerRow(name);
  if (row == nullptr || row->build == nullptr) {
    Fail(ErrorKind::kUnsupported, "the layer in it is a {}, which is not known",
         name);
  }
  return {row, &JsonAt(layer, "config")};
}

LayerIn InnerIn(const Inner& inner, const Json& config, const char* part,
                TensorId input, LayerIn* in) {
  LayerIn layer =
      LayerInside(*in, part, *inner.row, config, in->name + "/" + part,
                  in->label + "/" + part, {input});
  layer.input_shared = true;
  layer.all = {input};
  layer.masks = {MaskOf(*in, input)};
  return layer;
}

void RequireRecurrent(const Inner& inner) {
  const std::string name = inner.row->class_name;
  if (!IsRecurrent(name)) {
    Fail(ErrorKind::kUnsupported,
         "the layer in it is a {}; recurrent layers are supported", name);
  }
}

std::vector<TensorId> Merge(const std::string& mode, TensorId forward,
                            TensorId backward, LayerIn* in) {
  Nodes nodes(in->name, in->graph);
  if (mode == "concat") {
    const int rank = nodes.ShapeOf(forward).rank();
    return {nodes.Add(kConcatenation, "", {forward, backward},
                      ConcatenationAttrs{.axis = rank - 1})};
  }
  if (mode == "sum") return {nodes.Add(kAdd, "", {forward, backward})};
  if (mode == "mul") return {nodes.Add(kMul, "", {forward, backward})};
  if (mode == "ave") {
    return {nodes.WithFloat(
        kMul, "", nodes.Add(kAdd, "sum", {forward, backward}), "half", 0.5f)};
  }
  Fail(ErrorKind::kCorrupt,
       "its merge_mode is '{}'; concat, sum, mul, ave and null are known",
       mode);
}

std::vector<TensorId> BuildBidirectional(LayerIn* in) {
  in->gives_steps_first = in->steps_first;
  const TensorId x = SequenceIn(*in);
  if (in->inputs.size() > 1 || !TensorsOf(in, "initial_state").empty()) {
    Fail(ErrorKind::kUnsupported,
         "states that a Bidirectional is given are not supported");
  }
  const Inner forward = InnerOf(JsonAt(in->config, "layer"));
  RequireRecurrent(forward);
  const Json* other = JsonFind(in->config, "backward_layer");
  const bool own = other != nullptr && other->is_object();
  const Inner backward = own ? InnerOf(*other) : forward;
  RequireRecurrent(backward);
  // Keras says so of both.
  Json forward_config = *forward.config;
  Json backward_config = *backward.config;
  for (Json* config : {&forward_config, &backward_config}) {
    (*config)["zero_output_for_mask"] =
        JsonBool(*config, "return_sequences", false);
  }
  if (!own) {
    backward_config["go_backwards"] =
        !JsonBool(backward_config, "go_backwards", false);
  }
  LayerIn first = InnerIn(forward, forward_config, "forward_layer", x, in);
  LayerIn second = InnerIn(backward, backward_config, "backward_layer", x, in);
  in->handed_on = std::vector<MaskPtr>(
      2, JsonBool(forward_config, "return_sequences", false) ? MaskOf(*in, x)
                                                             : nullptr);
  const std::vector<TensorId> of_first = forward.row->build(&first);
  const std::vector<TensorId> of_second = backward.row->build(&second);
  const TensorId a = of_first[0];
  TensorId b = of_second[0];
  Nodes nodes(in->name, in->graph);
  // A key that is there with null, unlike one that is missing.
  const auto mode = in->config.find("merge_mode");
  const bool apart = mode != in->config.end() && mode->is_null();
  if (nodes.ShapeOf(b).rank() == 3)
    b = Reversed(apart ? "" : "turned", b, &nodes);
  std::vector<TensorId> all =
      apart ? std::vector<TensorId>{a, b}
            : Merge(JsonString(in->config, "merge_mode", "concat"), a, b, in);
  // The states of both (return_state).
  all.insert(all.end(), of_first.begin() + 1, of_first.end());
  all.insert(all.end(), of_second.begin() + 1, of_second.end());
  return all;
}

bool SayInner(const NodeGroup& group, const char* part, bool backwards,
              std::string* text) {
  const Node* node = group.Find(part);
  // Behind a mask the cell is a step of it.
  const bool steps = node == nullptr || node->op != &kRnn;
  const bool states = node != nullptr && node->op == &kStridedSlice;
  if (steps) node = group.Find(Nodes::Below(part, "steps"));
  if (node == nullptr || node->op != &kRnn) return false;
  LayerConfig config = {{"name", std::string(part)}};
  if (states || node->outputs.size() > 1)
    config.emplace_back("return_state", true);
  if (!SayCell(group.graph, *node, backwards, &config)) return false;
  *text = LayerObject(CellOfKind(node->Get<&RnnAttrs::cell>()).layer,
                      ConfigText(config));
  return true;
}

bool GuessBidirectional(const NodeGroup& group, LayerConfig* config) {
  const OpDef* op = group.last().op;
  const bool averages = group.Find("sum") != nullptr;
  const char* mode = op == &kConcatenation      ? "concat"
                     : op == &kAdd              ? "sum"
                     : op == &kMul && !averages ? "mul"
                     : op == &kMul              ? "ave"
                     : op == &kReverseV2        ? ""
                                                : nullptr;
  std::string forward, backward;
  if (mode == nullptr ||
      !SayInner(group, "forward_layer",
                group.Find("forward_layer/reverse") != nullptr, &forward) ||
      !SayInner(group, "backward_layer",
                group.Find("backward_layer/reverse") != nullptr, &backward))
    return false;
  config->emplace_back("merge_mode",
                       *mode == 0 ? ConfigValue() : ConfigValue(mode));
  config->emplace_back("layer", JsonText{forward});
  config->emplace_back("backward_layer", JsonText{backward});
  return true;
}

// ---- TimeDistributed --------------------------------------------------------

// Layers of which each row of the last axis is one's own.
bool WorksOnRows(const std::string& class_name) {
  for (const char* name :
       {"Dense", "Activation", "Dropout", "LeakyReLU", "ReLU", "ELU"}) {
    if (class_name == name) return true;
  }
  return false;
}

std::vector<TensorId> BuildTimeDistributed(LayerIn* in) {
  const Inner inner = InnerOf(JsonAt(in->config, "layer"));
  const Shape x = in->input_shape();
  if (x.rank() < 3 || x[1] == kDynamic) {
    Fail(ErrorKind::kUnsupported,
         "its input has shape {}; [batch, steps, ...] of a fixed number of "
         "steps is supported",
         x.ToString());
  }
  LayerIn layer = InnerIn(inner, *inner.config, "layer", in->input(), in);
  layer.label = in->label;
  if (!HandsMaskOn(inner.row->class_name, in->generation)) RefuseMask(*in);
  if (WorksOnRows(inner.row->class_name)) {
    layer.name = in->name;
    return inner.row->build(&layer);
  }
  Nodes nodes(in->name, in->graph);
  std::vector<int32_t> dims = SampleDims(x);
  dims[0] = -1;
  layer.inputs = {nodes.Reshape("steps", in->input(), dims)};
  const std::vector<TensorId> outputs = inner.row->build(&layer);
  if (outputs.size() != 1)
    Fail(ErrorKind::kUnsupported, "the layer in it has several outputs");
  std::vector<int32_t> after = SampleDims(nodes.ShapeOf(outputs[0]));
  after.insert(after.begin(), {-1, x[1]});
  return {nodes.Reshape("", outputs[0], after)};
}

// Takes the layer that a row writes.
class OneLayer : public LayerWriter {
 public:
  OutLayer& Add(const char* class_name, const std::string&,
                std::vector<OutTensor>) override {
    OutLayer layer;
    layer.class_name = class_name;
    layer.row = FindLayerRow(class_name);
    layers.push_back(std::move(layer));
    return layers.back();
  }
  OutTensor Last() const override {
    return {static_cast<int>(layers.size()) - 1, 0};
  }
  std::vector<OutLayer> layers;
};

// The layer that the nodes are: class and config.
std::optional<std::pair<std::string, LayerConfig>> LayerOf(
    const NodeGroup& group) {
  if (const auto found = FindLayerOf(group);
      found.has_value() && found->inputs.size() == 1)
    return std::pair{std::string(found->row->class_name), found->config};
  if (group.nodes.size() != 1) return std::nullopt;
  NodeOut out{group.graph, group.last(), {OutTensor{0, 0}}};
  if (const AttrValue* fused = FusedActivation(group.last())) {
    if (fused->i == activation::kRelu) out.activation = "relu";
    if (fused->i == activation::kRelu6) out.activation = "relu6";
  }
  for (const LayerRow& row : LayerRows()) {
    OneLayer writer;
    if (row.write == nullptr || !row.write(out, &writer)) continue;
    if (writer.layers.size() != 1) return std::nullopt;
    return std::pair{writer.layers[0].class_name, writer.layers[0].config};
  }
  return std::nullopt;
}

// The nodes between the two reshapes are a layer's by themselves.
bool GuessTimeDistributed(const NodeGroup& group, LayerConfig* config) {
  const size_t count = group.nodes.size();
  if (count < 3 || group.Find("steps") != group.nodes.front() ||
      group.last().op != &kReshape)
    return false;
  NodeGroup inner{group.graph, group.nodes[count - 2]->name, {}, {}};
  inner.nodes.assign(group.nodes.begin() + 1, group.nodes.end() - 1);
  inner.inputs = {group.nodes.front()->outputs[0]};
  const auto found = LayerOf(inner);
  if (!found.has_value()) return false;
  LayerConfig of_layer = {{"name", std::string("layer")}};
  of_layer.insert(of_layer.end(), found->second.begin(), found->second.end());
  config->emplace_back(
      "layer", JsonText{LayerObject(found->first, ConfigText(of_layer))});
  return true;
}

constexpr LayerRow kRecurrentWrappersRows[] = {
    {"Bidirectional",
     "of a recurrent layer; merge_mode concat, sum, mul, ave or null; "
     "return_state",
     kCellVariables, BuildBidirectional, nullptr, GuessBidirectional},
    {"TimeDistributed",
     "of a layer of one output",
     {},
     BuildTimeDistributed,
     nullptr,
     GuessTimeDistributed},
};

}  // namespace

std::span<const LayerRow> RecurrentWrapperLayers() {
  return kRecurrentWrappersRows;
}

}  // namespace litesmith
