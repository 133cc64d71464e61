// Reads an HDF5 file in a helper process with limits on processor time and
// memory, so that a damaged or hostile file cannot crash, hang or fill this
// one. A slow disk or a stopped process takes as long as it takes.
#ifndef LITESMITH_FORMATS_HDF5_H5_PROCESS_H_
#define LITESMITH_FORMATS_HDF5_H5_PROCESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/base/sanitizers.h"
#include "src/formats/hdf5/h5_contents.h"

namespace litesmith {

constexpr bool kH5MemoryIsLimited = !kAddressSanitizer;

struct H5Limits {
  int cpu_seconds = 10;
  int64_t contents_bytes = int64_t{1} << 30;
  // Address space on top of what this process already has; not under
  // sanitizers, which reserve terabytes.
  int64_t memory_bytes = int64_t{3} << 30;
};

// The wanted groups of the file, one tree for each. Throws Error{not found} if
// there is no file,
// Error{io} if it cannot be opened, no process can be started or the helper
// overruns its time, Error{unsupported} if it is larger than the limits,
// Error{out of memory}, Error{interrupted} on a requested stop, and
// Error{corrupt} if it is no HDF5 file or the helper dies; all name the file.
std::vector<H5Tree> ReadH5InHelper(const std::string& path,
                                   std::span<const H5Wanted> wanted,
                                   const H5Limits& limits = {});
// The same of a file that is in memory; errors call it `name`.
std::vector<H5Tree> ReadH5InHelper(std::span<const std::byte> bytes,
                                   const std::string& name,
                                   std::span<const H5Wanted> wanted,
                                   const H5Limits& limits = {});

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_PROCESS_H_
