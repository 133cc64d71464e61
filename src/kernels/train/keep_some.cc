// Random numbers to bytes, and bytes to masks, compiled for each SIMD target.
#include "src/kernels/train/keep_some.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/keep_some.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DU = hn::ScalableTag<uint64_t>;
using VU = hn::Vec<DU>;
using Generators = std::span<const std::array<uint64_t, 4>>;

// One generator (xoshiro256**) a lane. A product by 5 or 9 is a shift and a
// sum.
struct Draws {
  VU s0, s1, s2, s3;
  HWY_INLINE VU Next() {
    const VU five = hn::Add(s1, hn::ShiftLeft<2>(s1));
    const VU turned = hn::RotateRight<64 - 7>(five);
    const VU t = hn::ShiftLeft<17>(s1);
    s2 = hn::Xor(s2, s0);
    s3 = hn::Xor(s3, s1);
    s1 = hn::Xor(s1, s2);
    s0 = hn::Xor(s0, s3);
    s2 = hn::Xor(s2, t);
    s3 = hn::RotateRight<64 - 45>(s3);
    return hn::Add(turned, hn::ShiftLeft<3>(turned));
  }
};

// The first of eight bytes, the lowest first.
HWY_INLINE void StoreBytes(uint64_t bytes, size_t count, uint8_t* to) {
  if constexpr (std::endian::native == std::endian::little) {
    if (count == 8) {
      std::memcpy(to, &bytes, 8);
      return;
    }
  }
  for (size_t k = 0; k < count; ++k)
    to[k] = static_cast<uint8_t>(bytes >> (8 * k));
}

// As many generators as there are lanes, or what is left of them: a lane
// gathers the bytes of eight numbers.
void DrawSome(Generators generators, size_t n, uint64_t dropped,
              uint8_t* keep) {
  constexpr size_t kGenerators = hn::MaxLanes(DU());
  const DU d;
  HWY_ALIGN uint64_t lanes[4][kGenerators] = {};
  for (size_t r = 0; r < generators.size(); ++r)
    for (size_t k = 0; k < 4; ++k) lanes[k][r] = generators[r][k];
  Draws draws{hn::Load(d, lanes[0]), hn::Load(d, lanes[1]),
              hn::Load(d, lanes[2]), hn::Load(d, lanes[3])};
  const VU least = hn::Set(d, dropped);
  const VU ones = hn::Set(d, 0x0101010101010101u);
  for (size_t i = 0; i < n; i += 8) {
    const size_t count = std::min<size_t>(8, n - i);
    VU bytes = hn::Zero(d);
    for (size_t k = 0; k < 8; ++k) {
      // The sign of the difference.
      const VU below =
          hn::ShiftRight<63>(hn::Sub(hn::ShiftRight<40>(draws.Next()), least));
      bytes = hn::Or(hn::ShiftRight<8>(bytes), hn::ShiftLeft<56>(below));
    }
    hn::Store(hn::Xor(bytes, ones), d, lanes[0]);
    for (size_t r = 0; r < generators.size(); ++r)
      StoreBytes(lanes[0][r], count, keep + r * n + i);
  }
}

void Draw(Generators generators, size_t n, uint64_t dropped, uint8_t* keep) {
  constexpr size_t kGenerators = hn::MaxLanes(DU());
  for (size_t r = 0; r < generators.size(); r += kGenerators) {
    const size_t rows = std::min(kGenerators, generators.size() - r);
    DrawSome(generators.subspan(r, rows), n, dropped, keep + r * n);
  }
}

void Keep(const uint8_t* keep, const float* x, size_t n, float scale,
          float* y) {
  const DF d;
  const hn::Rebind<int32_t, DF> di;
  const hn::Rebind<uint8_t, DF> bytes;
  const VF factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto kept =
        hn::Ne(hn::PromoteTo(di, hn::LoadU(bytes, keep + i)), hn::Zero(di));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(d, kept),
                                  hn::Mul(hn::LoadU(d, x + i), factor)),
               d, y + i);
  }
  for (; i < n; ++i) y[i] = keep[i] != 0 ? x[i] * scale : 0.0f;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Draw);
HWY_EXPORT(Keep);

void DrawKept(std::span<const std::array<uint64_t, 4>> generators, size_t n,
              uint64_t dropped, uint8_t* keep) {
  HWY_DYNAMIC_DISPATCH(Draw)(generators, n, dropped, keep);
}

void KeepSome(const uint8_t* keep, const float* x, size_t n, float scale,
              float* y) {
  HWY_DYNAMIC_DISPATCH(Keep)(keep, x, n, scale, y);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
