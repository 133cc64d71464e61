// Recurrent layers, and those that wrap them (specs/keras.md 3.8). All are
// LITESMITH_RNN here; what of it is an LSTM of TFLite's is said in lstm.h.
#include "src/ops/recurrent/recurrent.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/map/binary.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::CellFunction;
using kernels::CellKind;

// ---- Cells ------------------------------------------------------------------

struct FunctionName {
  const char* name;
  CellFunction function;
  int generation = 0;  // of the Keras that means this; 0: both
};
constexpr FunctionName kFunctions[] = {
    {"linear", CellFunction::kLinear},
    {"tanh", CellFunction::kTanh},
    {"sigmoid", CellFunction::kLogistic},
    {"hard_sigmoid", CellFunction::kHardSigmoid, 2},
    {"hard_sigmoid", CellFunction::kHardSigmoid6, 3},
    {"relu", CellFunction::kRelu},
    {"relu6", CellFunction::kRelu6},
    {"elu", CellFunction::kElu},
    {"softsign", CellFunction::kSoftsign},
    {"exponential", CellFunction::kExp},
};

CellFunction FunctionOf(const LayerIn& in, const char* key,
                        const char* initial) {
  std::string name = initial;
  if (const Json* value = JsonFind(in.config, key)) {
    if (value->is_object()) {  // {"class_name": "function", "config": "tanh"}
      const Json* config = JsonFind(*value, "config");
      name = config != nullptr && config->is_string()
                 ? config->get<std::string>()
                 : JsonShown(*value);
    } else if (!value->is_null()) {
      name = JsonString(in.config, key, initial);
    } else {
      name = "linear";
    }
  }
  std::string known;
  for (const FunctionName& row : kFunctions) {
    if (row.generation != 0 && row.generation != in.generation) continue;
    if (row.name == name) return row.function;
    known += std::string(known.empty() ? "" : ", ") + row.name;
  }
  Fail(ErrorKind::kUnsupported, "its {} is '{}'; recurrent layers have {}", key,
       name, known);
}

struct CellRow {
  const char* layer;  // class names
  const char* cell;
  CellKind kind;
};
constexpr CellRow kCells[] = {{"SimpleRNN", "SimpleRNNCell", CellKind::kSimple},
                              {"GRU", "GRUCell", CellKind::kGru},
                              {"LSTM", "LSTMCell", CellKind::kLstm}};

const CellRow* FindCell(const std::string& cell_class) {
  for (const CellRow& row : kCells)
    if (row.cell == cell_class) return &row;
  return nullptr;
}

// What a layer does around its cell.
struct Around {
  bool sequences = false;
  bool states = false;  // gives them, too
  bool backwards = false;
};

Around AroundOf(const Json& config) {
  if (JsonBool(config, "time_major", false)) {
    Fail(ErrorKind::kUnsupported,
         "its time_major is true; batches in front are supported");
  }
  if (JsonBool(config, "stateful", false)) {
    Warn(
        "a recurrent layer is stateful; here every call begins with states of "
        "zeros");
  }
  return {JsonBool(config, "return_sequences", false),
          JsonBool(config, "return_state", false),
          JsonBool(config, "go_backwards", false)};
}

// [batch, steps, n] to its last step.
TensorId LastStep(const std::string& step, TensorId x, Nodes* nodes) {
  StridedSliceAttrs attrs;
  attrs.begin_mask = attrs.end_mask = 0b101;
  attrs.shrink_axis_mask = 0b010;
  const auto ints = [&](const char* name, std::vector<int32_t> values) {
    return nodes->Ints(Nodes::Below(step, name), values);
  };
  return nodes->Add(
      kStridedSlice, step,
      {x, ints("begin", {0, -1, 0}), ints("end", {0, 0, nodes->ShapeOf(x)[2]}),
       ints("strides", {1, 1, 1})},
      attrs);
}

TensorId Reversed(const std::string& step, TensorId x, Nodes* nodes) {
  return nodes->Add(kReverseV2, step,
                    {x, nodes->Ints(Nodes::Below(step, "axis"), {1})});
}

std::string PartOf(const std::string& part, const std::string& below) {
  return part.empty() ? below : part + "/" + below;
}

// Adds one cell's node over the sequence x, and gives its outputs.
std::vector<TensorId> AddCell(CellKind kind, const std::string& step,
                              bool sequences, bool cells, TensorId x,
                              const std::vector<TensorId>& states,
                              LayerIn* in) {
  Graph* graph = in->graph;
  RnnAttrs attrs;
  attrs.cell = kind;
  attrs.activation = FunctionOf(*in, "activation", "tanh");
  attrs.recurrent_activation =
      FunctionOf(*in, "recurrent_activation", "sigmoid");
  if (kind == CellKind::kSimple)
    attrs.recurrent_activation = CellFunction::kLogistic;
  attrs.reset_after =
      kind != CellKind::kGru || JsonBool(in->config, "reset_after", true);
  attrs.return_sequences = sequences;
  const int32_t units = JsonInt(JsonAt(in->config, "units"), "units");
  const int32_t width = graph->tensor(x).shape[2];
  const int32_t gates = kind == CellKind::kSimple ? 1
                        : kind == CellKind::kGru  ? 3
                                                  : 4;
  std::vector<TensorId> inputs = {
      x, AddVariable(in, "kernel", {width, gates * units}),
      AddVariable(in, "recurrent_kernel", {units, gates * units}), kNoTensor};
  if (JsonBool(in->config, "use_bias", true)) {
    inputs[rnn::kBias] =
        AddVariable(in, "bias",
                    kind == CellKind::kGru && attrs.reset_after
                        ? std::vector<int32_t>{2, gates * units}
                        : std::vector<int32_t>{gates * units});
  }
  inputs.insert(inputs.end(), states.begin(), states.end());
  std::vector<std::string> names = {Nodes(in->name, graph).Name(step)};
  if (cells) names.push_back(names[0] + "/cells");
  Node& node = graph->AddNode(kRnn, names[0], inputs, names);
  Put(attrs, &node);
  return InferLast(graph);
}

// ---- SimpleRNN, GRU, LSTM ---------------------------------------------------

TensorId SequenceIn(const LayerIn& in) {
  if (in.inputs.empty())
    Fail(ErrorKind::kCorrupt, "it reads nothing; a sequence is wanted");
  const Shape& x = in.graph->tensor(in.inputs[0]).shape;
  if (x.rank() != 3) {
    Fail(ErrorKind::kCorrupt,
         "its input has shape {}; [batch, steps, features] is wanted",
         x.ToString());
  }
  if (x[1] == kDynamic) {
    Fail(ErrorKind::kUnsupported,
         "its input has shape {}; a fixed number of steps is supported",
         x.ToString());
  }
  RefuseMask(in);
  return in.inputs[0];
}

// Its further inputs, or what is passed by name.
std::vector<TensorId> InitialStates(LayerIn* in) {
  std::vector<TensorId> states(in->inputs.begin() + 1, in->inputs.end());
  if (states.empty()) states = TensorsOf(in, "initial_state");
  return states;
}

std::vector<TensorId> BuildAround(CellKind kind, LayerIn* in) {
  const Around around = AroundOf(in->config);
  TensorId x = SequenceIn(*in);
  const std::vector<TensorId> states = InitialStates(in);
  const bool lstm = kind == CellKind::kLstm;
  if (!states.empty() && states.size() != (lstm ? 2 : 1)) {
    Fail(ErrorKind::kCorrupt, "it is given {} states", states.size());
  }
  in->part = PartOf(in->part, "cell");
  Nodes nodes(in->name, in->graph);
  if (around.backwards) x = Reversed("reverse", x, &nodes);
  const std::vector<TensorId> outputs =
      AddCell(kind, "", around.sequences, around.states && lstm, x, states, in);
  if (!around.states) return outputs;
  std::vector<TensorId> all = {outputs[0]};
  for (size_t o = 0; o < outputs.size(); ++o) {
    all.push_back(around.sequences
                      ? LastStep(o == 0 ? "h" : "c", outputs[o], &nodes)
                      : outputs[o]);
  }
  return all;
}

template <CellKind kKind>
std::vector<TensorId> BuildRecurrent(LayerIn* in) {
  return BuildAround(kKind, in);
}

const char* FunctionNameOf(CellFunction function) {
  for (const FunctionName& row : kFunctions) {
    if (row.function == function && row.generation != 3) return row.name;
  }
  return nullptr;
}

// What a node of one cell says of its layer.
bool SayCell(const Graph& graph, const Node& node, bool backwards,
             LayerConfig* config) {
  const auto attrs = Get<RnnAttrs>(node);
  const char* in = FunctionNameOf(attrs.activation);
  const char* re = FunctionNameOf(attrs.recurrent_activation);
  if (in == nullptr || re == nullptr) return false;
  const auto set = [&](const char* key, ConfigValue value) {
    config->emplace_back(key, std::move(value));
  };
  set("units",
      int64_t{graph.tensor(node.inputs[rnn::kRecurrentKernel]).shape[1]});
  set("activation", std::string(in));
  if (attrs.cell != CellKind::kSimple)
    set("recurrent_activation", std::string(re));
  set("use_bias", node.input(rnn::kBias) != kNoTensor);
  if (attrs.cell == CellKind::kGru) set("reset_after", attrs.reset_after);
  set("return_sequences", attrs.return_sequences);
  set("go_backwards", backwards);
  return true;
}

template <CellKind kKind>
bool GuessRecurrent(const NodeGroup& group, LayerConfig* config) {
  const Node& node = group.last();
  if (node.op != &kRnn || node.Get<&RnnAttrs::cell>() != kKind) return false;
  return SayCell(group.graph, node, group.Find("reverse") != nullptr, config);
}

// ---- RNN(cell) --------------------------------------------------------------

const CellRow& CellRowOf(const Json& cell) {
  const std::string name = JsonString(cell, "class_name", "");
  const CellRow* row = FindCell(name);
  if (row != nullptr) return *row;
  Fail(ErrorKind::kUnsupported,
       "its cell is a {}; SimpleRNNCell, GRUCell, LSTMCell and StackedRNNCells "
       "of these are supported",
       name);
}

// The layer as if it had the cell's config.
LayerIn WithCell(const Json& cell, const std::string& part,
                 const std::string& label, LayerIn* in) {
  LayerIn inner{in->row,    JsonAt(cell, "config"),
                in->name,   label,
                in->inputs, in->graph,
                in->tensors};
  inner.variables = in->variables;
  inner.rebuilt = in->rebuilt;
  inner.layer = in->layer;
  inner.part = part;
  inner.generation = in->generation;
  inner.trainable = in->trainable;
  return inner;
}

std::vector<TensorId> BuildRnn(LayerIn* in) {
  const Around around = AroundOf(in->config);
  TensorId x = SequenceIn(*in);
  if (around.states || in->inputs.size() > 1 ||
      !TensorsOf(in, "initial_state").empty()) {
    Fail(ErrorKind::kUnsupported,
         "states that an RNN of cells is given or gives are not supported; "
         "layers LSTM, GRU and SimpleRNN have them");
  }
  const Json& cell = JsonAt(in->config, "cell");
  const std::string part = PartOf(in->part, "cell");
  Nodes nodes(in->name, in->graph);
  if (around.backwards) x = Reversed("reverse", x, &nodes);
  if (JsonString(cell, "class_name", "") != "StackedRNNCells") {
    LayerIn inner = WithCell(cell, part, in->label, in);
    return AddCell(CellRowOf(cell).kind, "", around.sequences, false, x, {},
                   &inner);
  }
  const Json& cells = JsonAt(JsonAt(cell, "config"), "cells");
  if (!cells.is_array() || cells.empty())
    Fail(ErrorKind::kCorrupt, "its StackedRNNCells has no cells");
  std::map<std::string, int> counts;
  for (size_t i = 0; i < cells.size(); ++i) {
    const CellRow& row = CellRowOf(cells[i]);
    std::string name = SnakeCase(row.cell);
    if (const int count = counts[name]++) name += "_" + std::to_string(count);
    LayerIn inner =
        WithCell(cells[i], part + "/cells/" + name, in->label + "/" + name, in);
    const bool last = i + 1 == cells.size();
    x = AddCell(row.kind, last ? "" : name, !last || around.sequences, false, x,
                {}, &inner)[0];
  }
  return {x};
}

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
  LayerIn layer{*inner.row,
                config,
                in->name + "/" + part,
                in->label + "/" + part,
                {input},
                in->graph,
                in->tensors};
  layer.variables = in->variables;
  layer.rebuilt = in->rebuilt;
  layer.layer = in->layer;
  layer.part = PartOf(in->part, part);
  layer.generation = in->generation;
  layer.trainable = in->trainable;
  layer.input_shared = true;
  return layer;
}

void RequireRecurrent(const Inner& inner) {
  const std::string name = inner.row->class_name;
  const bool recurrent =
      name == "RNN" ||
      std::any_of(std::begin(kCells), std::end(kCells),
                  [&](const CellRow& row) { return name == row.layer; });
  if (!recurrent) {
    Fail(ErrorKind::kUnsupported,
         "the layer in it is a {}; recurrent layers are supported", name);
  }
  if (JsonBool(*inner.config, "return_state", false)) {
    Fail(ErrorKind::kUnsupported,
         "the layer in it gives its states (return_state), which is not "
         "supported here");
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
  Json backward_config = *backward.config;
  if (!own) {
    backward_config["go_backwards"] =
        !JsonBool(backward_config, "go_backwards", false);
  }
  LayerIn first = InnerIn(forward, *forward.config, "forward_layer", x, in);
  LayerIn second = InnerIn(backward, backward_config, "backward_layer", x, in);
  const TensorId a = forward.row->build(&first)[0];
  TensorId b = backward.row->build(&second)[0];
  Nodes nodes(in->name, in->graph);
  if (nodes.ShapeOf(b).rank() == 3) b = Reversed("turned", b, &nodes);
  // A key that is there with null, unlike one that is missing.
  const auto mode = in->config.find("merge_mode");
  if (mode != in->config.end() && mode->is_null()) return {a, b};
  return Merge(JsonString(in->config, "merge_mode", "concat"), a, b, in);
}

bool SayInner(const NodeGroup& group, const char* part, bool backwards,
              std::string* text) {
  const Node* node = group.Find(part);
  if (node == nullptr || node->op != &kRnn) return false;
  LayerConfig config = {{"name", std::string(part)}};
  if (!SayCell(group.graph, *node, backwards, &config)) return false;
  const auto kind = node->Get<&RnnAttrs::cell>();
  for (const CellRow& row : kCells) {
    if (row.kind != kind) continue;
    *text = fmt::format(
        R"({{"module":"keras.layers","class_name":"{}","config":{},"registered_name":null}})",
        row.layer, ConfigText(config));
  }
  return true;
}

bool GuessBidirectional(const NodeGroup& group, LayerConfig* config) {
  const OpDef* op = group.last().op;
  const bool averages = group.Find("sum") != nullptr;
  const char* mode = op == &kConcatenation      ? "concat"
                     : op == &kAdd              ? "sum"
                     : op == &kMul && !averages ? "mul"
                     : op == &kMul              ? "ave"
                                                : nullptr;
  std::string forward, backward;
  if (mode == nullptr ||
      !SayInner(group, "forward_layer",
                group.Find("forward_layer/reverse") != nullptr, &forward) ||
      !SayInner(group, "backward_layer",
                group.Find("backward_layer/reverse") != nullptr, &backward))
    return false;
  config->emplace_back("merge_mode", std::string(mode));
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

constexpr Variable kCellVariables[] = {
    {"kernel", Layout::kOutputLast},
    {"recurrent_kernel", Layout::kOutputLast},
    {"bias", Layout::kPlain}};

constexpr LayerRow kRows[] = {
    {"SimpleRNN",
     "return_sequences, return_state, go_backwards, initial states; "
     "activations linear, tanh, sigmoid, hard_sigmoid, relu, relu6, elu, "
     "softsign, exponential",
     kCellVariables, BuildRecurrent<CellKind::kSimple>, nullptr,
     GuessRecurrent<CellKind::kSimple>},
    {"GRU", "as SimpleRNN; reset_after and before", kCellVariables,
     BuildRecurrent<CellKind::kGru>, nullptr, GuessRecurrent<CellKind::kGru>},
    {"LSTM", "as SimpleRNN", kCellVariables, BuildRecurrent<CellKind::kLstm>,
     nullptr, GuessRecurrent<CellKind::kLstm>},
    {"RNN", "of SimpleRNNCell, GRUCell, LSTMCell, or StackedRNNCells of these",
     kCellVariables, BuildRnn},
    {"Bidirectional",
     "of a recurrent layer; merge_mode concat, sum, mul, ave or null",
     kCellVariables, BuildBidirectional, nullptr, GuessBidirectional},
    {"TimeDistributed", "of a layer of one output", {}, BuildTimeDistributed},
};

}  // namespace

std::span<const LayerRow> RecurrentLayers() { return kRows; }

}  // namespace litesmith
