#include "bench/peak.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cc"
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

// Steps of 12 independent sums, which hides any latency.
template <class Words, int kAWord>
double Chain(int64_t steps, void* sink) {
  using D = typename Words::D;
  constexpr int kSums = 12;
  hn::Vec<D> sum[kSums];
  alignas(64) typename Words::X ones[64];
  std::fill_n(ones, 64, typename Words::X{1});
  const auto x = Words::Broadcast(ones);
  for (auto& s : sum) s = hn::Zero(D());
  for (int64_t i = 0; i < steps; ++i) {
    HWY_UNROLL(kSums)
    for (int k = 0; k < kSums; ++k) sum[k] = Words::Step(sum[k], x, x);
  }
  auto total = sum[0];
  for (int k = 1; k < kSums; ++k) total = hn::Add(total, sum[k]);
  hn::StoreU(total, D(), static_cast<hn::TFromD<D>*>(sink));
  return static_cast<double>(steps) * kSums * kAWord *
         static_cast<double>(hn::Lanes(D()));
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
