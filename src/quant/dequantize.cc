// Integers and halves back to float32, node by node.
#include "src/quant/dequantize.h"

#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/graph/op_def.h"
#include "src/ops/map/conversion.h"
#include "src/quant/parameters.h"

namespace litesmith {
namespace {

// A value that stands for a real number in an integer model.
bool IsQuantized(const Tensor& t) {
  return IsInteger(t.dtype) && !t.quant.empty();
}

bool IsSmallInteger(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kUInt8 ||
         dtype == DType::kInt16;
}

// Whether the node computes with numbers, and does not only change their form.
bool Computes(const Node& node) {
  return !Quantizes(*node.op) && !Dequantizes(*node.op) &&
         node.op->quant.output != QuantRule::kFloatOnly;
}

template <typename T>
void Scale(const Tensor& from, std::span<float> to) {
  const auto values = from.As<T>();
  const Quantization& q = from.quant;
  const Slices slices = SlicesAlong(from.shape, q.per_axis() ? q.axis : -1);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = slices(i);
    // Biases are beyond what a float holds; the product is rounded once.
    const auto steps =
        static_cast<double>(values[i]) - static_cast<double>(q.zero_point[c]);
    to[i] = static_cast<float>(steps * static_cast<double>(q.scale[c]));
  }
}

void MakeFloat(Tensor* tensor, std::span<const float> values) {
  tensor->dtype = DType::kFloat32;
  tensor->quant = {};
  tensor->data = TensorData(std::as_bytes(values));
}

// The constant's real values, in place.
void DequantizeConstant(Tensor* tensor) {
  std::vector<float> values(static_cast<size_t>(tensor->shape.NumElements()));
  switch (tensor->dtype) {
    case DType::kInt8:
      Scale<int8_t>(*tensor, values);
      break;
    case DType::kUInt8:
      Scale<uint8_t>(*tensor, values);
      break;
    case DType::kInt16:
      Scale<int16_t>(*tensor, values);
      break;
    case DType::kInt32:
      Scale<int32_t>(*tensor, values);
      break;
    case DType::kInt64:
      Scale<int64_t>(*tensor, values);
      break;
    default:
      LS_CHECK(false);
  }
  MakeFloat(tensor, values);
}

// Takes the node's output away: its readers read `to`, which has its values.
void Bypass(Graph* graph, Node* node, TensorId to) {
  const TensorId out = node->outputs[0];
  const bool is_output = std::find(graph->outputs.begin(), graph->outputs.end(),
                                   out) != graph->outputs.end();
  // An output of the model keeps the name that its users know.
  if (is_output && graph->tensor(to).kind == TensorKind::kActivation)
    std::swap(graph->tensor(out).name, graph->tensor(to).name);
  graph->ReplaceUses(out, to);
  node->outputs.clear();
}

void DropEmptyNodes(Graph* graph) {
  std::erase_if(graph->nodes,
                [](const Node& node) { return node.outputs.empty(); });
}

// Weights and biases of layers that have become floats can be trained.
void MarkWidenedParameters(const Graph& before, Graph* graph) {
  for (const Node& node : graph->nodes) {
    for (const size_t input : TrainedInputs(node)) {
      const TensorId id = node.inputs[input];
      Tensor& tensor = graph->tensor(id);
      if (tensor.kind == TensorKind::kConstant &&
          tensor.dtype == DType::kFloat32 &&
          before.tensor(id).dtype != DType::kFloat32) {
        tensor.kind = TensorKind::kParameter;
      }
    }
  }
}

// The values that a QUANTIZE with these parameters gives a weight.
void Snap(Tensor* weight, const Tensor& quantized) {
  const Quantization& q = quantized.quant;
  const bool symmetric = quantized.dtype == DType::kInt8 &&
                         std::all_of(q.zero_point.begin(), q.zero_point.end(),
                                     [](int64_t zero) { return zero == 0; });
  if (!symmetric) return;
  Tensor integers = *weight;
  integers.dtype = DType::kInt8;
  integers.quant = q;
  integers.data = TensorData(std::as_bytes(std::span<const int8_t>(
      QuantizeWeights(weight->As<float>(), weight->shape, q))));
  DequantizeConstant(&integers);
  weight->data = integers.data;
}

// A bias may leave out its scale: input times weights.
void GiveBiasScale(Graph* graph, const Node& node) {
  const int bias_input = node.op->Find(Role::kBias);
  if (bias_input < 0) return;
  const TensorId id = node.input(static_cast<size_t>(bias_input));
  if (id == kNoTensor) return;
  Tensor& bias = graph->tensor(id);
  if (!IsInteger(bias.dtype) || !bias.quant.empty()) return;
  const Tensor& x = graph->tensor(
      node.inputs[static_cast<size_t>(node.op->Find(Role::kData))]);
  const Tensor& w = graph->tensor(
      node.inputs[static_cast<size_t>(node.op->Find(Role::kWeight))]);
  if (!IsQuantized(x) || !IsQuantized(w)) {
    Fail(ErrorKind::kUnsupported,
         "{}: the {} bias '{}' has no scale, and neither have the input and "
         "the weights",
         Describe(*graph, node), Name(bias.dtype), bias.name);
  }
  for (const float scale : w.quant.scale) {
    bias.quant.scale.push_back(scale * x.quant.scale[0]);
    bias.quant.zero_point.push_back(0);
  }
}

// Whatever is left an integer stands for no real value.
void RequireScales(const Graph& graph) {
  const auto check = [&](TensorId id) {
    if (id == kNoTensor) return;
    const Tensor& t = graph.tensor(id);
    if (!IsSmallInteger(t.dtype) || t.kind == TensorKind::kState) return;
    Fail(ErrorKind::kUnsupported,
         "tensor '{}' is {} without a scale: it stands for no real value",
         t.name, Name(t.dtype));
  };
  for (const TensorId id : graph.inputs) check(id);
  for (const TensorId id : graph.outputs) check(id);
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.inputs) check(id);
  }
}

}  // namespace

Numbers NumbersOf(const Graph& graph) {
  bool pairs = false;
  bool halves = false;
  bool integers = false;
  for (const Node& node : graph.nodes) {
    pairs |= Quantizes(*node.op);
    for (const TensorId id : node.inputs) {
      if (id == kNoTensor) continue;
      const Tensor& t = graph.tensor(id);
      if (!t.has_data()) {
        if (Computes(node) && IsSmallInteger(t.dtype))
          return Numbers::kFullInteger;
        continue;
      }
      halves |= t.dtype == DType::kFloat16;
      // States of training-only ops, such as masks, are no weights.
      integers |= IsSmallInteger(t.dtype) && t.kind != TensorKind::kState;
    }
  }
  for (const auto* ids : {&graph.inputs, &graph.outputs}) {
    for (const TensorId id : *ids) {
      if (IsSmallInteger(graph.tensor(id).dtype)) return Numbers::kFullInteger;
    }
  }
  if (pairs) return Numbers::kPairs;
  if (integers) return Numbers::kDynamic;
  return halves ? Numbers::kHalf : Numbers::kFloat;
}

std::string DescribeNumbers(const Graph& graph) {
  switch (NumbersOf(graph)) {
    case Numbers::kFloat:
      return "a float32 model";
    case Numbers::kHalf:
      return "a float16 model (float16 weights)";
    case Numbers::kPairs:
      return "a quantization-aware float model (its activations pass through "
             "QUANTIZE-DEQUANTIZE pairs)";
    case Numbers::kDynamic:
      return "a dynamic-range model (int8 weights, float32 activations)";
    case Numbers::kFullInteger:
      break;
  }
  const char* inside = "int8";
  for (const Node& node : graph.nodes) {
    if (!Computes(node)) continue;
    const DType dtype = graph.tensor(node.inputs[0]).dtype;
    if (IsSmallInteger(dtype)) inside = Name(dtype);
  }
  const auto types = [&](const std::vector<TensorId>& ids) {
    std::string text;
    for (const TensorId id : ids)
      text += fmt::format(" {}", Name(graph.tensor(id).dtype));
    return text;
  };
  return fmt::format(
      "a full-integer model ({} activations, int8 weights; input{}, output{})",
      inside, types(graph.inputs), types(graph.outputs));
}

Graph WidenHalves(const Graph& graph) {
  Graph result = graph;
  for (Tensor& tensor : result.tensors) {
    if (tensor.dtype != DType::kFloat16 || !tensor.has_data()) continue;
    std::vector<float> values;
    for (const Half half : tensor.As<Half>())
      values.push_back(HalfToFloat(half));
    MakeFloat(&tensor, values);
  }
  for (Node& node : result.nodes) {
    if (!Dequantizes(*node.op)) continue;
    const TensorId in = node.inputs[0];
    if (result.tensor(in).has_data() &&
        result.tensor(in).dtype == DType::kFloat32) {
      Bypass(&result, &node, in);
    }
  }
  DropEmptyNodes(&result);
  MarkWidenedParameters(graph, &result);
  return result;
}

Graph Dequantize(const Graph& graph) {
  Graph result = WidenHalves(graph);
  for (const Node& node : result.nodes) GiveBiasScale(&result, node);
  for (Node& node : result.nodes) {
    if (!Quantizes(*node.op) && !Dequantizes(*node.op)) continue;
    const TensorId in = node.inputs[0];
    Tensor& from = result.tensor(in);
    if (Quantizes(*node.op) && from.has_data() &&
        from.dtype == DType::kFloat32) {
      Snap(&from, result.tensor(node.outputs[0]));
    }
    Bypass(&result, &node, in);
  }
  DropEmptyNodes(&result);
  for (Tensor& tensor : result.tensors) {
    if (!IsQuantized(tensor)) continue;
    if (tensor.has_data()) {
      DequantizeConstant(&tensor);
    } else {
      tensor.dtype = DType::kFloat32;
      tensor.quant = {};
    }
  }
  for (Node& node : result.nodes) {
    if (node.op->quant.set_float != nullptr)
      node.op->quant.set_float(&node, false);
  }
  RequireScales(result);
  MarkWidenedParameters(graph, &result);
  InferShapes(&result);
  return result;
}

void RequireFloat(const Graph& graph, const std::string& advice) {
  if (NumbersOf(graph) == Numbers::kFloat) return;
  Fail(ErrorKind::kInvalidArgument,
       "this is {}, converted already; a float32 model is wanted{}",
       DescribeNumbers(graph), advice);
}

}  // namespace litesmith
