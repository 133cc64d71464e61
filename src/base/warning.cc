// The one sink for warnings, guarded by a lock.
#include "src/base/warning.h"

#include <mutex>

namespace litesmith {
namespace {

std::mutex& Lock() {
  static std::mutex lock;
  return lock;
}

WarningSink& Sink() {
  static WarningSink sink;
  return sink;
}

}  // namespace

WarningSink SetWarningSink(WarningSink sink) {
  const std::lock_guard<std::mutex> guard(Lock());
  std::swap(Sink(), sink);
  return sink;
}

void Warn(std::string_view text) {
  const std::lock_guard<std::mutex> guard(Lock());
  if (Sink()) Sink()(text);
}

}  // namespace litesmith
