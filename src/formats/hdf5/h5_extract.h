// Reads an HDF5 file with libhdf5 into the helper's stream. Runs in the helper
// process only: libhdf5 1.10 crashes and hangs on damaged files.
#ifndef LITESMITH_FORMATS_HDF5_H5_EXTRACT_H_
#define LITESMITH_FORMATS_HDF5_H5_EXTRACT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "src/formats/hdf5/h5_contents.h"
#include "src/formats/hdf5/h5_stream.h"

namespace litesmith {

// Writes what is wanted, at most `limit_bytes` of it, of the file at `path` or,
// where there are any, of the file that these bytes are. Follows no link out of
// the file, loads no filter plugins. Throws Error{corrupt, unsupported} without
// naming the file.
void ExtractH5(const std::string& path, std::span<const std::byte> bytes,
               std::span<const H5Wanted> wanted, int64_t limit_bytes,
               H5StreamWriter* out);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_EXTRACT_H_
