// A tensor's elements in slices along one axis: the channels of weights, the
// groups of neighbours along the input channels.
#ifndef LITESMITH_BASE_SLICES_H_
#define LITESMITH_BASE_SLICES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "src/base/shape.h"

namespace litesmith {

// The elements as [outer, count, inner]: slice c is [outer, inner] at c.
struct Slices {
  size_t outer = 1;
  size_t count = 1;
  size_t inner = 1;
  int axis = 0;  // of the tensor; 0 where the whole tensor is the slice

  // How many elements a slice has.
  size_t size() const { return outer * inner; }
  // Which slice element i of the tensor lies in.
  size_t operator()(size_t i) const { return i / inner % count; }
  // Where element i of slice c lies in the tensor.
  size_t At(size_t c, size_t i) const {
    return (i / inner * count + c) * inner + i % inner;
  }

  // The elements of slice c.
  template <typename T>
  std::vector<T> Take(std::span<const T> elements, size_t c) const {
    std::vector<T> slice(size());
    for (size_t i = 0; i < slice.size(); ++i) slice[i] = elements[At(c, i)];
    return slice;
  }
};

// Along `axis` of a static shape; the whole tensor is one slice if it is -1.
inline Slices SlicesAlong(const Shape& shape, int axis) {
  Slices slices;
  slices.axis = axis < 0 ? 0 : axis;
  for (int i = 0; i < shape.rank(); ++i) {
    const auto dim = static_cast<size_t>(shape[i]);
    (i < axis ? slices.outer : i == axis ? slices.count : slices.inner) *= dim;
  }
  return slices;
}

// The shape of one value for each slice along `axis` of a tensor of this shape:
// [1] if it is -1, [C] along dimension 0, else the tensor's rank with C at the
// axis, which broadcasts: [1,1,1,C].
inline Shape ShapeOfSlices(const Shape& shape, int axis) {
  if (axis < 0) return {1};
  if (axis == 0) return {shape[0]};
  Shape result = shape;
  for (int i = 0; i < shape.rank(); ++i) result[i] = i == axis ? shape[i] : 1;
  return result;
}

// The way back: the slices that values of such a shape are for; none if they do
// not fit the tensor.
inline std::optional<Slices> SlicesOf(const Shape& shape, const Shape& values) {
  if (values.rank() == 1 && values[0] == 1) return SlicesAlong(shape, -1);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] > 0 && values == ShapeOfSlices(shape, axis))
      return SlicesAlong(shape, axis);
  }
  return std::nullopt;
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_SLICES_H_
