// Lays depthwise weights out in the order in which the tiles read them.
#include "src/kernels/depthwise/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "src/kernels/common/padded_image.h"

namespace litesmith {
namespace {

constexpr size_t kSlack = 64;  // read or written behind images

bool IsFloat(const DepthwiseSpec& spec) {
  return spec.kind == LayerKind::kF32F32;
}

// The channel of lane `i` of all vectors of sums. Of integers a vector of the
// image becomes two of sums, of which the first has the lower half of every 128
// bits: channels 0 to 3, 8 to 11, ...
int ChannelOfLane(const DepthwiseSpec& spec, int lanes, int i) {
  if (IsFloat(spec)) return i;
  const int block = i / (2 * lanes);
  const int half = i / lanes % 2;
  const int lane = i % lanes;
  return block * 2 * lanes + lane / 4 * 8 + half * 4 + lane % 4;
}

// `values`, one a channel, by the lanes of the sums; idle lanes get `idle`.
template <typename T, typename Values>
std::vector<T> ByLanes(const DepthwiseSpec& spec, const PackedDepthwise& p,
                       const Values& values, T idle) {
  const int vectors = IsFloat(spec) ? p.blocks : 2 * p.blocks;
  std::vector<T> result(static_cast<size_t>(vectors * p.lanes), idle);
  for (size_t i = 0; i < result.size(); ++i) {
    const int c = ChannelOfLane(spec, p.lanes, static_cast<int>(i));
    if (c < spec.window.out_c && !values.empty())
      result[i] = static_cast<T>(values[static_cast<size_t>(c)]);
  }
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

void PackTaps(const DepthwiseSpec& spec, PackedDepthwise* p) {
  const Window& g = spec.window;
  const int line = p->copy_w * g.out_c;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < g.filter_w; ++kx) {
      p->taps.push_back(ky * g.dilation_h * line + kx * g.dilation_w * g.out_c);
    }
  }
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      p->windows.push_back(oy * g.stride_h * line + ox * g.stride_w * g.out_c);
    }
  }
  while (p->windows.size() % kDepthwiseTile != 0)
    p->windows.push_back(p->windows.back());
}

void PackFloats(const DepthwiseSpec& spec, PackedDepthwise* p) {
  const auto* w = static_cast<const float*>(spec.weights);
  const auto out_c = static_cast<size_t>(spec.window.out_c);
  std::vector<float> packed;
  for (int block = 0; block < p->blocks; ++block) {
    for (size_t tap = 0; tap < p->taps.size(); ++tap) {
      for (int lane = 0; lane < p->lanes; ++lane) {
        const auto c = static_cast<size_t>(block * p->lanes + lane);
        packed.push_back(c < out_c ? w[tap * out_c + c] : 0.0f);
      }
    }
  }
  p->weights = Packed(packed);
}

// Words of two taps; an odd last one is joined by itself, with zeros.
void PackPairs(const DepthwiseSpec& spec, PackedDepthwise* p) {
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const auto out_c = static_cast<size_t>(spec.window.out_c);
  const size_t taps = p->taps.size();
  if (taps % 2 != 0) p->taps.push_back(p->taps.back());
  std::vector<int16_t> packed;
  for (int block = 0; block < p->blocks; ++block) {
    for (size_t pair = 0; pair < p->taps.size(); pair += 2) {
      for (int i = 0; i < 2 * p->lanes; ++i) {
        const auto c = static_cast<size_t>(
            ChannelOfLane(spec, p->lanes, block * 2 * p->lanes + i));
        for (size_t tap = pair; tap < pair + 2; ++tap) {
          const bool idle = c >= out_c || tap >= taps;
          packed.push_back(idle ? int16_t{0} : w[tap * out_c + c]);
        }
      }
    }
  }
  p->weights = Packed(packed);
}

// What belongs to channels; false where vectors cannot hold it.
bool PackConstants(const DepthwiseSpec& spec, PackedDepthwise* p) {
  if (spec.kind == LayerKind::kF32F32 || spec.kind == LayerKind::kF32S8)
    p->bias = Packed(ByLanes<float>(spec, *p, spec.float_bias, 0.0f));
  if (IsFloat(spec)) return true;
  const std::vector<int64_t> bounds = AccumulatorBounds(spec);
  if (*std::max_element(bounds.begin(), bounds.end()) >= int64_t{1} << 31)
    return false;
  if (spec.kind == LayerKind::kF32S8) {
    p->scales = Packed(ByLanes<float>(spec, *p, spec.scales, 0.0f));
    return true;
  }
  p->bias = Packed(ByLanes<int32_t>(spec, *p, spec.bias, 0));
  Requantizer exact = spec.requantizer;
  if (exact.method == RequantMethod::kF64) return false;
  exact.multipliers = ByLanes<FixedMultiplier>(spec, *p, exact.multipliers,
                                               exact.multipliers[0]);
  return PackRequantizer(exact, ByLanes<int64_t>(spec, *p, bounds, 0), p->lanes,
                         2 * p->blocks, &p->requantizer);
}

}  // namespace

bool PackDepthwiseCommon(const DepthwiseSpec& spec, int lanes,
                         PackedDepthwise* p) {
  const Window& g = spec.window;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->lanes = lanes;
  const int block = IsFloat(spec) ? lanes : 2 * lanes;
  p->blocks = (g.out_c + block - 1) / block;
  if (!FitsPaddedImage(g, g.out_c)) return false;
  const PaddedImage padded = PaddedImageOf(g, g.out_c);
  if (!PackConstants(spec, p)) return false;
  p->copy_h = static_cast<int>(padded.h);
  p->copy_w = static_cast<int>(padded.w);
  PackTaps(spec, p);
  IsFloat(spec) ? PackFloats(spec, p) : PackPairs(spec, p);

  const bool bytes =
      spec.kind == LayerKind::kS8S8 || spec.kind == LayerKind::kF32S8;
  // Vectors of the last channels reach behind the image.
  p->needs_copy = padded.h != g.in_h || padded.w != g.in_w ||
                  g.out_c != g.in_c || g.out_c % block != 0 || bytes;
  size_t& end = p->workspace_bytes;
  const auto reserve = [&](int64_t size) {
    const size_t at = end;
    end += (static_cast<size_t>(size) + kSlack + 63) / 64 * 64;
    return at;
  };
  if (p->needs_copy) {
    // Behind the last row, too, comes the padding on the left of a next one.
    reserve((padded.elements + int64_t{g.pad_left} * g.out_c) *
            (IsFloat(spec) ? 4 : 2));
  }
  if (spec.kind == LayerKind::kF32S8) p->quantized_at = reserve(g.in_size());
  return true;
}

}  // namespace litesmith
