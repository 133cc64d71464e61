// Activations: fused into the node before, where it takes one, or by
// themselves.
#include <cmath>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/map/softmax.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// "relu", or what Keras serializes an activation object to.
std::string ActivationName(const Json& value) {
  if (IsString(value)) return JsonString(value, "activation");
  const std::string class_name = JsonString(value, "class_name", "");
  const Json* config = JsonFind(value, "config");
  if (class_name == "function" && config != nullptr && IsString(*config))
    return JsonString(*config, "activation");
  return class_name;
}

// The activation of a ReLU layer's config.
Activation ReluOf(const Json& config) {
  const double slope =
      JsonNumber(config, "negative_slope", JsonNumber(config, "alpha", 0));
  const double threshold = JsonNumber(config, "threshold", 0);
  const double max = JsonNumber(config, "max_value", INFINITY);
  if (slope != 0 || threshold != 0 || (max != 6 && max != INFINITY)) {
    Fail(ErrorKind::kUnsupported,
         "its max_value is {}, negative_slope {}, threshold {}; max_value none "
         "or 6 with 0 and 0 is supported",
         max, slope, threshold);
  }
  return max == 6 ? activation::kRelu6 : activation::kRelu;
}

// The node that an activation layer can be put into, or null.
Node* FuseInto(const LayerIn& in, Activation activation) {
  Graph& graph = *in.graph;
  NodeId producer = graph.Producer(in.input());
  // A ReLU behind a dropout is the same before it: what is kept is scaled by a
  // positive number.
  while (producer >= 0 && activation == activation::kRelu &&
         graph.node(producer).op->only_in_training()) {
    producer = graph.Producer(graph.node(producer).inputs[0]);
  }
  if (producer < 0 || in.input_shared) return nullptr;
  Node& node = graph.node(producer);
  const AttrValue* fused = FusedActivation(node);
  return fused != nullptr && fused->i == kNone ? &node : nullptr;
}

const ActivationOp kActivationOps[] = {
    {"softmax", kSoftmax},
    {"sigmoid", kLogistic},
};

// An activation layer goes into the node that made its input, whose output
// takes the layer's name, so that it can be written as a layer again; else it
// is a node of its own.
std::vector<TensorId> Activate(LayerIn* in, Activation activation) {
  const TensorId input = in->input();
  if (activation == kNone) return {input};
  if (Node* node = FuseInto(*in, activation)) {
    FusedActivation(node)->i = activation;
    in->graph->tensor(node->outputs[0]).name = in->name;
    return {input};
  }
  const OpDef& op = activation == activation::kRelu6 ? kRelu6 : kRelu;
  in->graph->AddNode(op, in->name, {input}, {in->name});
  return InferLast(in->graph);
}

// One that is an op is added by whoever calls `build`.
std::vector<TensorId> BuildActivation(LayerIn* in) {
  return Activate(in, ActivationOf(in->config));
}

bool WriteActivation(const NodeOut& out, LayerWriter* layers) {
  // SOFTMAX has a layer of its own.
  const char* name = ActivationNameOf(out.node);
  if (name == nullptr || out.node.op == &kSoftmax) return false;
  layers->Add("Activation", out.node.name, out.inputs).Set("activation", name);
  return true;
}

// Throws Error{unsupported} for another axis than the last.
void CheckSoftmaxAxis(const Json& config, const Shape& x) {
  const Json* axis = JsonFind(config, "axis");
  if (axis == nullptr) return;
  const bool is_number = IsWholeNumber(*axis);
  const int64_t number = is_number ? JsonInt64(*axis, "axis") : 0;
  if (is_number && (number == -1 || number == x.rank() - 1)) return;
  Fail(ErrorKind::kUnsupported,
       "its axis is {}; -1, the last one, is supported", JsonShown(*axis));
}

std::vector<TensorId> BuildSoftmax(LayerIn* in) {
  CheckSoftmaxAxis(in->config, in->input_shape());
  return AddActivationOp(kSoftmax, in->name, in->input(), in->graph);
}

bool WriteSoftmax(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kSoftmax || ActivationNameOf(out.node) == nullptr)
    return false;
  layers->Add("Softmax", out.node.name, out.inputs).Set("axis", int64_t{-1});
  return true;
}

std::vector<TensorId> BuildReLU(LayerIn* in) {
  return Activate(in, ReluOf(in->config));
}

bool WriteReLU(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kRelu && out.node.op != &kRelu6) return false;
  AddActivation(out.node.op == &kRelu6 ? activation::kRelu6 : activation::kRelu,
                out.node.name, out.inputs[0], layers);
  return true;
}

constexpr LayerRow kRows[] = {
    {"Activation",
     "linear, relu, relu6, softmax or sigmoid",
     {},
     BuildActivation,
     WriteActivation},
    {"ReLU", "max_value none or 6", {}, BuildReLU, WriteReLU},
    {"Softmax", "axis -1", {}, BuildSoftmax, WriteSoftmax},
};

}  // namespace

Activation ActivationOf(const Json& config) {
  const Json* value = JsonFind(config, "activation");
  if (value == nullptr) return kNone;
  const std::string name = ActivationName(*value);
  if (name == "linear") return kNone;
  if (name == "relu") return activation::kRelu;
  if (name == "relu6") return activation::kRelu6;
  if (name == "ReLU") return ReluOf(JsonAt(*value, "config"));
  if (ActivationOpOf(config) != nullptr) return kNone;
  Fail(ErrorKind::kUnsupported,
       "its activation is '{}'; linear, relu, relu6, softmax and sigmoid are "
       "supported",
       name);
}

const ActivationOp* ActivationOpOf(const Json& config) {
  const Json* value = JsonFind(config, "activation");
  if (value == nullptr) return nullptr;
  const std::string name = ActivationName(*value);
  for (const ActivationOp& row : kActivationOps) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const char* ActivationNameOf(const Node& node) {
  if (node.op == &kSoftmax && node.Get<&SoftmaxAttrs::beta>() != 1)
    return nullptr;
  for (const ActivationOp& row : kActivationOps) {
    if (node.op == &row.op) return row.name;
  }
  return nullptr;
}

std::string ActivationNodeName(const std::string& layer,
                               const char* activation) {
  return layer + "/" + activation;
}

std::vector<TensorId> AddActivationOp(const OpDef& op, const std::string& name,
                                      TensorId input, Graph* graph) {
  Node& node = graph->AddNode(op, name, {input}, {name});
  if (&op == &kSoftmax) node.Set<&SoftmaxAttrs::beta>(1.0f);
  return InferLast(graph);
}

void AddActivation(Activation activation, const std::string& name,
                   OutTensor input, LayerWriter* out) {
  OutLayer& layer = out->Add("ReLU", name, {input});
  layer.Set("max_value", activation == activation::kRelu6 ? ConfigValue(6.0)
                                                          : ConfigValue());
  layer.Set("negative_slope", 0.0);
  layer.Set("threshold", 0.0);
}

std::span<const LayerRow> ActivationLayers() { return kRows; }

}  // namespace litesmith
