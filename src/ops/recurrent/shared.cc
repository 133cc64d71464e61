// Checks and constants that the recurrent ops share.
#include <cmath>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/recurrent/recurrent.h"

namespace litesmith {

void CheckShapeIs(const Tensor& tensor, const char* what,
                  std::initializer_list<int32_t> dims) {
  CheckRank(tensor, what, static_cast<int>(dims.size()));
  const Shape wanted(std::vector<int32_t>{dims});
  for (int i = 0; i < wanted.rank(); ++i) {
    if (tensor.shape[i] == wanted[i] || wanted[i] == kDynamic) continue;
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; {} is wanted", what,
         tensor.name, tensor.shape.ToString(), wanted.ToString());
  }
}

void CheckStateShape(const Tensor& state, const char* what, int32_t rows,
                     int32_t width) {
  if (state.kind != TensorKind::kVariable) {
    Fail(ErrorKind::kUnsupported,
         "the {} '{}' is a {}; a variable is wanted, which lasts from call to "
         "call",
         what, state.name, Name(state.kind));
  }
  if (!state.shape.IsStatic()) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; it must be fixed",
         what, state.name, state.shape.ToString());
  }
  if (rows == kDynamic) return;
  if (state.shape.NumElements() == int64_t{rows} * width) return;
  Fail(ErrorKind::kUnsupported,
       "the {} '{}' has shape {}; a batch of {} wants [{}, {}]: a model with "
       "states runs at the batch that it was written for",
       what, state.name, state.shape.ToString(), rows, rows, width);
}

void CheckOneScale(const Tensor& tensor, const char* what, DType dtype,
                   bool asymmetric) {
  CheckDType(tensor, what, {dtype});
  if (dtype == DType::kFloat32) return;
  CheckPerTensorQuant(tensor, what);
  if (asymmetric || tensor.quant.zero_point[0] == 0) return;
  Fail(ErrorKind::kUnsupported,
       "the {} '{}' has the zero point {}; 0 is wanted", what, tensor.name,
       tensor.quant.zero_point[0]);
}

const Tensor& ConstantInput(const PrepareContext& context, size_t input) {
  const Tensor& tensor = context.input(input);
  if (!tensor.has_data()) {
    Fail(ErrorKind::kUnsupported,
         "node '{}': the {} '{}' is computed; a constant is wanted",
         context.node.name, context.node.op->OperandOf(input).name,
         tensor.name);
  }
  return tensor;
}

FixedMultiplier CheckedMultiplier(const PrepareContext& context, double real,
                                  int most_shift) {
  if (std::isfinite(real)) {
    const FixedMultiplier m = QuantizeMultiplier(real);
    if (m.shift <= most_shift) return m;
  }
  Fail(ErrorKind::kUnsupported,
       "node '{}': its scales give a multiplier of {}, which is too large",
       context.node.name, real);
}

int CheckedCellScaleLog2(const Tensor& state) {
  const double log = std::log2(double{state.quant.scale[0]});
  if (std::abs(log - std::round(log)) < 1e-3 && log > -15.5 && log < -8.5) {
    return static_cast<int>(std::round(log));
  }
  Fail(ErrorKind::kUnsupported,
       "the cell state '{}' has the scale {}; a power of two from 2^-15 to "
       "2^-9 is wanted",
       state.name, state.quant.scale[0]);
}

kernels::Product ProductOf(const PrepareContext& context, size_t weights,
                           TensorId bias) {
  const Tensor& w = ConstantInput(context, weights);
  kernels::Product product;
  product.weights = w.data.data();
  product.outputs = w.shape[0];
  if (!w.quant.empty()) product.scale = w.quant.scale[0];
  if (bias != kNoTensor) product.bias = context.graph.tensor(bias).data.data();
  return product;
}

std::vector<float> FloatValues(const Tensor& tensor) {
  if (tensor.dtype == DType::kFloat32) {
    const auto values = tensor.As<float>();
    return {values.begin(), values.end()};
  }
  std::vector<float> result;
  for (const int8_t q : tensor.As<int8_t>())
    result.push_back(static_cast<float>(q) * tensor.quant.scale[0]);
  return result;
}

}  // namespace litesmith
