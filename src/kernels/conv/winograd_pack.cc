// Filters of 3x3 as 4x4, in the order in which they are multiplied.
#include <cstring>

#include "src/kernels/conv/winograd.h"

namespace litesmith {
namespace {

// 2 G g G^T 2, of one filter and input channel: taps `step` apart.
template <typename T, typename W>
void TransformFilter(const W* g, int64_t step, T* u) {
  T half[4][3];  // 2 G g
  for (int x = 0; x < 3; ++x) {
    const T a = static_cast<T>(g[x * step]);
    const T b = static_cast<T>(g[(3 + x) * step]);
    const T c = static_cast<T>(g[(6 + x) * step]);
    half[0][x] = 2 * a;
    half[1][x] = a + b + c;
    half[2][x] = a - b + c;
    half[3][x] = 2 * c;
  }
  for (int y = 0; y < 4; ++y) {
    const T a = half[y][0], b = half[y][1], c = half[y][2];
    u[4 * y] = 2 * a;
    u[4 * y + 1] = a + b + c;
    u[4 * y + 2] = a - b + c;
    u[4 * y + 3] = 2 * c;
  }
}

void PackWeights(const ConvSpec& spec, PackedConv* p) {
  const Window& g = spec.window;
  const bool floats = spec.kind == LayerKind::kF32F32;
  const int a_word = floats ? 1 : 2;
  const int words = g.in_c / a_word;
  const auto plane = static_cast<size_t>(p->blocks) *
                     static_cast<size_t>(words) * static_cast<size_t>(p->lanes);
  p->weights = PackedBuffer(16 * plane * 4);
  for (int o = 0; o < g.out_c; ++o) {
    for (int c = 0; c < g.in_c; ++c) {
      const int64_t from = int64_t{o} * 9 * g.in_c + c;
      const size_t word =
          (static_cast<size_t>(o / p->lanes) * static_cast<size_t>(words) +
           static_cast<size_t>(c / a_word)) *
              static_cast<size_t>(p->lanes) +
          static_cast<size_t>(o % p->lanes);
      if (floats) {
        double u[16];
        TransformFilter(static_cast<const float*>(spec.weights) + from, g.in_c,
                        u);
        for (size_t i = 0; i < 16; ++i)
          p->weights.as<float>()[i * plane + word] =
              static_cast<float>(u[i] / 4);
      } else {
        int u[16];
        TransformFilter(static_cast<const int8_t*>(spec.weights) + from, g.in_c,
                        u);
        for (size_t i = 0; i < 16; ++i)
          p->weights.as<int16_t>()[2 * (i * plane + word) +
                                   static_cast<size_t>(c % 2)] =
              static_cast<int16_t>(u[i]);
      }
    }
  }
}

}  // namespace

bool FitsWinograd(const ConvSpec& spec, int lanes, bool vnni) {
  const Window& g = spec.window;
  if (g.filter_h != 3 || g.filter_w != 3 || g.stride_h != 1 ||
      g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1 ||
      spec.pool_2x2 || g.out_c % lanes != 0 || g.out_h < 4 || g.out_w < 4) {
    return false;
  }
  if (spec.kind == LayerKind::kF32F32)
    return !spec.exact && g.in_c >= 8 && g.in_c % lanes == 0;
  const bool bytes =
      spec.kind == LayerKind::kS8S8 || spec.kind == LayerKind::kF32S8;
  return bytes && !vnni && g.in_c >= 16 && g.in_c % 16 == 0;
}

void PackWinograd(const ConvSpec& spec, PackedConv* p) {
  p->winograd = true;
  PackWeights(spec, p);
  const Window& g = spec.window;
  const size_t element = spec.kind == LayerKind::kF32F32 ? 4 : 2;
  size_t& end = p->workspace_bytes;
  const auto reserve = [&](int64_t elements, size_t size) {
    const size_t at = end;
    end += (static_cast<size_t>(elements) * size + 63) / 64 * 64;
    return at;
  };
  reserve(int64_t{16} * kWinogradTiles * g.in_c, element);
  p->winograd_products_at = reserve(int64_t{16} * kWinogradTiles * g.out_c, 4);
  p->winograd_patch_at = reserve(int64_t{16} * g.in_c, 4);
  if (spec.kind == LayerKind::kF32S8) p->quantized_at = reserve(g.in_size(), 1);
}

}  // namespace litesmith
