// The sink that drops what it is told, and the flag that asks work to stop.
#include "src/base/progress.h"

#include <atomic>
#include <mutex>
#include <string>

#include "src/base/error.h"

namespace litesmith {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

struct Kept {
  std::mutex lock;
  std::string where;
  std::string advice;
};

Kept& TheKept() {
  static Kept kept;
  return kept;
}

}  // namespace

void RequestStop() { stop_requested.store(true, std::memory_order_relaxed); }

bool StopRequested() { return stop_requested.load(std::memory_order_relaxed); }

void ThrowIfStopRequested() {
  if (!StopRequested()) return;
  Kept& kept = TheKept();
  const std::lock_guard<std::mutex> guard(kept.lock);
  if (!kept.where.empty()) {
    Fail(ErrorKind::kInterrupted, "stopped; the same command goes on from {}",
         kept.where);
  }
  Fail(ErrorKind::kInterrupted, "stopped; nothing was kept{}",
       kept.advice.empty() ? "" : fmt::format(" ({})", kept.advice));
}

void NoteKept(std::string_view where) {
  const std::lock_guard<std::mutex> guard(TheKept().lock);
  TheKept().where = where;
}

void NoteNothingKept(std::string_view advice) {
  const std::lock_guard<std::mutex> guard(TheKept().lock);
  TheKept().advice = advice;
}

}  // namespace litesmith
