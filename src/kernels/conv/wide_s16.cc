// Tiles of four windows against a vector of output channels.
#include "src/kernels/conv/wide_s16.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/wide_s16.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>

#include "src/kernels/common/copy_image-inl.h"
#include "src/kernels/common/padded_image.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

int WideLanes() { return 0; }
void RunImages(const PackedWideConv&, int, const int16_t*, int16_t*,
               std::byte*) {}

#else

using DU64 = hn::Repartition<uint64_t, DS32>;
using VU64 = hn::Vec<DU64>;
constexpr int kLanes = hn::MaxLanes(DS32());

int WideLanes() { return kLanes; }

// Sums in 64 bits of a window with a vector of channels.
struct WideSum {
  // An implicit constructor would be compiled for no target.
  HWY_INLINE WideSum() : even(hn::Zero(DU64())), odd(even) {}
  VU64 even, odd;
};

HWY_INLINE VS32 OddLanes(VS32 v) {
  return hn::BitCast(DS32(), hn::ShiftRight<32>(hn::BitCast(DU64(), v)));
}

HWY_INLINE void AddTo(VS32 part, WideSum* sum) {
  const VS32 one = hn::Set(DS32(), 1);
  const DU64 d;
  sum->even = hn::Add(sum->even, hn::BitCast(d, hn::MulEven(part, one)));
  sum->odd =
      hn::Add(sum->odd, hn::BitCast(d, hn::MulEven(OddLanes(part), one)));
}

// From the sums of a block's channels to outputs.
class Requantize64 {
 public:
  Requantize64(const PackedWideConv& p, int first)
      : multiplier_(hn::Load(DS32(), p.multiplier.as<int32_t>() + first)),
        subtract_(hn::Load(DS32(), p.subtract.as<int32_t>() + first)),
        lo_(hn::Set(DS32(), p.lo)),
        hi_(hn::Set(DS32(), p.hi)) {
    for (int h = 0; h < 2; ++h) {
      const int at = first + h * kLanes / 2;
      add_[h] = hn::Load(DU64(), p.add.as<uint64_t>() + at);
      shift_[h] = hn::Load(DU64(), p.shift.as<uint64_t>() + at);
    }
  }
  HWY_INLINE VS32 operator()(const WideSum& sum) const {
    const VS32 even = One(sum.even, multiplier_, 0);
    const VS32 odd = One(sum.odd, OddLanes(multiplier_), 1);
    const VS32 raised =
        hn::BitCast(DS32(), hn::ShiftLeft<32>(hn::BitCast(DU64(), odd)));
    const VS32 y = hn::Sub(hn::OddEven(raised, even), subtract_);
    return hn::Min(hn::Max(y, lo_), hi_);
  }

 private:
  // acc = high * 2^16 + low: both products have less than 64 bits.
  HWY_INLINE VS32 One(VU64 acc, VS32 multiplier, int h) const {
    const DU64 d;
    const DS32 d32;
    const VU64 low = hn::And(acc, hn::Set(d, uint64_t{0xFFFF}));
    const VU64 high = hn::ShiftRight<16>(acc);  // its lower 32 bits count
    const VU64 of_low =
        hn::BitCast(d, hn::MulEven(hn::BitCast(d32, low), multiplier));
    const VU64 of_high =
        hn::BitCast(d, hn::MulEven(hn::BitCast(d32, high), multiplier));
    const VU64 product = hn::Add(hn::ShiftLeft<16>(of_high), of_low);
    return hn::BitCast(d32, hn::Shr(hn::Add(product, add_[h]), shift_[h]));
  }

  VS32 multiplier_, subtract_, lo_, hi_;
  VU64 add_[2], shift_[2];
};

// Adds kWideTile windows with one block's channels.
HWY_INLINE void SumTile(const PackedWideConv& p, int block,
                        const int16_t* const* x, WideSum* sums) {
  const DS32 d;
  const size_t words = p.word_offsets.size();
  const int32_t* w = p.weights.as<int32_t>() +
                     static_cast<size_t>(block) * words * size_t{kLanes};
  size_t i = 0;
  for (const size_t end : p.part_ends) {
    VS32 a = hn::Zero(d), b = a, c = a, e = a;
    for (; i < end; ++i, w += kLanes) {
      const VS32 weights = hn::Load(d, w);
      const int64_t at = p.word_offsets[i];
      a = PairDot(a, BroadcastWord(x[0] + at), weights);
      b = PairDot(b, BroadcastWord(x[1] + at), weights);
      c = PairDot(c, BroadcastWord(x[2] + at), weights);
      e = PairDot(e, BroadcastWord(x[3] + at), weights);
    }
    AddTo(a, sums), AddTo(b, sums + 1), AddTo(c, sums + 2), AddTo(e, sums + 3);
  }
}

void RunImages(const PackedWideConv& p, int images, const int16_t* x,
               int16_t* y, std::byte* workspace) {
  const Window& g = p.window;
  const hn::Rebind<int16_t, DS32> narrow;
  const int64_t total = int64_t{g.out_h} * g.out_w;
  const auto* copy = reinterpret_cast<const int16_t*>(workspace);
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    CopyImage(g, p.copy_h, p.copy_w, CopySame<int16_t>(), x, 0, workspace);
    for (int block = 0; block < p.blocks; ++block) {
      const int first = block * kLanes;
      const int channels = std::min(kLanes, g.out_c - first);
      const Requantize64 requantize(p, first);
      for (int64_t i = 0; i < total; i += kWideTile) {
        const int16_t* windows[kWideTile];
        for (int k = 0; k < kWideTile; ++k)
          windows[k] = copy + p.window_offsets[static_cast<size_t>(i + k)];
        WideSum sums[kWideTile];
        SumTile(p, block, windows, sums);
        for (int64_t k = 0; k < std::min<int64_t>(kWideTile, total - i); ++k) {
          HWY_ALIGN int16_t lanes[kLanes];
          hn::Store(hn::DemoteTo(narrow, requantize(sums[k])), narrow, lanes);
          std::copy_n(lanes, channels, y + (i + k) * g.out_c + first);
        }
      }
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(WideLanes);
HWY_EXPORT(RunImages);

namespace {

// MBQM64 of each channel; false where the product with its sums and the bias
// may leave 62 bits, or its result 31.
bool PackRequantizer64(const ConvSpec& spec, PackedWideConv* p) {
  const Requantizer& r = spec.requantizer;
  const auto count = static_cast<size_t>(p->blocks * p->lanes);
  p->multiplier = PackedBuffer(count * sizeof(int32_t));
  p->add = PackedBuffer(count * sizeof(uint64_t));
  p->shift = PackedBuffer(count * sizeof(uint64_t));
  p->subtract = PackedBuffer(count * sizeof(int32_t));
  p->lo = r.lo, p->hi = r.hi;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int64_t taps = spec.window.taps();
  const auto width = static_cast<size_t>(p->lanes);
  for (size_t o = 0; o < static_cast<size_t>(spec.window.out_c); ++o) {
    int64_t bound = 0;
    for (int64_t i = 0; i < taps; ++i) bound += std::abs(int{*w++}) * 32768;
    const int64_t bias = spec.bias.empty() ? 0 : spec.bias[o];
    constexpr int64_t kMost = int64_t{1} << 45;
    if (bias >= kMost || bias <= -kMost || bound >= kMost) return false;
    const FixedMultiplier m = r.multipliers[o];
    const int64_t multiplier = ReducedMultiplier(m.value);
    const int total = 15 - m.shift;
    const int64_t largest = (bound + std::abs(bias)) * multiplier;
    if (m.shift > kMaxShift64 || total > 60 ||
        largest >> total >= int64_t{1} << 30) {
      return false;
    }
    const size_t lane = o % width;
    const size_t at64 = o - lane + lane % 2 * (width / 2) + lane / 2;
    p->multiplier.as<int32_t>()[o] = static_cast<int32_t>(multiplier);
    p->add.as<uint64_t>()[at64] = static_cast<uint64_t>(bias * multiplier) +
                                  (uint64_t{1} << (total - 1)) +
                                  (uint64_t{1} << 62);
    p->shift.as<uint64_t>()[at64] = static_cast<uint64_t>(total);
    // What became of the 2^62, of which 32 bits count.
    p->subtract.as<int32_t>()[o] = static_cast<int32_t>(
        static_cast<uint32_t>(uint64_t{1} << (62 - total)) -
        static_cast<uint32_t>(r.zero_point));
  }
  return true;
}

// Cuts windows into pairs of values, and packs the weights to match.
void PackPairs(const ConvSpec& spec, PackedWideConv* p) {
  const Window& g = spec.window;
  const int64_t pitch = int64_t{p->copy_w} * g.in_c;
  std::vector<int64_t> from;  // the first weight of each pair, and how many
  std::vector<int> values;
  // Contiguous in the image and in a filter.
  const bool joined = g.dilation_w == 1;
  const int run = joined ? g.filter_w * g.in_c : g.in_c;
  const int runs = joined ? 1 : g.filter_w;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < runs; ++kx) {
      for (int at = 0; at < run; at += 2) {
        p->word_offsets.push_back(ky * g.dilation_h * pitch +
                                  int64_t{kx} * g.dilation_w * g.in_c + at);
        from.push_back((int64_t{ky} * runs + kx) * run + at);
        values.push_back(std::min(2, run - at));
      }
    }
  }
  const size_t words = from.size();
  const auto lanes = static_cast<size_t>(p->lanes);
  p->weights = PackedBuffer(static_cast<size_t>(p->blocks) * words * lanes * 4);
  const auto* w = static_cast<const int8_t*>(spec.weights);
  std::vector<int64_t> sums(static_cast<size_t>(g.out_c));  // of a part
  for (size_t i = 0; i < words; ++i) {
    std::vector<int64_t> more(sums.size());
    for (size_t o = 0; o < sums.size(); ++o) {
      auto* to = p->weights.as<int16_t>() +
                 ((o / lanes * words + i) * lanes + o % lanes) * 2;
      for (int k = 0; k < values[i]; ++k) {
        to[k] = w[static_cast<int64_t>(o) * g.taps() + from[i] + k];
        more[o] += std::abs(int{to[k]});
      }
    }
    const auto leaves = [&](size_t o) {
      return (sums[o] + more[o]) * 32768 >= int64_t{1} << 31;
    };
    bool cut = false;
    for (size_t o = 0; o < sums.size(); ++o) cut |= leaves(o);
    if (cut) {
      p->part_ends.push_back(i);
      std::fill(sums.begin(), sums.end(), 0);
    }
    for (size_t o = 0; o < sums.size(); ++o) sums[o] += more[o];
  }
  p->part_ends.push_back(words);
}

}  // namespace

std::unique_ptr<const PackedWideConv> PackWideConv2D(const ConvSpec& spec) {
  const Window& g = spec.window;
  const int lanes = HWY_DYNAMIC_DISPATCH(WideLanes)();
  if (lanes == 0 || spec.kind != LayerKind::kS16S8 || spec.pool_2x2 ||
      g.filter_c != g.in_c || !FitsPaddedImage(g, g.in_c) ||
      spec.requantizer.method != RequantMethod::kMbqm64) {
    return nullptr;
  }
  auto p = std::make_unique<PackedWideConv>();
  p->window = g;
  p->lanes = lanes;
  p->blocks = (g.out_c + lanes - 1) / lanes;
  const PaddedImage image = PaddedImageOf(g, g.in_c);
  p->copy_h = static_cast<int>(image.h);
  p->copy_w = static_cast<int>(image.w);
  if (!PackRequantizer64(spec, p.get())) return nullptr;
  PackPairs(spec, p.get());
  const int64_t pitch = int64_t{p->copy_w} * g.in_c;
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      p->window_offsets.push_back(oy * g.stride_h * pitch +
                                  int64_t{ox} * g.stride_w * g.in_c);
    }
  }
  while (p->window_offsets.size() % kWideTile != 0)
    p->window_offsets.push_back(p->window_offsets.back());
  // Behind the last row comes the padding on the left of a next one, and what a
  // vector or a pair spills over.
  p->workspace_bytes =
      static_cast<size_t>((int64_t{p->copy_h} * p->copy_w + g.pad_left) *
                          g.in_c) *
          sizeof(int16_t) +
      128;
  return p;
}

void RunConv2D(const PackedWideConv& packed, int images, const void* x, void* y,
               std::byte* workspace) {
  HWY_DYNAMIC_DISPATCH(RunImages)
  (packed, images, static_cast<const int16_t*>(x), static_cast<int16_t*>(y),
   workspace);
}

}  // namespace litesmith
#endif  // HWY_ONCE
