// Filters of 3x3 as 4x4 or 6x6, in the order in which they are multiplied.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "src/kernels/conv/winograd.h"

namespace litesmith {
namespace {

// The largest number of weights that are read for few tiles: about what a
// second level of cache holds.
constexpr int64_t kFewWeights = 1 << 19;  // bytes
constexpr size_t kSmallBand = 48 << 10;   // bytes that a band works on
constexpr int kMostTiles = 32, kLeastTiles = 8;

using Side = std::array<std::array<double, 3>, 6>;

// G, along a side.
Side FilterSide(int tile, bool floats) {
  if (tile == 2) {
    const double half = floats ? 0.5 : 1;
    return {{{2 * half, 0, 0},
             {half, half, half},
             {half, -half, half},
             {0, 0, 2 * half}}};
  }
  if (!floats) {
    return {{{6, 0, 0},
             {-4, -4, -4},
             {-4, 4, -4},
             {1, 2, 4},
             {1, -2, 4},
             {0, 0, 12}}};
  }
  constexpr double kA = kWinogradA, kB = kWinogradB;
  constexpr double kA2 = kA * kA, kB2 = kB * kB;
  constexpr double kOfA = 1 / (2 * kA2 * (kA2 - kB2));
  constexpr double kOfB = 1 / (2 * kB2 * (kB2 - kA2));
  return {{{1 / (kA2 * kB2), 0, 0},
           {kOfA, kA * kOfA, kA2 * kOfA},
           {kOfA, -kA * kOfA, kA2 * kOfA},
           {kOfB, kB * kOfB, kB2 * kOfB},
           {kOfB, -kB * kOfB, kB2 * kOfB},
           {0, 0, 1}}};
}

// G g G^T of one filter and input channel, taps `step` apart, to u[side][side].
template <typename W>
void TransformFilter(const Side& side, size_t n, const W* g, int64_t step,
                     double* u) {
  for (size_t y = 0; y < n; ++y) {
    double row[3] = {};
    for (int x = 0; x < 3; ++x) {
      for (size_t k = 0; k < 3; ++k)
        row[x] += side[y][k] * static_cast<double>(
                                   g[(static_cast<int64_t>(k) * 3 + x) * step]);
    }
    for (size_t x = 0; x < n; ++x) {
      *u++ = side[x][0] * row[0] + side[x][1] * row[1] + side[x][2] * row[2];
    }
  }
}

void PackWeights(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const bool floats = spec.kind == LayerKind::kF32F32;
  const int a_word = floats ? 1 : 2;
  const int words = g.in_c / a_word;
  const auto plane = static_cast<size_t>(p->blocks) *
                     static_cast<size_t>(words) * static_cast<size_t>(p->lanes);
  const auto n = static_cast<size_t>(p->winograd) + 2;
  const Side side = FilterSide(p->winograd, floats);
  p->weights = PackedBuffer(n * n * plane * 4);
  double u[36];
  for (int o = 0; o < g.out_c; ++o) {
    for (int c = 0; c < g.in_c; ++c) {
      const int64_t from = int64_t{o} * 9 * g.in_c + c;
      const size_t word =
          (static_cast<size_t>(o / p->lanes) * static_cast<size_t>(words) +
           static_cast<size_t>(c / a_word)) *
              static_cast<size_t>(p->lanes) +
          static_cast<size_t>(o % p->lanes);
      if (floats) {
        TransformFilter(side, n, static_cast<const float*>(spec.weights) + from,
                        g.in_c, u);
        for (size_t i = 0; i < n * n; ++i)
          p->weights.as<float>()[i * plane + word] = static_cast<float>(u[i]);
      } else {
        TransformFilter(side, n,
                        static_cast<const int8_t*>(spec.weights) + from, g.in_c,
                        u);
        for (size_t i = 0; i < n * n; ++i)
          p->weights.as<int16_t>()[2 * (i * plane + word) +
                                   static_cast<size_t>(c % 2)] =
              static_cast<int16_t>(u[i]);
      }
    }
  }
}

int64_t Tiles(const Window& g, int tile) {
  return int64_t{(g.out_h + tile - 1) / tile} * ((g.out_w + tile - 1) / tile);
}

// Whether the true sums, times the power of two in the tile's factor, stay
// within 32 bits.
bool SumsFit(const ConvSpec& spec, int64_t factor) {
  if (spec.kind == LayerKind::kF32F32) return true;
  const Window& g = spec.window;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  for (int o = 0; o < g.out_c; ++o, w += g.taps()) {
    int64_t sum = 0;
    for (int64_t i = 0; i < g.taps(); ++i) sum += std::abs(int{w[i]});
    if (sum * 255 * factor >= int64_t{1} << 31) return false;
  }
  return true;
}

}  // namespace

int ChooseWinogradTile(const ConvSpec& spec, int lanes, bool vnni) {
  const Window& g = spec.window;
  if (g.filter_h != 3 || g.filter_w != 3 || g.stride_h != 1 ||
      g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1 ||
      spec.pool_2x2 || g.out_c % lanes != 0 || g.out_h < 4 || g.out_w < 4) {
    return 0;
  }
  const bool floats = spec.kind == LayerKind::kF32F32;
  const bool bytes =
      spec.kind == LayerKind::kS8S8 || spec.kind == LayerKind::kF32S8;
  if (floats) {
    if (spec.exact || g.in_c < 8 || g.in_c % lanes != 0) return 0;
  } else if (!bytes || vnni || g.in_c < 16 || g.in_c % 16 != 0) {
    return 0;
  }
  // Tiles are multiplied some at a time.
  const auto products = [&](int tile) {
    return (Tiles(g, tile) + 3) / 4 * 4 * (tile + 2) * (tile + 2);
  };
  const int64_t weights = int64_t{36} * g.in_c * g.out_c * (floats ? 4 : 2);
  const bool few = Tiles(g, 4) < 16 && weights > kFewWeights;
  if (products(4) < products(2) && !few && SumsFit(spec, 64)) return 4;
  return SumsFit(spec, 4) ? 2 : 0;
}

void PackWinograd(const ConvSpec& spec, int tile, PackedConv* p) {
  p->winograd = tile;
  PackWeights(spec, p);
  const Window& g = spec.window;
  const bool floats = spec.kind == LayerKind::kF32F32;
  const size_t element = floats ? 4 : 2;
  const auto in = static_cast<size_t>(g.in_c) * element;
  const auto out = static_cast<size_t>(g.out_c) * 4;
  const auto positions = static_cast<size_t>((tile + 2) * (tile + 2));
  int band = kMostTiles;
  while (band > kLeastTiles &&
         static_cast<size_t>(band) * positions * (in + out) > kSmallBand) {
    band /= 2;
  }
  p->winograd_tiles = band;
  const auto whole = [&](int outputs, int image) {
    return std::max((outputs + tile - 1) / tile * tile + 2, image);
  };
  p->copy_h = whole(g.out_h, g.pad_top + g.in_h);
  p->copy_w = whole(g.out_w, g.pad_left + g.in_w);
  p->needs_copy = !floats || p->copy_h != g.in_h || p->copy_w != g.in_w;
  size_t& end = p->workspace_bytes;
  const auto reserve = [&](size_t bytes) {
    const size_t at = end;
    end += (bytes + 63) / 64 * 64;
    return at;
  };
  const auto tiles = static_cast<size_t>(band);
  reserve(positions * (tiles * in + kWinogradApart));
  p->winograd_products_at = reserve(positions * (tiles * out + kWinogradApart));
}

}  // namespace litesmith
