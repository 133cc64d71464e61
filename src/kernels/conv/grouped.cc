// The groups, one after another.
#include "src/kernels/conv/grouped.h"

#include <algorithm>
#include <cstring>

namespace litesmith {
namespace {

// Elements [first, first + count) of a list that is empty or has one for each
// channel.
template <typename T>
std::vector<T> Part(const std::vector<T>& all, int first, int count) {
  if (all.empty()) return {};
  return {all.begin() + first, all.begin() + first + count};
}

int WeightBytes(const ConvSpec& spec) {
  return spec.kind == LayerKind::kF32F32 ? 4 : 1;
}

// Filters [out][taps] as [taps][out].
std::vector<std::byte> SideBySide(const ConvSpec& spec) {
  const Window& g = spec.window;
  const auto size = static_cast<size_t>(WeightBytes(spec));
  const auto taps = static_cast<size_t>(g.taps());
  const auto channels = static_cast<size_t>(g.out_c);
  const auto* from = static_cast<const std::byte*>(spec.weights);
  std::vector<std::byte> to(taps * channels * size);
  for (size_t o = 0; o < channels; ++o) {
    for (size_t t = 0; t < taps; ++t) {
      std::memcpy(&to[(t * channels + o) * size], from + (o * taps + t) * size,
                  size);
    }
  }
  return to;
}

std::unique_ptr<const PackedDepthwise> PackAsDepthwise(const ConvSpec& spec) {
  const std::vector<std::byte> weights = SideBySide(spec);
  DepthwiseSpec depthwise;
  static_cast<LayerSpec&>(depthwise) = spec;
  depthwise.window = spec.window;
  depthwise.weights = weights.data();
  return PackDepthwise(depthwise);
}

// Group number `group` as a convolution without groups.
ConvSpec GroupOf(const ConvSpec& spec, int group) {
  ConvSpec part = spec;
  Window& g = part.window;
  g.in_c = g.filter_c;
  g.out_c /= spec.window.groups();
  const int first = group * g.out_c;
  part.weights = static_cast<const std::byte*>(spec.weights) +
                 first * g.taps() * WeightBytes(spec);
  part.float_bias = Part(spec.float_bias, first, g.out_c);
  part.bias = Part(spec.bias, first, g.out_c);
  part.requantizer.multipliers =
      Part(spec.requantizer.multipliers, first, g.out_c);
  return part;
}

// Copies `bytes` bytes of each of `count` pixels.
void CopyPixels(const std::byte* from, size_t from_pitch, size_t bytes,
                int64_t count, std::byte* to, size_t to_pitch) {
  for (int64_t i = 0; i < count; ++i, from += from_pitch, to += to_pitch)
    std::memcpy(to, from, bytes);
}

}  // namespace

std::unique_ptr<const PackedGroups> PackGroupedConv2D(const ConvSpec& spec) {
  const Window& g = spec.window;
  if (spec.kind == LayerKind::kF32S8 || spec.pool_2x2) return nullptr;
  auto packed = std::make_unique<PackedGroups>();
  packed->window = g;
  packed->element_bytes = spec.kind == LayerKind::kF32F32  ? 4
                          : spec.kind == LayerKind::kS16S8 ? 2
                                                           : 1;
  if (g.filter_c == 1) {
    packed->depthwise = PackAsDepthwise(spec);
    if (packed->depthwise == nullptr) return nullptr;
    packed->workspace_bytes = packed->depthwise->workspace_bytes;
    return packed;
  }
  size_t of_group = 0;
  for (int group = 0; group < g.groups(); ++group) {
    packed->groups.push_back(PackConv2D(GroupOf(spec, group)));
    if (packed->groups.back() == nullptr) return nullptr;
    of_group = std::max(of_group, packed->groups.back()->workspace_bytes);
  }
  const auto aligned = [&](int64_t elements) {
    return (static_cast<size_t>(elements * packed->element_bytes) + 63) / 64 *
           64;
  };
  packed->y_at = aligned(g.in_size() / g.groups());
  packed->group_at = packed->y_at + aligned(g.out_size() / g.groups());
  packed->workspace_bytes = packed->group_at + of_group;
  return packed;
}

void RunConv2D(const PackedGroups& packed, int images, const void* x, void* y,
               std::byte* workspace) {
  if (packed.depthwise != nullptr)
    return RunDepthwise(*packed.depthwise, images, x, y, workspace);
  const Window& g = packed.window;
  const auto size = static_cast<size_t>(packed.element_bytes);
  const size_t in_pixel = static_cast<size_t>(g.in_c) * size;
  const size_t out_pixel = static_cast<size_t>(g.out_c) * size;
  const size_t in_part = in_pixel / packed.groups.size();
  const size_t out_part = out_pixel / packed.groups.size();
  const int64_t in_pixels = int64_t{g.in_h} * g.in_w;
  const int64_t out_pixels = int64_t{g.out_h} * g.out_w;
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  for (int n = 0; n < images; ++n) {
    for (size_t group = 0; group < packed.groups.size(); ++group) {
      CopyPixels(from + group * in_part, in_pixel, in_part, in_pixels,
                 workspace, in_part);
      RunConv2D(*packed.groups[group], 1, workspace, workspace + packed.y_at,
                workspace + packed.group_at);
      CopyPixels(workspace + packed.y_at, out_part, out_part, out_pixels,
                 to + group * out_part, out_pixel);
    }
    from += static_cast<size_t>(in_pixels) * in_pixel;
    to += static_cast<size_t>(out_pixels) * out_pixel;
  }
}

}  // namespace litesmith
