// UNIDIRECTIONAL_SEQUENCE_LSTM: what may be there, shapes and types.
#include "src/kernels/recurrent/lstm.h"

#include <cmath>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = UnidirectionalSequenceLstmAttrs;
using kernels::kCellGate;
using kernels::kForgetGate;
using kernels::kInputGate;
using kernels::kLstmGates;
using kernels::kOutputGate;

constexpr Operand Weights(const char* name, bool optional = false) {
  return {.name = name,
          .role = Role::kWeight,
          .optional = optional,
          .input_axis = 1};
}
constexpr Operand Peephole(const char* name) {
  return {.name = name, .role = Role::kWeight, .optional = true};
}
// No kBias: that is a layer's of one weight, for whoever folds and quantizes.
constexpr Operand Parameter(const char* name, bool optional = true) {
  return {.name = name, .role = Role::kParameter, .optional = optional};
}
constexpr Operand State(const char* name, bool optional = false) {
  return {.name = name, .role = Role::kState, .optional = optional};
}

constexpr Operand kOperands[] = {
    {.name = "input"},
    Weights("input_to_input_weights", true),
    Weights("input_to_forget_weights"),
    Weights("input_to_cell_weights"),
    Weights("input_to_output_weights"),
    Weights("recurrent_to_input_weights", true),
    Weights("recurrent_to_forget_weights"),
    Weights("recurrent_to_cell_weights"),
    Weights("recurrent_to_output_weights"),
    Peephole("cell_to_input_weights"),
    Peephole("cell_to_forget_weights"),
    Peephole("cell_to_output_weights"),
    Parameter("input_gate_bias"),
    Parameter("forget_gate_bias", false),
    Parameter("cell_gate_bias", false),
    Parameter("output_gate_bias", false),
    Weights("projection_weights", true),
    Parameter("projection_bias"),
    // Missing in a model that is trained: each sample begins with zeros.
    State("output_state", true),
    State("cell_state", true),
    Parameter("input_layer_norm_coefficients"),
    Parameter("forget_layer_norm_coefficients"),
    Parameter("cell_layer_norm_coefficients"),
    Parameter("output_layer_norm_coefficients"),
    // "intermediate": where the file keeps them (formats/tflite).
    State("intermediate_input_gate", true),
    State("intermediate_forget_gate", true),
    State("intermediate_cell_gate", true),
    State("intermediate_output_gate", true),
    State("intermediate_hidden", true),
};

// The node's inputs, and what they say about its form.
class Inputs {
 public:
  Inputs(const Graph& graph, const Node& node)
      : graph_(graph),
        node_(node),
        cifg_(!Has(lstm::kInputWeights)),
        peephole_(Has(lstm::kPeephole + 1)),
        norm_(Has(lstm::kNormWeights + kForgetGate)) {}

  bool Has(size_t i) const { return node_.input(i) != kNoTensor; }
  const Tensor& operator[](size_t i) const {
    return graph_.tensor(node_.inputs[i]);
  }
  static const char* NameOf(size_t i) { return kOperands[i].name; }
  bool projects() const { return Has(lstm::kProjection); }
  bool cifg() const { return cifg_; }
  bool peephole() const { return peephole_; }
  bool norm() const { return norm_; }

  // All operands of a gate, of a peephole and of a normalization are there, or
  // none.
  void CheckForm() const {
    for (const size_t i :
         {size_t{lstm::kRecurrentWeights}, size_t{lstm::kBias}}) {
      Require(i, !cifg_, NameOf(lstm::kInputWeights));
    }
    Require(lstm::kPeephole, peephole_ && !cifg_, NameOf(10));
    Require(lstm::kPeephole + 2, peephole_, NameOf(10));
    for (const size_t gate : {kCellGate, kOutputGate})
      Require(lstm::kNormWeights + gate, norm_, NameOf(21));
    Require(lstm::kNormWeights, norm_ && !cifg_, NameOf(21));
    Require(lstm::kCellState, Has(lstm::kOutputState),
            NameOf(lstm::kOutputState));
    if (!projects() && Has(lstm::kProjectionBias)) {
      Require(lstm::kProjectionBias, false, NameOf(lstm::kProjection));
    }
  }

  // Of cells and outputs, by the operand.
  void CheckShapes(int32_t batch) const {
    const Tensor& x = (*this)[lstm::kX];
    const Tensor& recurrent = (*this)[lstm::kRecurrentWeights + kForgetGate];
    CheckRank(recurrent, NameOf(lstm::kRecurrentWeights + kForgetGate), 2);
    const int32_t cells = recurrent.shape[0];
    const int32_t outputs = recurrent.shape[1];
    if (!projects() && outputs != cells) {
      Fail(ErrorKind::kCorrupt,
           "the {} '{}' have shape {}; without a projection it is square",
           NameOf(lstm::kRecurrentWeights + kForgetGate), recurrent.name,
           recurrent.shape.ToString());
    }
    for (size_t i = 1; i < lstm::kGateSums; ++i) {
      if (!Has(i)) continue;
      const Tensor& tensor = (*this)[i];
      if (i < lstm::kRecurrentWeights) {
        CheckShapeIs(tensor, NameOf(i), {cells, x.shape[2]});
      } else if (i < lstm::kPeephole) {
        CheckShapeIs(tensor, NameOf(i), {cells, outputs});
      } else if (i == lstm::kProjection) {
        CheckShapeIs(tensor, NameOf(i), {outputs, cells});
      } else if (i == lstm::kProjectionBias) {
        CheckShapeIs(tensor, NameOf(i), {outputs});
      } else if (i == lstm::kOutputState || i == lstm::kCellState) {
        CheckStateShape(tensor, NameOf(i), batch,
                        i == lstm::kCellState ? cells : outputs);
      } else {
        CheckShapeIs(tensor, NameOf(i), {cells});
      }
    }
  }

  void CheckTypes() const {
    const DType x = (*this)[lstm::kX].dtype;
    const DType weights = (*this)[lstm::kInputWeights + kForgetGate].dtype;
    if (x == DType::kFloat32) {
      CheckDType((*this)[lstm::kInputWeights + kForgetGate],
                 NameOf(lstm::kInputWeights + kForgetGate),
                 {DType::kFloat32, DType::kInt8});
      CheckAll(weights, weights, DType::kFloat32, DType::kFloat32,
               DType::kFloat32);
      return;
    }
    CheckOneScale((*this)[lstm::kX], "input", x, x == DType::kInt8);
    Require(lstm::kOutputState, true, "integers");
    const bool wide = x == DType::kInt16;
    if (wide && (cifg_ || peephole_ || norm_ || projects())) {
      Fail(ErrorKind::kUnsupported,
           "an int16 input goes with a plain LSTM: no CIFG, peephole, "
           "projection or layer normalization");
    }
    CheckAll(DType::kInt8, DType::kInt16, wide ? DType::kInt64 : DType::kInt32,
             DType::kInt16, DType::kInt16);
    CheckOneScale((*this)[lstm::kOutputState], "output state", x,
                  x == DType::kInt8);
    (void)CheckedCellScaleLog2((*this)[lstm::kCellState]);
    if (norm_) {
      for (size_t gate = cifg_ ? kForgetGate : kInputGate; gate < kLstmGates;
           ++gate) {
        CheckIntermediate(lstm::kGateSums + gate, DType::kInt16);
      }
    }
    // Where there is none, the output state's scale is that of o*tanh(c).
    if (projects() || (HasScale(lstm::kHidden) && !wide))
      CheckIntermediate(lstm::kHidden, DType::kInt8);
  }

 private:
  void Require(size_t i, bool wanted, const char* because) const {
    if (Has(i) == wanted) return;
    Fail(ErrorKind::kCorrupt,
         "the operand {} ({}) is {}; that does not go with {}", i, NameOf(i),
         wanted ? "missing" : "there", because);
  }
  bool HasScale(size_t i) const { return Has(i) && !(*this)[i].quant.empty(); }
  void CheckIntermediate(size_t i, DType dtype) const {
    if (!HasScale(i)) {
      Fail(ErrorKind::kCorrupt,
           "the intermediate tensor {} ({}) has to be there, for its scale",
           i - lstm::kGateSums, NameOf(i));
    }
    CheckOneScale((*this)[i], NameOf(i), dtype, dtype == DType::kInt8);
  }
  // A type for each kind of operand.
  void CheckAll(DType weights, DType peephole, DType bias, DType norm,
                DType cell) const {
    for (size_t i = 1; i < lstm::kGateSums; ++i) {
      if (!Has(i) || i == lstm::kOutputState) continue;
      const bool is_peephole = i >= lstm::kPeephole && i < lstm::kBias;
      const DType wanted = i == lstm::kCellState                ? cell
                           : i >= lstm::kNormWeights            ? norm
                           : is_peephole                        ? peephole
                           : kOperands[i].role == Role::kWeight ? weights
                                                                : bias;
      // A bias's scale follows from the others and is not asked for.
      if (wanted == bias && kOperands[i].role == Role::kParameter) {
        CheckDType((*this)[i], NameOf(i), {wanted});
      } else {
        CheckOneScale((*this)[i], NameOf(i), wanted);
      }
    }
    if (cell == DType::kFloat32 && Has(lstm::kOutputState)) {
      CheckDType((*this)[lstm::kOutputState], NameOf(lstm::kOutputState),
                 {DType::kFloat32});
    }
  }

  const Graph& graph_;
  const Node& node_;
  bool cifg_, peephole_, norm_;
};

bool CanBeInt8(const Inputs& inputs) {
  return !inputs.cifg() && !inputs.peephole() && !inputs.norm() &&
         !inputs.projects();
}

void CheckAttributes(const Attrs& attrs) {
  if (attrs.activation != activation::kTanh) {
    Fail(ErrorKind::kUnsupported,
         "the activation is {}; only TANH (4) is supported",
         static_cast<int>(attrs.activation));
  }
  if (attrs.diagonal_recurrent_tensors) {
    Fail(ErrorKind::kUnsupported,
         "diagonal recurrent weights (diagonal_recurrent_tensors) are not "
         "supported");
  }
  for (const float clip : {attrs.cell_clip, attrs.proj_clip}) {
    if (clip >= 0) continue;
    Fail(ErrorKind::kCorrupt, "a clip of {}; 0 (none) or more is wanted", clip);
  }
}

void Infer(Graph* graph, const Node& node) {
  const Attrs attrs = Get<Attrs>(node);
  CheckAttributes(attrs);
  const Inputs inputs(*graph, node);
  const Tensor& x = inputs[lstm::kX];
  CheckDType(x, "input", {DType::kFloat32, DType::kInt8, DType::kInt16});
  CheckRank(x, "input", 3);
  inputs.CheckForm();
  inputs.CheckShapes(x.shape[attrs.time_major ? 1 : 0]);
  inputs.CheckTypes();
  Shape shape = x.shape;
  shape[2] = inputs[lstm::kRecurrentWeights + kForgetGate].shape[1];
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  if (out.dtype != DType::kFloat32) CheckPerTensorQuant(out, "output");
  out.shape = shape;
  (void)out.shape.NumElementsPerSample();  // throws if too large
}

constexpr KernelRow kRows[] = {
    {"LstmF32Train", Purpose::kTrain, kF32F32, MakeLstmTrain, CanTrainLstm},
    {"LstmF32F32", Purpose::kFast, kF32F32, MakeLstmFast},
    {"LstmS8S8", Purpose::kFast, kS8S8, MakeLstmFast},
    {"LstmS16S8", Purpose::kFast, kS16S8, MakeLstmFast},
    {"LstmF32S8", Purpose::kFast, kF32S8, MakeLstmFast},
    {"LstmF32F32Ref", Purpose::kReference, kF32F32, MakeLstmReference},
    {"LstmS8S8Ref", Purpose::kReference, kS8S8, MakeLstmReference},
    {"LstmS16S8Ref", Purpose::kReference, kS16S8, MakeLstmReference},
    {"LstmF32S8Ref", Purpose::kReference, kF32S8, MakeLstmReference},
};

int Version(const Graph& graph, const Node& node) {
  const bool hybrid =
      graph.tensor(node.inputs[0]).dtype == DType::kFloat32 &&
      graph.tensor(node.inputs[lstm::kInputWeights + kForgetGate]).dtype ==
          DType::kInt8;
  if (!hybrid) return 1;
  return node.Get<&Attrs::asymmetric_quantize_inputs>() ? 3 : 2;
}

int64_t Macs(const Graph& graph, const Node& node) {
  const Attrs attrs = Get<Attrs>(node);
  const Shape& x = graph.tensor(node.inputs[0]).shape;
  int64_t products = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoTensor || kOperands[i].role != Role::kWeight)
      continue;
    products += graph.tensor(node.inputs[i]).shape.NumElements();
  }
  return products * std::max(x[attrs.time_major ? 0 : 1], 1);
}

void SetFloat(Node* node, bool hybrid) {
  node->Set<&Attrs::asymmetric_quantize_inputs>(hybrid);
}

}  // namespace

std::vector<IntegerOperand> DecideLstmOperands(const DecidedNode& of) {
  const Inputs inputs(of.graph, of.node);
  if (!CanBeInt8(inputs)) {
    Fail(ErrorKind::kUnsupported,
         "{}: an LSTM with an input gate, without peepholes, projection and "
         "layer normalization becomes int8; this is another one",
         Describe(of.graph, of.node));
  }
  std::vector<IntegerOperand> operands;
  const float x_scale = of.input(lstm::kX).scale[0];
  for (size_t gate = 0; gate < kLstmGates; ++gate) {
    const float scale = x_scale * of.input(lstm::kInputWeights + gate).scale[0];
    operands.push_back({lstm::kBias + gate, DType::kInt32, {{scale}, {0}, 0}});
  }
  operands.push_back({lstm::kOutputState, of.activation, of.output});
  // The smallest power of two that holds all cells.
  const float largest = of.largest(lstm::kCellState);
  int log2 = -15;
  while (log2 < -9 && std::exp2(log2 + 15) < largest) ++log2;
  operands.push_back({lstm::kCellState,
                      DType::kInt16,
                      {{std::exp2(static_cast<float>(log2))}, {0}, 0}});
  if (inputs.Has(lstm::kHidden))
    operands.push_back({lstm::kHidden, of.activation, of.output});
  return operands;
}

const OpDef kUnidirectionalSequenceLstm = {
    .name = "UNIDIRECTIONAL_SEQUENCE_LSTM",
    .summary = "LSTM over a sequence, states kept from call to call",
    .tflite = {.code = 44, .options = 71, .version = Version},
    .attrs = kAttrs<Attrs>,
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
