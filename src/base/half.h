// IEEE 754 binary16 as storage only: arithmetic happens in float32.
#ifndef LITESMITH_BASE_HALF_H_
#define LITESMITH_BASE_HALF_H_

#include <cstdint>

namespace litesmith {

// The bits of one half-precision number.
struct Half {
  uint16_t bits = 0;
};

// Exact widening; infinities and NaN stay what they are.
float HalfToFloat(Half half);
// Nearest, ties to even. Values beyond +-65504 are clamped to it, as the
// TFLite converter does (specs/tflite.md 2.2); NaN stays NaN.
Half FloatToHalf(float value);

}  // namespace litesmith

#endif  // LITESMITH_BASE_HALF_H_
