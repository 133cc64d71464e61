// SVDF: a dense layer whose matrix, over the last `memory` inputs, has a low
// rank. For each of F = units * rank filters
//
//   the state, memory values of Wf x of the last calls, moves on by one
//   u(unit) = f(sum over its rank filters of sum(Wt * state) + bias)
//
// Follows specs/ops.md 10.2. x is [batch, inputs], Wf [F, inputs], Wt [F,
// memory], y [batch, units], the state [batch, F * memory].
#ifndef LITESMITH_KERNELS_RECURRENT_SVDF_H_
#define LITESMITH_KERNELS_RECURRENT_SVDF_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/kernels/common/fixed_point.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/recurrent/products.h"

namespace litesmith::kernels {

struct SvdfSize {
  int batch = 1;
  int inputs = 0;
  int units = 0;
  int rank = 1;
  int memory = 0;
  int filters() const { return units * rank; }
};

// Floats, also with int8 weights (hybrid).
struct SvdfF32 {
  SvdfSize size;
  Products feature;         // without a bias
  std::vector<float> time;  // Wt, int8 ones times their scale
  std::vector<float> bias;  // empty: zeros
  FloatRange range;
};
size_t WorkspaceBytes(const SvdfF32& svdf);
void Run(const SvdfF32& svdf, const float* x, float* state, float* y,
         std::byte* workspace);

// int8, with a state of int16, or of int8 as tflite-micro has it, too.
struct SvdfS8 {
  SvdfSize size;
  Products feature;           // without a bias
  std::vector<int16_t> time;  // Wt, int8 or int16
  std::vector<int32_t> bias;  // empty: zeros
  int32_t state_zero = 0;
  int32_t output_zero = 0;
  FixedMultiplier to_state{};
  FixedMultiplier to_output{};
};
size_t WorkspaceBytes(const SvdfS8& svdf);
void Run(const SvdfS8& svdf, const int8_t* x, int16_t* state, int8_t* y,
         std::byte* workspace);
void Run(const SvdfS8& svdf, const int8_t* x, int8_t* state, int8_t* y,
         std::byte* workspace);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_SVDF_H_
