// The IDX format (LeCun's MNIST files), plain or gzipped: a magic number, the
// dimensions, then the elements; here always unsigned bytes. Read only.
// Follows http://yann.lecun.com/exdb/mnist/ and RFC 1952 (gzip).
#ifndef LITESMITH_DATA_SOURCES_IDX_H_
#define LITESMITH_DATA_SOURCES_IDX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/data/sources.h"

namespace litesmith {

// What one IDX file holds may not be larger, decompressed.
inline constexpr int64_t kIdxLimit = int64_t{1} << 30;

// One IDX file: its dimensions (the first counts the samples) and its bytes.
struct IdxArray {
  std::vector<int32_t> dims;
  std::vector<uint8_t> values;  // row-major, exactly the product of dims
};

// Reads the bytes of an IDX file; gzip is recognised by its first two bytes.
// `where` is the file's name for messages. Memory in use never exceeds what
// the input can really decompress to. Throws Error{corrupt} if the bytes are
// not exactly one IDX array, Error{unsupported} for element types other than
// unsigned bytes and above `limit` bytes of elements.
IdxArray ParseIdx(std::span<const std::byte> bytes, const std::string& where,
                  int64_t limit = kIdxLimit);

// The first `samples` samples of such a file, which may have none; what follows
// them is not looked at.
IdxArray ParseIdxHead(std::span<const std::byte> bytes,
                      const std::string& where, int64_t samples);

// The four files of a folder: {train,t10k}-images-idx3-ubyte and
// {train,t10k}-labels-idx1-ubyte, with or without .gz, also spelled
// train-images.idx3-ubyte. Samples are [rows, columns]; the number of classes
// is the largest label of either half plus one. Labels and the images' headers
// are read at once, images when a half is opened, and only so many: what is
// wrong behind the last one that is asked for stays unseen. `name` is for
// reports. Throws Error{not found, corrupt, unsupported, io}.
DataSplits LoadIdx(const std::string& directory, const std::string& name);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_IDX_H_
