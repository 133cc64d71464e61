// For tests: runs a body once for each set of SIMD targets of this machine.
#ifndef LITESMITH_KERNELS_COMMON_SIMD_TARGETS_TEST_H_
#define LITESMITH_KERNELS_COMMON_SIMD_TARGETS_TEST_H_

#include "src/kernels/common/simd_targets.h"
// Before Highway's headers.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>

namespace litesmith {

// Targets that no kernel is compiled for are left out. AVX3 runs twice: with
// VNNI (which AVX3_DL stands for) and without.
template <typename Body>
void ForEachTarget(const Body& body) {
  int64_t compiled = HWY_TARGETS;
#if HWY_ARCH_X86
  if ((compiled & HWY_AVX3) != 0) compiled |= HWY_AVX3_DL;
#endif
  const int64_t supported = hwy::SupportedTargets() & compiled;
  for (int64_t rest = supported; rest != 0; rest &= rest - 1) {
    int64_t mask = rest & -rest;
    const char* name = hwy::TargetName(mask);
#if HWY_ARCH_X86
    if (mask == HWY_AVX3_DL) mask |= HWY_AVX3;
#endif
    SCOPED_TRACE(name);
    hwy::SetSupportedTargetsForTest(mask);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_SIMD_TARGETS_TEST_H_
