// What integers an op's operands are where rules by role (QuantRule) do not say
// it: of ops with several biases, or states of a scale of their own.
#ifndef LITESMITH_OPS_INTEGER_OPERANDS_H_
#define LITESMITH_OPS_INTEGER_OPERANDS_H_

#include <functional>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// What is decided of a node's other tensors.
struct DecidedNode {
  const Graph& graph;  // of floats
  const Node& node;
  std::function<Quantization(size_t input)> input;  // data and weights
  Quantization output;
  DType activation;  // int8 or int16
  // The largest magnitude that was seen of a variable.
  std::function<float(size_t input)> largest;
};

struct IntegerOperand {
  size_t input;
  DType dtype;
  Quantization quant;
};

// The operands of the node that the op itself decides, those that it has.
// Throws Error{unsupported} for a form of the op that has no integers.
using DecideOperands = std::vector<IntegerOperand> (*)(const DecidedNode&);

// Null: there are none.
DecideOperands DecideOperandsOf(const OpDef& op);

// Whether ranges of variables are wanted for such operands: calibration sees
// them where nodes write them, in the form of transform/expand_rnn.h.
bool WantsVariableRanges(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_OPS_INTEGER_OPERANDS_H_
