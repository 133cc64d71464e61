// numpy's .npy files, version 1.0 to 3.0, C order.
#ifndef LITESMITH_FORMATS_NPY_NPY_H_
#define LITESMITH_FORMATS_NPY_NPY_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/base/dtype.h"
#include "src/base/shape.h"

namespace litesmith {

struct NpyArray {
  DType dtype = DType::kFloat32;
  Shape shape;
  std::vector<std::byte> bytes;  // row-major, little endian
};

// Throws Error{not found, corrupt, unsupported (Fortran order, big endian)}.
NpyArray ReadNpy(const std::string& path);
// Atomically. Throws Error{io}.
void WriteNpy(const std::string& path, DType dtype, const Shape& shape,
              std::span<const std::byte> bytes);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_NPY_NPY_H_
