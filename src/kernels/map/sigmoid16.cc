// One vector of 32 bits at a time; what is looked up bounds it.
#include "src/kernels/map/sigmoid16.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/sigmoid16.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>

#include "src/kernels/map/sigmoid16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Has() { return false; }
void RunHere(const Sigmoid16&, const int16_t*, int64_t, int16_t*) {}

#else

bool Has() { return true; }

template <bool kTanh>
void RunOf(const Sigmoid16& f, const int16_t* x, int64_t n, int16_t* y) {
  constexpr int64_t kLanes = hn::MaxLanes(DS32());
  const VectorSigmoid<kTanh> on(f);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int count = static_cast<int>(std::min(kLanes, n - i));
    StoreSome16(on.Apply(LoadSome16(x + i, count)), count, y + i);
  }
}

void RunHere(const Sigmoid16& f, const int16_t* x, int64_t n, int16_t* y) {
  f.is_tanh ? RunOf<true>(f, x, n, y) : RunOf<false>(f, x, n, y);
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(Has);
HWY_EXPORT(RunHere);

namespace {

// `last`: what the reference gives from the last entry on.
constexpr SigmoidTable MakeTable(int32_t last) {
  SigmoidTable table{};
  for (size_t i = 0; i < 255; ++i) {
    const int32_t low = kernels::kLogisticTable[i];
    const int32_t way = kernels::kLogisticTable[i + 1] - low;
    table[i] = low + way * 65536;
  }
  table[255] = last;
  return table;
}

alignas(64) constexpr SigmoidTable kOfLogistic = MakeTable(0x7FFF * 2);
alignas(64) constexpr SigmoidTable kOfTanh = MakeTable(0xFFFF);

}  // namespace

Sigmoid16::Sigmoid16(const kernels::Logistic16& f)
    : table(&kOfLogistic),
      multiplier(f.steps().multiplier()),
      shift(f.steps().shift()) {}

Sigmoid16::Sigmoid16(const kernels::Tanh16& f)
    : table(&kOfTanh),
      multiplier(f.steps().multiplier()),
      shift(f.steps().shift()),
      is_tanh(true) {}

bool HasSigmoid16() { return HWY_DYNAMIC_DISPATCH(Has)(); }

void RunSigmoid16(const Sigmoid16& f, const int16_t* x, int64_t n, int16_t* y) {
  HWY_DYNAMIC_DISPATCH(RunHere)(f, x, n, y);
}

}  // namespace litesmith
#endif  // HWY_ONCE
