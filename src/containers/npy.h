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
  // Of texts of so many characters each: 'U' for numpy's str (UTF-32), 'S' for
  // its bytes; dtype says nothing then.
  char text = 0;
  int32_t width = 0;

  // Bytes of an element.
  size_t ElementBytes() const;

  bool operator==(const NpyHeader&) const = default;
};

// No header is longer.
inline constexpr size_t kNpyHead = 12 + 65536;

// `head`: the first kNpyHead bytes, or all if there are fewer. `where` is for
// messages. Texts are taken if `texts` says so. Throws Error{corrupt,
// unsupported (Fortran order, big endian, other types)}.
NpyHeader ParseNpyHeader(std::span<const std::byte> head,
                         const std::string& where, bool texts = false);

// The texts of an array of them as UTF-8 or, of bytes, as they are, without the
// NULs that fill them up. Throws Error{corrupt} for what is no character.
std::vector<std::string> ParseNpyTexts(const NpyHeader& header,
                                       std::span<const std::byte> values,
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
