// The stream from the helper process to its parent: length-prefixed records in
// host byte order, closed by kEnd. The parent trusts none of it.
#ifndef LITESMITH_FORMATS_HDF5_H5_STREAM_H_
#define LITESMITH_FORMATS_HDF5_H5_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/formats/hdf5/h5_contents.h"

namespace litesmith {

enum class H5Record : uint8_t {
  kPresent = 1,  // tree
  kAttribute,    // tree, "path@name", count, strings
  kDataset,      // tree, path, dtype, rank, dims, bytes
  kError,        // error kind, message
  kEnd,
};

// Writes records to a descriptor; trees by their place among the wanted ones.
// In the helper only: if the parent is gone it
// ends the process.
class H5StreamWriter {
 public:
  explicit H5StreamWriter(int fd) : fd_(fd) {}
  void Present(uint8_t tree);
  void Attribute(uint8_t tree, const std::string& key,
                 const std::vector<std::string>& values);
  void Dataset(uint8_t tree, const std::string& path, const H5Dataset& dataset);
  void Failure(ErrorKind kind, const std::string& message);
  void End();

 private:
  void Raw(const void* data, size_t bytes);
  template <typename T>
  void Number(T value) {
    Raw(&value, sizeof(value));
  }
  void Text(const std::string& text);
  void Flush();

  int fd_;
  std::vector<std::byte> buffer_;
};

// The `trees` wanted groups that a finished stream holds. Throws Error{corrupt}
// for a stream that does not follow the format or has no end, or the error that
// it carries, each naming `path`.
std::vector<H5Tree> ParseH5Stream(std::span<const std::byte> stream,
                                  size_t trees, const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_STREAM_H_
