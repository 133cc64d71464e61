// The functions of TensorFlow that Keras 2 makes layers of, by the names that
// Keras 3 has for the same.
#include <string>

#include "src/formats/keras/layer.h"

namespace litesmith {
namespace {

struct Synonym {
  const char* function;
  const char* name;
};
constexpr Synonym kSynonyms[] = {
    {"math.add", "Add"},
    {"__operators__.add", "Add"},
    {"math.subtract", "Subtract"},
    {"__operators__.sub", "Subtract"},
    {"math.multiply", "Multiply"},
    {"__operators__.mul", "Multiply"},
    {"math.divide", "Divide"},
    {"math.truediv", "Divide"},
    {"__operators__.truediv", "Divide"},
    {"math.floordiv", "FloorDivide"},
    {"math.pow", "Power"},
    {"math.maximum", "Maximum"},
    {"math.minimum", "Minimum"},
    {"math.squared_difference", "SquaredDifference"},
    {"linalg.matmul", "Matmul"},
    {"math.negative", "Negative"},
    {"__operators__.neg", "Negative"},
    {"math.abs", "Absolute"},
    {"math.sqrt", "Sqrt"},
    {"math.rsqrt", "Rsqrt"},
    {"math.square", "Square"},
    {"math.exp", "Exp"},
    {"math.log", "Log"},
    {"math.sin", "Sin"},
    {"math.cos", "Cos"},
    {"math.floor", "Floor"},
    {"math.ceil", "Ceil"},
    {"math.round", "Round"},
    {"math.sign", "Sign"},
    {"math.reciprocal", "Reciprocal"},
    {"math.tanh", "Tanh"},
    {"nn.tanh", "Tanh"},
    {"math.sigmoid", "Sigmoid"},
    {"nn.sigmoid", "Sigmoid"},
    {"nn.relu", "Relu"},
    {"nn.relu6", "Relu6"},
    {"nn.leaky_relu", "LeakyRelu"},
    {"nn.elu", "Elu"},
    {"nn.selu", "Selu"},
    {"nn.gelu", "Gelu"},
    {"nn.silu", "Silu"},
    {"nn.swish", "Silu"},
    {"nn.softmax", "Softmax"},
    {"compat.v1.nn.softmax", "Softmax"},
    {"nn.log_softmax", "LogSoftmax"},
    {"nn.softplus", "Softplus"},
    {"math.softplus", "Softplus"},
    {"nn.softsign", "Softsign"},
    {"math.l2_normalize", "Normalize"},
    {"linalg.l2_normalize", "Normalize"},
    {"math.reduce_mean", "Mean"},
    {"math.reduce_sum", "Sum"},
    {"math.reduce_max", "Max"},
    {"math.reduce_min", "Min"},
    {"math.reduce_prod", "Prod"},
    {"clip_by_value", "Clip"},
    {"concat", "Concatenate"},
    {"stack", "Stack"},
    {"split", "Split"},
    {"reshape", "Reshape"},
    {"transpose", "Transpose"},
    {"compat.v1.transpose", "Transpose"},
    {"tile", "Tile"},
    {"reverse", "Flip"},
    {"expand_dims", "ExpandDims"},
    {"squeeze", "Squeeze"},
    {"compat.v1.squeeze", "Squeeze"},
    {"pad", "Pad"},
    {"compat.v1.pad", "Pad"},
    {"cast", "Cast"},
    {"math.equal", "Equal"},
    {"math.not_equal", "NotEqual"},
    {"math.greater", "Greater"},
    {"math.greater_equal", "GreaterEqual"},
    {"math.less", "Less"},
    {"math.less_equal", "LessEqual"},
    {"math.logical_and", "LogicalAnd"},
    {"math.logical_or", "LogicalOr"},
    {"math.logical_not", "LogicalNot"},
    {"math.reduce_any", "Any"},
    {"math.reduce_all", "All"},
    {"where", "Where"},
    {"zeros_like", "ZerosLike"},
    {"identity", "Identity"},
    {"stop_gradient", "Identity"},
    {"image.resize", "Resize"},
    {"compat.v1.image.resize", "Resize"},
    {"__operators__.getitem", "GetItem"},
};

}  // namespace

std::string OperationOf(const std::string& function) {
  for (const Synonym& synonym : kSynonyms) {
    if (function == synonym.function)
      return std::string("operation ") + synonym.name;
  }
  return "TFOpLambda " + function;
}

}  // namespace litesmith
