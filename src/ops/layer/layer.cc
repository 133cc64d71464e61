// Shared by the kernels of several ops.
#include "src/ops/layer/layer.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"

namespace litesmith {

namespace {

// The constant integer bias, widened; empty if there is none.
std::vector<int64_t> BiasValues(const Tensor* bias) {
  if (bias == nullptr) return {};
  if (bias->dtype == DType::kInt64) {
    const auto values = bias->As<int64_t>();
    return {values.begin(), values.end()};
  }
  const auto values = bias->As<int32_t>();
  return {values.begin(), values.end()};
}

// The samples of a full Run: KernelArgs::batch at its largest. A node that does
// not depend on the graph's inputs is run once, on its whole first dimension.
int FullBatch(const PrepareContext& context) {
  if (context.facts.IsBatched(context.node)) return context.facts.batch;
  const Shape& shape = context.output().shape;
  return shape.rank() > 0 ? std::max(shape[0], 1) : 1;
}

}  // namespace

int64_t PerSample(const PrepareContext& context, int64_t total) {
  const int batch = FullBatch(context);
  if (total % batch != 0) {
    Fail(ErrorKind::kUnsupported,
         "node '{}': a batch of {} does not divide the {} of its work: it "
         "mixes samples",
         context.node.name, batch, total);
  }
  return total / batch;
}

int64_t ElementsPerSample(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape.NumElements());
}

IntegerRange ActivationRange(int64_t activation, const Tensor& output) {
  IntegerRange full{-128, 127};
  if (output.dtype == DType::kInt16) full = {-32768, 32767};
  if (output.dtype == DType::kUInt8) full = {0, 255};
  if (activation == kNone) return full;
  const float scale = output.quant.scale[0];
  const auto zero = output.quant.zero_point[0];
  // q(f) = zero_point + rha(f / scale), kept far from overflow: a tiny scale
  // makes a large quotient, which the type's range cuts anyway.
  const auto q = [&](float f) {
    const float quotient = std::clamp(f / scale, -1048576.0f, 1048576.0f);
    const auto value = static_cast<int64_t>(std::round(quotient)) + zero;
    return static_cast<int32_t>(std::clamp<int64_t>(value, full.lo, full.hi));
  };
  switch (activation) {
    case activation::kRelu:
      return {q(0), full.hi};
    case activation::kRelu6:
      return {q(0), q(6)};
    default:
      return {q(-1), q(1)};
  }
}

LayerOperands::LayerOperands(const OpDef& op)
    : x(static_cast<size_t>(op.Find(Role::kData))),
      weights(static_cast<size_t>(op.Find(Role::kWeight))),
      bias(static_cast<size_t>(op.Find(Role::kBias))) {}

const Tensor& LayerInput(const PrepareContext& context) {
  return context.input(LayerOperands(*context.node.op).x);
}

const Tensor& LayerWeights(const PrepareContext& context) {
  return context.input(LayerOperands(*context.node.op).weights);
}

const Tensor* LayerBiasOrNull(const PrepareContext& context) {
  const size_t bias = LayerOperands(*context.node.op).bias;
  return context.has_input(bias) ? &context.input(bias) : nullptr;
}

LayerZeros LayerZerosOf(const PrepareContext& context) {
  const auto zero = [](const Tensor& tensor) {
    const auto& zeros = tensor.quant.zero_point;
    return zeros.empty() ? 0 : static_cast<int32_t>(zeros[0]);
  };
  return {zero(LayerInput(context)), zero(LayerWeights(context))};
}

std::vector<float> ChannelScales(const Tensor& weights, int channels) {
  std::vector<float> scales = weights.quant.scale;
  if (scales.size() == 1)
    scales.resize(static_cast<size_t>(channels), scales[0]);
  return scales;
}

Requantizer MakeRequantizer(RequantMethod method,
                            const std::vector<double>& multipliers,
                            const Tensor& output, int64_t activation) {
  Requantizer r;
  r.method = method;
  const IntegerRange range = ActivationRange(activation, output);
  r.lo = range.lo;
  r.hi = range.hi;
  r.zero_point = static_cast<int32_t>(output.quant.zero_point[0]);
  if (method == RequantMethod::kF64) {
    r.reals = multipliers;
    return r;
  }
  const int limit = method == RequantMethod::kMbqm64 ? kMaxShift64 : kMaxShift;
  for (const double real : multipliers) {
    r.multipliers.push_back(QuantizeMultiplier(real));
    if (r.multipliers.back().shift > limit) {
      Fail(ErrorKind::kUnsupported,
           "the scales of input, weights and output '{}' give a multiplier of "
           "{}, which is too large",
           output.name, real);
    }
  }
  return r;
}

std::vector<float> ChannelScales(const PrepareContext& context) {
  const LayerOperands at(*context.node.op);
  const Tensor& weights = context.input(at.weights);
  const int axis = context.node.op->OperandOf(at.weights).channel_axis;
  return ChannelScales(weights, weights.shape[axis]);
}

std::vector<double> ChannelMultipliers(const PrepareContext& context,
                                       bool rounded) {
  const float x_scale = LayerInput(context).quant.scale[0];
  const double y_scale{context.output().quant.scale[0]};
  std::vector<double> result;
  for (const float w : ChannelScales(context)) {
    const double product =
        rounded ? double{x_scale * w} : double{x_scale} * double{w};
    result.push_back(product / y_scale);
  }
  return result;
}

Requantizer ConvolutionRequantizer(const PrepareContext& context,
                                   int64_t activation,
                                   DType quantized_bias_type) {
  const Tensor* bias = LayerBiasOrNull(context);
  const DType x = LayerInput(context).dtype;
  const bool narrow = x != DType::kInt16 ||
                      quantized_bias_type == DType::kInt32 ||
                      (bias != nullptr && bias->dtype == DType::kInt32);
  return MakeRequantizer(narrow ? RequantMethod::kMbqm : RequantMethod::kMbqm64,
                         ChannelMultipliers(context, x == DType::kUInt8),
                         context.output(), activation);
}

bool CanPackWeights(const PrepareContext& context) {
  const Tensor& weights = LayerWeights(context);
  const Tensor* bias = LayerBiasOrNull(context);
  return weights.has_data() && (bias == nullptr || bias->has_data()) &&
         LayerZerosOf(context).w == 0;
}

void FillLayerSpec(const PrepareContext& context, int64_t activation,
                   Requantizer (*requantizer)(const PrepareContext&),
                   LayerSpec* spec) {
  const Tensor& x = LayerInput(context);
  const Tensor& weights = LayerWeights(context);
  const Tensor* bias = LayerBiasOrNull(context);
  spec->weights = weights.data.data();
  if (x.dtype != DType::kFloat32) {
    spec->kind = x.dtype == DType::kInt8 ? LayerKind::kS8S8 : LayerKind::kS16S8;
    spec->requantizer = requantizer(context);
    spec->x_zero = LayerZerosOf(context).x;
    spec->bias = BiasValues(bias);
    return;
  }
  spec->kind =
      weights.dtype == DType::kInt8 ? LayerKind::kF32S8 : LayerKind::kF32F32;
  const kernels::FloatRange range = ActivationRange(activation);
  spec->lo = range.low, spec->hi = range.high;
  // Sums in the reference kernels' order: facts.h says why.
  spec->exact = spec->kind == LayerKind::kF32F32 &&
                context.facts.IsBeforeQuantize(context.node.outputs[0]);
  if (bias != nullptr) {
    const auto values = bias->As<float>();
    spec->float_bias.assign(values.begin(), values.end());
  }
  if (spec->kind == LayerKind::kF32S8) spec->scales = ChannelScales(context);
}

}  // namespace litesmith
