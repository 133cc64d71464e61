// What is asked of an HDF5 file and what comes back, as plain values. Not an
// HDF5 interface: only h5_extract.cc and h5_image.cc know libhdf5.
#ifndef LITESMITH_FORMATS_HDF5_H5_CONTENTS_H_
#define LITESMITH_FORMATS_HDF5_H5_CONTENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/dtype.h"

namespace litesmith {

// One group of a file that is wanted.
struct H5Wanted {
  // By names in the root; the first that is there is taken. "" is the root.
  std::vector<std::string> groups;
  bool attributes_only = false;  // nothing below the group
  bool as_float32 = false;       // numbers of any type; else in their own types
  std::vector<std::string> without = {};  // of what lies right in it
};

struct H5Dataset {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;  // product of dims elements, row-major
};

// One group with all below it. Paths are relative to it: "conv2d/kernel:0";
// the group itself is "".
struct H5Tree {
  bool present = false;
  // String attributes of groups by "<path>@<name>"; a scalar is a list of one.
  std::map<std::string, std::vector<std::string>> attributes;
  std::map<std::string, H5Dataset> datasets;

  // The attribute's strings, or null.
  const std::vector<std::string>* Attribute(const std::string& path,
                                            std::string_view name) const {
    const auto it = attributes.find(path + "@" + std::string(name));
    return it == attributes.end() ? nullptr : &it->second;
  }
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_CONTENTS_H_
