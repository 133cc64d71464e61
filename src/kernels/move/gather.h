// Rows of an array that indices name: read, and added to. The reference twins.
#ifndef LITESMITH_KERNELS_MOVE_GATHER_H_
#define LITESMITH_KERNELS_MOVE_GATHER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace litesmith::kernels {

// What one number of an index counts: positions, and how many elements one of
// them is.
struct Coordinate {
  int64_t size = 0;
  int64_t step = 0;
};

// Rows of `inner` elements: [batches, outer, indices, inner] of the gathered
// array. Each batch has indices of its own; all its outer parts share these.
struct RowPlan {
  int64_t batches = 1;
  int64_t outer = 1;
  int64_t indices = 1;
  int64_t inner = 1;
  int64_t batch_step = 0;  // elements of the array of rows
  int64_t outer_step = 0;
  std::vector<Coordinate> coordinates;  // the numbers of one index
};

// Where an index lies, from the beginning of its outer part on. What is outside
// of the array is brought to its nearest end.
template <typename I>
int64_t PlaceOf(const RowPlan& plan, const I* index) {
  int64_t place = 0;
  for (const Coordinate& of : plan.coordinates) {
    place += std::clamp<int64_t>(*index++, 0, of.size - 1) * of.step;
  }
  return place;
}

// Whether the index lies in the array.
template <typename I>
bool IsInside(const RowPlan& plan, const I* index) {
  return std::all_of(plan.coordinates.begin(), plan.coordinates.end(),
                     [&](const Coordinate& of) {
                       const auto at = static_cast<int64_t>(*index++);
                       return at >= 0 && at < of.size;
                     });
}

// Calls visit(place of the row in the array, its index) for the gathered rows
// in turn.
template <typename I, class Visit>
void ForEachRow(const RowPlan& plan, const I* indices, const Visit& visit) {
  const auto numbers = static_cast<int64_t>(plan.coordinates.size());
  for (int64_t b = 0; b < plan.batches; ++b) {
    const I* of_batch = indices + b * plan.indices * numbers;
    for (int64_t o = 0; o < plan.outer; ++o) {
      const int64_t first = b * plan.batch_step + o * plan.outer_step;
      for (int64_t i = 0; i < plan.indices; ++i) {
        const I* index = of_batch + i * numbers;
        visit(first + PlaceOf(plan, index), index);
      }
    }
  }
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MOVE_GATHER_H_
