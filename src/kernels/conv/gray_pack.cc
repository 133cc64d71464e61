// The packing for gray-inl.h.
#include <cstring>
#include <numeric>

#include "src/kernels/conv/pack.h"

namespace litesmith {
namespace {

// Words of a row that the two windows side by side of a pooled output take.
int RowWords(const Window& g, int element_bytes) {
  return ((g.filter_w + 1) * element_bytes + 3) / 4;
}

template <typename T>
void RepeatValues(int times, std::vector<T>* values) {
  const std::vector<T> once = *values;
  for (int i = 1; i < times; ++i) {
    values->insert(values->end(), once.begin(), once.end());
  }
}

}  // namespace

bool ConvFitsGray(const ConvSpec& spec, int lanes, int element_bytes) {
  const Window& g = spec.window;
  if (!spec.pool_2x2 || g.in_c != 1 || g.stride_h != 1 || g.stride_w != 1 ||
      g.dilation_h != 1 || g.dilation_w != 1 || g.filter_h != g.filter_w ||
      (g.filter_h != 3 && g.filter_h != 5)) {
    return false;
  }
  const int row = g.out_w / 2 * g.out_c;
  const int vectors = (row + lanes - 1) / lanes;
  if (vectors >= g.out_w / 2 * ((g.out_c + lanes - 1) / lanes)) return false;
  // What the lanes of a vector look up must lie in one vector, or for integers
  // in one block of 128 bits.
  const int common = std::gcd(lanes, g.out_c);
  const int pixels = (g.out_c - common + lanes - 1) / g.out_c;
  const int bytes = 2 * pixels * element_bytes + RowWords(g, element_bytes) * 4;
  return bytes <= (element_bytes == 4 ? 4 * lanes : 16);
}

ConvSpec RepeatChannels(const ConvSpec& spec, int lanes,
                        std::vector<std::byte>* weights) {
  ConvSpec repeated = spec;
  const int channels = std::lcm(spec.window.out_c, lanes);
  const int times = channels / spec.window.out_c;
  repeated.window.out_c = channels;
  const auto bytes =
      static_cast<size_t>(spec.window.out_c * spec.window.taps()) *
      (spec.kind == LayerKind::kF32F32 ? 4 : 1);
  const auto* from = static_cast<const std::byte*>(spec.weights);
  weights->assign(from, from + bytes);
  RepeatValues(times, weights);
  repeated.weights = weights->data();
  RepeatValues(times, &repeated.float_bias);
  RepeatValues(times, &repeated.bias);
  RepeatValues(times, &repeated.scales);
  RepeatValues(times, &repeated.requantizer.multipliers);
  return repeated;
}

void PackGray(const ConvSpec& repeated, PackedConv* p) {
  const Window& g = repeated.window;
  const int out_c = p->spec.window.out_c;
  const int filter = g.filter_w;
  const int words = RowWords(g, p->element_bytes);
  const int a_word = 4 / p->element_bytes;
  const auto lanes = static_cast<size_t>(p->lanes);
  const auto phases = static_cast<size_t>(p->blocks);
  const int row = g.out_w / 2 * out_c;
  for (int phase = p->blocks - 1; phase >= 0; --phase) {
    for (int py = 0; py < g.out_h / 2; ++py) {
      for (int at = phase * p->lanes; at < row; at += p->blocks * p->lanes) {
        p->window_offsets.push_back(2 * (py * p->copy_w + at / out_c));
        p->output_offsets.push_back(py * row + at);
      }
    }
    while (p->window_offsets.size() % 4 != 0) {
      p->window_offsets.push_back(p->window_offsets.back());
      p->output_offsets.push_back(p->output_offsets.back());
    }
    p->phase_ends.push_back(static_cast<int>(p->window_offsets.size()));
  }
  // A float word is used once a column; others differ for the left and the
  // right window, whose taps start one element apart.
  const int row_vectors = p->element_bytes == 4 ? filter : 2 * words;
  p->weights = PackedBuffer(phases * static_cast<size_t>(filter * row_vectors) *
                            lanes * 4);
  p->lookups = PackedBuffer(phases * static_cast<size_t>(words) * lanes * 4);
  std::byte* to = p->weights.get();
  auto* lookup = p->lookups.as<int32_t>();
  for (int phase = 0; phase < p->blocks; ++phase) {
    for (int ky = 0; ky < filter; ++ky) {
      for (int v = 0; v < row_vectors; ++v) {
        for (int lane = 0; lane < p->lanes; ++lane) {
          for (int i = 0; i < a_word; ++i, to += p->element_bytes) {
            const int kx =
                p->element_bytes == 4 ? v : v / 2 * a_word + i - v % 2;
            if (kx < 0 || kx >= filter) continue;
            const int64_t o = phase * p->lanes + lane;
            PutConvWeight(repeated, (o * filter + ky) * filter + kx,
                          p->element_bytes, to);
          }
        }
      }
    }
    const int start = phase * p->lanes % out_c;
    for (int word = 0; word < words; ++word) {
      for (int lane = 0; lane < p->lanes; ++lane, ++lookup) {
        const int column = 2 * ((start + lane) / out_c);
        if (p->element_bytes == 4) {
          *lookup = column + word;
          continue;
        }
        const int first = column * p->element_bytes + 4 * word;
        const int8_t bytes[] = {
            static_cast<int8_t>(first), static_cast<int8_t>(first + 1),
            static_cast<int8_t>(first + 2), static_cast<int8_t>(first + 3)};
        std::memcpy(lookup, bytes, sizeof(bytes));
      }
    }
  }
}

}  // namespace litesmith
