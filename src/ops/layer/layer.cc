// Shared by the kernels of several ops.
#include "src/ops/layer/layer.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"

namespace litesmith {

namespace {

// The constant integer bias of input 2, widened; empty if there is none.
std::vector<int64_t> BiasValues(const PrepareContext& context) {
  if (!context.has_input(2)) return {};
  const Tensor& bias = context.input(2);
  if (bias.dtype == DType::kInt64) {
    const auto values = bias.As<int64_t>();
    return {values.begin(), values.end()};
  }
  const auto values = bias.As<int32_t>();
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

std::vector<double> ChannelMultipliers(const Tensor& x, const Tensor& weights,
                                       const Tensor& output, int channels) {
  std::vector<double> result;
  for (const float w : ChannelScales(weights, channels)) {
    result.push_back(static_cast<double>(x.quant.scale[0]) *
                     static_cast<double>(w) /
                     static_cast<double>(output.quant.scale[0]));
  }
  return result;
}

bool HasConstantWeights(const PrepareContext& context) {
  return context.input(1).has_data() &&
         (!context.has_input(2) || context.input(2).has_data());
}

void FillLayerSpec(const PrepareContext& context, int64_t activation,
                   Requantizer (*requantizer)(const PrepareContext&),
                   LayerSpec* spec) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  spec->weights = weights.data.data();
  if (x.dtype != DType::kFloat32) {
    spec->kind = x.dtype == DType::kInt8 ? LayerKind::kS8S8 : LayerKind::kS16S8;
    spec->requantizer = requantizer(context);
    spec->x_zero = static_cast<int32_t>(x.quant.zero_point[0]);
    spec->bias = BiasValues(context);
    return;
  }
  spec->kind =
      weights.dtype == DType::kInt8 ? LayerKind::kF32S8 : LayerKind::kF32F32;
  const kernels::FloatRange range = ActivationRange(activation);
  spec->lo = range.low, spec->hi = range.high;
  // Sums in the reference kernels' order: facts.h says why.
  spec->exact = spec->kind == LayerKind::kF32F32 &&
                context.facts.IsBeforeQuantize(context.node.outputs[0]);
  if (context.has_input(2)) {
    const auto bias = context.input(2).As<float>();
    spec->float_bias.assign(bias.begin(), bias.end());
  }
  if (spec->kind == LayerKind::kF32S8) {
    const int axis = context.node.op->OperandOf(1).channel_axis;
    spec->scales = ChannelScales(weights, weights.shape[axis]);
  }
}

}  // namespace litesmith
