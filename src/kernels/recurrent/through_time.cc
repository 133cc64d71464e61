// One product for all steps of x, then step by step. What is kept is, for each
// step, the values of the gates, the states that it read, and one product of a
// cell: tanh(c) of an LSTM, R h + rb of a GRU's candidate, or its r * h.
#include "src/kernels/recurrent/through_time.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/dense/train.h"
#include "src/kernels/recurrent/gates.h"

namespace litesmith::kernels {
namespace {

constexpr FloatRange kNoRange = {};

// Takes arrays of floats from a block, one after another.
class Taker {
 public:
  explicit Taker(float* begin) : begin_(begin) {}
  float* Take(size_t n) {
    float* at = begin_ == nullptr ? nullptr : begin_ + taken_;
    taken_ += (n + 15) / 16 * 16;
    return at;
  }
  size_t taken() const { return taken_; }

 private:
  float* begin_;
  size_t taken_ = 0;
};

// Numbers of a cell at a batch.
struct Sizes {
  Sizes(const Cell& cell, int samples)
      : batch(static_cast<size_t>(samples)),
        steps(static_cast<size_t>(cell.steps)),
        units(static_cast<size_t>(cell.units)),
        row(units * static_cast<size_t>(cell.gates())),
        recurrent_row(units * static_cast<size_t>(cell.recurrent_gates())) {}
  size_t step() const { return batch * units; }
  // Where a sample's gates of a step are: as x is.
  size_t Gates(size_t sample, size_t step) const {
    return (sample * steps + step) * row;
  }

  size_t batch, steps, units;
  size_t row;            // all gates
  size_t recurrent_row;  // those that read h
};

struct Saved {
  Saved(const Cell& cell, int batch, float* begin) : all(begin) {
    const Sizes s(cell, batch);
    gates = all.Take(s.batch * s.steps * s.row);
    h = all.Take((s.steps + 1) * s.step());
    if (cell.kind == CellKind::kLstm) c = all.Take((s.steps + 1) * s.step());
    if (cell.kind != CellKind::kSimple) product = all.Take(s.steps * s.step());
  }
  Taker all;
  float* gates = nullptr;    // [batch][steps][gates * units]
  float* h = nullptr;        // [steps + 1][batch][units], the first given
  float* c = nullptr;        // likewise
  float* product = nullptr;  // [steps][batch][units]
};

DenseShape InputShape(const Cell& cell) {
  return {cell.inputs, cell.gates() * cell.units};
}
DenseShape RecurrentShape(const Cell& cell) {
  return {cell.units, cell.recurrent_gates() * cell.units};
}
DenseShape CandidateShape(const Cell& cell) { return {cell.units, cell.units}; }

struct Scratch {
  Scratch(const Cell& cell, int batch, float* begin) : all(begin) {
    const Sizes s(cell, batch);
    const int rows = batch * cell.steps;
    dense = all.Take(std::max(DenseWorkspace(InputShape(cell), rows),
                              DenseWorkspace(RecurrentShape(cell), rows)));
    recurrent = all.Take(s.batch * s.recurrent_row);
    candidate = all.Take(s.step());
    // Of backward alone.
    dgates = all.Take(s.batch * s.steps * s.row);
    drecurrent = all.Take(s.steps * s.batch * s.recurrent_row);
    if (cell.resets_before()) dcandidate = all.Take(s.steps * s.step());
    dh = all.Take(s.step());
    dh_before = all.Take(s.step());
    dc = all.Take(s.step());
  }
  Taker all;
  float* dense;
  float* recurrent;             // R h + rb of a step
  float* candidate;             // C (r * h)
  float* dgates;                // before their functions, laid out as x
  float* drecurrent;            // of R h, step by step
  float* dcandidate = nullptr;  // of C (r * h)
  float* dh;
  float* dh_before;
  float* dc;
};

float HardSigmoid(float x, float slope) {
  return std::clamp(x * slope + 0.5f, 0.0f, 1.0f);
}

// ---- Forward ----------------------------------------------------------------

void StepSimple(const Cell& cell, size_t n, float* gates,
                const float* recurrent, float* h) {
  for (size_t i = 0; i < n; ++i) gates[i] += recurrent[i];
  Apply(cell.activation, n, gates);
  std::copy_n(gates, n, h);
}

// h' = z*h + (1 - z)*g.
void Mix(size_t n, const float* gates, const float* before, float* h) {
  for (size_t i = 0; i < n; ++i) {
    h[i] = gates[2 * n + i] + gates[i] * (before[i] - gates[2 * n + i]);
  }
}

void StepGruAfter(const Cell& cell, size_t n, float* gates,
                  const float* recurrent, const float* before, float* product,
                  float* h) {
  for (size_t i = 0; i < 2 * n; ++i) gates[i] += recurrent[i];
  Apply(cell.recurrent_activation, 2 * n, gates);
  for (size_t i = 0; i < n; ++i) {
    product[i] = recurrent[2 * n + i];
    gates[2 * n + i] += gates[n + i] * product[i];
  }
  Apply(cell.activation, n, gates + 2 * n);
  Mix(n, gates, before, h);
}

void StepLstm(const Cell& cell, size_t n, float* gates, const float* recurrent,
              const float* c_before, float* c, float* product, float* h) {
  for (size_t i = 0; i < 4 * n; ++i) gates[i] += recurrent[i];
  Apply(cell.recurrent_activation, 2 * n, gates);
  Apply(cell.activation, n, gates + 2 * n);
  Apply(cell.recurrent_activation, n, gates + 3 * n);
  for (size_t i = 0; i < n; ++i) {
    c[i] = gates[n + i] * c_before[i] + gates[i] * gates[2 * n + i];
    if (cell.cell_clip > 0)
      c[i] = std::clamp(c[i], -cell.cell_clip, cell.cell_clip);
    product[i] = c[i];
  }
  Apply(cell.activation, n, product);
  for (size_t i = 0; i < n; ++i) h[i] = gates[3 * n + i] * product[i];
}

// All samples: the candidate's product is one of all.
void StepGruBefore(const Cell& cell, const CellWeights& weights, const Sizes& s,
                   size_t step, const Saved& saved, const Scratch& scratch) {
  const size_t n = s.units;
  const float* before = saved.h + step * s.step();
  float* product = saved.product + step * s.step();
  for (size_t b = 0; b < s.batch; ++b) {
    float* gates = saved.gates + s.Gates(b, step);
    const float* recurrent = scratch.recurrent + b * s.recurrent_row;
    for (size_t i = 0; i < 2 * n; ++i) gates[i] += recurrent[i];
    Apply(cell.recurrent_activation, 2 * n, gates);
    for (size_t i = 0; i < n; ++i)
      product[b * n + i] = gates[n + i] * before[b * n + i];
  }
  DenseF32(CandidateShape(cell), kNoRange, static_cast<int>(s.batch), product,
           weights.candidate, nullptr, scratch.candidate, scratch.dense);
  for (size_t b = 0; b < s.batch; ++b) {
    float* gates = saved.gates + s.Gates(b, step);
    for (size_t i = 0; i < n; ++i)
      gates[2 * n + i] += scratch.candidate[b * n + i];
    Apply(cell.activation, n, gates + 2 * n);
    Mix(n, gates, before + b * n, saved.h + (step + 1) * s.step() + b * n);
  }
}

void Step(const Cell& cell, const Sizes& s, size_t step, const Saved& saved,
          const Scratch& scratch) {
  for (size_t b = 0; b < s.batch; ++b) {
    const size_t at = step * s.step() + b * s.units;
    float* gates = saved.gates + s.Gates(b, step);
    const float* recurrent = scratch.recurrent + b * s.recurrent_row;
    float* h = saved.h + at + s.step();
    switch (cell.kind) {
      case CellKind::kSimple:
        StepSimple(cell, s.units, gates, recurrent, h);
        break;
      case CellKind::kGru:
        StepGruAfter(cell, s.units, gates, recurrent, saved.h + at,
                     saved.product + at, h);
        break;
      case CellKind::kLstm:
        StepLstm(cell, s.units, gates, recurrent, saved.c + at,
                 saved.c + at + s.step(), saved.product + at, h);
        break;
    }
  }
}

bool IsLeftOut(const uint8_t* mask, const Sizes& s, size_t sample,
               size_t step) {
  return mask != nullptr && mask[sample * s.steps + step] == 0;
}

// Samples that leave this step out have the states of the last one.
void Keep(const uint8_t* mask, const Sizes& s, size_t step, float* states) {
  if (mask == nullptr || states == nullptr) return;
  for (size_t b = 0; b < s.batch; ++b) {
    float* before = states + step * s.step() + b * s.units;
    if (IsLeftOut(mask, s, b, step))
      std::copy_n(before, s.units, before + s.step());
  }
}

// States [steps + 1][batch][units] to results, one sample after another.
void Give(const Cell& cell, const Sizes& s, const float* states, float* y) {
  if (y == nullptr) return;
  if (!cell.all_steps) {
    std::copy_n(states + s.steps * s.step(), s.step(), y);
    return;
  }
  for (size_t b = 0; b < s.batch; ++b) {
    for (size_t t = 0; t < s.steps; ++t) {
      std::copy_n(states + (t + 1) * s.step() + b * s.units, s.units,
                  y + (b * s.steps + t) * s.units);
    }
  }
}

void Begin(const float* from, size_t n, float* to) {
  if (from == nullptr) {
    std::fill_n(to, n, 0.0f);
  } else {
    std::copy_n(from, n, to);
  }
}

// ---- Backward ---------------------------------------------------------------

// What a step's backward of one sample reads and writes.
struct StepGradients {
  const float* gates;
  const float* before;  // h
  const float* c_before;
  const float* c;
  const float* product;
  float* dgates;
  float* drecurrent;
  float* dh;         // of h'; its contents are no longer needed afterwards
  float* dh_before;  // what does not come by R
  float* dc;         // of c' to that of c
};

void StepSimpleGrad(const Cell& cell, size_t n, const StepGradients& g) {
  for (size_t i = 0; i < n; ++i) {
    g.dgates[i] = g.drecurrent[i] =
        g.dh[i] * SlopeAt(cell.activation, g.gates[i]);
    g.dh_before[i] = 0;
  }
}

// Of z and, before its function, the candidate.
void MixGrad(const Cell& cell, size_t n, const StepGradients& g) {
  for (size_t i = 0; i < n; ++i) {
    const float z = g.gates[i];
    const float candidate = g.gates[2 * n + i];
    g.dgates[i] = g.drecurrent[i] = g.dh[i] * (g.before[i] - candidate) *
                                    SlopeAt(cell.recurrent_activation, z);
    g.dgates[2 * n + i] =
        g.dh[i] * (1 - z) * SlopeAt(cell.activation, candidate);
    g.dh_before[i] = g.dh[i] * z;
  }
}

// Of r, from the gradient of what it multiplies.
void ResetGrad(const Cell& cell, size_t n, size_t i, float dr,
               const StepGradients& g) {
  g.dgates[n + i] = g.drecurrent[n + i] =
      dr * SlopeAt(cell.recurrent_activation, g.gates[n + i]);
}

void StepGruAfterGrad(const Cell& cell, size_t n, const StepGradients& g) {
  MixGrad(cell, n, g);
  for (size_t i = 0; i < n; ++i) {
    const float d = g.dgates[2 * n + i];
    ResetGrad(cell, n, i, d * g.product[i], g);
    g.drecurrent[2 * n + i] = d * g.gates[n + i];
  }
}

void StepLstmGrad(const Cell& cell, size_t n, const StepGradients& g) {
  const auto re = cell.recurrent_activation;
  for (size_t i = 0; i < n; ++i) {
    const float in = g.gates[i], forget = g.gates[n + i];
    const float candidate = g.gates[2 * n + i], out = g.gates[3 * n + i];
    float dc = g.dc[i] + g.dh[i] * out * SlopeAt(cell.activation, g.product[i]);
    if (cell.cell_clip > 0 && std::abs(g.c[i]) >= cell.cell_clip) dc = 0;
    g.dgates[i] = dc * candidate * SlopeAt(re, in);
    g.dgates[n + i] = dc * g.c_before[i] * SlopeAt(re, forget);
    g.dgates[2 * n + i] = dc * in * SlopeAt(cell.activation, candidate);
    g.dgates[3 * n + i] = g.dh[i] * g.product[i] * SlopeAt(re, out);
    g.dc[i] = dc * forget;
    g.dh_before[i] = 0;
  }
  std::copy_n(g.dgates, 4 * n, g.drecurrent);
}

// All samples of a step of a GRU that resets before.
void CandidateGrad(const Cell& cell, const CellWeights& weights, const Sizes& s,
                   size_t step, const Saved& saved, const Scratch& scratch) {
  const size_t n = s.units;
  float* dcandidate = scratch.dcandidate + step * s.step();
  for (size_t b = 0; b < s.batch; ++b) {
    std::copy_n(scratch.dgates + s.Gates(b, step) + 2 * n, n,
                dcandidate + b * n);
  }
  // Of r * h.
  DenseGradF32(CandidateShape(cell), kNoRange, static_cast<int>(s.batch),
               saved.product, weights.candidate, dcandidate, dcandidate,
               scratch.candidate, nullptr, nullptr, scratch.dense);
  for (size_t b = 0; b < s.batch; ++b) {
    StepGradients g{};
    g.gates = saved.gates + s.Gates(b, step);
    g.dgates = scratch.dgates + s.Gates(b, step);
    g.drecurrent = scratch.drecurrent + (step * s.batch + b) * s.recurrent_row;
    const float* before = saved.h + step * s.step() + b * n;
    for (size_t i = 0; i < n; ++i) {
      const float d = scratch.candidate[b * n + i];
      ResetGrad(cell, n, i, d * before[i], g);
      scratch.dh_before[b * n + i] += d * g.gates[n + i];
    }
  }
}

// Of a sample that leaves the step out: what came goes on.
void KeepGrad(const Sizes& s, const StepGradients& g) {
  std::fill_n(g.dgates, s.row, 0.0f);
  std::fill_n(g.drecurrent, s.recurrent_row, 0.0f);
  std::copy_n(g.dh, s.units, g.dh_before);
}

void StepGrad(const Cell& cell, const CellWeights& weights, const Sizes& s,
              size_t step, const uint8_t* mask, const Saved& saved,
              const Scratch& scratch) {
  const size_t n = s.units;
  for (size_t b = 0; b < s.batch; ++b) {
    const size_t state = step * s.step() + b * n;
    const bool lstm = cell.kind == CellKind::kLstm;
    const StepGradients g = {
        saved.gates + s.Gates(b, step),
        saved.h + state,
        lstm ? saved.c + state : nullptr,
        lstm ? saved.c + state + s.step() : nullptr,
        saved.product == nullptr ? nullptr : saved.product + state,
        scratch.dgates + s.Gates(b, step),
        scratch.drecurrent + (step * s.batch + b) * s.recurrent_row,
        scratch.dh + b * n,
        scratch.dh_before + b * n,
        scratch.dc + b * n};
    if (IsLeftOut(mask, s, b, step)) {
      KeepGrad(s, g);
    } else if (cell.kind == CellKind::kSimple) {
      StepSimpleGrad(cell, n, g);
    } else if (lstm) {
      StepLstmGrad(cell, n, g);
    } else if (cell.reset_after) {
      StepGruAfterGrad(cell, n, g);
    } else {
      MixGrad(cell, n, g);
    }
  }
  if (cell.resets_before())
    CandidateGrad(cell, weights, s, step, saved, scratch);
  const float* drecurrent =
      scratch.drecurrent + step * s.batch * s.recurrent_row;
  DenseGradF32(RecurrentShape(cell), kNoRange, static_cast<int>(s.batch),
               saved.h, weights.recurrent, drecurrent, drecurrent, scratch.dh,
               nullptr, nullptr, scratch.dense);
  for (size_t i = 0; i < s.step(); ++i) scratch.dh[i] += scratch.dh_before[i];
}

// Adds a result's gradient of a step to that of the state.
void AddGiven(const Cell& cell, const Sizes& s, size_t step, const float* given,
              float* d) {
  if (given == nullptr || (!cell.all_steps && step + 1 != s.steps)) return;
  for (size_t b = 0; b < s.batch; ++b) {
    const float* from =
        given + (cell.all_steps ? b * s.steps + step : b) * s.units;
    for (size_t i = 0; i < s.units; ++i) d[b * s.units + i] += from[i];
  }
}

// Of weights and of x, from those of all steps.
void WeightGrads(const Cell& cell, const CellWeights& weights, const Sizes& s,
                 const float* x, const Saved& saved, const Scratch& scratch,
                 const CellGradients& to) {
  const int rows = static_cast<int>(s.batch * s.steps);
  if (to.x != nullptr || to.input != nullptr || to.bias != nullptr) {
    DenseGradF32(InputShape(cell), kNoRange, rows, x, weights.input,
                 scratch.dgates, scratch.dgates, to.x, to.input, to.bias,
                 scratch.dense);
  }
  if (to.recurrent != nullptr || to.recurrent_bias != nullptr) {
    DenseGradF32(RecurrentShape(cell), kNoRange, rows, saved.h,
                 weights.recurrent, scratch.drecurrent, scratch.drecurrent,
                 nullptr, to.recurrent, to.recurrent_bias, scratch.dense);
  }
  if (to.candidate != nullptr) {
    DenseGradF32(CandidateShape(cell), kNoRange, rows, saved.product,
                 weights.candidate, scratch.dcandidate, scratch.dcandidate,
                 nullptr, to.candidate, nullptr, scratch.dense);
  }
}

}  // namespace

void Apply(CellFunction function, size_t n, float* values) {
  const auto each = [&](auto f) {
    for (size_t i = 0; i < n; ++i) values[i] = f(values[i]);
  };
  switch (function) {
    case CellFunction::kLinear:
      return;
    case CellFunction::kRelu:
      return each([](float x) { return std::max(x, 0.0f); });
    case CellFunction::kRelu6:
      return each([](float x) { return std::clamp(x, 0.0f, 6.0f); });
    case CellFunction::kTanh:
      return TanhF32Simd(values, n);
    case CellFunction::kLogistic:
      return LogisticF32Simd(values, n);
    case CellFunction::kHardSigmoid:
      return each([](float x) { return HardSigmoid(x, 0.2f); });
    case CellFunction::kHardSigmoid6:
      return each([](float x) { return HardSigmoid(x, 1.0f / 6); });
    case CellFunction::kElu:
      return each([](float x) { return x > 0 ? x : std::expm1(x); });
    case CellFunction::kSoftsign:
      return each([](float x) { return x / (1 + std::abs(x)); });
    case CellFunction::kExp:
      return each([](float x) { return std::exp(x); });
  }
}

float SlopeAt(CellFunction function, float y) {
  switch (function) {
    case CellFunction::kLinear:
      return 1;
    case CellFunction::kRelu:
      return y > 0 ? 1.0f : 0.0f;
    case CellFunction::kRelu6:
      return y > 0 && y < 6 ? 1.0f : 0.0f;
    case CellFunction::kTanh:
      return 1 - y * y;
    case CellFunction::kLogistic:
      return y * (1 - y);
    case CellFunction::kHardSigmoid:
      return y > 0 && y < 1 ? 0.2f : 0.0f;
    case CellFunction::kHardSigmoid6:
      return y > 0 && y < 1 ? 1.0f / 6 : 0.0f;
    case CellFunction::kElu:
      return y > 0 ? 1.0f : y + 1;
    case CellFunction::kSoftsign:
      return (1 - std::abs(y)) * (1 - std::abs(y));
    case CellFunction::kExp:
      return y;
  }
  return 0;
}

size_t SavedFloats(const Cell& cell, int batch) {
  return Saved(cell, batch, nullptr).all.taken();
}

size_t WorkspaceFloats(const Cell& cell, int batch) {
  return Scratch(cell, batch, nullptr).all.taken();
}

void Forward(const Cell& cell, const CellWeights& weights, int batch,
             const float* x, const float* h, const float* c, float* y,
             float* cells, float* saved, float* workspace,
             const uint8_t* mask) {
  const Sizes s(cell, batch);
  const Saved kept(cell, batch, saved);
  const Scratch scratch(cell, batch, workspace);
  Begin(h, s.step(), kept.h);
  if (cell.kind == CellKind::kLstm) Begin(c, s.step(), kept.c);
  DenseF32(InputShape(cell), kNoRange, batch * cell.steps, x, weights.input,
           weights.bias, kept.gates, scratch.dense);
  for (size_t t = 0; t < s.steps; ++t) {
    DenseF32(RecurrentShape(cell), kNoRange, batch, kept.h + t * s.step(),
             weights.recurrent, weights.recurrent_bias, scratch.recurrent,
             scratch.dense);
    if (cell.resets_before()) {
      StepGruBefore(cell, weights, s, t, kept, scratch);
    } else {
      Step(cell, s, t, kept, scratch);
    }
    Keep(mask, s, t, kept.h);
    Keep(mask, s, t, kept.c);
  }
  Give(cell, s, kept.h, y);
  if (cell.kind == CellKind::kLstm) Give(cell, s, kept.c, cells);
}

void Backward(const Cell& cell, const CellWeights& weights, int batch,
              const float* x, const float* dy, const float* dcells,
              const float* saved, const CellGradients& gradients,
              float* workspace, const uint8_t* mask) {
  const Sizes s(cell, batch);
  const Saved kept(cell, batch, const_cast<float*>(saved));
  const Scratch scratch(cell, batch, workspace);
  std::fill_n(scratch.dh, s.step(), 0.0f);
  std::fill_n(scratch.dc, s.step(), 0.0f);
  for (size_t t = s.steps; t-- > 0;) {
    AddGiven(cell, s, t, dy, scratch.dh);
    AddGiven(cell, s, t, dcells, scratch.dc);
    StepGrad(cell, weights, s, t, mask, kept, scratch);
  }
  WeightGrads(cell, weights, s, x, kept, scratch, gradients);
  if (gradients.h != nullptr) std::copy_n(scratch.dh, s.step(), gradients.h);
  if (gradients.c != nullptr) std::copy_n(scratch.dc, s.step(), gradients.c);
}

}  // namespace litesmith::kernels
