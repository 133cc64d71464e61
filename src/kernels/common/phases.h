// The gradient of a window's input as sums over that of its outputs, along one
// dimension: i gets w[k] * g[o] for all k and o with o * stride + k * dilation
// = i + pad. Inputs whose place has the same remainder by the stride, a phase,
// have the same taps.
#ifndef LITESMITH_KERNELS_COMMON_PHASES_H_
#define LITESMITH_KERNELS_COMMON_PHASES_H_

#include <algorithm>
#include <utility>
#include <vector>

namespace litesmith::kernels {

struct AxisTap {
  int k;
  int offset;  // the n-th input of the phase reads g[n + offset]
};

struct AxisPhase {
  int first = 0;              // input
  int count = 0;              // of inputs
  std::vector<AxisTap> taps;  // by ascending offset; may be empty
};

struct AxisPhases {
  std::vector<AxisPhase> phases;
  int before = 0, behind = 0;  // zeros that are read around g
};

struct WindowAxis {
  int in, out, pad, filter, stride, dilation;
};

inline AxisPhases PhasesOf(const WindowAxis& a) {
  AxisPhases result;
  for (int first = 0; first < std::min(a.stride, a.in); ++first) {
    AxisPhase phase;
    phase.first = first;
    phase.count = (a.in - first + a.stride - 1) / a.stride;
    for (int k = a.filter - 1; k >= 0; --k) {
      const int at = first + a.pad - k * a.dilation;
      if (at % a.stride == 0) phase.taps.push_back({k, at / a.stride});
    }
    if (!phase.taps.empty()) {
      result.before = std::max(result.before, -phase.taps.front().offset);
      result.behind =
          std::max(result.behind,
                   phase.count - 1 + phase.taps.back().offset - (a.out - 1));
    }
    result.phases.push_back(std::move(phase));
  }
  return result;
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_COMMON_PHASES_H_
