// How small a file gets when it is shipped compressed.
#ifndef LITESMITH_MEASURE_GZIP_H_
#define LITESMITH_MEASURE_GZIP_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace litesmith {

// Bytes of a gzip file (RFC 1952) of `bytes` at level 9, without a name and
// with modification time 0: what `gzip -9n` and Python's gzip.compress write.
int64_t GzipSize(std::span<const std::byte> bytes);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_GZIP_H_
