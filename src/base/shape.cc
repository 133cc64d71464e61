// Counting and printing dimensions.
#include "src/base/shape.h"

#include <algorithm>
#include <limits>

#include "src/base/error.h"

namespace litesmith {
namespace {

int64_t Product(std::span<const int32_t> dims, const Shape& shape) {
  int64_t product = 1;
  for (const int32_t dim : dims) {
    if (dim < 0) {
      Fail(ErrorKind::kCorrupt, "shape {} has no fixed number of elements",
           shape.ToString());
    }
    // product <= 2^31 - 1 and dim <= 2^31 - 1: no overflow in int64.
    product *= dim;
    if (product > std::numeric_limits<int32_t>::max()) {
      Fail(ErrorKind::kCorrupt, "shape {} has more than 2^31 - 1 elements",
           shape.ToString());
    }
  }
  return product;
}

}  // namespace

Shape::Shape(std::initializer_list<int32_t> dims)
    : Shape(std::span<const int32_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int32_t> dims) {
  if (dims.size() > kMaxRank) {
    Fail(ErrorKind::kUnsupported,
         "a tensor of rank {}; at most {} are supported", dims.size(),
         kMaxRank);
  }
  std::copy(dims.begin(), dims.end(), dims_.begin());
  rank_ = static_cast<int>(dims.size());
}

bool Shape::IsStatic() const {
  const auto d = dims();
  return std::all_of(d.begin(), d.end(), [](int32_t x) { return x >= 0; });
}

int64_t Shape::NumElements() const { return Product(dims(), *this); }

int64_t Shape::NumElementsPerSample() const {
  return rank_ == 0 ? 1 : Product(dims().subspan(1), *this);
}

Shape Shape::Bind(int32_t batch) const {
  Shape bound = *this;
  for (int i = 0; i < rank_; ++i) {
    if (bound[i] == kDynamic) bound[i] = batch;
  }
  return bound;
}

std::string Shape::ToString() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ',';
    text += (*this)[i] == kDynamic ? "?" : std::to_string((*this)[i]);
  }
  return text + "]";
}

bool Shape::operator==(const Shape& other) const {
  const auto a = dims();
  const auto b = other.dims();
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace litesmith
