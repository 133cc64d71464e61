// The LSTM in floats; with int8 weights the products quantize the rows that
// they read, each for itself.
#include <algorithm>
#include <cmath>

#include "src/kernels/recurrent/gates.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/kernels/recurrent/workspace.h"

namespace litesmith::kernels {
namespace {

struct Scratch {
  Scratch(const LstmF32& lstm, std::byte* workspace) : all(workspace) {
    const LstmSize& s = lstm.size;
    sums = all.Take<float>(s.LargestChunk() * s.Sums());
    recurrent = all.Take<float>(s.Sums());
    hidden = all.Take<float>(static_cast<size_t>(s.cells));
    products = all.TakeFor({&lstm.products.input, &lstm.products.recurrent,
                            &lstm.products.projection});
  }
  Workspace all;
  float* sums;
  float* recurrent;
  float* hidden;
  std::byte* products;
};

void Clip(float limit, size_t n, float* values) {
  if (limit <= 0) return;
  for (size_t i = 0; i < n; ++i)
    values[i] = std::clamp(values[i], -limit, limit);
}

// (v - mean) / deviation.
void Normalize(size_t n, float* v) {
  const auto count = static_cast<float>(n);
  float sum = 0;
  for (size_t i = 0; i < n; ++i) sum += v[i];
  const float mean = sum / count;
  float squares = 0;
  for (size_t i = 0; i < n; ++i) squares += (v[i] - mean) * (v[i] - mean);
  const float inverse = 1.0f / std::sqrt(squares / count + 1e-8f);
  for (size_t i = 0; i < n; ++i) v[i] = (v[i] - mean) * inverse;
}

// What goes into the gate's function, from the sums of its products.
void Prepare(const LstmF32& lstm, LstmGate gate, const float* c, float* v) {
  const auto n = static_cast<size_t>(lstm.size.cells);
  if (const auto& p = lstm.peephole[gate]; !p.empty()) {
    for (size_t i = 0; i < n; ++i) v[i] += p[i] * c[i];
  }
  if (const auto& w = lstm.norm_weight[gate]; !w.empty()) {
    Normalize(n, v);
    const auto& b = lstm.norm_bias[gate];
    for (size_t i = 0; i < n; ++i) v[i] = v[i] * w[i] + b[i];
  }
}

// One step of one sample. `sums` are the input's products.
void Step(const LstmF32& lstm, const Scratch& scratch, float* sums, float* h,
          float* c) {
  const LstmSize& s = lstm.size;
  const auto n = static_cast<size_t>(s.cells);
  const auto logistic = lstm.fast ? LogisticF32Simd : LogisticF32Ref;
  const auto tanh = lstm.fast ? TanhF32Simd : TanhF32Ref;
  lstm.products.recurrent.Run(1, h, scratch.recurrent, scratch.products);
  for (size_t i = 0; i < s.Sums(); ++i) sums[i] += scratch.recurrent[i];
  float* f = sums + s.Offset(kForgetGate);
  float* g = sums + s.Offset(kCellGate);
  float* o = sums + s.Offset(kOutputGate);
  if (!s.cifg) Prepare(lstm, kInputGate, c, sums);
  Prepare(lstm, kForgetGate, c, f);
  Prepare(lstm, kCellGate, c, g);
  logistic(sums, s.Offset(kCellGate));  // both, one behind the other
  tanh(g, n);
  if (s.cifg) {
    for (size_t i = 0; i < n; ++i) c[i] = f[i] * c[i] + (1.0f - f[i]) * g[i];
  } else {
    for (size_t i = 0; i < n; ++i) c[i] = f[i] * c[i] + sums[i] * g[i];
  }
  Clip(lstm.cell_clip, n, c);
  Prepare(lstm, kOutputGate, c, o);
  logistic(o, n);
  float* hidden = lstm.products.projects ? scratch.hidden : h;
  std::copy_n(c, n, hidden);
  tanh(hidden, n);
  for (size_t i = 0; i < n; ++i) hidden[i] *= o[i];
  if (!lstm.products.projects) return;
  lstm.products.projection.Run(1, hidden, h, scratch.products);
  Clip(lstm.projection_clip, static_cast<size_t>(s.outputs), h);
}

}  // namespace

size_t WorkspaceBytes(const LstmF32& lstm) {
  return Scratch(lstm, nullptr).all.bytes();
}

void Run(const LstmF32& lstm, const float* x, float* h, float* c, float* y,
         std::byte* workspace) {
  const LstmSize& s = lstm.size;
  const Scratch scratch(lstm, workspace);
  for (int b = 0; b < s.batch; ++b, h += s.outputs, c += s.cells) {
    int chunk = 0;
    for (int t = 0; t < s.steps; t += chunk) {
      chunk = s.Chunk(t);
      lstm.products.input.Run(chunk, x + s.Row(b, t) * s.inputs, scratch.sums,
                              scratch.products);
      for (int k = 0; k < chunk; ++k) {
        Step(lstm, scratch, scratch.sums + static_cast<size_t>(k) * s.Sums(), h,
             c);
        std::copy_n(h, s.outputs, y + s.Row(b, t + k) * s.outputs);
      }
    }
  }
}

}  // namespace litesmith::kernels
