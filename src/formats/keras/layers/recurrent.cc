// Recurrent layers (specs/keras.md 3.8). All are
// LITESMITH_RNN here; what of it is an LSTM of TFLite's is said in lstm.h. What
// wraps them is in recurrent_wrappers.cc.
#include "src/formats/keras/layers/recurrent.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/map/binary.h"
#include "src/ops/move/move.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/reduce/reduce.h"
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
constexpr FunctionName kFunctionNames[] = {
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
  for (const FunctionName& row : kFunctionNames) {
    if (row.generation != 0 && row.generation != in.generation) continue;
    if (row.name == name) return row.function;
    known += std::string(known.empty() ? "" : ", ") + row.name;
  }
  Fail(ErrorKind::kUnsupported, "its {} is '{}'; recurrent layers have {}", key,
       name, known);
}

constexpr CellRow kCells[] = {{"SimpleRNN", "SimpleRNNCell", CellKind::kSimple},
                              {"GRU", "GRUCell", CellKind::kGru},
                              {"LSTM", "LSTMCell", CellKind::kLstm}};

// What a layer does around its cell.
struct Surroundings {
  bool sequences = false;
  bool states = false;  // gives them, too
  bool backwards = false;
  bool zeros = false;  // results of steps that a mask leaves out
};

Surroundings AroundOf(const LayerIn& in) {
  const Json& config = in.config;
  if (JsonBool(config, "time_major", false) != in.steps_first) {
    Fail(ErrorKind::kUnsupported,
         "its time_major is {}, and what it reads has the {} in front",
         !in.steps_first, in.steps_first ? "steps" : "batch");
  }
  if (JsonBool(config, "stateful", false)) {
    Warn(
        "a recurrent layer is stateful; here every call begins with states of "
        "zeros");
  }
  return {JsonBool(config, "return_sequences", false),
          JsonBool(config, "return_state", false),
          JsonBool(config, "go_backwards", false),
          JsonBool(config, "zero_output_for_mask", false)};
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

// Adds one cell's node over the sequence x, and gives its outputs.
std::vector<TensorId> AddCell(CellKind kind, const std::string& step,
                              bool sequences, bool cells, TensorId x,
                              const std::vector<TensorId>& states,
                              TensorId mask, LayerIn* in) {
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
  if (mask != kNoTensor) {
    inputs.resize(rnn::kMask, kNoTensor);
    inputs.push_back(mask);
  }
  std::vector<std::string> names = {Nodes(in->name, graph).Name(step)};
  if (cells) names.push_back(names[0] + "/cells");
  Node& node = graph->AddNode(kRnn, names[0], inputs, names);
  Put(attrs, &node);
  return InferLast(graph);
}

// ---- SimpleRNN, GRU, LSTM ---------------------------------------------------

// Of the sequence, [batch, steps], or kNoTensor. Every result of a sequence is
// handed on with it.
TensorId MaskIn(const Surroundings& around, bool goes_by_it, LayerIn* in) {
  const MaskPtr mask = MaskOf(*in, in->inputs[0]);
  in->handed_on = std::vector<MaskPtr>(1, around.sequences ? mask : nullptr);
  if (mask == nullptr || !goes_by_it) return kNoTensor;
  const TensorId id = mask->In(in->graph);
  if (!around.backwards) return id;
  Nodes nodes(in->name, in->graph);
  return Reversed("reverse_mask", id, &nodes);
}

// Results of steps that are left out are zeros, not those of the step before.
TensorId WithZeros(const std::string& step, TensorId y, TensorId mask,
                   LayerIn* in) {
  Nodes nodes(in->name, in->graph);
  const TensorId kept =
      nodes.Reshape("kept", mask, {-1, nodes.ShapeOf(y)[1], 1});
  return nodes.Add(kSelectV2, step, {kept, y, nodes.Float("zero", 0)});
}

// Results of steps in front that are left out are zeros, not the state that the
// layer was given.
TensorId WithZerosInFront(const std::string& step, TensorId y, TensorId mask,
                          LayerIn* in) {
  Nodes nodes(in->name, in->graph);
  const bool sequences = nodes.ShapeOf(y).rank() == 3;
  const TensorId kept = nodes.Cast("kept_numbers", mask, DType::kFloat32);
  TensorId so_far;
  if (sequences) {
    const int32_t axis = 1;
    const TensorId steps = in->graph->AddConstant<int32_t>(
        nodes.Name("kept_so_far/axis"), Shape(), std::span(&axis, 1));
    so_far = nodes.Reshape("kept_in_steps",
                           nodes.Add(kCumsum, "kept_so_far", {kept, steps}),
                           {-1, nodes.ShapeOf(y)[1], 1});
  } else {
    so_far = nodes.Add(kSum, "kept_so_far",
                       {kept, nodes.Ints("kept_so_far/axes", {1})},
                       ReduceAttrs{.keep_dims = true});
  }
  const TensorId begun =
      nodes.WithFloat(kGreater, "begun", so_far, "half", 0.5f);
  return nodes.Add(kSelectV2, step, {begun, y, nodes.Float("zero", 0)});
}

// Its further inputs, or what is passed by name.
std::vector<TensorId> InitialStates(LayerIn* in) {
  std::vector<TensorId> states;
  for (size_t i = 1; i < in->inputs.size(); ++i)
    states.push_back(in->inputs[i]);
  if (states.empty()) states = TensorsOf(in, "initial_state");
  return states;
}

std::vector<TensorId> BuildAround(CellKind kind, LayerIn* in) {
  const Surroundings around = AroundOf(*in);
  in->gives_steps_first = in->steps_first;
  TensorId x = SequenceIn(*in);
  const std::vector<TensorId> states = InitialStates(in);
  const bool lstm = kind == CellKind::kLstm;
  // Keras 3 gives a mask by itself to what reads one tensor alone (layer.py,
  // "Populate mask argument(s)").
  const bool by_name =
      in->kwargs != nullptr && JsonFind(*in->kwargs, "mask") != nullptr;
  const TensorId mask =
      MaskIn(around, in->generation == 2 || states.empty() || by_name, in);
  if (!states.empty() && states.size() != (lstm ? 2 : 1)) {
    Fail(ErrorKind::kCorrupt, "it is given {} states", states.size());
  }
  in->part = PartOf(in->part, "cell");
  Nodes nodes(in->name, in->graph);
  if (around.backwards) x = Reversed("reverse", x, &nodes);
  const bool zeros = around.zeros && around.sequences && mask != kNoTensor;
  const bool in_front = !zeros && mask != kNoTensor && !states.empty();
  // The last node has the layer's name.
  const bool steps = around.states && around.sequences;
  const std::vector<TensorId> outputs =
      AddCell(kind, zeros || in_front || steps ? "steps" : "", around.sequences,
              around.states && lstm, x, states, mask, in);
  const std::string zeroed = steps ? "zeroed" : "";
  const TensorId y = zeros      ? WithZeros(zeroed, outputs[0], mask, in)
                     : in_front ? WithZerosInFront(zeroed, outputs[0], mask, in)
                                : outputs[0];
  std::vector<TensorId> all = {y};
  if (!around.states) return all;
  if (!steps) {
    for (const TensorId state : outputs) all.push_back(state);
    return all;
  }
  const TensorId c =
      outputs.size() > 1 ? LastStep("c", outputs[1], &nodes) : kNoTensor;
  all.push_back(LastStep("", outputs[0], &nodes));
  if (c != kNoTensor) all.push_back(c);
  return all;
}

template <CellKind kKind>
std::vector<TensorId> BuildRecurrent(LayerIn* in) {
  return BuildAround(kKind, in);
}

template <CellKind kKind>
bool GuessRecurrent(const NodeGroup& group, LayerConfig* config) {
  const Node& node = group.main("steps");
  if (node.op != &kRnn || node.Get<&RnnAttrs::cell>() != kKind) return false;
  if (&node != &group.last() || node.outputs.size() > 1)
    config->emplace_back("return_state", true);
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
                 const std::string& label, const LayerIn& in) {
  return LayerInside(in, part, in.row, JsonAt(cell, "config"), in.name, label,
                     in.inputs);
}

std::vector<TensorId> BuildRnn(LayerIn* in) {
  const Surroundings around = AroundOf(*in);
  in->gives_steps_first = in->steps_first;
  TensorId x = SequenceIn(*in);
  if (around.states || in->inputs.size() > 1 ||
      !TensorsOf(in, "initial_state").empty()) {
    Fail(ErrorKind::kUnsupported,
         "states that an RNN of cells is given or gives are not supported; "
         "layers LSTM, GRU and SimpleRNN have them");
  }
  const TensorId mask = MaskIn(around, true, in);
  if (mask != kNoTensor && around.zeros && around.sequences) {
    Fail(ErrorKind::kUnsupported,
         "its zero_output_for_mask is true, which is not supported");
  }
  const Json& cell = JsonAt(in->config, "cell");
  Nodes nodes(in->name, in->graph);
  if (around.backwards) x = Reversed("reverse", x, &nodes);
  if (JsonString(cell, "class_name", "") != "StackedRNNCells") {
    LayerIn inner = WithCell(cell, "cell", in->label, *in);
    return AddCell(CellRowOf(cell).kind, "", around.sequences, false, x, {},
                   mask, &inner);
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
        WithCell(cells[i], "cell/cells/" + name, in->label + "/" + name, *in);
    const bool last = i + 1 == cells.size();
    x = AddCell(row.kind, last ? "" : name, !last || around.sequences, false, x,
                {}, mask, &inner)[0];
  }
  return {x};
}

// Of StackedRNNCells; one cell alone is its layer.
bool GuessRnn(const NodeGroup& group, LayerConfig* config) {
  std::string cells;
  for (const Node* node : group.nodes) {
    if (node->op != &kRnn) continue;
    LayerConfig cell;
    if (!SayCell(group.graph, *node, false, &cell)) return false;
    const auto kind = node->Get<&RnnAttrs::cell>();
    std::erase_if(cell, [](const auto& entry) {
      const std::string_view key = entry.first;
      return key == "return_sequences" || key == "go_backwards";
    });
    cells += (cells.empty() ? "" : ",") +
             LayerObject(CellOfKind(kind).cell, ConfigText(cell));
  }
  if (group.last().op != &kRnn || cells.empty()) return false;
  config->emplace_back(
      "cell", JsonText{LayerObject("StackedRNNCells",
                                   fmt::format(R"({{"cells":[{}]}})", cells))});
  config->emplace_back("return_sequences",
                       group.last().Get<&RnnAttrs::return_sequences>());
  config->emplace_back("go_backwards", group.Find("reverse") != nullptr);
  return true;
}

constexpr LayerRow kRecurrentRows[] = {
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
     kCellVariables, BuildRnn, nullptr, GuessRnn},
};

const char* FunctionNameOf(CellFunction function) {
  for (const FunctionName& row : kFunctionNames) {
    if (row.function == function) return row.name;
  }
  return nullptr;
}

}  // namespace

const CellRow* FindCell(const std::string& cell_class) {
  for (const CellRow& row : kCells)
    if (row.cell == cell_class) return &row;
  return nullptr;
}
const CellRow& CellOfKind(CellKind kind) {
  return *std::find_if(std::begin(kCells), std::end(kCells),
                       [&](const CellRow& row) { return row.kind == kind; });
}

bool IsRecurrent(std::string_view class_name) {
  return class_name == "RNN" ||
         std::any_of(
             std::begin(kCells), std::end(kCells),
             [&](const CellRow& row) { return class_name == row.layer; });
}

std::string LayerObject(const std::string& class_name,
                        const std::string& config) {
  return fmt::format(
      R"({{"module":"keras.layers","class_name":"{}","config":{},"registered_name":null}})",
      class_name, config);
}

TensorId Reversed(const std::string& step, TensorId x, Nodes* nodes) {
  return nodes->Add(kReverseV2, step,
                    {x, nodes->Ints(Nodes::Below(step, "axis"), {1})});
}

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
  return in.inputs[0];
}

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

std::span<const LayerRow> RecurrentLayers() { return kRecurrentRows; }

}  // namespace litesmith
