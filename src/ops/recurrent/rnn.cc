// UNIDIRECTIONAL_SEQUENCE_RNN, in floats and with int8 weights.
#include "src/kernels/recurrent/rnn.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = UnidirectionalSequenceRnnAttrs;

enum Input : size_t { kX, kWeights, kRecurrent, kBias, kStates };

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "weights", .role = Role::kWeight, .input_axis = 1},
    {.name = "recurrent_weights", .role = Role::kWeight, .input_axis = 1},
    {.name = "bias", .role = Role::kParameter},
    {.name = "hidden_state", .role = Role::kState},
};

void Infer(Graph* graph, const Node& node) {
  const Attrs attrs = Get<Attrs>(node);
  if (attrs.activation != activation::kTanh) CheckActivation(attrs.activation);
  const auto input = [&](size_t i) -> const Tensor& {
    return graph->tensor(node.inputs[i]);
  };
  const Tensor& x = input(kX);
  CheckRank(x, "input", 3);
  CheckDType(x, "input", {DType::kFloat32});
  CheckRank(input(kWeights), "weights", 2);
  const int32_t units = input(kWeights).shape[0];
  CheckShapeIs(input(kWeights), "weights", {units, x.shape[2]});
  CheckShapeIs(input(kRecurrent), "recurrent weights", {units, units});
  CheckShapeIs(input(kBias), "bias", {units});
  CheckStateShape(input(kStates), "hidden state",
                  x.shape[attrs.time_major ? 1 : 0], units);
  CheckDType(input(kWeights), "weights", {DType::kFloat32, DType::kInt8});
  for (const size_t i : {kWeights, kRecurrent})
    CheckOneScale(input(i), kOperands[i].name, input(kWeights).dtype);
  for (const size_t i : {kBias, kStates})
    CheckDType(input(i), kOperands[i].name, {DType::kFloat32});
  Shape shape = x.shape;
  shape[2] = units;
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  out.shape = shape;
  (void)out.shape.NumElementsPerSample();  // throws if too large
}

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const PrepareContext& context, bool fast) {
    const Attrs attrs = Get<Attrs>(context.node);
    const Shape& x = context.input(kX).shape;
    const bool hybrid = context.input(kWeights).dtype == DType::kInt8;
    rnn_.sequence.time_major = attrs.time_major;
    rnn_.sequence.batch = x[attrs.time_major ? 1 : 0];
    rnn_.sequence.steps = x[attrs.time_major ? 0 : 1];
    rnn_.inputs = x[2];
    rnn_.units = context.input(kWeights).shape[0];
    kernels::ProductsSpec spec;
    spec.kind = hybrid ? LayerKind::kF32S8 : LayerKind::kF32F32;
    spec.asymmetric = attrs.asymmetric_quantize_inputs;
    spec.depth = rnn_.inputs;
    (void)ConstantInput(context, kBias);
    const kernels::Product of_x[] = {
        ProductOf(context, kWeights, context.node.inputs[kBias])};
    rnn_.input = kernels::Products(spec, of_x, fast);
    spec.depth = rnn_.units;
    const kernels::Product of_h[] = {ProductOf(context, kRecurrent)};
    rnn_.recurrent = kernels::Products(spec, of_h, fast);
    rnn_.tanh = attrs.activation == activation::kTanh;
    if (!rnn_.tanh) rnn_.range = ActivationRange(attrs.activation);
    // What is quantized afterwards shows the last bit of tanh.
    rnn_.fast = fast && !hybrid;
    workspace_bytes = kernels::WorkspaceBytes(rnn_);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Run(rnn_, args.in<float>(kX), args.state<float>(kStates),
                 args.out<float>(), args.workspace);
  }

 private:
  kernels::Rnn rnn_;
};

KernelPtr MakeFast(const PrepareContext& context) {
  return std::make_unique<RnnKernel>(
      context, !context.facts.IsBeforeQuantize(context.node.outputs[0]));
}
KernelPtr MakeReference(const PrepareContext& context) {
  return std::make_unique<RnnKernel>(context, false);
}

constexpr KernelRow kRows[] = {
    {"RnnF32F32", Purpose::kFast, kF32F32, MakeFast},
    {"RnnF32S8", Purpose::kFast, kF32S8, MakeFast},
    {"RnnF32F32Ref", Purpose::kReference, kF32F32, MakeReference},
    {"RnnF32S8Ref", Purpose::kReference, kF32S8, MakeReference},
};

int Version(const Graph& graph, const Node& node) {
  if (graph.tensor(node.inputs[kWeights]).dtype != DType::kInt8) return 1;
  return node.Get<&Attrs::asymmetric_quantize_inputs>() ? 3 : 2;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Shape& x = graph.tensor(node.inputs[kX]).shape;
  const int64_t products =
      graph.tensor(node.inputs[kWeights]).shape.NumElements() +
      graph.tensor(node.inputs[kRecurrent]).shape.NumElements();
  return products * std::max(x[node.Get<&Attrs::time_major>() ? 0 : 1], 1);
}

}  // namespace

const OpDef kUnidirectionalSequenceRnn = {
    .name = "UNIDIRECTIONAL_SEQUENCE_RNN",
    .summary = "recurrent layer over a sequence, its state kept",
    .tflite = {.code = 35, .options = 31, .version = Version},
    .attrs = kAttrs<Attrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .macs = Macs,
};

}  // namespace litesmith
