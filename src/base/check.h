// CHECK: a condition that only a bug in Litesmith can break. It prints where
// and ends the process with exit code 1: no core, no destructor that might
// write what is wrong. Bad input is never a CHECK; it is an Error (error.h).
#ifndef LITESMITH_BASE_CHECK_H_
#define LITESMITH_BASE_CHECK_H_

namespace litesmith {

// Prints the broken condition with its place to standard error and ends the
// process at once.
[[noreturn]] void CheckFailed(const char* condition, const char* file,
                              int line);

}  // namespace litesmith

#define LS_CHECK(condition)                                     \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::litesmith::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // LITESMITH_BASE_CHECK_H_
