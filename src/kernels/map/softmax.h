// Softmax of rows: e^(beta x) over its sum. Each integer form follows its
// reference to the bit (specs/tflite.md 3.11, specs/ops.md 3.1).
#ifndef LITESMITH_KERNELS_MAP_SOFTMAX_H_
#define LITESMITH_KERNELS_MAP_SOFTMAX_H_

#include <array>
#include <cstdint>

#include "src/kernels/common/fixed_point.h"
#include "src/kernels/common/lookup_s16.h"

namespace litesmith::kernels {

// Longer rows do not fit the sums of their integer form.
inline constexpr int64_t kMaxSoftmax8Depth = 8191;
inline constexpr int64_t kMaxSoftmax16Depth = 65535;

// `rows` rows of `depth` values each, one sum in the order of the values.
void SoftmaxF32(const float* x, int64_t rows, int64_t depth, float beta,
                float* y);
// dx = beta y (dy - sum of dy y).
void SoftmaxGradF32(const float* y, const float* dy, int64_t rows,
                    int64_t depth, float beta, float* dx);

// What 8-bit values are to a row's sum: e^(scale * difference), where the
// difference from the row's largest value is -255 .. 0.
class Softmax8Terms {
 public:
  // Of inputs of `scale`, which must be one of IsPossible.
  Softmax8Terms(float scale, float beta);
  static bool IsPossible(float scale, float beta);

  // In Q0.31; 0 where the value is too small to count.
  int32_t operator()(int32_t difference) const;
  // scale * difference in Q5.26, of one that counts.
  int32_t Scaled(int32_t difference) const;
  const FixedMultiplier& multiplier() const { return multiplier_; }
  int64_t least() const { return least_; }

 private:
  FixedMultiplier multiplier_;  // of differences, to Q5.26
  int64_t least_;               // the smallest difference that counts
};

// The terms of all differences, by its negative.
using Softmax8Table = std::array<int32_t, 256>;

// T is int8_t or uint8_t, the output's scale 1/256, its zero point T's lowest.
// `term` gives a Softmax8Terms's numbers.
template <class T, class Term>
void Softmax8(const T* x, int64_t rows, int64_t depth, const Term& term, T* y);

extern template void Softmax8(const int8_t*, int64_t, int64_t,
                              const Softmax8Terms&, int8_t*);
extern template void Softmax8(const uint8_t*, int64_t, int64_t,
                              const Softmax8Terms&, uint8_t*);
extern template void Softmax8(const int8_t*, int64_t, int64_t,
                              const Softmax8Table&, int8_t*);
extern template void Softmax8(const uint8_t*, int64_t, int64_t,
                              const Softmax8Table&, uint8_t*);

// Of int16 values, the output's scale 1/32768.
struct Softmax16 {
  FixedMultiplier multiplier;  // of differences, to steps of 10/65535
  LookupS16 exp;               // of -10 .. 0
  LookupS16 inverse;           // 1/(1+x) of 0 .. 1

  void Run(const int16_t* x, int64_t rows, int64_t depth, int16_t* y) const;
};

// With tables that are computed in Real: double in LiteRT, float in
// tflite-micro. `multiplier` is left for the caller.
template <class Real>
Softmax16 MakeSoftmax16();

extern template Softmax16 MakeSoftmax16<double>();
extern template Softmax16 MakeSoftmax16<float>();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_SOFTMAX_H_
