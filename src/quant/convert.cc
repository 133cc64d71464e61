#include "src/quant/convert.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "src/ops/verify.h"
#include "src/quant/dequantize.h"
#include "src/quant/parameters.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr float kLargestHalf = 65504.0f;

// TFLite's converter leaves smaller weights in float (quantize_weights.h).
constexpr int64_t kSmallestDynamicWeights = 1024;

bool IsFloatConstant(const Tensor& t) {
  return t.has_data() && t.dtype == DType::kFloat32;
}

// Whether the values are clusters: few distinct ones for their number.
bool IsClustered(std::span<const float> w) {
  constexpr size_t kMostClusters = 256;
  std::set<float> distinct;
  for (const float v : w) {
    distinct.insert(v);
    if (distinct.size() > kMostClusters) return false;
  }
  return distinct.size() * 4 <= w.size();
}

bool PerAxis(const Node& node, std::span<const float> w,
             const ConvertOptions& options) {
  if (node.op != &kFullyConnected) return true;
  return options.dense_per_channel.value_or(!IsClustered(w));
}

template <typename T>
void SetData(Tensor* tensor, std::span<const T> values) {
  tensor->dtype = DTypeOf<T>::value;
  tensor->data = TensorData(std::as_bytes(values));
}

// Gives a shared constant to one reader alone, so that it can be changed.
Tensor& OwnConstant(Graph* graph, Node* node, int input) {
  TensorId& id = node->inputs[static_cast<size_t>(input)];
  if (graph->NumUses(id) > 1) {
    Tensor copy = graph->tensor(id);
    id = graph->AddTensor(std::move(copy));
  }
  return graph->tensor(id);
}

// float16 holds numbers up to 65504, and none but 0 below half its smallest.
void WarnOfLoss(const Tensor& tensor, std::span<const Half> halves) {
  const auto values = tensor.As<float>();
  size_t clamped = 0;
  size_t flushed = 0;
  float largest = 0;
  float largest_flushed = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}': value {} is {}; finite weights are wanted",
           tensor.name, i, values[i]);
    }
    const float size = std::fabs(values[i]);
    const float kept = std::fabs(HalfToFloat(halves[i]));
    if (size > kLargestHalf) {
      ++clamped;
      largest = std::max(largest, size);
    } else if (size > 0 && kept == 0) {
      ++flushed;
      largest_flushed = std::max(largest_flushed, size);
    }
  }
  if (clamped > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are beyond {:g} and are clamped to it "
        "(the largest is {:g})",
        clamped, values.size(), tensor.name, kLargestHalf, largest);
  }
  if (flushed > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are too small for float16 and become 0 "
        "(the largest is {:g})",
        flushed, values.size(), tensor.name, largest_flushed);
  }
}

void HalveConstants(Graph* graph) {
  std::vector<Node> nodes;
  std::map<TensorId, TensorId> widened;
  for (Node node : graph->nodes) {
    for (TensorId& id : node.inputs) {
      if (id == kNoTensor || !IsFloatConstant(graph->tensor(id))) continue;
      if (!widened.contains(id)) {
        std::vector<Half> halves;
        for (const float v : graph->tensor(id).As<float>())
          halves.push_back(FloatToHalf(v));
        WarnOfLoss(graph->tensor(id), halves);
        Tensor wide;
        wide.name = graph->tensor(id).name + "_f32";
        wide.shape = graph->tensor(id).shape;
        SetData<Half>(&graph->tensor(id), halves);
        const TensorId wide_id = graph->AddTensor(std::move(wide));
        Node dequantize;
        dequantize.op = &kDequantize;
        dequantize.name = graph->tensor(id).name + "_dequantize";
        dequantize.inputs = {id};
        dequantize.outputs = {wide_id};
        nodes.push_back(std::move(dequantize));
        widened[id] = wide_id;
      }
      id = widened[id];
    }
    nodes.push_back(std::move(node));
  }
  graph->nodes = std::move(nodes);
}

void QuantizeNodeWeights(Graph* graph, Node* node,
                         const ConvertOptions& options) {
  const int input = node->op->Find(Role::kWeight);
  Tensor& w = OwnConstant(graph, node, input);
  if (!w.quant.empty()) return;  // trained on this grid
  try {
    const auto values = w.As<float>();
    w.quant = WeightQuantization(
        values, w.shape,
        node->op->operands[static_cast<size_t>(input)].channel_axis,
        PerAxis(*node, values, options));
  } catch (const Error& error) {
    Fail(error.kind(), "tensor '{}': {}", w.name, error.what());
  }
}

void StoreWeights(Tensor* w) {
  const std::vector<int8_t> q =
      QuantizeWeights(w->As<float>(), w->shape, w->quant);
  SetData<int8_t>(w, q);
}

void MakeDynamic(Graph* graph, const ConvertOptions& options) {
  for (Node& node : graph->nodes) {
    if (!node.op->quant.hybrid) continue;
    const auto input = static_cast<size_t>(node.op->Find(Role::kWeight));
    const Tensor& w = graph->tensor(node.inputs[input]);
    if (!IsFloatConstant(w) || w.shape.NumElements() < kSmallestDynamicWeights)
      continue;
    QuantizeNodeWeights(graph, &node, options);
    StoreWeights(&graph->tensor(node.inputs[input]));
    if (node.op == &kFullyConnected)
      node.Set<&FullyConnectedAttrs::asymmetric_quantize_inputs>(1);
  }
}

// One layer's weights and bias as integers; activations are set already.
void QuantizeLayer(Graph* graph, Node* node, const Scheme& scheme,
                   const ConvertOptions& options) {
  const auto weight_input = static_cast<size_t>(node->op->Find(Role::kWeight));
  const auto bias_input = static_cast<size_t>(node->op->Find(Role::kBias));
  QuantizeNodeWeights(graph, node, options);
  const TensorId weight_id = node->inputs[weight_input];
  const float input_scale = graph->tensor(node->inputs[0]).quant.scale[0];
  const int channels =
      graph->tensor(weight_id)
          .shape[node->op->operands[weight_input].channel_axis];
  if (node->input(bias_input) == kNoTensor) {
    const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
    node->inputs.resize(bias_input + 1, kNoTensor);
    node->inputs[bias_input] = graph->AddConstant<float>(
        node->name + "_bias", {channels}, zeros, TensorKind::kConstant);
  }
  Tensor& bias = OwnConstant(graph, node, static_cast<int>(bias_input));
  const auto values = bias.As<float>();
  Quantization& wq = graph->tensor(weight_id).quant;
  const bool narrow = scheme.bias == DType::kInt32;
  // Sums must fit 32 bits, so that every kernel may accumulate in them: where a
  // channel's weights are tiny beside its bias their scale is enlarged (as
  // TFLite's quantizer does for a bias of 32 bits).
  constexpr double kLargestBias = 0x1p29;
  for (size_t c = 0; c < values.size(); ++c) {
    if (!std::isfinite(values[c])) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}': value {} is {}; finite biases are wanted", bias.name,
           c, values[c]);
    }
    float& scale = wq.scale[wq.per_axis() ? c : 0];
    const double wanted = std::fabs(static_cast<double>(values[c])) /
                          kLargestBias / static_cast<double>(input_scale);
    scale = std::max(scale, static_cast<float>(wanted));
  }
  StoreWeights(&graph->tensor(weight_id));
  Quantization bq;
  for (const float scale : wq.scale) {
    bq.scale.push_back(input_scale * scale);
    bq.zero_point.push_back(0);
  }
  std::vector<int64_t> wide;
  for (size_t c = 0; c < values.size(); ++c) {
    const double scale = bq.scale[bq.per_axis() ? c : 0];
    wide.push_back(std::llround(static_cast<double>(values[c]) / scale));
  }
  bias.quant = bq;
  if (narrow) {
    const std::vector<int32_t> q(wide.begin(), wide.end());
    SetData<int32_t>(&bias, q);
  } else {
    SetData<int64_t>(&bias, wide);
  }
}

// Puts a QUANTIZE or DEQUANTIZE between the integer graph and inputs and
// outputs of another type.
void ConvertIo(Graph* graph, DType io, const std::vector<Range>& ranges) {
  const auto boundary = [&](TensorId inner) {
    Tensor t;
    t.name = UniqueTensorName(*graph, graph->tensor(inner).name + "_q");
    t.shape = graph->tensor(inner).shape;
    t.dtype = io;
    const Tensor& from = graph->tensor(inner);
    if (io == DType::kUInt8 && from.dtype == DType::kInt8) {
      t.quant = {from.quant.scale, {from.quant.zero_point[0] + 128}, 0};
    } else if (io != DType::kFloat32) {
      t.quant = ActivationQuantization(ranges[static_cast<size_t>(inner)], io);
    }
    return t;
  };
  std::vector<Node> first;
  for (TensorId& id : graph->inputs) {
    if (graph->tensor(id).dtype == io) continue;
    Tensor outer = boundary(id);
    outer.kind = TensorKind::kInput;
    std::swap(outer.name,
              graph->tensor(id).name);  // the outside keeps its name
    graph->tensor(id).kind = TensorKind::kActivation;
    const TensorId outer_id = graph->AddTensor(std::move(outer));
    Node node;
    node.op = &kQuantize;
    node.name = graph->tensor(id).name;
    node.inputs = {outer_id};
    node.outputs = {id};
    first.push_back(std::move(node));
    id = outer_id;
  }
  graph->nodes.insert(graph->nodes.begin(), first.begin(), first.end());
  for (TensorId& id : graph->outputs) {
    if (graph->tensor(id).dtype == io) continue;
    Tensor outer = boundary(id);
    std::swap(outer.name, graph->tensor(id).name);
    const TensorId outer_id = graph->AddTensor(std::move(outer));
    Node node;
    node.op = io == DType::kFloat32 ? &kDequantize : &kQuantize;
    node.name = graph->tensor(id).name;
    node.inputs = {id};
    node.outputs = {outer_id};
    graph->nodes.push_back(std::move(node));
    id = outer_id;
  }
}

void MakeInteger(Graph* graph, const Scheme& scheme, const Ranges& given,
                 const ConvertOptions& options) {
  Ranges ranges = given;
  ranges.resize(graph->tensors.size());
  const auto quantize = [&](TensorId id) {
    Tensor& t = graph->tensor(id);
    Range& range = ranges[static_cast<size_t>(id)];
    if (!t.quant.empty()) {
      // Learned in training, in int8 terms; int16 takes the same range.
      const auto zero = static_cast<float>(t.quant.zero_point[0]);
      range = {t.quant.scale[0] * (-128.0f - zero),
               t.quant.scale[0] * (127.0f - zero)};
      t.dtype = scheme.activation;
      if (scheme.activation != DType::kInt8) {
        t.quant = ActivationQuantization(range, scheme.activation);
      }
      return;
    }
    if (!range.seen()) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}' has no calibrated range; {} wants representative "
           "samples",
           t.name, scheme.name);
    }
    t.dtype = scheme.activation;
    t.quant = ActivationQuantization(range, scheme.activation);
  };
  for (const TensorId id : graph->inputs) quantize(id);
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    Node& node = graph->nodes[n];
    if (node.op->quant.output == QuantRule::kFloatOnly) {
      Fail(ErrorKind::kUnsupported, "node '{}': {} has no integer form",
           node.name, node.op->name);
    }
    const TensorId out = node.outputs[0];
    if (node.op->quant.output == QuantRule::kLikeInput) {
      const Tensor& in = graph->tensor(node.inputs[0]);
      graph->tensor(out).dtype = in.dtype;
      graph->tensor(out).quant = in.quant;
      ranges[static_cast<size_t>(out)] =
          ranges[static_cast<size_t>(node.inputs[0])];
    } else {
      quantize(out);
    }
    if (node.op->Find(Role::kWeight) >= 0) {
      Node copy = node;
      QuantizeLayer(graph, &copy, scheme, options);
      graph->nodes[n] = std::move(copy);
    }
  }
  ranges.resize(graph->tensors.size());
  ConvertIo(graph, options.io.value_or(scheme.io), ranges);
}

// A quantization-aware float graph: each fake-quantized activation passes
// through a QUANTIZE and a DEQUANTIZE, as TensorFlow's converter writes it;
// weights are floats on their grid.
void MakeQuantizeDequantizePairs(Graph* graph) {
  std::vector<Node> nodes;
  std::vector<std::pair<TensorId, TensorId>> replaced;
  const auto pair_behind = [&](TensorId id) {
    const Tensor from = graph->tensor(id);
    if (from.quant.empty() || from.has_data()) return;
    graph->tensor(id).quant = {};
    Tensor integer;
    integer.name = from.name + "_q";
    integer.dtype = DType::kInt8;
    integer.quant = from.quant;
    integer.shape = from.shape;
    Tensor floating;
    floating.name = from.name + "_dq";
    floating.shape = from.shape;
    const TensorId q = graph->AddTensor(std::move(integer));
    const TensorId dq = graph->AddTensor(std::move(floating));
    Node quantize;
    quantize.op = &kQuantize;
    quantize.name = from.name + "_q";
    quantize.inputs = {id};
    quantize.outputs = {q};
    Node dequantize;
    dequantize.op = &kDequantize;
    dequantize.name = from.name + "_dq";
    dequantize.inputs = {q};
    dequantize.outputs = {dq};
    nodes.push_back(std::move(quantize));
    nodes.push_back(std::move(dequantize));
    replaced.emplace_back(id, dq);
  };
  const auto rename = [&](TensorId id) {
    for (const auto& [from, to] : replaced) {
      if (id == from) return to;
    }
    return id;
  };
  for (const TensorId id : graph->inputs) pair_behind(id);
  const std::vector<Node> old = graph->nodes;
  for (Node node : old) {
    for (TensorId& id : node.inputs) id = rename(id);
    nodes.push_back(node);
    for (const TensorId id : node.outputs) pair_behind(id);
  }
  for (TensorId& id : graph->outputs) id = rename(id);
  graph->nodes = std::move(nodes);
  for (Tensor& t : graph->tensors) {
    if (t.dtype == DType::kFloat32) t.quant = {};
  }
}

}  // namespace

bool NeedsRanges(const Graph& graph, const Scheme& scheme) {
  const bool aware = HasFakeQuant(graph);
  if (!scheme.full_integer && !(aware && scheme.weight != DType::kFloat32))
    return false;
  const Graph folded = FoldFakeQuant(graph);
  const auto unknown = [&](TensorId id) {
    return folded.tensor(id).quant.empty();
  };
  return std::any_of(folded.inputs.begin(), folded.inputs.end(), unknown) ||
         std::any_of(folded.nodes.begin(), folded.nodes.end(),
                     [&](const Node& node) {
                       return node.op->quant.output != QuantRule::kLikeInput &&
                              unknown(node.outputs[0]);
                     });
}

Graph Convert(const Graph& graph, const Scheme& scheme, const Ranges& ranges,
              const ConvertOptions& options) {
  const bool aware = HasFakeQuant(graph);
  Graph result = WidenHalves(graph);
  RequireFloat(result, "");
  result = FoldFakeQuant(result);
  for (Tensor& t : result.tensors) {
    if (t.kind == TensorKind::kParameter || t.kind == TensorKind::kState) {
      t.kind = TensorKind::kConstant;
    }
  }
  if (!scheme.full_integer &&
      options.io.value_or(DType::kFloat32) != DType::kFloat32) {
    Fail(ErrorKind::kInvalidArgument,
         "{} has float32 inputs and outputs; {} was asked for", scheme.name,
         Name(*options.io));
  }
  Verify(result, Stage::kFloat);
  if (scheme.full_integer) {
    MakeInteger(&result, scheme, ranges, options);
  } else if (aware && scheme.weight == DType::kFloat32) {
    MakeQuantizeDequantizePairs(&result);
  } else if (aware) {
    // fp16 and dynamic of a quantization-aware model are the int8 model with
    // float input and output, as TensorFlow's converter gives them.
    ConvertOptions inside = options;
    inside.io = DType::kFloat32;
    MakeInteger(&result, FindScheme("int8"), ranges, inside);
  } else if (scheme.weight == DType::kFloat16) {
    HalveConstants(&result);
  } else if (scheme.weight == DType::kInt8) {
    MakeDynamic(&result, options);
  }
  result = RemoveDeadNodes(result);
  MakeNamesUnique(&result);  // of what was added; the model's own come first
  InferShapes(&result);
  VerifyStructure(result);
  return result;
}

}  // namespace litesmith
