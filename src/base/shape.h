// A tensor's dimensions. The batch dimension may be symbolic (kDynamic).
#ifndef LITESMITH_BASE_SHAPE_H_
#define LITESMITH_BASE_SHAPE_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace litesmith {

// A dimension that is known only when a plan is made; TFLite's -1.
inline constexpr int32_t kDynamic = -1;

// Up to kMaxRank dimensions by value; a scalar has rank 0.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int32_t> dims);
  explicit Shape(std::span<const int32_t> dims);

  int rank() const { return rank_; }
  int32_t operator[](int i) const { return dims_[static_cast<size_t>(i)]; }
  int32_t& operator[](int i) { return dims_[static_cast<size_t>(i)]; }
  std::span<const int32_t> dims() const {
    return {dims_.data(), static_cast<size_t>(rank_)};
  }
  std::vector<int32_t> ToVector() const {
    return {dims_.begin(), dims_.begin() + rank_};
  }

  // Whether no dimension is symbolic.
  bool IsStatic() const;
  // The number of elements. Throws Error{corrupt} if a dimension is symbolic
  // or negative, or if the product is above 2^31 - 1.
  int64_t NumElements() const;
  // The product of all dimensions but the first: elements a sample. Throws as
  // NumElements does; a scalar has 1.
  int64_t NumElementsPerSample() const;
  // The same shape with every symbolic dimension set to `batch`.
  Shape Bind(int32_t batch) const;
  // "[?,28,28,1]"; a symbolic dimension is "?".
  std::string ToString() const;

  bool operator==(const Shape& other) const;

 private:
  std::array<int32_t, kMaxRank> dims_{};
  int rank_ = 0;
};

}  // namespace litesmith

#endif  // LITESMITH_BASE_SHAPE_H_
