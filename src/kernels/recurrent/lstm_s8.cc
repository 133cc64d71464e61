// The LSTM in int8 as LiteRT's integer kernel: 16-bit gates and cells.
#include <algorithm>
#include <cmath>

#include "src/kernels/common/fixed_inverse_sqrt.h"
#include "src/kernels/recurrent/fixed16.h"
#include "src/kernels/recurrent/gates.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/kernels/recurrent/lstm_step.h"
#include "src/kernels/recurrent/workspace.h"

namespace litesmith::kernels {
namespace {

struct Scratch {
  Scratch(const LstmS8& lstm, std::byte* workspace) : all(workspace) {
    const LstmSize& s = lstm.size;
    sums = all.Take<int32_t>(s.LargestChunk() * s.Sums() + kLstmStepReads);
    recurrent = all.Take<int32_t>(
        std::max(s.Sums(), static_cast<size_t>(s.outputs)) + kLstmStepReads);
    gates = all.Take<int16_t>(s.Sums());
    hidden = all.Take<int8_t>(static_cast<size_t>(s.cells));
    products = all.TakeFor({&lstm.products.input, &lstm.products.recurrent,
                            &lstm.products.projection});
  }
  Workspace all;
  int32_t* sums;
  int32_t* recurrent;
  int16_t* gates;
  int8_t* hidden;
  std::byte* products;
};

int8_t Saturate8(int64_t v) {
  return static_cast<int8_t>(std::clamp<int64_t>(v, -128, 127));
}
// Cut to 16 bits, as the reference's casts do.
int32_t Wrap16(int32_t v) { return static_cast<int16_t>(v); }

// v of the gate += P*c. The reference counts as if a row of c had as many
// elements as one of h: a projection to fewer leaves out the last cells, and
// takes weights by their place among the rows that it computes at a time: of
// all samples if time major, else of one.
void AddPeephole(const LstmS8& lstm, LstmGate gate, int sample,
                 const int16_t* c, int16_t* v) {
  const auto& p = lstm.peephole[gate];
  if (p.empty()) return;
  const bool together = lstm.size.time_major;
  const int64_t cells = lstm.size.cells;
  const int64_t period = std::min<int64_t>(lstm.size.outputs, cells);
  const int64_t rows = together ? lstm.size.batch : 1;
  const int64_t first = together ? sample * cells : 0;
  const int64_t count = std::min(cells, rows * period - first);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t w = p[static_cast<size_t>((first + i) % period)];
    v[i] = static_cast<int16_t>(
        Saturate16(Mbqm(w * c[i], lstm.peephole_scale[gate]) + v[i]));
  }
}

void Normalize(const LstmS8& lstm, LstmGate gate, int16_t* v) {
  const auto& weight = lstm.norm_weight[gate];
  if (weight.empty()) return;
  const int64_t n = lstm.size.cells;
  int64_t sum = 0;
  int64_t squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += v[i];
    squares += int64_t{v[i]} * v[i];
  }
  constexpr int64_t kOne = 1 << 20;
  const auto mean = static_cast<int32_t>(sum * 1024 / n);
  const int64_t variance = (squares * (kOne / n) - int64_t{mean} * mean) / kOne;
  const FixedMultiplier inverse =
      FixedInverseSqrt(variance < 1 ? lstm.least_variance[gate]
                                    : static_cast<int32_t>(variance));
  const FixedMultiplier scale = lstm.norm_scale[gate];
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<size_t>(i);
    const int32_t r = Mbqm(1024 * v[i] - mean, inverse);
    // Wraps, as the reference's.
    const int64_t t = static_cast<int32_t>(
        static_cast<uint32_t>(r) * static_cast<uint32_t>(weight[at]) +
        static_cast<uint32_t>(lstm.norm_bias[gate][at]));
    const auto u = static_cast<int32_t>((t + (t > 0 ? 512 : -512)) / 1024);
    v[i] = static_cast<int16_t>(
        Saturate16(Mbqm(u, {scale.value, scale.shift + 12})));
  }
}

class Sample {
 public:
  Sample(const LstmS8& lstm, const Scratch& scratch, int sample, int8_t* h,
         int16_t* c)
      : lstm_(lstm),
        scratch_(scratch),
        sample_(sample),
        h_(h),
        c_(c),
        by_vectors_(lstm.fast && HasLstmStep() && IsPlain(lstm)),
        logistic_(LogisticTable16()),
        tanh3_(TanhTable16(3)),
        tanh_(TanhTable16(lstm.cell_bits)) {}

  // `sums` are the input's products.
  void Step(const int32_t* sums) {
    const LstmSize& s = lstm_.size;
    lstm_.products.recurrent.Run(1, h_, scratch_.recurrent, scratch_.products);
    if (by_vectors_) {
      LstmStepS8(lstm_, hidden_zero(), sums, scratch_.recurrent, c_, hidden());
      return Project();
    }
    if (!s.cifg) Logistic(Gate(kInputGate, sums));
    const int16_t* f = Logistic(Gate(kForgetGate, sums));
    int16_t* g = Gate(kCellGate, sums);
    for (int i = 0; i < s.cells; ++i)
      g[i] = static_cast<int16_t>(LookTanh16(tanh3_, g[i]));
    UpdateCells(scratch_.gates, f, g);
    Output(Logistic(Gate(kOutputGate, sums)));
  }

 private:
  static bool IsPlain(const LstmS8& lstm) {
    for (size_t gate = 0; gate < kLstmGates; ++gate) {
      if (!lstm.peephole[gate].empty() || !lstm.norm_weight[gate].empty())
        return false;
    }
    return true;
  }
  // Where o*tanh(c) is written.
  int8_t* hidden() const {
    return lstm_.products.projects ? scratch_.hidden : h_;
  }
  // Its zero point; the sign before a projection is the reference's.
  int32_t hidden_zero() const {
    return lstm_.products.projects ? -lstm_.hidden_zero : lstm_.hidden_zero;
  }

  // What goes into the gate's function.
  int16_t* Gate(LstmGate gate, const int32_t* sums) {
    const size_t at = lstm_.size.Offset(gate);
    const auto n = static_cast<size_t>(lstm_.size.cells);
    int16_t* v = scratch_.gates + at;
    const auto requantize = lstm_.fast ? RequantizeSumsSimd : RequantizeSumsRef;
    requantize(sums + at, lstm_.input[gate], true, nullptr, n, v);
    requantize(scratch_.recurrent + at, lstm_.recurrent[gate], false, v, n, v);
    AddPeephole(lstm_, gate, sample_, c_, v);
    Normalize(lstm_, gate, v);
    return v;
  }

  int16_t* Logistic(int16_t* v) {
    for (int i = 0; i < lstm_.size.cells; ++i)
      v[i] = static_cast<int16_t>(LookLogistic16(logistic_, v[i]));
    return v;
  }

  void UpdateCells(const int16_t* in, const int16_t* f, const int16_t* g) {
    const LstmSize& s = lstm_.size;
    const int shift = 15 + lstm_.cell_bits;  // of i*g to the scale of c
    const int32_t clip = lstm_.cell_clip > 0 ? lstm_.cell_clip : 32768;
    for (int k = 0; k < s.cells; ++k) {
      const int32_t i = s.cifg ? 32767 - f[k] : in[k];
      const int32_t kept = Wrap16(RoundingDivideByPot(f[k] * c_[k], 15));
      const int32_t added = Wrap16(RoundingDivideByPot(i * g[k], shift));
      c_[k] = static_cast<int16_t>(
          std::clamp(Saturate16(kept + added), -clip, clip));
    }
  }

  void Output(const int16_t* o) {
    int8_t* to = hidden();
    for (int i = 0; i < lstm_.size.cells; ++i) {
      const int32_t y = o[i] * LookTanh16(tanh_, c_[i]);
      to[i] = Saturate8(int64_t{Mbqm(y, lstm_.hidden)} + hidden_zero());
    }
    Project();
  }

  void Project() {
    if (!lstm_.products.projects) return;
    lstm_.products.projection.Run(1, scratch_.hidden, scratch_.recurrent,
                                  scratch_.products);
    const int32_t clip =
        lstm_.projection_clip > 0 ? lstm_.projection_clip : 128;
    for (int i = 0; i < lstm_.size.outputs; ++i) {
      const int32_t y = Mbqm(scratch_.recurrent[i], lstm_.projected);
      h_[i] = static_cast<int8_t>(std::clamp<int32_t>(
          Saturate8(int64_t{y} + lstm_.output_zero), -clip, clip));
    }
  }

  const LstmS8& lstm_;
  const Scratch& scratch_;
  const int sample_;
  int8_t* const h_;
  int16_t* const c_;
  const bool by_vectors_;
  const HalfTable16 &logistic_, &tanh3_, &tanh_;
};

}  // namespace

size_t WorkspaceBytes(const LstmS8& lstm) {
  // The tables are made before the first run, which may not take long.
  LogisticTable16(), TanhTable16(3), TanhTable16(lstm.cell_bits);
  return Scratch(lstm, nullptr).all.bytes();
}

void Run(const LstmS8& lstm, const int8_t* x, int8_t* h, int16_t* c, int8_t* y,
         std::byte* workspace) {
  const LstmSize& s = lstm.size;
  const Scratch scratch(lstm, workspace);
  for (int b = 0; b < s.batch; ++b, h += s.outputs, c += s.cells) {
    Sample sample(lstm, scratch, b, h, c);
    int chunk = 0;
    for (int t = 0; t < s.steps; t += chunk) {
      chunk = s.Chunk(t);
      lstm.products.input.Run(chunk, x + s.Row(b, t) * s.inputs, scratch.sums,
                              scratch.products);
      for (int k = 0; k < chunk; ++k) {
        sample.Step(scratch.sums + static_cast<size_t>(k) * s.Sums());
        std::copy_n(h, s.outputs, y + s.Row(b, t + k) * s.outputs);
      }
    }
  }
}

}  // namespace litesmith::kernels
