// The phases of a transposed convolution as packed convolutions.
#include "src/kernels/conv/transposed.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace litesmith {
namespace {

// A file of a few bytes can ask for any strides.
constexpr int64_t kMostPhases = 64;

// The outputs first, first + stride, ... of one dimension: how many there are,
// and which taps meet them. Output first + t * stride reads inputs
// t + input, t + input - 1, ... by the taps tap, tap + stride, ...
struct Line {
  int first = 0;
  int outputs = 0;
  int tap = 0;
  int taps = 0;
  int input = 0;

  // The padding of the convolution that has the same taps, the last one first.
  int padding() const { return taps - 1 - input; }
};

Line LineOf(int phase, int out, int filter, int stride, int pad) {
  Line line;
  line.first = phase;
  line.outputs = phase < out ? (out - phase + stride - 1) / stride : 0;
  line.tap = (phase + pad) % stride;
  line.taps = line.tap < filter ? (filter - line.tap + stride - 1) / stride : 0;
  line.input = (phase + pad) / stride;
  return line;
}

// The phase's weights [out][taps][channels], the last tap first.
std::vector<std::byte> PhaseWeights(const ConvSpec& spec, const Line& rows,
                                    const Line& columns) {
  const Window& g = spec.window;
  const size_t tap_bytes = static_cast<size_t>(g.filter_c) *
                           (spec.kind == LayerKind::kF32F32 ? 4 : 1);
  const auto* from = static_cast<const std::byte*>(spec.weights);
  std::vector<std::byte> weights;
  for (int64_t o = 0; o < g.out_c; ++o) {
    for (int y = rows.taps - 1; y >= 0; --y) {
      for (int x = columns.taps - 1; x >= 0; --x) {
        const int64_t tap =
            (o * g.filter_h + rows.tap + int64_t{y} * g.stride_h) * g.filter_w +
            columns.tap + int64_t{x} * g.stride_w;
        const std::byte* at = from + static_cast<size_t>(tap) * tap_bytes;
        weights.insert(weights.end(), at, at + tap_bytes);
      }
    }
  }
  return weights;
}

Window PhaseWindow(const Window& g, const Line& rows, const Line& columns) {
  Window w;
  w.in_h = g.in_h, w.in_w = g.in_w, w.in_c = w.filter_c = g.in_c;
  w.filter_h = rows.taps, w.filter_w = columns.taps;
  w.pad_top = rows.padding(), w.pad_left = columns.padding();
  w.out_h = rows.outputs, w.out_w = columns.outputs, w.out_c = g.out_c;
  return w;
}

// An output pixel without products.
std::vector<std::byte> BiasOnly(const ConvSpec& spec, int element_bytes) {
  const auto channels = static_cast<size_t>(spec.window.out_c);
  std::vector<std::byte> pixel(channels * static_cast<size_t>(element_bytes));
  for (size_t o = 0; o < channels; ++o) {
    std::byte* to = &pixel[o * static_cast<size_t>(element_bytes)];
    if (element_bytes == 4) {
      const float bias = spec.float_bias.empty() ? 0.0f : spec.float_bias[o];
      const float value = std::clamp(bias, spec.lo, spec.hi);
      std::memcpy(to, &value, sizeof(value));
      continue;
    }
    const int64_t bias = spec.bias.empty() ? 0 : spec.bias[o];
    const auto value =
        static_cast<int16_t>(spec.requantizer.Apply(bias, static_cast<int>(o)));
    const auto byte = static_cast<int8_t>(value);
    element_bytes == 2 ? std::memcpy(to, &value, 2) : std::memcpy(to, &byte, 1);
  }
  return pixel;
}

// Nothing where the phase cannot be packed.
std::optional<PackedTransposeConv::Phase> PackPhase(const ConvSpec& spec,
                                                    const Line& rows,
                                                    const Line& columns) {
  PackedTransposeConv::Phase phase;
  phase.y0 = rows.first, phase.x0 = columns.first;
  phase.rows = rows.outputs, phase.columns = columns.outputs;
  if (rows.taps == 0 || columns.taps == 0) return phase;
  if (rows.padding() < 0 || columns.padding() < 0) return std::nullopt;
  const std::vector<std::byte> weights = PhaseWeights(spec, rows, columns);
  ConvSpec part = spec;
  part.window = PhaseWindow(spec.window, rows, columns);
  part.weights = weights.data();
  phase.conv = PackConv2D(part);
  if (phase.conv == nullptr) return std::nullopt;
  return phase;
}

}  // namespace

std::unique_ptr<const PackedTransposeConv> PackTransposeConv(
    const ConvSpec& spec) {
  const Window& g = spec.window;
  if (spec.kind == LayerKind::kF32S8 ||
      int64_t{g.stride_h} * g.stride_w > kMostPhases)
    return nullptr;
  auto packed = std::make_unique<PackedTransposeConv>();
  packed->window = g;
  packed->in_bytes = packed->out_bytes = spec.kind == LayerKind::kS8S8    ? 1
                                         : spec.kind == LayerKind::kS16S8 ? 2
                                                                          : 4;
  size_t largest = 0;
  size_t of_conv = 0;
  for (int py = 0; py < std::min(g.stride_h, g.out_h); ++py) {
    const Line rows = LineOf(py, g.out_h, g.filter_h, g.stride_h, g.pad_top);
    for (int px = 0; px < std::min(g.stride_w, g.out_w); ++px) {
      const Line columns =
          LineOf(px, g.out_w, g.filter_w, g.stride_w, g.pad_left);
      std::optional<PackedTransposeConv::Phase> phase =
          PackPhase(spec, rows, columns);
      if (!phase) return nullptr;
      largest = std::max(largest, static_cast<size_t>(rows.outputs) *
                                      static_cast<size_t>(columns.outputs));
      if (phase->conv != nullptr)
        of_conv = std::max(of_conv, phase->conv->workspace_bytes);
      packed->phases.push_back(std::move(*phase));
    }
  }
  packed->bias_only = BiasOnly(spec, packed->out_bytes);
  packed->conv_at = (largest * packed->bias_only.size() + 63) / 64 * 64;
  packed->workspace_bytes = packed->conv_at + of_conv;
  return packed;
}

namespace {

// Puts a phase's pixels where they belong; from_pitch 0 repeats one.
void Scatter(const Window& g, const PackedTransposeConv::Phase& phase,
             const std::byte* from, size_t from_pitch, size_t pixel,
             std::byte* y) {
  for (int row = 0; row < phase.rows; ++row) {
    const int64_t oy = phase.y0 + int64_t{row} * g.stride_h;
    std::byte* to = y + static_cast<size_t>(oy * g.out_w + phase.x0) * pixel;
    for (int column = 0; column < phase.columns; ++column) {
      std::memcpy(to, from, pixel);
      from += from_pitch;
      to += static_cast<size_t>(g.stride_w) * pixel;
    }
  }
}

}  // namespace

void RunConv2D(const PackedTransposeConv& packed, int images, const void* x,
               void* y, std::byte* workspace) {
  const Window& g = packed.window;
  const size_t pixel = packed.bias_only.size();
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  for (int n = 0; n < images; ++n) {
    for (const PackedTransposeConv::Phase& phase : packed.phases) {
      if (phase.conv == nullptr) {
        Scatter(g, phase, packed.bias_only.data(), 0, pixel, to);
      } else if (packed.phases.size() == 1) {
        RunConv2D(*phase.conv, 1, from, to, workspace + packed.conv_at);
      } else {
        RunConv2D(*phase.conv, 1, from, workspace, workspace + packed.conv_at);
        Scatter(g, phase, workspace, pixel, pixel, to);
      }
    }
    from += static_cast<size_t>(g.in_size() * packed.in_bytes);
    to += static_cast<size_t>(g.out_size() * packed.out_bytes);
  }
}

}  // namespace litesmith
