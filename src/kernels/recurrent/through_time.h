// Recurrent cells in floats, as Keras has them (specs/keras.md 3.8): forward,
// keeping what backward through time needs, and backward. With `in` and `re`
// the cell's functions, and gates one after another in the rows of the weights:
//
//   simple  h' = in(W x + R h + b)
//   GRU     z, r = re(...), g = in(W x + b + r * (R h + rb))  (reset after), or
//           g = in(W x + b + C (r * h)) with weights of its own; h' = z*h +
//           (1 - z)*g
//   LSTM    i, f, o = re(...), g = in(...); c' = f*c + i*g; h' = o*in(c')
//
// x [batch, steps, inputs]; W [gates * units, inputs]; R [gates * units,
// units], of a GRU that resets before [2 * units, units] and C [units, units];
// y and the cells' c [batch, steps, units], or [batch, units] after the last
// step. Other forms of LSTM, integers and states are lstm.h's.
#ifndef LITESMITH_KERNELS_RECURRENT_THROUGH_TIME_H_
#define LITESMITH_KERNELS_RECURRENT_THROUGH_TIME_H_

#include <cstddef>
#include <cstdint>

namespace litesmith::kernels {

enum class CellKind : uint8_t { kSimple, kGru, kLstm };

// Each has a slope that follows from its value.
enum class CellFunction : uint8_t {
  kLinear,
  kRelu,
  kRelu6,
  kTanh,
  kLogistic,
  kHardSigmoid,   // of Keras 2: 0.2 x + 0.5 within 0 and 1
  kHardSigmoid6,  // of Keras 3: x / 6 + 0.5 within 0 and 1
  kElu,
  kSoftsign,
  kExp,
};

// values = f(values).
void Apply(CellFunction function, size_t n, float* values);
// df/dx where f(x) is y.
float SlopeAt(CellFunction function, float y);

struct Cell {
  CellKind kind = CellKind::kSimple;
  bool reset_after = true;  // of a GRU
  CellFunction activation = CellFunction::kTanh;
  CellFunction recurrent_activation = CellFunction::kLogistic;
  float cell_clip = 0;    // of an LSTM; 0: none
  bool all_steps = true;  // results of each step, else of the last
  int steps = 1;
  int inputs = 1;
  int units = 1;

  int gates() const {
    return kind == CellKind::kSimple ? 1 : kind == CellKind::kGru ? 3 : 4;
  }
  bool resets_before() const { return kind == CellKind::kGru && !reset_after; }
  // Gates that read h itself.
  int recurrent_gates() const { return resets_before() ? 2 : gates(); }
};

struct CellWeights {
  const float* input = nullptr;
  const float* recurrent = nullptr;
  const float* candidate = nullptr;       // C
  const float* bias = nullptr;            // [gates * units], or null
  const float* recurrent_bias = nullptr;  // likewise
};

// Gradients, null where not wanted.
struct CellGradients {
  float* x = nullptr;
  float* input = nullptr;
  float* recurrent = nullptr;
  float* candidate = nullptr;
  float* bias = nullptr;
  float* recurrent_bias = nullptr;
  float* h = nullptr;
  float* c = nullptr;
};

// Floats that forward keeps for backward, and that each needs besides.
size_t SavedFloats(const Cell& cell, int batch);
size_t WorkspaceFloats(const Cell& cell, int batch);

// `h` and `c`, what the first step begins with, may be null: zeros. So may y
// and `cells`. `mask` [batch, steps]: where it is 0, the step leaves the states
// as they are; null: no step does.
void Forward(const Cell& cell, const CellWeights& weights, int batch,
             const float* x, const float* h, const float* c, float* y,
             float* cells, float* saved, float* workspace,
             const uint8_t* mask = nullptr);

// Of y and `cells`; null: zeros.
void Backward(const Cell& cell, const CellWeights& weights, int batch,
              const float* x, const float* dy, const float* dcells,
              const float* saved, const CellGradients& gradients,
              float* workspace, const uint8_t* mask = nullptr);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_THROUGH_TIME_H_
