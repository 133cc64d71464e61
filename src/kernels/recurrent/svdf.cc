// The state moves on, then both sums.
#include "src/kernels/recurrent/svdf.h"

#include <algorithm>
#include <limits>

#include "src/kernels/recurrent/workspace.h"

namespace litesmith::kernels {
namespace {

template <class Svdf, class Sum>
struct Scratch {
  Scratch(const Svdf& svdf, std::byte* workspace) : all(workspace) {
    sums = all.template Take<Sum>(static_cast<size_t>(svdf.size.batch) *
                                  static_cast<size_t>(svdf.size.filters()));
    products = all.TakeFor({&svdf.feature});
  }
  Workspace all;
  Sum* sums;
  std::byte* products;
};

// One filter's state takes the newest value as its last.
template <class T>
void MoveOn(int memory, T newest, T* state) {
  std::copy(state + 1, state + memory, state);
  state[memory - 1] = newest;
}

template <class T>
void RunS8(const SvdfS8& svdf, const int8_t* x, T* state, int8_t* y,
           std::byte* workspace) {
  const SvdfSize& s = svdf.size;
  const Scratch<SvdfS8, int32_t> scratch(svdf, workspace);
  svdf.feature.Run(s.batch, x, scratch.sums, scratch.products);
  const int32_t* sum = scratch.sums;
  for (int b = 0; b < s.batch; ++b) {
    const int16_t* w = svdf.time.data();
    for (int u = 0; u < s.units; ++u) {
      int32_t acc = svdf.bias.empty() ? 0 : svdf.bias[static_cast<size_t>(u)];
      for (int r = 0; r < s.rank; ++r, state += s.memory, w += s.memory) {
        const int64_t newest =
            int64_t{Mbqm(*sum++, svdf.to_state)} + svdf.state_zero;
        MoveOn(s.memory,
               static_cast<T>(
                   std::clamp<int64_t>(newest, std::numeric_limits<T>::min(),
                                       std::numeric_limits<T>::max())),
               state);
        for (int m = 0; m < s.memory; ++m) {
          // The reference's sums have 32 bits: wrap as they do.
          acc = static_cast<int32_t>(
              static_cast<uint32_t>(acc) +
              static_cast<uint32_t>(w[m] * (state[m] - svdf.state_zero)));
        }
      }
      *y++ = static_cast<int8_t>(std::clamp<int64_t>(
          int64_t{Mbqm(acc, svdf.to_output)} + svdf.output_zero, -128, 127));
    }
  }
}

}  // namespace

size_t WorkspaceBytes(const SvdfF32& svdf) {
  return Scratch<SvdfF32, float>(svdf, nullptr).all.bytes();
}

void Run(const SvdfF32& svdf, const float* x, float* state, float* y,
         std::byte* workspace) {
  const SvdfSize& s = svdf.size;
  const Scratch<SvdfF32, float> scratch(svdf, workspace);
  svdf.feature.Run(s.batch, x, scratch.sums, scratch.products);
  const float* sum = scratch.sums;
  for (int b = 0; b < s.batch; ++b) {
    const float* w = svdf.time.data();
    for (int u = 0; u < s.units; ++u) {
      float acc = 0;
      for (int r = 0; r < s.rank; ++r, state += s.memory, w += s.memory) {
        MoveOn(s.memory, *sum++, state);
        float filter = 0;
        for (int m = 0; m < s.memory; ++m) filter += w[m] * state[m];
        acc += filter;
      }
      if (!svdf.bias.empty()) acc += svdf.bias[static_cast<size_t>(u)];
      *y++ = std::clamp(acc, svdf.range.low, svdf.range.high);
    }
  }
}

size_t WorkspaceBytes(const SvdfS8& svdf) {
  return Scratch<SvdfS8, int32_t>(svdf, nullptr).all.bytes();
}
void Run(const SvdfS8& svdf, const int8_t* x, int16_t* state, int8_t* y,
         std::byte* workspace) {
  RunS8(svdf, x, state, y, workspace);
}
void Run(const SvdfS8& svdf, const int8_t* x, int8_t* state, int8_t* y,
         std::byte* workspace) {
  RunS8(svdf, x, state, y, workspace);
}

}  // namespace litesmith::kernels
