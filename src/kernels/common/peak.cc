// Chains of multiply-accumulates, and reading in a loop.
#include "src/kernels/common/peak.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/common/peak.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

// Gives how many multiply-accumulates it did in so many steps.
using ChainFunction = double (*)(int64_t steps, void* sink);

#if HWY_TARGET == HWY_SCALAR

ChainFunction MacChain(PeakKind) { return nullptr; }
void Read(const std::byte*, size_t, void*) {}

#else

// Four words of x against two vectors of weights, as the kernels have it; both
// are read anew in each step, or a compiler multiplies once for all. Written
// out, as arrays would be in memory.
template <class Words, int kAWord>
double Chain(int64_t steps, void* sink) {
  using D = typename Words::D;
  using V = hn::Vec<D>;
  using T = hn::TFromD<D>;
  const D d;
  alignas(64) typename Words::X x[64];
  alignas(64) T w[64];
  std::fill_n(x, 64, typename Words::X{1});
  std::fill_n(w, 64, T{1});
  V a = hn::Zero(d), b = a, c = a, e = a, f = a, g = a, h = a, i = a;
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t at = step & 1;
    const V w0 = hn::LoadU(d, w + at);
    const V w1 = hn::LoadU(d, w + at + hn::Lanes(d));
    V word = Words::Broadcast(x + at);
    a = Words::Step(a, word, w0), b = Words::Step(b, word, w1);
    word = Words::Broadcast(x + at + 8);
    c = Words::Step(c, word, w0), e = Words::Step(e, word, w1);
    word = Words::Broadcast(x + at + 16);
    f = Words::Step(f, word, w0), g = Words::Step(g, word, w1);
    word = Words::Broadcast(x + at + 24);
    h = Words::Step(h, word, w0), i = Words::Step(i, word, w1);
  }
  const V total = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)),
                          hn::Add(hn::Add(f, g), hn::Add(h, i)));
  hn::StoreU(total, d, static_cast<T*>(sink));
  return static_cast<double>(steps) * 8 * kAWord *
         static_cast<double>(hn::Lanes(d));
}

ChainFunction MacChain(PeakKind kind) {
  if (kind == PeakKind::kF32) return Chain<WordsF32, 1>;
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) {
    return kind == PeakKind::kS8 ? Chain<WordsU8Vnni, 4>
                                 : Chain<WordsS16Vnni, 2>;
  }
#endif
  return Chain<WordsS16, 2>;
}

// `bytes`: a multiple of four vectors.
void Read(const std::byte* from, size_t bytes, void* sink) {
  const DS32 d;
  const size_t n = hn::Lanes(d);
  const auto* x = reinterpret_cast<const int32_t*>(from);
  VS32 a = hn::Zero(d), b = a, c = a, e = a;
  for (size_t i = 0; i < bytes / 4; i += 4 * n) {
    a = hn::Or(a, hn::Load(d, x + i));
    b = hn::Or(b, hn::Load(d, x + i + n));
    c = hn::Or(c, hn::Load(d, x + i + 2 * n));
    e = hn::Or(e, hn::Load(d, x + i + 3 * n));
  }
  hn::StoreU(hn::Or(hn::Or(a, b), hn::Or(c, e)), d,
             static_cast<int32_t*>(sink));
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(MacChain);
HWY_EXPORT(Read);

namespace {

using Clock = std::chrono::steady_clock;

// The largest rate of many short runs: what else runs on the machine only
// slows.
template <typename Body>
double Best(const Body& body) {
  double best = 0;
  const auto end = Clock::now() + std::chrono::milliseconds(200);
  while (Clock::now() < end) {
    const auto start = Clock::now();
    const double work = body();
    const double seconds =
        std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, work / seconds);
  }
  return best;
}

}  // namespace

double PeakMacs(PeakKind kind) {
  static double known[3] = {};
  double& peak = known[static_cast<int>(kind)];
  if (peak == 0) {
    alignas(64) std::byte sink[256];
    // Choosing asks the CPU what it is, which is slow: not timed.
    const auto chain = HWY_DYNAMIC_DISPATCH(MacChain)(kind);
    peak = Best([&] { return chain(5000, sink); });
  }
  return peak;
}

double ReadBytesPerSecond(size_t bytes) {
  static std::map<size_t, double> known;
  bytes = (bytes + 255) / 256 * 256;
  double& rate = known[bytes];
  if (rate != 0) return rate;
  const PackedBuffer buffer(bytes);
  alignas(64) std::byte sink[256];
  rate = Best([&] {
    constexpr int kTimes = 8;
    for (int i = 0; i < kTimes; ++i) {
      HWY_DYNAMIC_DISPATCH(Read)(buffer.get(), bytes, sink);
    }
    return static_cast<double>(bytes) * kTimes;
  });
  return rate;
}

}  // namespace litesmith
#endif  // HWY_ONCE
