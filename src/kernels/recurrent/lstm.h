// UNIDIRECTIONAL_SEQUENCE_LSTM: for each step and sample
//
//   i = sigma(Wi x + Ri h + Pi*c + bi)      f likewise; without an input gate
//   g = tanh(Wg x + Rg h + bg)              (CIFG) i = 1 - f
//   c = f*c + i*g                           kept within +-cell_clip
//   o = sigma(Wo x + Ro h + Po*c + bo)      of the new c
//   h = o*tanh(c), or Wp (o*tanh(c)) + bp   kept within +-projection_clip
//
// where peephole terms P*c are optional, and layer normalization takes what
// goes into sigma and tanh less its mean, by its deviation, times weights, and
// then adds the bias. Follows specs/ops.md 9. Samples are independent of each
// other. x is [batch, steps, inputs] or time major [steps, batch, inputs], y
// the same with `outputs`; states h [batch, outputs] and c [batch, cells] are
// read and written.
#ifndef LITESMITH_KERNELS_RECURRENT_LSTM_H_
#define LITESMITH_KERNELS_RECURRENT_LSTM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/kernels/common/fixed_point.h"
#include "src/kernels/recurrent/products.h"
#include "src/kernels/recurrent/sequence.h"

namespace litesmith::kernels {

enum LstmGate : size_t { kInputGate, kForgetGate, kCellGate, kOutputGate };
inline constexpr size_t kLstmGates = 4;
template <class T>
using PerGate = std::array<T, kLstmGates>;

struct LstmSize : Sequence {
  int inputs = 0;
  int cells = 0;
  int outputs = 0;    // cells, but for a projection
  bool cifg = false;  // no input gate

  // Sums of all gates for one sample and step.
  size_t Sums() const {
    return static_cast<size_t>(cells) * (cifg ? kLstmGates - 1 : kLstmGates);
  }
  // Where a gate lies among the others that are there.
  size_t Offset(LstmGate gate) const {
    return (gate - (cifg ? 1 : 0)) * static_cast<size_t>(cells);
  }
};

// What all three kinds have: products of x, of h, and of the projection.
struct LstmProducts {
  Products input;      // the gates that are there, in order
  Products recurrent;  // likewise, without biases
  Products projection;
  bool projects = false;
};

// ---- Floats, also with int8 weights (hybrid) -------------------------------

struct LstmF32 {
  LstmSize size;
  LstmProducts products;
  PerGate<std::vector<float>> peephole;     // empty: none
  PerGate<std::vector<float>> norm_weight;  // empty: no normalization
  PerGate<std::vector<float>> norm_bias;
  float cell_clip = 0;  // 0: none
  float projection_clip = 0;
  bool fast = false;  // sigma and tanh by vectors
};
size_t WorkspaceBytes(const LstmF32& lstm);
void Run(const LstmF32& lstm, const float* x, float* h, float* c, float* y,
         std::byte* workspace);

// ---- int8, as LiteRT computes it -------------------------------------------

// States: h int8, c int16 in steps of a power of two, 2^-15 to 2^-9.
struct LstmS8 {
  LstmSize size;
  LstmProducts products;
  PerGate<FixedMultiplier> input{};  // to the gate's scale
  PerGate<FixedMultiplier> recurrent{};
  PerGate<std::vector<int16_t>> peephole;  // empty: none
  PerGate<FixedMultiplier> peephole_scale{};
  PerGate<std::vector<int16_t>> norm_weight;  // empty: no normalization
  PerGate<std::vector<int32_t>> norm_bias;
  PerGate<FixedMultiplier> norm_scale{};
  PerGate<int32_t> least_variance{};
  int cell_bits = 0;      // integer bits of c, 0 to kMaxTanhBits
  int32_t cell_clip = 0;  // 0: none
  // Of o*tanh(c) to what is projected, or without a projection to h.
  FixedMultiplier hidden{};
  int32_t hidden_zero = 0;
  FixedMultiplier projected{};
  int32_t output_zero = 0;      // of h, with a projection
  int32_t projection_clip = 0;  // 0: none
  bool fast = false;
};
size_t WorkspaceBytes(const LstmS8& lstm);
void Run(const LstmS8& lstm, const int8_t* x, int8_t* h, int16_t* c, int8_t* y,
         std::byte* workspace);

// ---- int8 and int16, as tflite-micro computes it ---------------------------

// No CIFG, peephole, projection or normalization. c as above.
struct LstmTflm {
  LstmSize size;
  LstmProducts products;
  PerGate<FixedMultiplier> input{};  // int8: to 2^-12
  PerGate<FixedMultiplier> recurrent{};
  FixedMultiplier forget{};  // 2^-15
  FixedMultiplier update{};  // 2^-30 by the scale of c
  FixedMultiplier hidden{};
  int32_t cell_shift = 0;  // 12 + log2 of the scale of c
  int32_t cell_clip = 0;   // 0: none
  int32_t output_zero = 0;
  bool fast = false;
};
size_t WorkspaceBytes(const LstmTflm& lstm);
void Run(const LstmTflm& lstm, const int8_t* x, int8_t* h, int16_t* c,
         int8_t* y, std::byte* workspace);
void Run(const LstmTflm& lstm, const int16_t* x, int16_t* h, int16_t* c,
         int16_t* y, std::byte* workspace);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_LSTM_H_
