// The instruction set, as the processor reports it.
#include "src/base/isa.h"

#include <fmt/format.h>

#include <fstream>

#include "src/base/names.h"
#include "src/base/parallel.h"

namespace litesmith {

const char* IsaName() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return __builtin_cpu_supports("avx512vnni") ? "AVX3_DL" : "AVX3";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return "AVX2";
  if (__builtin_cpu_supports("sse4.2")) return "SSE4";
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "SCALAR";
#endif
}

std::string MachineName() {
  std::string name = "a processor without a name";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      name = line.substr(colon + 2);
      break;
    }
  }
  return fmt::format("{}, {}", name, Counted(AvailableThreads(), "processor"));
}

}  // namespace litesmith
