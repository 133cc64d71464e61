// What a step of an integer LSTM does with the products of its gates, a vector
// of cells at a time through all of it: for LSTMs without peepholes and layer
// normalization, to the bit of the loops in lstm_s8.cc and lstm_tflm.cc.
#ifndef LITESMITH_KERNELS_RECURRENT_LSTM_STEP_H_
#define LITESMITH_KERNELS_RECURRENT_LSTM_STEP_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/recurrent/lstm.h"

namespace litesmith::kernels {

// So many sums behind a step's are read, whatever they are.
inline constexpr size_t kLstmStepReads = 16;

// Whether this CPU has a SIMD target for them.
bool HasLstmStep();

// The products of x and of h, Sums() of each. Reads and writes the cells c;
// `hidden` is o*tanh(c): h, or what is projected, whose zero point is `zero`.
void LstmStepS8(const LstmS8& lstm, int32_t zero, const int32_t* x,
                const int32_t* h, int16_t* c, int8_t* hidden);
// The same of tflite-micro's kernel, whose int16 products are requantized
// already.
void LstmStepTflm(const LstmTflm& lstm, const int32_t* x, const int32_t* h,
                  int16_t* c, int8_t* hidden);
void LstmStepTflm(const LstmTflm& lstm, const int16_t* x, const int16_t* h,
                  int16_t* c, int16_t* hidden);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_LSTM_STEP_H_
