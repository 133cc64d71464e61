// Layouts of Keras's variables against the graph's: each is at most one
// dimension moved to the front.
#include "src/formats/keras/layout.h"

#include <algorithm>

#include "src/base/check.h"

namespace litesmith {
namespace {

// The Keras dimension that is the graph's first; -1: none is moved.
int OutputDim(Layout layout, size_t rank) {
  switch (layout) {
    case Layout::kOutputLast:
    case Layout::kOutputLast1D:
    case Layout::kFromHeads:
      return static_cast<int>(rank) - 1;
    case Layout::kTransposed:
    case Layout::kTransposed1D:
    case Layout::kTurned:
    case Layout::kTurned1D:
      return static_cast<int>(rank) - 2;
    default:
      return -1;
  }
}

bool Is1D(Layout layout) {
  return layout == Layout::kOutputLast1D || layout == Layout::kTransposed1D ||
         layout == Layout::kTurned1D;
}

// keras[before][out][behind] -> ours[out][before][behind], or back.
struct Move {
  Move(Layout layout, const std::vector<int32_t>& dims) {
    const int moved = OutputDim(layout, dims.size());
    if (layout == Layout::kHeads) {
      before = static_cast<size_t>(dims[0]);
      out = static_cast<size_t>(dims[1]) * static_cast<size_t>(dims[2]);
      return;
    }
    LS_CHECK(moved >= 0);
    for (int d = 0; d < static_cast<int>(dims.size()); ++d) {
      size_t& count = d < moved ? before : d == moved ? out : behind;
      count *= static_cast<size_t>(dims[static_cast<size_t>(d)]);
    }
    turned = layout == Layout::kTurned || layout == Layout::kTurned1D;
  }
  // Where a run of `behind` values begins in the graph.
  ptrdiff_t Place(size_t b, size_t o) const {
    const size_t row = turned ? before - 1 - b : b;
    return static_cast<ptrdiff_t>((o * before + row) * behind);
  }
  size_t before = 1, out = 1, behind = 1;
  bool turned = false;
};

// Not yet compared with what the file has.
int32_t CutProduct(int32_t a, int32_t b) {
  return static_cast<int32_t>(std::min<int64_t>(int64_t{a} * b, INT32_MAX));
}

}  // namespace

bool IsCopied(Layout layout) {
  return layout == Layout::kPlain || layout == Layout::kDepthwise ||
         layout == Layout::kDepthwise1D || layout == Layout::kHeadsBias;
}

Shape FromKerasDims(Layout layout, std::vector<int32_t> dims) {
  if (layout == Layout::kHeads) {
    dims = {CutProduct(dims[1], dims[2]), dims[0]};
  } else if (layout == Layout::kHeadsBias) {
    dims = {CutProduct(dims[0], dims[1])};
  } else if (layout == Layout::kFromHeads) {
    dims = {dims[2], CutProduct(dims[0], dims[1])};
  } else if (layout == Layout::kDepthwise || layout == Layout::kDepthwise1D) {
    const size_t n = dims.size();
    dims[n - 2] = CutProduct(dims[n - 2], dims[n - 1]);
    dims.pop_back();
    dims.insert(dims.begin(), layout == Layout::kDepthwise ? 1 : 2, 1);
  } else if (layout != Layout::kPlain) {
    const int moved = OutputDim(layout, dims.size());
    std::rotate(dims.begin(), dims.begin() + moved, dims.begin() + moved + 1);
    if (Is1D(layout)) dims.insert(dims.begin() + 1, 1);
  }
  return Shape(std::span<const int32_t>(dims));
}

std::vector<int32_t> ToKerasDims(Layout layout, const Shape& shape,
                                 int32_t multiplier) {
  std::vector<int32_t> dims = shape.ToVector();
  const int32_t heads = multiplier;
  if (layout == Layout::kHeads) {
    dims = {shape[1], heads, shape[0] / heads};
  } else if (layout == Layout::kHeadsBias) {
    dims = {heads, shape[0] / heads};
  } else if (layout == Layout::kFromHeads) {
    dims = {heads, shape[1] / heads, shape[0]};
  } else if (layout == Layout::kDepthwise || layout == Layout::kDepthwise1D) {
    dims.erase(dims.begin(),
               dims.begin() + (layout == Layout::kDepthwise ? 1 : 2));
    dims.back() /= multiplier;
    dims.push_back(multiplier);
  } else if (layout != Layout::kPlain) {
    if (Is1D(layout)) dims.erase(dims.begin() + 1);
    const int moved = OutputDim(layout, dims.size());
    std::rotate(dims.begin(), dims.begin() + 1, dims.begin() + moved + 1);
  }
  return dims;
}

void FromKerasLayout(Layout layout, const std::vector<int32_t>& dims,
                     std::span<const float> keras, std::span<float> ours) {
  const Move move(layout, dims);
  const size_t before = move.before, out = move.out, behind = move.behind;
  for (size_t b = 0; b < before; ++b) {
    for (size_t o = 0; o < out; ++o) {
      std::copy_n(
          keras.begin() + static_cast<ptrdiff_t>((b * out + o) * behind),
          behind, ours.begin() + move.Place(b, o));
    }
  }
}

void ToKerasLayout(Layout layout, const std::vector<int32_t>& dims,
                   std::span<const float> ours, std::span<float> keras) {
  const Move move(layout, dims);
  const size_t before = move.before, out = move.out, behind = move.behind;
  for (size_t b = 0; b < before; ++b) {
    for (size_t o = 0; o < out; ++o) {
      std::copy_n(
          ours.begin() + move.Place(b, o), behind,
          keras.begin() + static_cast<ptrdiff_t>((b * out + o) * behind));
    }
  }
}

}  // namespace litesmith
