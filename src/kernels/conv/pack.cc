// Lays convolution weights out in the order in which the tiles read them.
#include "src/kernels/conv/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "src/kernels/common/padded_image.h"
#include "src/kernels/conv/winograd.h"

namespace litesmith {
namespace {

constexpr size_t kSlack = 64;  // read beyond the last run of the copy

bool IsF32(const ConvSpec& spec) { return spec.kind == LayerKind::kF32F32; }

int64_t AbsSum(const int8_t* w, int64_t n) {
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::abs(int{w[i]});
  return sum;
}

template <typename T>
PackedBuffer Padded(size_t lanes_total, const std::vector<T>& values) {
  PackedBuffer buffer(lanes_total * sizeof(T));
  if (!values.empty()) {
    std::memcpy(buffer.get(), values.data(), values.size() * sizeof(T));
  }
  return buffer;
}

void PackWeights(const ConvSpec& spec, int runs, int run_elements,
                 PackedConv* p) {
  const Window& g = spec.window;
  const int run_words = static_cast<int>(p->word_offsets.size()) / runs;
  const int a_word = 4 / p->element_bytes;
  p->weights =
      PackedBuffer(static_cast<size_t>(p->blocks) * p->word_offsets.size() *
                   static_cast<size_t>(p->lanes) * 4);
  std::byte* out = p->weights.get();
  for (int block = 0; block < p->blocks; ++block) {
    for (int run = 0; run < runs; ++run) {
      for (int word = 0; word < run_words; ++word) {
        for (int lane = 0; lane < p->lanes; ++lane, out += 4) {
          const int o = block * p->lanes + lane;
          if (o >= g.out_c) continue;
          for (int i = 0; i < a_word; ++i) {
            const int element = word * a_word + i;
            if (element >= run_elements) continue;
            const int64_t from = o * g.taps() + run * run_elements + element;
            PutConvWeight(spec, from, p->element_bytes,
                          out + i * p->element_bytes);
          }
        }
      }
    }
  }
}

// Cuts windows into words, and packs the weights to match. Whether the last
// word of a run reads elements behind it, which an image may not have.
bool PackWords(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const int pitch = p->copy_w * g.in_c;
  // A run is contiguous elements of the image and of a filter.
  const bool joined = g.dilation_w == 1;
  const int run_elements = joined ? g.filter_w * g.in_c : g.in_c;
  const int runs = joined ? g.filter_h : g.filter_h * g.filter_w;
  const int a_word = 4 / p->element_bytes;
  for (int run = 0; run < runs; ++run) {
    const int ky = joined ? run : run / g.filter_w;
    const int kx = joined ? 0 : run % g.filter_w;
    for (int at = 0; at < run_elements; at += a_word) {
      p->word_offsets.push_back(ky * g.dilation_h * pitch +
                                kx * g.dilation_w * g.in_c + at);
    }
  }
  PackWeights(spec, runs, run_elements, p);
  return run_elements % a_word != 0;
}

// The first element of every window, row by row, or with a pool the four
// windows of one pooled output after those of another.
void PackWindows(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const int pitch = p->copy_w * g.in_c;
  const auto add = [&](int oy, int ox) {
    p->window_offsets.push_back(oy * g.stride_h * pitch +
                                ox * g.stride_w * g.in_c);
  };
  if (spec.pool_2x2) {
    for (int oy = 0; oy + 1 < g.out_h; oy += 2) {
      for (int ox = 0; ox + 1 < g.out_w; ox += 2) {
        add(oy, ox), add(oy, ox + 1), add(oy + 1, ox), add(oy + 1, ox + 1);
      }
    }
  } else {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox) add(oy, ox);
    }
  }
  const auto& offsets = p->window_offsets;
  const int32_t step = offsets.size() > 1 ? offsets[1] - offsets[0] : 1;
  const auto uneven = [&](int32_t a, int32_t b) { return b - a != step; };
  if (!spec.pool_2x2 && std::adjacent_find(offsets.begin(), offsets.end(),
                                           uneven) == offsets.end()) {
    p->window_pitch = step;
  }
  while (p->window_offsets.size() % kMaxConvTile != 0) {
    p->window_offsets.push_back(p->window_offsets.back());
  }
}

// The largest magnitude of each channel's accumulator, the bias included.
std::vector<int64_t> AccumulatorBounds(const ConvSpec& spec) {
  const Window& g = spec.window;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int64_t largest = spec.kind == LayerKind::kS16S8 ? 32768 : 255;
  std::vector<int64_t> bounds;
  for (int o = 0; o < g.out_c; ++o, w += g.taps()) {
    const int64_t bias =
        spec.bias.empty() ? 0 : spec.bias[static_cast<size_t>(o)];
    // Beyond 2^40 a bias is refused anyway; cut, the sum cannot overflow.
    bounds.push_back(std::abs(std::clamp<int64_t>(bias, -(int64_t{1} << 40),
                                                  int64_t{1} << 40)) +
                     largest * AbsSum(w, g.taps()));
  }
  return bounds;
}

// What belongs to channels; false where vectors cannot hold it.
bool PackConstants(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const size_t total = static_cast<size_t>(p->blocks * p->lanes);
  if (spec.kind == LayerKind::kF32F32 || spec.kind == LayerKind::kF32S8) {
    p->bias = Padded(total, spec.float_bias);
  }
  if (IsF32(spec)) return true;
  const std::vector<int64_t> bounds = AccumulatorBounds(spec);
  if (*std::max_element(bounds.begin(), bounds.end()) >= int64_t{1} << 31) {
    return false;
  }
  std::vector<int32_t> sums;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  for (int o = 0; o < g.out_c; ++o, w += g.taps()) {
    int32_t sum = 0;
    for (int64_t i = 0; i < g.taps(); ++i) sum += w[i];
    sums.push_back(sum);
  }
  if (spec.kind == LayerKind::kF32S8) {
    p->weight_sums = Padded(total, sums);
    p->scales = Padded(total, spec.scales);
    return true;
  }
  std::vector<int32_t> bias;
  for (size_t o = 0; o < sums.size(); ++o) {
    // The true accumulator fits 32 bits; this term may wrap on the way.
    const auto b = spec.bias.empty() ? 0 : static_cast<int32_t>(spec.bias[o]);
    bias.push_back(static_cast<int32_t>(static_cast<uint32_t>(b) -
                                        static_cast<uint32_t>(p->offset) *
                                            static_cast<uint32_t>(sums[o])));
  }
  p->bias = Padded(total, bias);
  return PackRequantizer(spec.requantizer, bounds, p->lanes, p->blocks,
                         &p->requantizer);
}

// `repeated`: of ConvFitsGray.
void PackDirect(const ConvSpec& spec, const ConvSpec& repeated, bool bytes,
                PackedConv* p) {
  const Window& g = spec.window;
  const PaddedImage image = PaddedImageOf(g, g.in_c);
  p->copy_h = static_cast<int>(image.h);
  p->copy_w = static_cast<int>(image.w);
  const bool padded = p->copy_h != g.in_h || p->copy_w != g.in_w;
  p->needs_copy = padded || bytes || p->gray;
  if (p->gray) {
    PackGray(repeated, p);
  } else {
    p->needs_copy |= PackWords(spec, p);
    PackWindows(spec, p);
  }
  // A tile that is written late.
  p->workspace_bytes =
      (static_cast<size_t>(kMaxConvTile * p->lanes) * 4 + 63) / 64 * 64;
}

}  // namespace

void PutConvWeight(const ConvSpec& spec, int64_t from, int element_bytes,
                   std::byte* to) {
  if (element_bytes == 4) {
    std::memcpy(to, static_cast<const float*>(spec.weights) + from, 4);
    return;
  }
  const int8_t w = static_cast<const int8_t*>(spec.weights)[from];
  const int16_t wide = w;
  if (element_bytes == 2) std::memcpy(to, &wide, 2);
  if (element_bytes == 1) std::memcpy(to, &w, 1);
}

bool PackConvCommon(const ConvSpec& spec, int lanes, bool vnni, PackedConv* p) {
  const Window& g = spec.window;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->vnni = vnni;
  p->lanes = lanes;
  const bool bytes =
      spec.kind == LayerKind::kS8S8 || spec.kind == LayerKind::kF32S8;
  p->element_bytes = IsF32(spec) ? 4 : bytes && vnni ? 1 : 2;
  // A byte is held as x + 128, an int16 as x - zero_point.
  p->offset = bytes && vnni ? 128 + spec.x_zero : 0;

  p->gray = ConvFitsGray(spec, lanes, p->element_bytes);
  std::vector<std::byte> repeated_weights;
  const ConvSpec repeated =
      p->gray ? RepeatChannels(spec, lanes, &repeated_weights) : spec;
  p->blocks = (repeated.window.out_c + lanes - 1) / lanes;
  if (!PackConstants(repeated, p)) return false;

  if (!FitsPaddedImage(g, g.in_c)) return false;
  if (const int tile = ChooseWinogradTile(spec, lanes, vnni); tile != 0) {
    PackWinograd(spec, tile, p);
  } else {
    PackDirect(spec, repeated, bytes, p);
  }
  size_t& end = p->workspace_bytes;
  const auto reserve = [&](int64_t size) {
    const size_t at = end;
    end += (static_cast<size_t>(size) + kSlack + 63) / 64 * 64;
    return at;
  };
  if (p->needs_copy) {
    // Behind the last row, too, comes the padding on the left of a next one.
    p->copy_at = reserve((int64_t{p->copy_w} * p->copy_h + g.pad_left) *
                         g.in_c * p->element_bytes);
  }
  if (spec.kind == LayerKind::kF32S8) p->quantized_at = reserve(g.in_size());
  return true;
}

}  // namespace litesmith
