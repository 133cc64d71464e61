#include "tests/conformance/layer_numbers.h"

#include <cmath>
#include <cstring>

#include "tests/conformance/random.h"

namespace litesmith {
namespace {

constexpr LayerTypes kF32 = kF32Types;
constexpr LayerTypes kHybrid = kHybridTypes;
constexpr LayerTypes kS8 = kS8Types;
constexpr LayerTypes kS16 = kS16Types;
constexpr LayerTypes kS16B64 = {DType::kInt16, DType::kInt8, DType::kInt64,
                                DType::kInt64};
constexpr LayerTypes kS16B32 = {DType::kInt16, DType::kInt8, DType::kInt32,
                                DType::kInt32};
constexpr LayerTypes kS16B32Unset = {DType::kInt16, DType::kInt8,
                                     DType::kInt32};
constexpr Multiplier kTies = Multiplier::kTies;
constexpr Multiplier kAboveOne = Multiplier::kAboveOne;

constexpr LayerNumbers kUsual[] = {
    {"f32", kF32},
    {"s8c", kS8, true, -3, 11},
    {"s8", kS8, false, 5, -20},
    {"s16c_b64", kS16B64, true},
    {"s16_b32", kS16B32},
    {"f32s8c", kHybrid, true},
    {"f32s8", kHybrid},
};

constexpr LayerNumbers kCorners[] = {
    {.name = "f32_no_bias", .types = kF32, .bias = BiasSize::kNone},
    {.name = "f32s8_no_bias", .types = kHybrid, .bias = BiasSize::kNone},
    {.name = "f32s8c_equal_scales",
     .types = kHybrid,
     .per_axis = true,
     .equal_scales = true},
    {.name = "s8_no_bias", .types = kS8, .x_zero = 9, .bias = BiasSize::kNone},
    {.name = "s8_zero_points_low_high",
     .types = kS8,
     .x_zero = -128,
     .y_zero = 127},
    {.name = "s8c_zero_points_high_low",
     .types = kS8,
     .per_axis = true,
     .x_zero = 127,
     .y_zero = -128},
    {.name = "s8_ties", .types = kS8, .x_zero = 1, .multiplier = kTies},
    {.name = "s8c_ties", .types = kS8, .per_axis = true, .multiplier = kTies},
    {.name = "s8c_above_one",
     .types = kS8,
     .per_axis = true,
     .multiplier = kAboveOne},
    {.name = "s8_tiny",
     .types = kS8,
     .y_zero = -7,
     .multiplier = Multiplier::kTiny},
    {.name = "s8_full_range", .types = kS8, .x_zero = -128, .full_range = true},
    {.name = "f32s8_full_range", .types = kHybrid, .full_range = true},
    {.name = "s8c_huge_bias",
     .types = kS8,
     .per_axis = true,
     .bias = BiasSize::kHuge},
    {.name = "s8_wrap", .types = kS8, .bias = BiasSize::kWrap},
    {.name = "u8",
     .types = kU8Types,
     .x_zero = 131,
     .y_zero = 117,
     .w_zero = 121},
    {.name = "u8_ties",
     .types = kU8Types,
     .y_zero = 128,
     .multiplier = kTies,
     .w_zero = 255},
    {.name = "s8_weight_zero",
     .types = kS8,
     .x_zero = -7,
     .y_zero = 3,
     .w_zero = -10},
    {.name = "s16_no_bias", .types = kS16, .bias = BiasSize::kNone},
    {.name = "s16_full_range", .types = kS16, .full_range = true},
    {.name = "s16_b64_unset", .types = kS16},
    {.name = "s16_b32_unset", .types = kS16B32Unset},
    {.name = "s16c_b64_ties",
     .types = kS16B64,
     .per_axis = true,
     .multiplier = kTies},
    {.name = "s16_b32_ties", .types = kS16B32, .multiplier = kTies},
    {.name = "s16c_b64_above_one",
     .types = kS16B64,
     .per_axis = true,
     .multiplier = kAboveOne},
    {.name = "s16c_b64_huge_bias",
     .types = kS16B64,
     .per_axis = true,
     .bias = BiasSize::kHuge},
    {.name = "s16c_b32_huge_bias",
     .types = kS16B32,
     .per_axis = true,
     .bias = BiasSize::kHuge},
};

bool Wide(const LayerNumbers& numbers) {
  return numbers.types.x == DType::kInt16;
}

float InputScale(const LayerNumbers& numbers) {
  if (numbers.multiplier == kTies) return 1.0f / 16;
  return Wide(numbers) ? 0.0004f : 0.05f;
}

float WeightScale(const LayerNumbers& numbers) {
  return numbers.multiplier == kTies ? 1.0f / 64 : 0.01f;
}

Quantization WeightQuant(const LayerNumbers& numbers, int channels, int axis) {
  const float scale = WeightScale(numbers);
  if (!numbers.per_axis) return PerTensor(scale, numbers.w_zero);
  Quantization q = PerAxis(channels, scale, axis);
  for (size_t c = 0; c < q.scale.size(); ++c) {
    if (numbers.equal_scales) q.scale[c] = scale;
    if (numbers.multiplier == kTies) {
      q.scale[c] = c % 2 == 0 ? scale : scale / 2;
    }
  }
  return q;
}

// The standard deviation of the sum of `taps` products of uniform integers.
double Spread(const LayerNumbers& numbers, int64_t taps) {
  const double x = Wide(numbers) ? 19000 : 74;
  const double w = numbers.multiplier == kAboveOne ? 0.8 : 73;
  return x * w * std::sqrt(static_cast<double>(taps));
}

// The largest bias.
double BiasLimit(const LayerNumbers& numbers, int64_t taps) {
  switch (numbers.bias) {
    case BiasSize::kHuge:
      return numbers.types.bias == DType::kInt64 ? 0x1p40 : 0x1p30;
    case BiasSize::kWrap:
      return 0x1p31 - 1;
    default:
      return Spread(numbers, taps);
  }
}

template <typename T>
TensorId AddBias(GraphBuilder* build, double limit, const Quantization& quant,
                 int channels) {
  std::vector<T> values(static_cast<size_t>(channels));
  for (T& v : values) {
    v = static_cast<T>(static_cast<double>(build->rng()->Uniform(-1, 1)) *
                       limit);
  }
  values[0] = static_cast<T>(limit);
  return build->Values("bias", {channels}, values, quant);
}

}  // namespace

std::span<const LayerNumbers> UsualNumbers() { return kUsual; }
std::span<const LayerNumbers> CornerNumbers() { return kCorners; }

const char* LayerNumbers::litert_fails() const {
  if (hybrid() && full_range) {
    return "its hybrid kernels for x86 take -(-128) for -128";
  }
  if (types.x == DType::kInt16 && types.bias == DType::kInt32 &&
      types.quantized_bias_type != DType::kInt32) {
    return "it takes the int32 bias for one of int64";
  }
  return "";
}

const char* LayerNumbers::tflm_fails() const {
  if (types.x == DType::kUInt8) return "it has no uint8";
  return hybrid() ? "it has no hybrid kernels" : "";
}

LayerNumbers DrawNumbers(Rng* rng, const char* name, const LayerTypes& types) {
  LayerNumbers numbers{.name = name, .types = types};
  const bool is_unsigned = types.x == DType::kUInt8;
  const int low = is_unsigned ? 0 : -128;
  if (types.x == DType::kInt8 || is_unsigned) {
    numbers.x_zero = Draw(rng, low, low + 255);
    numbers.y_zero = Draw(rng, low, low + 255);
  }
  if (is_unsigned) numbers.w_zero = Draw(rng, 0, 255);
  numbers.per_axis = types.weights == DType::kInt8 && Coin(rng);
  numbers.gain = double{DrawScale(rng, 0.2f, 3.0f)};
  if (Draw(rng, 0, 3) == 0) numbers.multiplier = kTies;
  return numbers;
}

Quantization InputQuant(const LayerNumbers& numbers) {
  if (!numbers.integer()) return {};
  return PerTensor(InputScale(numbers), numbers.x_zero);
}

Quantization OutputQuant(const LayerNumbers& numbers, int64_t taps) {
  if (!numbers.integer()) return {};
  // A deviation of the output of 50 steps, or of 8,000.
  const double target = Wide(numbers) ? 8000 : 50;
  double multiplier = numbers.gain * target / Spread(numbers, taps);
  if (numbers.multiplier == kTies) {
    multiplier = std::exp2(std::floor(std::log2(multiplier)));
  } else if (numbers.multiplier == kAboveOne) {
    multiplier = 1.3;
  } else if (numbers.multiplier == Multiplier::kTiny) {
    multiplier = 0x1p-34;
  } else if (numbers.bias == BiasSize::kHuge ||
             numbers.bias == BiasSize::kWrap) {
    multiplier = std::max(2 * target / BiasLimit(numbers, taps), 0x1p-30);
  }
  const double product = static_cast<double>(InputScale(numbers)) *
                         static_cast<double>(WeightScale(numbers));
  return PerTensor(static_cast<float>(product / multiplier), numbers.y_zero);
}

std::vector<TensorId> LayerInputs(GraphBuilder* build,
                                  const LayerNumbers& numbers, TensorId x,
                                  const Shape& shape, int channel_axis) {
  const int channels = shape[channel_axis];
  const bool quantized = numbers.types.weights != DType::kFloat32;
  const Quantization quant =
      quantized ? WeightQuant(numbers, channels, channel_axis) : Quantization();
  const TensorId weights =
      build->Random("weights", numbers.types.weights, shape, quant);
  if (numbers.types.weights == DType::kInt8) {
    for (int8_t& w : build->tensor(weights).MutableAs<int8_t>()) {
      if (w == -128) w = 127;
      if (numbers.full_range && w < -100) w = -128;
      if (numbers.multiplier == kAboveOne) w = static_cast<int8_t>(w % 2);
    }
  }
  if (numbers.bias == BiasSize::kNone) return {x, weights};
  if (!numbers.integer()) {
    return {x, weights, build->Random("bias", DType::kFloat32, {channels})};
  }
  Quantization bias_quant = quant;
  bias_quant.axis = 0;
  for (int64_t& zero : bias_quant.zero_point) zero = 0;
  for (float& scale : bias_quant.scale) scale *= InputScale(numbers);
  const double limit = BiasLimit(numbers, shape.NumElements() / channels);
  return {x, weights,
          numbers.types.bias == DType::kInt64
              ? AddBias<int64_t>(build, limit, bias_quant, channels)
              : AddBias<int32_t>(build, limit, bias_quant, channels)};
}

}  // namespace litesmith
