// Greedy placement, largest buffer first.
#include "src/runtime/arena.h"

#include <algorithm>
#include <numeric>

namespace litesmith {

size_t PlanArena(std::vector<ArenaBuffer>* buffers) {
  std::vector<ArenaBuffer>& all = *buffers;
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return all[a].bytes > all[b].bytes;
  });
  size_t total = 0;
  std::vector<size_t> placed;  // by offset
  for (const size_t b : order) {
    ArenaBuffer& buffer = all[b];
    size_t offset = 0;
    for (const size_t p : placed) {
      const ArenaBuffer& other = all[p];
      if (other.last < buffer.first || buffer.last < other.first) continue;
      if (offset + buffer.bytes <= other.offset) break;
      offset = std::max(offset, AlignUp(other.offset + other.bytes));
    }
    buffer.offset = offset;
    total = std::max(total, offset + buffer.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), b,
                                   [&](size_t x, size_t y) {
                                     return all[x].offset < all[y].offset;
                                   }),
                  b);
  }
  return AlignUp(total);
}

}  // namespace litesmith
