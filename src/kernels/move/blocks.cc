// The loops of blocks.
#include "src/kernels/move/blocks.h"

#include <algorithm>
#include <cstdlib>

namespace litesmith::kernels {
namespace {

template <typename T>
struct Copy {
  static void One(const T* from, T* to) { *to = *from; }
  static void Run(const BlockDim& dim, const T* from, T* to) {
    if (dim.to == 1 && dim.from == 1) {
      std::copy_n(from, dim.count, to);
    } else if (dim.to == 1 && dim.from == 0) {
      std::fill_n(to, dim.count, *from);
    } else {
      for (int64_t i = 0; i < dim.count; ++i)
        to[i * dim.to] = from[i * dim.from];
    }
  }
};

struct Add {
  static void One(const float* from, float* to) { *to += *from; }
  static void Run(const BlockDim& dim, const float* from, float* to) {
    for (int64_t i = 0; i < dim.count; ++i)
      to[i * dim.to] += from[i * dim.from];
  }
};

template <class Step, typename T>
void Walk(const BlockDim* dim, const BlockDim* end, const T* from, T* to) {
  if (dim == end) return Step::One(from, to);
  if (dim + 1 == end) return Step::Run(*dim, from, to);
  for (int64_t i = 0; i < dim->count; ++i)
    Walk<Step>(dim + 1, end, from + i * dim->from, to + i * dim->to);
}

template <class Step, typename T>
void WalkBlock(const Block& block, const T* from, T* to) {
  const BlockDim* dims = block.dims.data();
  Walk<Step>(dims, dims + block.dims.size(), from + block.from, to + block.to);
}

template <typename T>
void CopyElements(const Block& block, const void* from, void* to) {
  WalkBlock<Copy<T>>(block, static_cast<const T*>(from), static_cast<T*>(to));
}

}  // namespace

int64_t Block::size() const {
  int64_t size = 1;
  for (const BlockDim& dim : dims) size *= dim.count;
  return size;
}

Block Simplified(Block block) {
  std::vector<BlockDim>& dims = block.dims;
  if (block.size() == 0) {
    dims = {{.count = 0}};
    return block;
  }
  std::erase_if(dims, [](const BlockDim& dim) { return dim.count == 1; });
  std::stable_sort(dims.begin(), dims.end(),
                   [](const BlockDim& a, const BlockDim& b) {
                     return std::abs(a.to) > std::abs(b.to);
                   });
  std::vector<BlockDim> merged;
  for (const BlockDim& dim : dims) {
    if (!merged.empty() && merged.back().from == dim.from * dim.count &&
        merged.back().to == dim.to * dim.count) {
      merged.back() = {merged.back().count * dim.count, dim.from, dim.to};
    } else {
      merged.push_back(dim);
    }
  }
  dims = std::move(merged);
  return block;
}

Block Reversed(Block block) {
  std::swap(block.from, block.to);
  for (BlockDim& dim : block.dims) std::swap(dim.from, dim.to);
  return block;
}

void CopyBlock(const Block& block, size_t element_bytes, const void* from,
               void* to) {
  switch (element_bytes) {
    case 1:
      return CopyElements<uint8_t>(block, from, to);
    case 2:
      return CopyElements<uint16_t>(block, from, to);
    case 4:
      return CopyElements<uint32_t>(block, from, to);
    default:
      return CopyElements<uint64_t>(block, from, to);
  }
}

void AddBlock(const Block& block, const float* from, float* to) {
  WalkBlock<Add>(block, from, to);
}

}  // namespace litesmith::kernels
