// Whether this is a build under sanitizers.
#ifndef LITESMITH_BASE_SANITIZERS_H_
#define LITESMITH_BASE_SANITIZERS_H_

namespace litesmith {

// GCC says it by a macro, clang by a feature.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

}  // namespace litesmith

#endif  // LITESMITH_BASE_SANITIZERS_H_
