// What Litesmith takes from a Keras HDF5 file, as plain values. Not an HDF5
// interface: only h5_extract.cc and h5_image.cc know libhdf5.
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

struct H5Dataset {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;  // product of dims elements, row-major
};

// One group with all below it. Paths are relative to it: "conv2d/kernel:0";
// the group itself is "".
struct H5Tree {
  bool present = false;
  // String attributes by "<path>@<name>"; a scalar is a list of one.
  std::map<std::string, std::vector<std::string>> attributes;
  std::map<std::string, H5Dataset> datasets;

  // The attribute's strings, or null.
  const std::vector<std::string>* Attribute(const std::string& path,
                                            std::string_view name) const {
    const auto it = attributes.find(path + "@" + std::string(name));
    return it == attributes.end() ? nullptr : &it->second;
  }
};

// The parts of a file; the numbers name them in the helper's stream.
struct H5Contents {
  enum Part : uint8_t { kRoot, kWeights, kLitesmith, kNumParts };
  // kRoot: attributes model_config, keras_version, backend. kWeights:
  // /model_weights, or the root where a file has no such group; float32 only.
  // kLitesmith: what is ours alone, in its own types.
  H5Tree parts[kNumParts];
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_CONTENTS_H_
