// Activations: fused into the node before, where it takes one, or by
// themselves.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/functions.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/map/activations.h"
#include "src/ops/map/binary.h"
#include "src/ops/map/softmax.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// The node that an activation layer can be put into, or null.
Node* FuseInto(const LayerIn& in, Activation activation) {
  Graph& graph = *in.graph;
  NodeId producer = graph.Producer(in.input());
  // A ReLU behind a dropout is the same before it: what is kept is scaled by a
  // positive number.
  while (producer >= 0 && activation == activation::kRelu &&
         graph.node(producer).op == &kDropout &&
         graph.node(producer).Get<&DropoutAttrs::noise>() == dropout::kZeros) {
    producer = graph.Producer(graph.node(producer).inputs[0]);
  }
  if (producer < 0 || in.input_shared) return nullptr;
  Node& node = graph.node(producer);
  const AttrValue* fused = FusedActivation(node);
  return fused != nullptr && fused->i == kNone ? &node : nullptr;
}

// An activation layer goes into the node that made its input, whose output
// takes the layer's name, so that it can be written as a layer again; else it
// is a node of its own.
std::vector<TensorId> Activate(LayerIn* in, Activation activation) {
  const TensorId input = in->input();
  if (Node* node = FuseInto(*in, activation)) {
    FusedActivation(node)->i = activation;
    in->graph->tensor(node->outputs[0]).name = in->name;
    return {input};
  }
  const OpDef& op = activation == activation::kRelu6 ? kRelu6 : kRelu;
  return {Nodes(in->name, in->graph).Add(op, "", {input})};
}

[[noreturn]] void RefuseActivation(const std::string& name, int generation) {
  std::string names;
  for (const ActivationFunction& row : ActivationFunctions()) {
    if (row.generation == 0 || row.generation == generation)
      names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  Fail(ErrorKind::kUnsupported, "its activation is '{}'; {} are supported",
       name, names);
}

// What a config calls an activation: its name, or a layer.
struct Named {
  std::string name;
  const Json* layer = nullptr;  // {"class_name", "config"}
};

Named NameOf(const Json& value) {
  if (IsString(value)) return {JsonString(value, "activation"), nullptr};
  const std::string class_name = JsonString(value, "class_name", "");
  const Json* config = JsonFind(value, "config");
  if (config == nullptr) return {class_name, nullptr};
  if (class_name == "function") {
    if (IsString(*config)) return {JsonString(*config, "config"), nullptr};
    return {JsonString(*config, "name", ""), nullptr};
  }
  // tfmot's, around what the layer had.
  if (class_name == "QuantizeAwareActivation") {
    const Json* inner = JsonFind(*config, "activation");
    return inner == nullptr ? Named{"linear", nullptr} : NameOf(*inner);
  }
  if (class_name == "NoOpActivation") return {"linear", nullptr};
  return {class_name, &value};
}

// A layer in the place of a function.
TensorId AddLayer(LayerIn* in, const Named& named, TensorId x,
                  const std::string& name) {
  const LayerRow* row = FindLayerRow(named.name);
  if (row == nullptr) RefuseActivation(named.name, in->generation);
  LayerIn inner =
      LayerInside(*in, "activation", *row, JsonAt(*named.layer, "config"), name,
                  in->label + "/activation", {x});
  inner.input_shared = true;
  return row->build(&inner)[0];
}

std::vector<TensorId> BuildActivation(LayerIn* in) {
  const Json* value = JsonFind(in->config, "activation");
  if (value == nullptr) return {in->input()};
  const Named named = NameOf(*value);
  if (named.layer != nullptr)
    return {AddLayer(in, named, in->input(), in->name)};
  const ActivationFunction* row = FindActivation(named.name, in->generation);
  if (row == nullptr) RefuseActivation(named.name, in->generation);
  if (row->build == nullptr) return {in->input()};
  if (row->fused == activation::kRelu || row->fused == activation::kRelu6)
    return Activate(in, row->fused);
  return {row->build(Nodes(in->name, in->graph), in->input())};
}

// Whether the graph is from a file that called these nodes so, and no other
// Keras has a function of that name: then the layer stays what it was.
bool FileSaid(const NodeGroup& group, const ActivationFunction& row) {
  if (KerasOfActivation(row.name) == 0) return false;
  // A layer's own: see ActivationNodeName.
  if (group.name.ends_with(ActivationNodeName("", row.name))) return true;
  const auto it = group.graph.said_of_layers.find(group.name);
  if (it == group.graph.said_of_layers.end()) return false;
  try {
    const Json said = ParseJson(it->second, "what was said of a layer");
    const Json* value = JsonFind(JsonAt(said, "config"), "activation");
    return JsonString(said, "class_name", "") == "Activation" &&
           value != nullptr && NameOf(*value).name == row.name;
  } catch (const Error&) {
    return false;
  }
}

bool GuessActivation(const NodeGroup& group, LayerConfig* config) {
  if (group.inputs.size() != 1) return false;
  const std::string name = ActivationNameOf(group);
  // These have layers.
  if (name.empty() || name == "softmax" || name == "relu" || name == "relu6" ||
      name == "elu" || name == "leaky_relu")
    return false;
  config->emplace_back("activation", name);
  return true;
}

std::vector<int32_t> AxesOf(const Json& config) {
  const Json* axis = JsonFind(config, "axis");
  if (axis == nullptr) return {-1};
  if (IsWholeNumber(*axis)) return {JsonInt(*axis, "axis")};
  return JsonDims(*axis, "axis");
}

std::vector<TensorId> BuildSoftmax(LayerIn* in) {
  RefuseMask(*in);
  return {
      AddSoftmax(Nodes(in->name, in->graph), in->input(), AxesOf(in->config))};
}

bool GuessSoftmax(const NodeGroup& group, LayerConfig* config) {
  if (group.Are({&kSoftmax})) {
    config->emplace_back("axis", int64_t{-1});
    return true;
  }
  const std::vector<int32_t> order = group.Ints("last/axes");
  if (group.Are({&kTranspose, &kSoftmax, &kTranspose}) && !order.empty()) {
    config->emplace_back("axis", int64_t{order.back()});
    return true;
  }
  if (!group.Are({&kReshape, &kSoftmax, &kReshape})) return false;
  std::vector<int32_t> axes;
  const int rank = group.input_shape().rank();
  for (int d = static_cast<int>(group.Ints("joined/shape").size()) - 1;
       d < rank; ++d)
    axes.push_back(d);
  config->emplace_back("axis", axes);
  return true;
}

// x above the threshold, slope * (x - threshold) below it, at most `max`.
TensorId AddRelu(Nodes nodes, TensorId x, float slope, float threshold,
                 float max) {
  const bool cut = max != INFINITY;
  const std::string step = cut ? "bent" : "";
  TensorId y;
  if (threshold == 0) {
    y = slope == 0
            ? nodes.Add(kRelu, step, {x})
            : nodes.Add(kLeakyRelu, step, {x}, LeakyReluAttrs{.alpha = slope});
  } else {
    const TensorId above =
        nodes.Add(kGreater, "above", {x, nodes.Float("threshold", threshold)});
    const TensorId factor = nodes.Cast("factor", above, DType::kFloat32);
    if (slope == 0) {
      y = nodes.Add(kMul, step, {x, factor});
    } else {
      const TensorId kept = nodes.Add(kMul, "kept", {x, factor});
      TensorId low = nodes.WithFloat(kSub, "below", x, "at", threshold);
      low = nodes.WithFloat(kMinimum, "low", low, "zero", 0);
      low = nodes.WithFloat(kMul, "line", low, "slope", slope);
      y = nodes.Add(kAdd, step, {kept, low});
    }
  }
  return cut ? nodes.Add(kMinimum, "", {y, nodes.Float("max", max)}) : y;
}

float FloatOf(const Json& config, const char* key, double initial) {
  return static_cast<float>(JsonNumber(config, key, initial));
}

std::vector<TensorId> BuildReLU(LayerIn* in) {
  const float slope = static_cast<float>(JsonNumber(
      in->config, "negative_slope", JsonNumber(in->config, "alpha", 0)));
  const float threshold = FloatOf(in->config, "threshold", 0);
  const float max = FloatOf(in->config, "max_value", INFINITY);
  if (!(max >= 0) || !std::isfinite(slope) || !std::isfinite(threshold)) {
    Fail(ErrorKind::kCorrupt,
         "its max_value is {}, negative_slope {}, threshold {}", max, slope,
         threshold);
  }
  if (slope == 0 && threshold == 0 && (max == 6 || max == INFINITY))
    return Activate(in, max == 6 ? activation::kRelu6 : activation::kRelu);
  return {
      AddRelu(Nodes(in->name, in->graph), in->input(), slope, threshold, max)};
}

bool WriteReLU(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kRelu && out.node.op != &kRelu6) return false;
  AddActivation(out.node.op == &kRelu6 ? activation::kRelu6 : activation::kRelu,
                out.node.name, out.inputs[0], layers);
  return true;
}

bool GuessReLU(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> max = group.Floats("max");
  const std::vector<float> threshold = group.Floats("threshold");
  std::vector<float> slope = group.Floats("line/slope");
  if (const Node* bent = group.Find("bent");
      bent != nullptr && bent->op == &kLeakyRelu)
    slope = {bent->Get<&LeakyReluAttrs::alpha>()};
  if (max.empty() && threshold.empty()) return false;
  config->emplace_back(
      "max_value", max.empty() ? ConfigValue() : ConfigValue(Decimal(max[0])));
  config->emplace_back("negative_slope",
                       slope.empty() ? 0.0 : Decimal(slope[0]));
  config->emplace_back("threshold",
                       threshold.empty() ? 0.0 : Decimal(threshold[0]));
  return true;
}

std::vector<TensorId> BuildThresholded(LayerIn* in) {
  return {AddRelu(Nodes(in->name, in->graph), in->input(), 0,
                  FloatOf(in->config, "theta", 1), INFINITY)};
}

std::vector<TensorId> BuildLeakyReLU(LayerIn* in) {
  const float slope = FloatOf(in->config, "negative_slope",
                              JsonNumber(in->config, "alpha", 0.3));
  return {
      Nodes(in->name, in->graph)
          .Add(kLeakyRelu, "", {in->input()}, LeakyReluAttrs{.alpha = slope})};
}

// The older key, which both Kerases take.
bool WriteLeakyReLU(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kLeakyRelu) return false;
  layers->Add("LeakyReLU", out.node.name, out.inputs)
      .Set("alpha", Decimal(out.node.Get<&LeakyReluAttrs::alpha>()));
  return true;
}

std::vector<TensorId> BuildELU(LayerIn* in) {
  return {AddElu(Nodes(in->name, in->graph), in->input(),
                 FloatOf(in->config, "alpha", 1), 1)};
}

bool GuessELU(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> alpha = group.Floats("low/alpha");
  if (alpha.empty() && !group.Are({&kElu})) return false;
  config->emplace_back("alpha", alpha.empty() ? 1.0 : Decimal(alpha[0]));
  return true;
}

std::vector<TensorId> BuildPReLU(LayerIn* in) {
  std::vector<int32_t> dims = SampleDims(in->input_shape());
  if (const Json* shared = JsonFind(in->config, "shared_axes")) {
    for (const int32_t axis : JsonDims(*shared, "shared_axes")) {
      if (axis < 1 || axis > static_cast<int32_t>(dims.size())) {
        Fail(ErrorKind::kCorrupt, "its shared_axes hold {}; 1 to {} are wanted",
             axis, dims.size());
      }
      dims[static_cast<size_t>(axis) - 1] = 1;
    }
  }
  const TensorId alpha = AddVariable(in, "alpha", dims);
  return {Nodes(in->name, in->graph).Add(kPrelu, "", {in->input(), alpha})};
}

bool WritePReLU(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kPrelu) return false;
  const std::vector<int32_t> x = SampleDims(out.input(0).shape);
  const std::vector<int32_t> alpha = out.input(1).shape.ToVector();
  if (alpha.size() != x.size()) return false;
  std::vector<int32_t> shared;
  for (size_t d = 0; d < x.size(); ++d) {
    if (alpha[d] == 1 && x[d] != 1)
      shared.push_back(static_cast<int32_t>(d) + 1);
  }
  OutLayer& layer = layers->Add("PReLU", out.node.name, {out.inputs[0]});
  layer.Set("shared_axes",
            shared.empty() ? ConfigValue() : ConfigValue(shared));
  SetVariables(out, {out.node.inputs[1]}, &layer);
  layer.trainable = out.input(1).kind == TensorKind::kParameter;
  return true;
}

// Adds scale * x + offset.
OutTensor AddScaled(const std::string& name, OutTensor x, double scale,
                    double offset, LayerWriter* layers) {
  OutLayer& layer = layers->Add("Rescaling", name, {x});
  layer.Set("scale", scale);
  layer.Set("offset", offset);
  return layers->Last();
}

// Of min(x, c) and max(x, c), a constant of one value; false: they are not.
bool WriteBound(const NodeOut& out, LayerWriter* layers) {
  const bool is_min = out.node.op == &kMinimum;
  if ((!is_min && out.node.op != &kMaximum) || out.inputs.size() != 1)
    return false;
  const Tensor& constant = out.input(out.input(1).has_data() ? 1 : 0);
  if (!constant.has_data() || constant.dtype != DType::kFloat32 ||
      constant.shape.NumElements() != 1)
    return false;
  const std::string& name = out.node.name;
  const double c = Decimal(constant.As<float>()[0]);
  const double sign = is_min ? -1 : 1;
  const OutTensor above =
      AddScaled(name + "_above", out.inputs[0], sign, -sign * c, layers);
  AddActivation(activation::kRelu, name + "_relu", above, layers);
  AddScaled(name, layers->Last(), sign, c, layers);
  return true;
}

// Functions that no layer of both Kerases is: several layers.
bool WriteSeveral(const NodeOut& out, LayerWriter* layers) {
  const std::string& name = out.node.name;
  const OpDef* op = out.node.op;
  if (WriteBound(out, layers)) return true;
  if (op == &kHardSwish) {
    const OutTensor x = out.inputs[0];
    const OutTensor line = AddScaled(name + "_plus_3", x, 1, 3, layers);
    AddActivation(activation::kRelu6, name + "_relu6", line, layers);
    const OutTensor share =
        AddScaled(name + "_sixth", layers->Last(), 1.0 / 6, 0, layers);
    layers->Add("Multiply", name, {x, share});
    return true;
  }
  if (op == &kReluN1To1) {
    const OutTensor above =
        AddScaled(name + "_plus_1", out.inputs[0], 1, 1, layers);
    OutLayer& clip = layers->Add("ReLU", name + "_clip", {above});
    clip.Set("max_value", 2.0);
    AddScaled(name, layers->Last(), 1, -1, layers);
    return true;
  }
  if (op == &kNeg) {
    AddScaled(name, out.inputs[0], -1, 0, layers);
    return true;
  }
  if (op == &kSquare) {
    layers->Add("Multiply", name, {out.inputs[0], out.inputs[0]});
    return true;
  }
  if (op == &kAbs) {
    const OutTensor negative =
        AddScaled(name + "_negative", out.inputs[0], -1, 0, layers);
    layers->Add("Maximum", name, {out.inputs[0], negative});
    return true;
  }
  return false;
}

constexpr Variable kAlpha[] = {{"alpha", Layout::kPlain}};

constexpr LayerRow kActivationRows[] = {
    {"Activation",
     "every function of Keras but glu, sparsemax and threshold",
     {},
     BuildActivation,
     WriteSeveral,
     GuessActivation},
    {"ReLU",
     "max_value, negative_slope, threshold",
     {},
     BuildReLU,
     WriteReLU,
     GuessReLU},
    {"Softmax",
     "any axis, or the last axes",
     {},
     BuildSoftmax,
     nullptr,
     GuessSoftmax},
    {"LeakyReLU",
     "alpha or negative_slope",
     {},
     BuildLeakyReLU,
     WriteLeakyReLU},
    {"ELU", "alpha", {}, BuildELU, nullptr, GuessELU},
    {"PReLU", "shared_axes", kAlpha, BuildPReLU, WritePReLU},
    {"ThresholdedReLU", "theta; written as a ReLU", {}, BuildThresholded},
};

}  // namespace

std::vector<TensorId> WithActivation(LayerIn* in, TensorId y,
                                     const Node* into) {
  const Json* value = JsonFind(in->config, "activation");
  if (value == nullptr) return {y};
  const Named named = NameOf(*value);
  const std::string name = ActivationNodeName(in->name, SnakeCase(named.name));
  Graph& graph = *in->graph;
  if (named.layer != nullptr && named.name != "ReLU")
    return {AddLayer(in, named, y, name)};
  const ActivationFunction* row = FindActivation(named.name, in->generation);
  if (named.layer != nullptr) {
    const Json& config = JsonAt(*named.layer, "config");
    const double max = JsonNumber(config, "max_value", INFINITY);
    const bool plain = JsonNumber(config, "negative_slope", 0) == 0 &&
                       JsonNumber(config, "threshold", 0) == 0;
    if (!plain || (max != 6 && max != INFINITY))
      return {AddLayer(in, named, y, name)};
    row = FindActivation(max == 6 ? "relu6" : "relu", in->generation);
  }
  if (row == nullptr) RefuseActivation(named.name, in->generation);
  if (row->build == nullptr) return {y};
  if (row->fused != kNone) {
    const NodeId producer =
        graph.Producer(into == nullptr ? y : into->outputs[0]);
    AttrValue* fused = FusedActivation(&graph.node(producer));
    if (fused != nullptr && fused->i == kNone &&
        (row->fused == activation::kRelu || row->fused == activation::kRelu6)) {
      fused->i = row->fused;
      return {y};
    }
  }
  return {row->build(Nodes(name, &graph), y)};
}

std::string ActivationNodeName(const std::string& layer,
                               const std::string& activation) {
  return layer + "/" + activation;
}

int KerasOfActivation(const std::string& name) {
  const bool two = FindActivation(name, 2) != nullptr;
  const bool three = FindActivation(name, 3) != nullptr;
  return two == three ? 0 : two ? 2 : 3;
}

std::string ActivationNameOf(const NodeGroup& group) {
  if (group.inputs.size() != 1) return {};
  for (const ActivationFunction& row : ActivationFunctions()) {
    if (row.build == nullptr) continue;
    if (row.generation != 0 && !FileSaid(group, row)) continue;
    // The functions that nodes are made of are quickly told apart.
    if (IsBuiltBy(group, [&](Graph* graph, TensorId x) {
          return row.build(Nodes(group.name, graph), x);
        }))
      return row.name;
  }
  return {};
}

bool IsActivationName(const std::string& name) {
  return FindActivation(name, 2) != nullptr ||
         FindActivation(name, 3) != nullptr;
}

void AddActivation(Activation activation, const std::string& name,
                   OutTensor input, LayerWriter* out) {
  OutLayer& layer = out->Add("ReLU", name, {input});
  layer.Set("max_value", activation == activation::kRelu6 ? ConfigValue(6.0)
                                                          : ConfigValue());
  layer.Set("negative_slope", 0.0);
  layer.Set("threshold", 0.0);
}

std::span<const LayerRow> ActivationLayers() { return kActivationRows; }

}  // namespace litesmith
