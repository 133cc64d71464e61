// Rectangles of elements that go from one array to another: all that ops do
// which only move values, and the way back of their gradients. The reference
// twins for elements of any size.
#ifndef LITESMITH_KERNELS_MOVE_BLOCKS_H_
#define LITESMITH_KERNELS_MOVE_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace litesmith::kernels {

// One loop: how often, and how many elements one step goes on in either array.
// 0 stays where it is: one element is read for all, or all are added to one.
struct BlockDim {
  int64_t count = 1;
  int64_t from = 0;
  int64_t to = 0;
};

// Loops within each other, from the outermost on; none of them is one element.
struct Block {
  int input = 0;     // which array is read
  int output = 0;    // which one is written
  int64_t from = 0;  // the first element's place in either
  int64_t to = 0;
  std::vector<BlockDim> dims = {};

  // How many elements it moves.
  int64_t size() const;
};

// The same moves with as few loops as there can be, the innermost one along the
// array that is written.
Block Simplified(Block block);
// The way back.
Block Reversed(Block block);

// Copies elements of 1, 2, 4 or 8 bytes. `from` and `to` are the arrays' own
// beginnings.
void CopyBlock(const Block& block, size_t element_bytes, const void* from,
               void* to);
// Adds what is read to what is there.
void AddBlock(const Block& block, const float* from, float* to);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MOVE_BLOCKS_H_
