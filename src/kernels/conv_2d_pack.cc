#include "src/kernels/conv_2d_pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace litesmith {
namespace {

constexpr size_t kSlack = 64;  // read beyond the last run of the copy

bool IsF32(const ConvSpec& spec) { return spec.kind == ConvKind::kF32F32; }

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

void PackWeights(const ConvSpec& spec, int run_elements, PackedConv* p) {
  const Window& g = spec.window;
  const int runs = static_cast<int>(p->run_offsets.size());
  const int a_word = 4 / p->element_bytes;
  p->weights = PackedBuffer(static_cast<size_t>(p->blocks) *
                            static_cast<size_t>(runs * p->words) *
                            static_cast<size_t>(p->lanes) * 4);
  std::byte* out = p->weights.get();
  for (int block = 0; block < p->blocks; ++block) {
    for (int run = 0; run < runs; ++run) {
      for (int word = 0; word < p->words; ++word) {
        for (int lane = 0; lane < p->lanes; ++lane, out += 4) {
          const int o = block * p->lanes + lane;
          if (o >= g.out_c) continue;
          for (int i = 0; i < a_word; ++i) {
            const int element = word * a_word + i;
            if (element >= run_elements) continue;
            const int64_t from = o * g.taps() + run * run_elements + element;
            std::byte* to = out + i * p->element_bytes;
            if (p->element_bytes == 4) {
              std::memcpy(to, static_cast<const float*>(spec.weights) + from,
                          4);
              continue;
            }
            const int8_t w = static_cast<const int8_t*>(spec.weights)[from];
            const int16_t wide = w;
            if (p->element_bytes == 2) std::memcpy(to, &wide, 2);
            if (p->element_bytes == 1) std::memcpy(to, &w, 1);
          }
        }
      }
    }
  }
}

// Multipliers and shifts in the forms the vector requantization wants.
void PackRequantizer(const Requantizer& r, PackedConv* p) {
  const size_t total = static_cast<size_t>(p->blocks * p->lanes);
  std::vector<int32_t> multiplier, left, right, half, sign;
  for (const FixedMultiplier& m : r.multipliers) {
    const bool wide = r.method == RequantMethod::kMbqm64;
    multiplier.push_back(wide ? ReducedMultiplier(m.value) : m.value);
    left.push_back(std::max(m.shift, 0));
    const int n = std::max(-m.shift, 0);
    right.push_back(n);
    half.push_back(n > 0 ? int32_t{1} << (n - 1) : 0);
    sign.push_back(n > 0 ? -1 : 0);
    p->shifts_left |= m.shift > 0;
  }
  p->multiplier = Padded(total, multiplier);
  if (r.method == RequantMethod::kMbqm) {
    p->shift_left = Padded(total, left);
    p->shift_right = Padded(total, right);
    p->half = Padded(total, half);
    p->sign_mask = Padded(total, sign);
    return;
  }
  // 2^62 makes the logical shift act as an arithmetic one.
  const auto half_lanes = static_cast<size_t>(p->lanes / 2);
  std::vector<uint64_t> shift(total, 15), add(total), subtract(total);
  for (size_t o = 0; o < total; ++o) {
    const size_t block = o / static_cast<size_t>(p->lanes);
    const size_t lane = o % static_cast<size_t>(p->lanes);
    const size_t to = block * static_cast<size_t>(p->lanes) +
                      lane % 2 * half_lanes + lane / 2;
    const int t = o < r.multipliers.size() ? 15 - r.multipliers[o].shift : 15;
    shift[to] = static_cast<uint64_t>(t);
    add[to] = (uint64_t{1} << 62) + (uint64_t{1} << (t - 1));
    subtract[to] = (uint64_t{1} << 62) >> t;
  }
  p->shift64 = Padded(total, shift);
  p->add64 = Padded(total, add);
  p->subtract64 = Padded(total, subtract);
}

void PackConstants(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const size_t total = static_cast<size_t>(p->blocks * p->lanes);
  if (spec.kind == ConvKind::kF32F32 || spec.kind == ConvKind::kF32S8) {
    p->bias = Padded(total, spec.float_bias);
  }
  if (IsF32(spec)) return;
  std::vector<int32_t> sums;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  for (int o = 0; o < g.out_c; ++o, w += g.taps()) {
    int32_t sum = 0;
    for (int64_t i = 0; i < g.taps(); ++i) sum += w[i];
    sums.push_back(sum);
  }
  if (spec.kind == ConvKind::kF32S8) {
    p->weight_sums = Padded(total, sums);
    p->scales = Padded(total, spec.scales);
    return;
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
  PackRequantizer(spec.requantizer, p);
}

}  // namespace

bool ConvIsNarrow(const ConvSpec& spec) {
  if (IsF32(spec)) return true;
  const Window& g = spec.window;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int64_t largest = spec.kind == ConvKind::kS16S8 ? 32768 : 255;
  for (int o = 0; o < g.out_c; ++o, w += g.taps()) {
    const auto c = static_cast<size_t>(o);
    const int64_t bias = spec.bias.empty() ? 0 : spec.bias[c];
    if (bias > (int64_t{1} << 31) || bias < -(int64_t{1} << 31)) return false;
    const int64_t bound = std::abs(bias) + largest * AbsSum(w, g.taps());
    if (bound >= int64_t{1} << 30) return false;
    if (spec.kind == ConvKind::kF32S8) continue;
    const FixedMultiplier m = spec.requantizer.multipliers[c];
    if (spec.requantizer.method == RequantMethod::kMbqm64) {
      if (Mbqm64(bound, m) >= (int64_t{1} << 31) - (1 << 17)) return false;
    } else if (spec.pool_2x2 && m.shift > 0) {
      return false;  // the left shift may wrap: not monotone
    } else if (Mbqm(static_cast<int32_t>(bound), m) >= (int32_t{1} << 30)) {
      return false;  // adding the zero point might wrap
    }
  }
  return true;
}

void PackConvCommon(const ConvSpec& spec, int lanes, bool vnni, PackedConv* p) {
  const Window& g = spec.window;
  p->spec = spec;
  p->spec.weights = nullptr;
  p->vnni = vnni;
  p->lanes = lanes;
  p->blocks = (g.out_c + lanes - 1) / lanes;
  const bool bytes =
      spec.kind == ConvKind::kS8S8 || spec.kind == ConvKind::kF32S8;
  p->element_bytes = IsF32(spec) ? 4 : bytes && vnni ? 1 : 2;
  // A byte is held as x + 128, an int16 as x - zero_point.
  p->offset = bytes && vnni ? 128 + spec.x_zero : 0;

  const int eff_h = (g.filter_h - 1) * g.dilation_h + 1;
  const int eff_w = (g.filter_w - 1) * g.dilation_w + 1;
  p->copy_h = std::max((g.out_h - 1) * g.stride_h + eff_h, g.in_h + g.pad_top);
  p->copy_w = std::max((g.out_w - 1) * g.stride_w + eff_w, g.in_w + g.pad_left);
  const int64_t pitch = int64_t{p->copy_w} * g.in_c * p->element_bytes;
  const bool joined = g.dilation_w == 1;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < (joined ? 1 : g.filter_w); ++kx) {
      p->run_offsets.push_back(ky * g.dilation_h * pitch +
                               int64_t{kx} * g.dilation_w * g.in_c *
                                   p->element_bytes);
    }
  }
  const int run_elements = joined ? g.filter_w * g.in_c : g.in_c;
  const int a_word = 4 / p->element_bytes;
  p->words = (run_elements + a_word - 1) / a_word;
  const bool padded = p->copy_h != g.in_h || p->copy_w != g.in_w;
  p->needs_copy = padded || bytes || run_elements % a_word != 0;
  size_t at = 0;
  const auto reserve = [&](int64_t size) {
    at += (static_cast<size_t>(size) + kSlack + 63) / 64 * 64;
  };
  if (p->needs_copy) reserve(pitch * p->copy_h);
  if (spec.kind == ConvKind::kF32S8) reserve(g.in_size());
  p->workspace_bytes = at;
  PackWeights(spec, run_elements, p);
  PackConstants(spec, p);
}

}  // namespace litesmith
