// Lays depthwise weights out in the order in which the tiles read them.
#include "src/kernels/depthwise/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "src/kernels/common/padded_image.h"

namespace litesmith {
namespace {

constexpr size_t kSlack = 64;  // read or written behind images
// Of the lines that are read at a time: half of an L1 cache.
constexpr int64_t kRingBytes = 16 << 10;

bool IsFloat(const DepthwiseSpec& spec) {
  return spec.kind == LayerKind::kF32F32;
}

// `values`, one a channel, by the lanes of the blocks; idle lanes get `idle`.
template <typename T, typename Values>
std::vector<T> ByLanes(const PackedDepthwise& p, const Values& values, T idle) {
  std::vector<T> result(static_cast<size_t>(p.blocks * p.lanes), idle);
  if (values.empty()) return result;
  const auto channels = static_cast<size_t>(p.spec.window.out_c);
  for (size_t i = 0; i < channels * static_cast<size_t>(p.group); ++i)
    result[i] = static_cast<T>(values[i % channels]);
  return result;
}

template <typename T>
PackedBuffer Packed(const std::vector<T>& values) {
  PackedBuffer buffer(values.size() * sizeof(T));
  std::memcpy(buffer.get(), values.data(), values.size() * sizeof(T));
  return buffer;
}

// The largest magnitude of each channel's accumulator, the bias included.
std::vector<int64_t> AccumulatorBounds(const DepthwiseSpec& spec) {
  const Window& g = spec.window;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int64_t largest = spec.kind == LayerKind::kS16S8 ? 32768 : 255;
  const int64_t taps = int64_t{g.filter_h} * g.filter_w;
  std::vector<int64_t> bounds;
  for (int o = 0; o < g.out_c; ++o) {
    int64_t sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += std::abs(int{w[t * g.out_c + o]});
    const int64_t bias =
        spec.bias.empty() ? 0 : spec.bias[static_cast<size_t>(o)];
    // Beyond 2^40 a bias is refused anyway; cut, the sum cannot overflow.
    bounds.push_back(std::abs(std::clamp<int64_t>(bias, -(int64_t{1} << 40),
                                                  int64_t{1} << 40)) +
                     largest * sum);
  }
  return bounds;
}

// Which lines and pixels a window consists of.
void PlanWindows(const DepthwiseSpec& spec, PackedDepthwise* p) {
  const Window& g = spec.window;
  p->rows = g.filter_h, p->row_step = g.dilation_h;
  p->cols = g.filter_w, p->col_step = g.dilation_w;
  if (!IsFloat(spec)) {
    p->side_by_side = g.filter_h == 1 && g.filter_w > 1;
    int& taps = p->side_by_side ? p->cols : p->rows;
    (p->side_by_side ? p->col_step : p->row_step) *= 2;
    taps = (taps + 1) / 2;
  }
  if (p->cols == 1) p->col_step = 1;
  // As many outputs in a vector as there is room for.
  if (g.stride_w == 1 && g.out_w > 1 && p->lanes % g.out_c == 0)
    p->group = p->lanes / g.out_c;
  p->tile_step = g.stride_w * p->group;
  p->blocks = (g.out_c * p->group + p->lanes - 1) / p->lanes;
}

// Where a weight's word is: rows and columns of words, and which half of it.
void PackWeights(const DepthwiseSpec& spec, PackedDepthwise* p) {
  const Window& g = spec.window;
  p->weights =
      PackedBuffer(static_cast<size_t>(p->blocks) *
                   static_cast<size_t>(p->rows * p->cols * p->lanes) * 4);
  const bool pairs = !IsFloat(spec);
  int64_t from = 0;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < g.filter_w; ++kx, from += g.out_c) {
      const int half = !pairs ? 0 : p->side_by_side ? kx % 2 : ky % 2;
      const int row = pairs && !p->side_by_side ? ky / 2 : ky;
      const int col = p->side_by_side ? kx / 2 : kx;
      for (int i = 0; i < g.out_c * p->group; ++i) {
        const int64_t at =
            ((int64_t{i} / p->lanes * p->rows + row) * p->cols + col) *
                p->lanes +
            i % p->lanes;
        const int64_t w = from + i % g.out_c;
        if (pairs) {
          p->weights.as<int16_t>()[2 * at + half] =
              static_cast<const int8_t*>(spec.weights)[w];
        } else {
          p->weights.as<float>()[at] =
              static_cast<const float*>(spec.weights)[w];
        }
      }
    }
  }
}

// What belongs to channels; false where vectors cannot hold it.
bool PackConstants(const DepthwiseSpec& spec, PackedDepthwise* p) {
  if (spec.kind == LayerKind::kF32F32 || spec.kind == LayerKind::kF32S8)
    p->bias = Packed(ByLanes<float>(*p, spec.float_bias, 0.0f));
  if (IsFloat(spec)) return true;
  const std::vector<int64_t> bounds = AccumulatorBounds(spec);
  if (*std::max_element(bounds.begin(), bounds.end()) >= int64_t{1} << 31)
    return false;
  if (spec.kind == LayerKind::kF32S8) {
    p->scales = Packed(ByLanes<float>(*p, spec.scales, 0.0f));
    return true;
  }
  p->bias = Packed(ByLanes<int32_t>(*p, spec.bias, 0));
  Requantizer exact = spec.requantizer;
  if (exact.method == RequantMethod::kF64) return false;
  exact.multipliers =
      ByLanes<FixedMultiplier>(*p, exact.multipliers, exact.multipliers[0]);
  return PackRequantizer(exact, ByLanes<int64_t>(*p, bounds, 0), p->lanes,
                         p->blocks, &p->requantizer);
}

// Whether windows are read where the image is, without what is outside of it:
// whole rows, and the first and the last column of the lines of 3x3 windows.
bool FitsImage(const PackedDepthwise& p, const PaddedImage& padded) {
  const Window& g = p.spec.window;
  // Vectors of the last channels would reach behind the image.
  if (!IsFloat(p.spec) || g.out_c != g.in_c || g.out_c % p.lanes != 0)
    return false;
  const int64_t right = padded.w - g.in_w - g.pad_left;
  if (g.pad_left == 0 && right == 0) return true;
  return p.group == 1 && g.pad_left <= 1 && right <= 1 && p.cols == 3 &&
         p.col_step == 1 && p.tile_step <= 2;
}

}  // namespace

bool PackDepthwiseCommon(const DepthwiseSpec& spec, int lanes,
                         PackedDepthwise* p) {
  const Window& g = spec.window;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->lanes = lanes;
  if (!FitsPaddedImage(g, g.out_c)) return false;
  PlanWindows(spec, p);
  if (!PackConstants(spec, p)) return false;
  PackWeights(spec, p);
  const PaddedImage padded = PaddedImageOf(g, g.out_c);
  p->needs_copy = !FitsImage(*p, padded);
  p->copy_w = p->needs_copy ? static_cast<int>(padded.w) : g.in_w;
  p->band = g.out_h;
  p->ring = static_cast<int>(padded.h);
  size_t& end = p->workspace_bytes;
  const auto reserve = [&](int64_t size) {
    const size_t at = end;
    end += (static_cast<size_t>(size) + kSlack + 63) / 64 * 64;
    return at;
  };
  if (!p->needs_copy) return true;
  p->line_rows = std::gcd(g.stride_h, p->rows > 1 ? p->row_step : 0);
  p->row_step = p->rows > 1 ? p->row_step / p->line_rows : 1;
  const int64_t line_bytes = int64_t{p->copy_w} * g.out_c * 4;
  const int step = g.stride_h / p->line_rows;
  const int window = (p->rows - 1) * p->row_step + 1;
  const int64_t lines = std::max<int64_t>(kRingBytes / line_bytes, window);
  p->band =
      static_cast<int>(std::min<int64_t>((lines - window) / step + 1, g.out_h));
  p->ring = (p->band - 1) * step + window;
  reserve(p->ring * line_bytes + kSlack);
  // A row of pixels whose channels are repeated, and the one below.
  p->line_at = reserve(2 * int64_t{g.in_w} * g.out_c * 4);
  if (spec.kind == LayerKind::kF32S8) p->quantized_at = reserve(g.in_size());
  return true;
}

}  // namespace litesmith
