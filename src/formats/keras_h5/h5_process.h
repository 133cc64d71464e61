// Reads an HDF5 file in a helper process with limits on time and memory, so
// that a damaged or hostile file cannot crash, hang or fill this one.
#ifndef LITESMITH_FORMATS_KERAS_H5_H5_PROCESS_H_
#define LITESMITH_FORMATS_KERAS_H5_H5_PROCESS_H_

#include <cstdint>
#include <string>

#include "src/formats/keras_h5/h5_contents.h"

namespace litesmith {

struct H5Limits {
  int cpu_seconds = 10;
  int wall_milliseconds = 60'000;
  int64_t contents_bytes = int64_t{1} << 30;
  // Address space on top of what this process already has; not under
  // sanitizers, which reserve terabytes.
  int64_t memory_bytes = int64_t{3} << 30;
};

// The contents of the file. Throws Error{not found} if there is none,
// Error{io} if it cannot be opened or no process can be started,
// Error{unsupported} if it is larger than the limits, and Error{corrupt} if it
// is no HDF5 file or the helper dies or overruns its time; all name the file.
H5Contents ReadH5InHelper(const std::string& path, const H5Limits& limits = {});

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_H5_H5_PROCESS_H_
