// The LSTM in int8 and int16 as tflite-micro's reference kernel: functions of
// gates by its table, products and cells rounded twice.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/kernels/map/logistic.h"
#include "src/kernels/recurrent/fixed16.h"
#include "src/kernels/recurrent/gates.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/kernels/recurrent/lstm_step.h"
#include "src/kernels/recurrent/workspace.h"

namespace litesmith::kernels {
namespace {

// What the products give: of int8 the sums, of int16 what becomes of them.
template <class T>
using SumOf = std::conditional_t<std::is_same_v<T, int8_t>, int32_t, int16_t>;

// tanh of d / (24 * 256), from the logistic function's table (specs/tflite.md
// 3.10).
int32_t TanhOfSteps(int32_t d) {
  const int32_t size = std::abs(d);
  const auto at = static_cast<size_t>(size >> 8);
  int32_t y = 0xFFFF << 8;
  if (at < 255) {
    const int32_t low = kLogisticTable[at];
    y = low * 256 + (size & 255) * (kLogisticTable[at + 1] - low);
  }
  y = d >= 0 ? y - (1 << 23) + 128 : -y + (1 << 23) + 127;
  return y >> 8;
}

template <class T>
struct Scratch {
  Scratch(const LstmTflm& lstm, std::byte* workspace) : all(workspace) {
    const LstmSize& s = lstm.size;
    sums = all.Take<SumOf<T>>(s.LargestChunk() * s.Sums() + kLstmStepReads);
    recurrent = all.Take<SumOf<T>>(s.Sums() + kLstmStepReads);
    gates = all.Take<int16_t>(s.Sums());
    products = all.TakeFor({&lstm.products.input, &lstm.products.recurrent});
  }
  Workspace all;
  SumOf<T>* sums;
  SumOf<T>* recurrent;
  int16_t* gates;
  std::byte* products;
};

// v = sat16(x's products + h's), each of 16 bits.
void AddUp(const LstmTflm& lstm, const int32_t* x, const int32_t* h,
           int16_t* v) {
  const auto n = static_cast<size_t>(lstm.size.cells);
  for (size_t g = 0; g < kLstmGates; ++g, x += n, h += n, v += n) {
    RequantizeSumsRef(x, lstm.input[g], true, nullptr, n, v);
    RequantizeSumsRef(h, lstm.recurrent[g], true, v, n, v);
  }
}
void AddUp(const LstmTflm& lstm, const int16_t* x, const int16_t* h,
           int16_t* v) {
  for (size_t i = 0; i < lstm.size.Sums(); ++i)
    v[i] = static_cast<int16_t>(Saturate16(x[i] + h[i]));
}

template <class T>
void Step(const LstmTflm& lstm, int16_t* gates, T* h, int16_t* c) {
  const LstmSize& s = lstm.size;
  const Logistic16 logistic(0x1p-12f);
  int16_t* f = gates + s.Offset(kForgetGate);
  int16_t* g = gates + s.Offset(kCellGate);
  int16_t* o = gates + s.Offset(kOutputGate);
  const int32_t shift = lstm.cell_shift;
  const int32_t clip = lstm.cell_clip > 0 ? lstm.cell_clip : 32768;
  for (int k = 0; k < s.cells; ++k) {
    const int32_t kept = Saturate16(Mbqm(logistic(f[k]) * c[k], lstm.forget));
    const int32_t added = Saturate16(
        Mbqm(logistic(gates[k]) * TanhOfSteps(g[k] * 3), lstm.update));
    c[k] =
        static_cast<int16_t>(std::clamp(Saturate16(kept + added), -clip, clip));
    const int32_t steps = shift >= 0
                              ? c[k] * (3 << shift)
                              : (c[k] * 3 + (1 << (-shift - 1))) >> -shift;
    const int64_t y = Mbqm(TanhOfSteps(steps) * logistic(o[k]), lstm.hidden);
    h[k] = static_cast<T>(std::clamp<int64_t>(y + lstm.output_zero,
                                              std::numeric_limits<T>::min(),
                                              std::numeric_limits<T>::max()));
  }
}

template <class T>
void RunOf(const LstmTflm& lstm, const T* x, T* h, int16_t* c, T* y,
           std::byte* workspace) {
  const LstmSize& s = lstm.size;
  const Scratch<T> scratch(lstm, workspace);
  const bool by_vectors = lstm.fast && HasLstmStep();
  for (int b = 0; b < s.batch; ++b, h += s.outputs, c += s.cells) {
    int chunk = 0;
    for (int t = 0; t < s.steps; t += chunk) {
      chunk = s.Chunk(t);
      lstm.products.input.Run(chunk, x + s.Row(b, t) * s.inputs, scratch.sums,
                              scratch.products);
      for (int k = 0; k < chunk; ++k) {
        lstm.products.recurrent.Run(1, h, scratch.recurrent, scratch.products);
        const SumOf<T>* sums = scratch.sums + static_cast<size_t>(k) * s.Sums();
        if (by_vectors) {
          LstmStepTflm(lstm, sums, scratch.recurrent, c, h);
        } else {
          AddUp(lstm, sums, scratch.recurrent, scratch.gates);
          Step(lstm, scratch.gates, h, c);
        }
        std::copy_n(h, s.outputs, y + s.Row(b, t + k) * s.outputs);
      }
    }
  }
}

}  // namespace

size_t WorkspaceBytes(const LstmTflm& lstm) {
  return Scratch<int8_t>(lstm, nullptr).all.bytes();
}

void Run(const LstmTflm& lstm, const int8_t* x, int8_t* h, int16_t* c,
         int8_t* y, std::byte* workspace) {
  RunOf(lstm, x, h, c, y, workspace);
}
void Run(const LstmTflm& lstm, const int16_t* x, int16_t* h, int16_t* c,
         int16_t* y, std::byte* workspace) {
  RunOf(lstm, x, h, c, y, workspace);
}

}  // namespace litesmith::kernels
