// The version of libhdf5.
#include "src/formats/hdf5/h5_version.h"

#include <fmt/format.h>
#include <hdf5.h>

namespace litesmith {

std::string Hdf5Version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace litesmith
