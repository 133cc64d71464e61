// Whether there is a matrix unit, and how a convolution is cut for it.
#include "src/kernels/conv/amx.h"

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace litesmith {
namespace {

constexpr int kMost = 16;         // rows of a tile
constexpr int kLeastWindows = 4;  // which are stored at a time
// Cycles: a product of tiles; what else a tile of sums takes; windows' words
// that are multiplied in one without tiles.
constexpr int kProduct = 16, kAround = 50, kWithout = 2;

#if defined(__linux__) && defined(__x86_64__)
bool AskForAmx() {
  constexpr unsigned kTile = 1U << 24, kInt8 = 1U << 25;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & kTile) == 0 || (d & kInt8) == 0) return false;
  constexpr long kAskForState = 0x1023, kTileState = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kAskForState, kTileState) == 0;
}
#else
bool AskForAmx() { return false; }
#endif

}  // namespace

bool HasAmx() {
  static const bool has = AskForAmx();
  return has;
}

AmxTiles ChooseAmxTiles(const PackedConv& p) {
  const Window& g = p.spec.window;
  if (!p.vnni || p.lanes != kMost || g.out_c % kMost != 0 || p.gray ||
      p.spec.pool_2x2 || !p.spec.matrix_unit) {
    return {};
  }
  // Windows of a row are at even distances.
  const int row = p.window_pitch > 0 ? g.out_h * g.out_w : g.out_w;
  if (row < kLeastWindows) return {};
  const int parts = (row + kMost - 1) / kMost;
  AmxTiles tiles{.windows = (row + parts - 1) / parts};
  // As are words of a run, which all tiles cut alike.
  const int words = static_cast<int>(p.word_offsets.size());
  int run = 1;
  while (run < words && p.word_offsets[static_cast<size_t>(run)] ==
                            p.word_offsets[static_cast<size_t>(run) - 1] + 4) {
    ++run;
  }
  if (words % run != 0) return {};
  int cuts = (run + kMost - 1) / kMost;
  while (run % cuts != 0) ++cuts;
  tiles.words = run / cuts;
  const int cycles = words / tiles.words * kProduct + kAround;
  return cycles < tiles.windows * words / kWithout ? tiles : AmxTiles();
}

}  // namespace litesmith
