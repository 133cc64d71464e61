// A walk over the levels, and the levels from what is not zero.
#include "src/formats/tflite/sparse.h"

#include <algorithm>
#include <cstring>

#include "src/base/error.h"

namespace litesmith {
namespace {

// How the indices of all levels make an element's place in the dense tensor.
class Places {
 public:
  Places(const Storage& how, const Shape& shape) : how_(how) {
    const auto rank = static_cast<size_t>(shape.rank());
    const size_t levels = how.traversal_order.size();
    if (how.block_map.size() > rank || levels != rank + how.block_map.size() ||
        how.compressed.size() != levels || how.dense_size.size() != levels) {
      Fail(ErrorKind::kCorrupt,
           "its sparse form has {} levels for {} dimensions and {} blocks",
           levels, rank, how.block_map.size());
    }
    std::vector<char> seen(levels, 0);
    for (const int32_t dim : how.traversal_order) {
      if (dim < 0 || static_cast<size_t>(dim) >= levels ||
          seen[static_cast<size_t>(dim)]++ != 0)
        Fail(ErrorKind::kCorrupt, "its order of traversal is none");
    }
    std::vector<int64_t> stride(rank, 1);  // of the dense tensor
    for (size_t d = rank; d-- > 1;)
      stride[d - 1] = stride[d] * shape[static_cast<int>(d)];
    std::vector<int64_t> of_dim(levels, 0);
    std::vector<int64_t> covered(rank, 1);
    for (size_t d = 0; d < rank; ++d) of_dim[d] = stride[d];
    for (size_t b = 0; b < how.block_map.size(); ++b) {
      const int32_t of = how.block_map[b];
      if (of < 0 || static_cast<size_t>(of) >= rank ||
          of_dim[static_cast<size_t>(of)] != stride[static_cast<size_t>(of)])
        Fail(ErrorKind::kCorrupt, "its blocks are of no dimension");
      const int32_t block = DenseSize(rank + b);
      of_dim[rank + b] = stride[static_cast<size_t>(of)];
      of_dim[static_cast<size_t>(of)] *= block;
      covered[static_cast<size_t>(of)] = block;
    }
    for (size_t d = 0; d < rank; ++d) {
      const int64_t size = int64_t{DenseSize(d)} * covered[d];
      if (size != shape[static_cast<int>(d)]) {
        Fail(ErrorKind::kCorrupt,
             "its sparse form has {} in dimension {} of {}", size, d,
             shape.ToString());
      }
    }
    for (const int32_t dim : how.traversal_order)
      pitch_.push_back(of_dim[static_cast<size_t>(dim)]);
  }
  // What one step of the level's index is in the dense tensor.
  int64_t pitch(size_t level) const { return pitch_[level]; }

 private:
  int32_t DenseSize(size_t dim) const {
    const auto at =
        std::find(how_.traversal_order.begin(), how_.traversal_order.end(),
                  static_cast<int32_t>(dim)) -
        how_.traversal_order.begin();
    const int32_t size = how_.dense_size[static_cast<size_t>(at)];
    if (size < 1)
      Fail(ErrorKind::kCorrupt, "a level of its sparse form is empty");
    return size;
  }

  const Storage& how_;
  std::vector<int64_t> pitch_;  // by level
};

void CheckLevel(const SparseLevel& level, int64_t parents) {
  if (!level.compressed) return;
  bool good =
      static_cast<int64_t>(level.segments.size()) == parents + 1 &&
      level.segments[0] == 0 &&
      level.segments.back() == static_cast<int32_t>(level.indices.size());
  for (size_t i = 1; good && i < level.segments.size(); ++i)
    good = level.segments[i - 1] <= level.segments[i];
  for (const int32_t index : level.indices)
    good = good && index >= 0 && index < level.dense_size;
  if (!good) {
    Fail(ErrorKind::kCorrupt,
         "a level of its sparse form has {} segments for {} parents, or "
         "indices outside of {}",
         level.segments.size(), parents, level.dense_size);
  }
}

}  // namespace

TensorData Densify(const Storage& how, const std::vector<SparseLevel>& levels,
                   const Shape& shape, size_t element_bytes,
                   const TensorData& values) {
  const Places places(how, shape);
  int64_t positions = 1;
  for (const SparseLevel& level : levels) {
    CheckLevel(level, positions);
    positions = level.compressed ? static_cast<int64_t>(level.indices.size())
                                 : positions * level.dense_size;
    // A level has at least as many positions as the dense tensor only where
    // nothing is left out.
    if (positions > shape.NumElements())
      Fail(ErrorKind::kCorrupt,
           "its sparse form has more values than it holds");
  }
  if (static_cast<size_t>(positions) * element_bytes != values.size()) {
    Fail(ErrorKind::kCorrupt,
         "its sparse form wants {} values; {} bytes are there", positions,
         values.size());
  }
  TensorData dense(static_cast<size_t>(shape.NumElements()) * element_bytes);
  std::byte* to = dense.MutableData();
  const auto walk = [&](const auto& self, size_t l, int64_t parent,
                        int64_t place) -> void {
    if (l == levels.size()) {
      std::memcpy(to + static_cast<size_t>(place) * element_bytes,
                  values.data() + static_cast<size_t>(parent) * element_bytes,
                  element_bytes);
      return;
    }
    const SparseLevel& level = levels[l];
    if (!level.compressed) {
      for (int32_t i = 0; i < level.dense_size; ++i) {
        self(self, l + 1, parent * level.dense_size + i,
             place + i * places.pitch(l));
      }
      return;
    }
    const auto p = static_cast<size_t>(parent);
    for (int32_t j = level.segments[p]; j < level.segments[p + 1]; ++j) {
      self(self, l + 1, j,
           place + level.indices[static_cast<size_t>(j)] * places.pitch(l));
    }
  };
  walk(walk, 0, 0, 0);
  return dense;
}

SparseValues Sparsify(const Tensor& tensor) {
  const Storage& how = tensor.stored_as;
  const Places places(how, tensor.shape);
  const size_t bytes = SizeOf(tensor.dtype);
  SparseValues sparse;
  for (size_t l = 0; l < how.compressed.size(); ++l) {
    SparseLevel& level = sparse.levels.emplace_back();
    level.compressed = how.compressed[l] != 0;
    level.dense_size = how.dense_size[l];
    if (level.compressed) level.segments = {0};
  }
  const std::byte* from = tensor.data.data();
  // Whether anything below is not zero.
  const auto holds = [&](const auto& self, size_t l, int64_t place) -> bool {
    if (l == sparse.levels.size()) {
      const std::byte* element = from + static_cast<size_t>(place) * bytes;
      return std::any_of(element, element + bytes,
                         [](std::byte b) { return b != std::byte{0}; });
    }
    for (int32_t i = 0; i < sparse.levels[l].dense_size; ++i) {
      if (self(self, l + 1, place + i * places.pitch(l))) return true;
    }
    return false;
  };
  const auto walk = [&](const auto& self, size_t l, int64_t place) -> void {
    if (l == sparse.levels.size()) {
      const std::byte* element = from + static_cast<size_t>(place) * bytes;
      sparse.values.insert(sparse.values.end(), element, element + bytes);
      return;
    }
    SparseLevel& level = sparse.levels[l];
    for (int32_t i = 0; i < level.dense_size; ++i) {
      const int64_t below = place + i * places.pitch(l);
      if (level.compressed) {
        if (!holds(holds, l + 1, below)) continue;
        level.indices.push_back(i);
      }
      self(self, l + 1, below);
    }
    if (level.compressed)
      level.segments.push_back(static_cast<int32_t>(level.indices.size()));
  };
  walk(walk, 0, 0);
  return sparse;
}

}  // namespace litesmith
