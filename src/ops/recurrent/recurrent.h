// The recurrent ops' attributes and operands. Their states are variables of the
// graph, which last from call to call: shapes with a batch in them, so that
// such a graph runs as it was written.
#ifndef LITESMITH_OPS_RECURRENT_RECURRENT_H_
#define LITESMITH_OPS_RECURRENT_RECURRENT_H_

#include <initializer_list>
#include <vector>

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"
#include "src/kernels/common/fixed_point.h"
#include "src/kernels/recurrent/products.h"
#include "src/kernels/recurrent/through_time.h"
#include "src/ops/integer_operands.h"

namespace litesmith {

namespace activation {
// Of recurrent layers only; the number is TFLite's.
inline constexpr auto kTanh = static_cast<Activation>(4);
}  // namespace activation

// ---- UNIDIRECTIONAL_SEQUENCE_LSTM ------------------------------------------

namespace lstm {
// Where the operands of a gate are: kInputWeights + gate and so on, gates in
// the order of kernels/recurrent/lstm.h. There is no peephole of the cell gate,
// so the output gate's is one before where that rule has it.
inline constexpr size_t kX = 0;
inline constexpr size_t kInputWeights = 1;
inline constexpr size_t kRecurrentWeights = 5;
inline constexpr size_t kPeephole = 9;  // input, forget, output
inline constexpr size_t kBias = 12;
inline constexpr size_t kProjection = 16;
inline constexpr size_t kProjectionBias = 17;
inline constexpr size_t kOutputState = 18;
inline constexpr size_t kCellState = 19;
inline constexpr size_t kNormWeights = 20;
// Without elements, for their quantization: what goes into each gate's
// function, where there is layer normalization, and o*tanh(c).
inline constexpr size_t kGateSums = 24;
inline constexpr size_t kHidden = 28;
}  // namespace lstm

// Shapes are those of kernels/recurrent/lstm.h; all weights have one scale.
struct UnidirectionalSequenceLstmAttrs {
  Activation activation = kNone;  // kTanh is wanted
  float cell_clip = 0;            // 0: none
  float proj_clip = 0;
  bool time_major = false;
  bool asymmetric_quantize_inputs = false;
  bool diagonal_recurrent_tensors = false;
};

template <>
inline constexpr auto kAttrs<UnidirectionalSequenceLstmAttrs> = AttrList({
    Attr<&UnidirectionalSequenceLstmAttrs::activation>(
        "fused_activation_function", 0),
    Attr<&UnidirectionalSequenceLstmAttrs::cell_clip>("cell_clip", 1),
    Attr<&UnidirectionalSequenceLstmAttrs::proj_clip>("proj_clip", 2),
    Attr<&UnidirectionalSequenceLstmAttrs::time_major>("time_major", 3),
    Attr<&UnidirectionalSequenceLstmAttrs::asymmetric_quantize_inputs>(
        "asymmetric_quantize_inputs", 4),
    Attr<&UnidirectionalSequenceLstmAttrs::diagonal_recurrent_tensors>(
        "diagonal_recurrent_tensors", 5),
});

// A kernel for the node's types. Throws Error{unsupported} where weights are
// computed, or where scales are out of the range of fixed point.
KernelPtr MakeLstmFast(const PrepareContext& context);
KernelPtr MakeLstmReference(const PrepareContext& context);

// ---- UNIDIRECTIONAL_SEQUENCE_RNN -------------------------------------------

// Inputs: x, weights [units, inputs], recurrent weights [units, units], bias
// [units], the state [batch, units].
struct UnidirectionalSequenceRnnAttrs {
  bool time_major = false;
  Activation activation = kNone;
  bool asymmetric_quantize_inputs = false;
};

template <>
inline constexpr auto kAttrs<UnidirectionalSequenceRnnAttrs> = AttrList({
    Attr<&UnidirectionalSequenceRnnAttrs::time_major>("time_major", 0),
    Attr<&UnidirectionalSequenceRnnAttrs::activation>(
        "fused_activation_function", 1),
    Attr<&UnidirectionalSequenceRnnAttrs::asymmetric_quantize_inputs>(
        "asymmetric_quantize_inputs", 2),
});

// ---- SVDF ------------------------------------------------------------------

// Inputs: those of kernels/recurrent/svdf.h.
struct SvdfAttrs {
  int32_t rank = 0;
  Activation activation = kNone;
  bool asymmetric_quantize_inputs = false;
};

template <>
inline constexpr auto kAttrs<SvdfAttrs> = AttrList({
    Attr<&SvdfAttrs::rank>("rank", 0),
    Attr<&SvdfAttrs::activation>("fused_activation_function", 1),
    Attr<&SvdfAttrs::asymmetric_quantize_inputs>("asymmetric_quantize_inputs",
                                                 2),
});

// ---- LITESMITH_RNN ---------------------------------------------------------

// A recurrent layer as Keras has it: cells, functions and weights are those of
// kernels/recurrent/through_time.h, as Keras keeps them: the recurrent kernel
// has all gates, those of a GRU that resets before, too, and the bias of one
// that resets after is [2, gates * units], of x and of h. Every sample begins
// with zeros or with what the operands say; nothing lasts from call to call.
// The outputs are y and, of an LSTM, if it has two, the cells. Files get it as
// TFLite's own ops (transform/expand_rnn.h).
namespace rnn {
inline constexpr size_t kX = 0;
inline constexpr size_t kKernel = 1;
inline constexpr size_t kRecurrentKernel = 2;
inline constexpr size_t kBias = 3;
inline constexpr size_t kInitialH = 4;
inline constexpr size_t kInitialC = 5;
// Bool [batch, steps]: steps that are left out, where it does not hold, keep
// the states and with them the result of the step before.
inline constexpr size_t kMask = 6;
}  // namespace rnn

struct RnnAttrs {
  kernels::CellKind cell = kernels::CellKind::kSimple;
  kernels::CellFunction activation = kernels::CellFunction::kTanh;
  kernels::CellFunction recurrent_activation = kernels::CellFunction::kLogistic;
  bool reset_after = true;
  bool return_sequences = true;
};

template <>
inline constexpr auto kAttrs<RnnAttrs> = AttrList({
    Attr<&RnnAttrs::cell>("cell"),
    Attr<&RnnAttrs::activation>("activation"),
    Attr<&RnnAttrs::recurrent_activation>("recurrent_activation"),
    Attr<&RnnAttrs::reset_after>("reset_after"),
    Attr<&RnnAttrs::return_sequences>("return_sequences"),
});

// The node's cell with the sizes of its operands, as far as they are known.
kernels::Cell CellOf(const Graph& graph, const Node& node);

// The training row of UNIDIRECTIONAL_SEQUENCE_LSTM: gates of weights and biases
// alone. States are not read: each sample begins with zeros.
KernelPtr MakeLstmTrain(const PrepareContext& context);
// Biases, states and intermediate tensors of one of int8: specs/ops.md 9.1, 12.
std::vector<IntegerOperand> DecideLstmOperands(const DecidedNode& node);
bool CanTrainLstm(const PrepareContext& context);

// ---- Shared ----------------------------------------------------------------

// The tensor has these dimensions; a dimension of kDynamic may be any.
void CheckShapeIs(const Tensor& tensor, const char* what,
                  std::initializer_list<int32_t> dims);
// The variable has as many elements as rows times width; `rows` may be
// kDynamic.
void CheckStateShape(const Tensor& state, const char* what, int32_t rows,
                     int32_t width);
// The dtype, and of quantized numbers one scale, with a zero point of 0 unless
// `asymmetric`.
void CheckOneScale(const Tensor& tensor, const char* what, DType dtype,
                   bool asymmetric = false);
// The input, which has to be a constant: kernels pack it.
const Tensor& ConstantInput(const PrepareContext& context, size_t input);
// Of a product of integers. Throws Error{unsupported} if it is out of range.
FixedMultiplier CheckedMultiplier(const PrepareContext& context, double real,
                                  int most_shift = kMaxShift);
// log2 of a scale that is a power of two, -15 to -9; throws if it is none.
int CheckedCellScaleLog2(const Tensor& state);
// One layer of a stack: weights and, if it is there, the bias.
kernels::Product ProductOf(const PrepareContext& context, size_t weights,
                           TensorId bias = kNoTensor);
// The values, int8 ones times their scale.
std::vector<float> FloatValues(const Tensor& tensor);

}  // namespace litesmith

#endif  // LITESMITH_OPS_RECURRENT_RECURRENT_H_
