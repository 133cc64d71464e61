// Builds an HDF5 file in memory. The same calls give the same bytes: no times,
// the oldest format version, no compression.
#ifndef LITESMITH_FORMATS_HDF5_H5_IMAGE_H_
#define LITESMITH_FORMATS_HDF5_H5_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/dtype.h"

namespace litesmith {

class H5Handle;

class H5Image {
 public:
  H5Image();
  ~H5Image();

  // A group by its path from the root; its parents must exist.
  void AddGroup(const std::string& path);
  // A dataset of float32, float64, int8, uint8, int16, int32 or int64.
  void AddDataset(const std::string& path, DType dtype,
                  std::span<const int32_t> dims,
                  std::span<const std::byte> bytes);
  // A string, of any length, as an attribute of the object at `path`.
  void AddString(const std::string& path, const char* name,
                 const std::string& value);
  // A list of strings as Keras writes it: of fixed length, cut into name0,
  // name1, ... beyond the 64 KB that an attribute may have.
  void AddStrings(const std::string& path, const std::string& name,
                  const std::vector<std::string>& values);

  // The finished file's bytes.
  std::vector<std::byte> Finish();

 private:
  void WriteStrings(const std::string& path, const char* name,
                    std::span<const std::string> values, bool scalar);
  H5Handle Object(const std::string& path) const;

  std::unique_ptr<H5Handle> file_;  // libhdf5's header stays out of here
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_IMAGE_H_
