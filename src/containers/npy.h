// numpy's .npy files, version 1.0 to 3.0, C order.
#ifndef LITESMITH_CONTAINERS_NPY_H_
#define LITESMITH_CONTAINERS_NPY_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/base/dtype.h"
#include "src/base/shape.h"

namespace litesmith {

// What stands in front of an array's values.
struct NpyHeader {
  DType dtype = DType::kFloat32;
  std::vector<int32_t> dims;  // at most Shape::kMaxRank, each below 2^31
  size_t bytes = 0;           // of the header: where the values begin

  bool operator==(const NpyHeader&) const = default;
};

// No header is longer.
inline constexpr size_t kNpyHead = 12 + 65536;

// `head`: the first kNpyHead bytes, or all if there are fewer. `where` is for
// messages. Throws Error{corrupt, unsupported (Fortran order, big endian, other
// types)}.
NpyHeader ParseNpyHeader(std::span<const std::byte> head,
                         const std::string& where);

// Throws Error{corrupt} for a bool that is neither 0 nor 1.
void CheckNpyValues(DType dtype, std::span<const std::byte> values,
                    const std::string& where);

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

#endif  // LITESMITH_CONTAINERS_NPY_H_
