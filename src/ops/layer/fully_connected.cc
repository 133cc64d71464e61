// FULLY_CONNECTED: attributes, shapes, types, and the list of its kernels. The
// input is flattened to [n / I, I]; weights are [O, I].
#include "src/ops/layer/fully_connected.h"

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// [n / I, O], or with keep_num_dims x's shape with O as its last dimension.
Shape OutputShape(const Node& node, const Tensor& x, const Tensor& weights) {
  const int32_t depth = weights.shape[1];
  const int32_t outputs = weights.shape[0];
  const int rank = x.shape.rank();
  if (rank == 0) {
    Fail(ErrorKind::kCorrupt, "the input '{}' is a scalar", x.name);
  }
  const bool dynamic = x.shape[0] == kDynamic;
  const int64_t elements =
      dynamic ? x.shape.NumElementsPerSample() : x.shape.NumElements();
  if (elements % depth != 0) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' of shape {} does not divide into rows of {}, the "
         "depth of the weights '{}' {}",
         x.name, x.shape.ToString(), depth, weights.name,
         weights.shape.ToString());
  }
  if (!node.Get<&FullyConnectedAttrs::keep_num_dims>()) {
    return Shape{dynamic ? kDynamic : static_cast<int32_t>(elements / depth),
                 outputs};
  }
  if (x.shape[rank - 1] != depth) {
    Fail(ErrorKind::kCorrupt,
         "keep_num_dims: the input '{}' has shape {}; its last dimension must "
         "be {}",
         x.name, x.shape.ToString(), depth);
  }
  Shape shape = x.shape;
  shape[rank - 1] = outputs;
  return shape;
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& weights = graph->tensor(node.inputs[1]);
  CheckRank(weights, "weights", 2);
  if (weights.shape[0] < 1) {
    Fail(ErrorKind::kCorrupt, "the weights '{}' have shape {}", weights.name,
         weights.shape.ToString());
  }
  CheckActivation(node.Get<&FullyConnectedAttrs::activation>());
  if (node.Get<&FullyConnectedAttrs::weights_format>() != 0) {
    Fail(ErrorKind::kUnsupported,
         "weights_format is {}; only 0 (not shuffled) is supported",
         node.Get<&FullyConnectedAttrs::weights_format>());
  }
  const Shape shape = OutputShape(node, x, weights);
  CheckLayerTypes(graph, node,
                  node.Get<&FullyConnectedAttrs::quantized_bias_type>(),
                  /*dense=*/true);
  // So that 64 bits hold the sum, and its product with a multiplier.
  constexpr int32_t kDeepestInt16 = 1 << 16;
  if (weights.dtype == DType::kInt16 && weights.shape[1] > kDeepestInt16) {
    Fail(
        ErrorKind::kUnsupported,
        "the int16 weights '{}' have shape {}; a depth of {} at most is wanted",
        weights.name, weights.shape.ToString(), kDeepestInt16);
  }
  Tensor& out = graph->tensor(node.outputs[0]);
  out.shape = shape;
  (void)out.shape.NumElementsPerSample();  // throws if too large
}

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "weights",
     .role = Role::kWeight,
     .channel_axis = 0,
     .input_axis = 1},
    {.name = "bias", .role = Role::kBias, .optional = true},
};

constexpr KernelRow kRows[] = {
    {"FullyConnectedF32F32Train", Purpose::kTrain, kF32F32,
     MakeFullyConnectedTrain},
    {"FullyConnectedF32F32", Purpose::kFast, kF32F32, MakeFullyConnectedSimd,
     CanPackWeights},
    {"FullyConnectedS8S8", Purpose::kFast, kS8S8, MakeFullyConnectedSimd,
     CanPackWeights},
    {"FullyConnectedS16S8", Purpose::kFast, kS16S8, MakeFullyConnectedSimd,
     CanPackWeights},
    {"FullyConnectedF32S8", Purpose::kFast, kF32S8, MakeFullyConnectedSimd,
     CanPackWeights},
    {"FullyConnectedF32F32Ref", Purpose::kReference, kF32F32,
     MakeFullyConnectedReference},
    {"FullyConnectedS8S8Ref", Purpose::kReference, kS8S8,
     MakeFullyConnectedReference},
    {"FullyConnectedU8U8Ref", Purpose::kReference, kU8U8,
     MakeFullyConnectedReference},
    {"FullyConnectedS16S8Ref", Purpose::kReference, kS16S8,
     MakeFullyConnectedReference},
    {"FullyConnectedS16S16Ref", Purpose::kReference, kS16S16,
     MakeFullyConnectedReference},
    {"FullyConnectedF32S8Ref", Purpose::kReference, kF32S8,
     MakeFullyConnectedReference},
};

int Version(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const bool hybrid =
      x.dtype == DType::kFloat32 && weights.dtype == DType::kInt8;
  if (hybrid && weights.quant.per_axis()) return 12;
  if (x.dtype == DType::kInt16) {
    return node.Get<&FullyConnectedAttrs::quantized_bias_type>() !=
                   kUnsetBiasType
               ? 11
               : 7;
  }
  if (node.input(2) == kNoTensor) return 6;
  if (node.Get<&FullyConnectedAttrs::keep_num_dims>()) return 5;
  if (x.dtype == DType::kInt8) return 4;
  if (hybrid)
    return node.Get<&FullyConnectedAttrs::asymmetric_quantize_inputs>() ? 9 : 3;
  return 1;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& weights = graph.tensor(node.inputs[1]).shape;
  return graph.tensor(node.inputs[0]).shape.NumElementsPerSample() * weights[0];
}

void SetFloat(Node* node, bool hybrid) {
  node->Set<&FullyConnectedAttrs::asymmetric_quantize_inputs>(hybrid);
  node->Set<&FullyConnectedAttrs::quantized_bias_type>(DType::kFloat32);
}

}  // namespace

const OpDef kFullyConnected = {
    .name = "FULLY_CONNECTED",
    .summary = "dense layer with bias and fused activation",
    .tflite = {.code = 9, .options = 8, .version = Version},
    .attrs = kAttrs<FullyConnectedAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn,
              .hybrid = true,
              .per_channel = false,
              .set_float = SetFloat},
    .macs = Macs,
};

}  // namespace litesmith
