// Padding with one value, and taking it off again. The reference twins for
// elements of any size.
#ifndef LITESMITH_KERNELS_MOVE_PAD_H_
#define LITESMITH_KERNELS_MOVE_PAD_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace litesmith::kernels {

// One dimension: so many elements of the input, and what is set around them.
struct PadDim {
  int64_t in = 0;
  int64_t before = 0;
  int64_t after = 0;
  int64_t step = 1;  // elements of the output from one to the next
};

// From the outermost dimension to the innermost, at least one.
using PadPlan = std::vector<PadDim>;

// Dimension `d` of the plan and those inside it, `in` elements of it. Moves
// both pointers on.
template <typename T>
void Pad(const PadPlan& plan, size_t d, int64_t in, T value, const T** x,
         T** y) {
  const PadDim& dim = plan[d];
  *y = std::fill_n(*y, dim.before * dim.step, value);
  if (d + 1 == plan.size()) {
    *y = std::copy_n(*x, in, *y);
    *x += in;
  } else {
    for (int64_t i = 0; i < in; ++i)
      Pad(plan, d + 1, plan[d + 1].in, value, x, y);
  }
  *y = std::fill_n(*y, dim.after * dim.step, value);
}

// The way back: what lies inside of the padding.
inline void Crop(const PadPlan& plan, size_t d, int64_t in, const float** y,
                 float** x) {
  const PadDim& dim = plan[d];
  *y += dim.before * dim.step;
  if (d + 1 == plan.size()) {
    *x = std::copy_n(*y, in, *x);
    *y += in;
  } else {
    for (int64_t i = 0; i < in; ++i) Crop(plan, d + 1, plan[d + 1].in, y, x);
  }
  *y += dim.after * dim.step;
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MOVE_PAD_H_
