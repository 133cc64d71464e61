// What recurrent kernels do with the sums of their products, a vector at a
// time: the logistic function and tanh of floats, which are ops by themselves,
// too, and integer sums to the 16 bits that a gate's function takes. Each has a
// reference twin, by libm or by the scalar arithmetic.
#ifndef LITESMITH_KERNELS_RECURRENT_GATES_H_
#define LITESMITH_KERNELS_RECURRENT_GATES_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/common/fixed_point.h"

namespace litesmith::kernels {

// values = f(values). The vectors' results are within 1e-6 of libm's; what is
// no number stays so.
void LogisticF32Ref(float* values, size_t n);
void TanhF32Ref(float* values, size_t n);
void LogisticF32Simd(float* values, size_t n);
void TanhF32Simd(float* values, size_t n);

// y = sat16(x + sat16(MBQM(sums))), where the inner saturation is left out if
// `saturate` is false; x may be null, which is zeros.
void RequantizeSumsRef(const int32_t* sums, FixedMultiplier multiplier,
                       bool saturate, const int16_t* x, size_t n, int16_t* y);
// The same integers.
void RequantizeSumsSimd(const int32_t* sums, FixedMultiplier multiplier,
                        bool saturate, const int16_t* x, size_t n, int16_t* y);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_GATES_H_
