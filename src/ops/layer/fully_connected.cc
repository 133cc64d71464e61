// FULLY_CONNECTED: attributes, shapes, types, and the list of its kernels. The
// input is flattened to [n / I, I]; weights are [O, I].
#include "src/ops/layer/fully_connected.h"

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/fully_connected_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"
#include "src/ops/train_rows.h"

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
  CheckLayerTypes(graph, node, weights.shape[0],
                  node.Get<&FullyConnectedAttrs::quantized_bias_type>());
  Tensor& out = graph->tensor(node.outputs[0]);
  out.shape = shape;
  (void)out.shape.NumElementsPerSample();  // throws if too large
}

bool TrainF32(const PrepareContext& c) {
  return c.training && c.input(0).dtype == DType::kFloat32 &&
         c.input(1).dtype == DType::kFloat32;
}
bool IsF32F32(const PrepareContext& c) {
  return LayerTypes(c, DType::kFloat32, DType::kFloat32);
}
bool IsF32S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kFloat32, DType::kInt8);
}
bool IsS8S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kInt8, DType::kInt8);
}
bool IsS16S8(const PrepareContext& c) {
  return LayerTypes(c, DType::kInt16, DType::kInt8);
}

template <bool (*kTypes)(const PrepareContext&)>
bool Packed(const PrepareContext& c) {
  return kTypes(c) && HasConstantWeights(c);
}

constexpr KernelRow kKernels[] = {
    {"FullyConnectedF32F32Train", false, TrainF32,
     PrepareFullyConnectedF32Train},
    {"FullyConnectedF32F32", false, Packed<IsF32F32>,
     PrepareFullyConnectedSimd},
    {"FullyConnectedS8S8", false, Packed<IsS8S8>, PrepareFullyConnectedSimd},
    {"FullyConnectedS16S8", false, Packed<IsS16S8>, PrepareFullyConnectedSimd},
    {"FullyConnectedF32S8", false, Packed<IsF32S8>, PrepareFullyConnectedSimd},
    {"FullyConnectedF32F32Ref", true, IsF32F32, PrepareFullyConnectedF32F32Ref},
    {"FullyConnectedS8S8Ref", true, IsS8S8, PrepareFullyConnectedS8S8Ref},
    {"FullyConnectedS16S8Ref", true, IsS16S8, PrepareFullyConnectedS16S8Ref},
    {"FullyConnectedF32S8Ref", true, IsF32S8, PrepareFullyConnectedF32S8Ref},
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

constexpr QuantRule kRule = {.quantizable = true,
                             .weight_input = 1,
                             .per_axis_dim = 0,
                             .per_axis_default = true,
                             .bias_input = 2,
                             .same_scale = false,
                             .hybrid = true};

}  // namespace

const OpDef kFullyConnected = {
    .name = "FULLY_CONNECTED",
    .summary = "dense layer with bias and fused activation",
    .tflite_code = 9,
    .tflite_options = 8,
    .attrs = kAttrs<FullyConnectedAttrs>,
    .min_inputs = 2,
    .max_inputs = 3,
    .infer = Infer,
    .kernels = kKernels,
    .version = Version,
    .macs = Macs,
    .quant = kRule,
    .differentiable = true,
};

}  // namespace litesmith
