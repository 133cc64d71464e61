// One block of memory for all activations: buffers whose lives do not overlap
// share bytes.
#ifndef LITESMITH_RUNTIME_ARENA_H_
#define LITESMITH_RUNTIME_ARENA_H_

#include <cstddef>
#include <vector>

namespace litesmith {

inline constexpr size_t kArenaAlignment = 64;

inline size_t AlignUp(size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// A buffer alive from step `first` to step `last`, both included.
struct ArenaBuffer {
  size_t bytes = 0;
  int first = 0;
  int last = 0;
  size_t offset = 0;  // written by PlanArena
};

// Gives each buffer an aligned offset, largest first, each at the lowest place
// that is free for its whole life (as TFLite's greedy-by-size planner). Returns
// the bytes of the whole arena.
size_t PlanArena(std::vector<ArenaBuffer>* buffers);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_ARENA_H_
