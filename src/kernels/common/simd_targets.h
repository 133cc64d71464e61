// Which of Highway's targets Litesmith's kernels are compiled for. Included
// before any Highway header by every SIMD source. SSSE3 is as good as SSE4's
// fallback; scalable vectors cannot be held in arrays, as the tiles here are.
#ifndef LITESMITH_KERNELS_COMMON_SIMD_TARGETS_H_
#define LITESMITH_KERNELS_COMMON_SIMD_TARGETS_H_

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif

#endif  // LITESMITH_KERNELS_COMMON_SIMD_TARGETS_H_
