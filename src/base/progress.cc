#include "src/base/progress.h"

#include <atomic>

#include "src/base/error.h"

namespace litesmith {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

void RequestStop() { stop_requested.store(true, std::memory_order_relaxed); }

bool StopRequested() { return stop_requested.load(std::memory_order_relaxed); }

void ThrowIfStopRequested() {
  if (StopRequested()) {
    Fail(ErrorKind::kInterrupted,
         "stopped; the next run with the same arguments goes on from here");
  }
}

}  // namespace litesmith
