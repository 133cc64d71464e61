// What the kernels of several ops need to be prepared: how much of the work
// belongs to one sample, fused activations, requantizers.
#ifndef LITESMITH_OPS_LAYER_LAYER_H_
#define LITESMITH_OPS_LAYER_LAYER_H_

#include <cstdint>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/layer_spec.h"
#include "src/kernels/common/requantize.h"

namespace litesmith {

// `total` things (elements, images, rows) of a full Run, for one sample.
// Throws Error{unsupported} if samples cannot be told apart.
int64_t PerSample(const PrepareContext& context, int64_t total);
// The elements of input 0 that are one sample's.
int64_t ElementsPerSample(const PrepareContext& context);

// The range of a fused activation on floats (specs/tflite.md 3.2).
constexpr kernels::FloatRange ActivationRange(int64_t activation) {
  switch (activation) {
    case activation::kRelu:
      return {.low = 0};
    case activation::kRelu6:
      return {0, 6};
    case activation::kReluN1To1:
      return {-1, 1};
    default:
      return {};
  }
}
struct IntegerRange {
  int32_t lo;
  int32_t hi;
};
// The same on a quantized tensor's integers.
IntegerRange ActivationRange(int64_t activation, const Tensor& output);

// Where the nodes of a layer's op have their operands, by the roles.
struct LayerOperands {
  explicit LayerOperands(const OpDef& op);
  size_t x, weights, bias;
};
const Tensor& LayerInput(const PrepareContext& context);
const Tensor& LayerWeights(const PrepareContext& context);
// Null where the node has none.
const Tensor* LayerBiasOrNull(const PrepareContext& context);
// Of integers, or of hybrid weights.
LayerZeros LayerZerosOf(const PrepareContext& context);

// The weights' scales, one an output channel.
std::vector<float> ChannelScales(const Tensor& weights, int channels);
std::vector<float> ChannelScales(const PrepareContext& context);
// Throws Error{unsupported} if a multiplier is out of the method's range.
Requantizer MakeRequantizer(RequantMethod method,
                            const std::vector<double>& multipliers,
                            const Tensor& output, int64_t activation);
// The layer's real multipliers: double(s_in) * double(s_w[c]) / double(s_out)
// for every channel; `rounded`: the product of scales is rounded to float32.
std::vector<double> ChannelMultipliers(const PrepareContext& context,
                                       bool rounded);
// Of a convolution of any kind: MBQM (of uint8 with a rounded product of
// scales), or MBQM64 of 16-bit inputs, unless
// `quantized_bias_type` or the bias says that the sum has 32 bits. With an
// int32 bias and no attribute tflite-micro goes by the bias; LiteRT reads
// beyond its end.
Requantizer ConvolutionRequantizer(const PrepareContext& context,
                                   int64_t activation,
                                   DType quantized_bias_type);

// The types that layers compute on: input and output, weights.
inline constexpr Types kF32F32 = {DType::kFloat32, DType::kFloat32};
inline constexpr Types kF32S8 = {DType::kFloat32, DType::kInt8};
inline constexpr Types kS8S8 = {DType::kInt8, DType::kInt8};
inline constexpr Types kS16S8 = {DType::kInt16, DType::kInt8};
inline constexpr Types kS16S16 = {DType::kInt16, DType::kInt16};
inline constexpr Types kU8U8 = {DType::kUInt8, DType::kUInt8};

// Weights, and the bias if there is one, are constants that can be packed:
// without zero points.
bool CanPackWeights(const PrepareContext& context);

// What SIMD kernels of a layer are packed from, but for its shape and what its
// op alone knows. Weights and bias must be constants; `requantizer` is asked
// for integers only.
void FillLayerSpec(const PrepareContext& context, int64_t activation,
                   Requantizer (*requantizer)(const PrepareContext&),
                   LayerSpec* spec);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_LAYER_H_
