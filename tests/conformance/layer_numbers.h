// How a layer of weights computes: types, scales, zero points and sizes of its
// accumulators. CONV_2D and FULLY_CONNECTED go through the same rows.
#ifndef LITESMITH_TESTS_CONFORMANCE_LAYER_NUMBERS_H_
#define LITESMITH_TESTS_CONFORMANCE_LAYER_NUMBERS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/dtype.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {

// The real multiplier from accumulator to output.
enum class Multiplier : uint8_t {
  kUsual,     // outputs spread over their range; some saturate
  kTies,      // powers of two: many accumulators lie between two outputs
  kAboveOne,  // a left shift; weights in {-1, 0, 1}
  kTiny,      // below 2^-32: every output is the zero point
};

enum class BiasSize : uint8_t {
  kUsual,  // about as large as the products' sum
  kNone,   // no bias
  kHuge,   // near what the accumulator holds; products hardly count
  kWrap,   // beyond it: the 32-bit sum wraps
};

struct LayerTypes {
  DType x;
  DType weights;
  DType bias;
  // The attribute; kFloat32, which is 0, leaves it unset.
  DType quantized_bias_type = DType::kFloat32;
};

inline constexpr LayerTypes kF32Types = {DType::kFloat32, DType::kFloat32,
                                         DType::kFloat32};
inline constexpr LayerTypes kHybridTypes = {DType::kFloat32, DType::kInt8,
                                            DType::kFloat32};
inline constexpr LayerTypes kS8Types = {DType::kInt8, DType::kInt8,
                                        DType::kInt32};
inline constexpr LayerTypes kU8Types = {DType::kUInt8, DType::kUInt8,
                                        DType::kInt32};
inline constexpr LayerTypes kS16Types = {DType::kInt16, DType::kInt8,
                                         DType::kInt64};

struct LayerNumbers {
  const char* name;
  LayerTypes types;
  bool per_axis = false;
  int64_t x_zero = 0;
  int64_t y_zero = 0;
  Multiplier multiplier = Multiplier::kUsual;
  BiasSize bias = BiasSize::kUsual;
  bool equal_scales = false;  // one a channel, all the same
  bool full_range = false;    // many weights of -128
  int64_t w_zero = 0;
  double gain = 1;  // of the output's spread over its range

  bool integer() const { return types.x != DType::kFloat32; }
  bool hybrid() const { return !integer() && types.weights == DType::kInt8; }
  // int8 weights with a zero point, which dense layers alone may have.
  bool of_dense_alone() const {
    return w_zero != 0 && types.weights == DType::kInt8;
  }
  // Of the usual ones: as networks are converted.
  bool timed() const { return per_axis || types.weights == DType::kFloat32; }
  // As Case's.
  const char* litert_fails() const;
  const char* tflm_fails() const;
};

// One row a signature of types: for every geometry.
std::span<const LayerNumbers> UsualNumbers();
// The corners of the arithmetic: for a few geometries.
std::span<const LayerNumbers> CornerNumbers();

// Numbers of these types, drawn; `name` outlives them.
LayerNumbers DrawNumbers(Rng* rng, const char* name, const LayerTypes& types);

Quantization InputQuant(const LayerNumbers& numbers);
// `taps` products are summed.
Quantization OutputQuant(const LayerNumbers& numbers, int64_t taps);
// Adds weights of `shape` and the bias behind `x`: the layer's inputs.
std::vector<TensorId> LayerInputs(GraphBuilder* build,
                                  const LayerNumbers& numbers, TensorId x,
                                  const Shape& shape, int channel_axis = 0);

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_LAYER_NUMBERS_H_
