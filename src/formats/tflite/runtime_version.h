// The oldest runtime that knows an op's version, for the metadata entry
// `min_runtime_version` (specs/tflite.md 1.5). Informative: no runtime refuses
// a file for it.
#ifndef LITESMITH_FORMATS_TFLITE_RUNTIME_VERSION_H_
#define LITESMITH_FORMATS_TFLITE_RUNTIME_VERSION_H_

#include <compare>
#include <string>

namespace litesmith {

// A runtime release, "2.3.0". Default: older than every release.
struct RuntimeVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;

  auto operator<=>(const RuntimeVersion&) const = default;
  std::string ToString() const;
};

// The first release with this version of the builtin operator; the default for
// a pair that is not in the table.
RuntimeVersion MinRuntimeVersion(int builtin_code, int version);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_RUNTIME_VERSION_H_
