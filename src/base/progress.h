// Where long work says how far it is, and asks whether it should stop. The
// rooms below the command line report here and never print.
#ifndef LITESMITH_BASE_PROGRESS_H_
#define LITESMITH_BASE_PROGRESS_H_

#include <cstdint>
#include <string_view>

namespace litesmith {

// A sink for progress; this base class drops everything.
class Progress {
 public:
  virtual ~Progress() = default;
  // `done` of `total` units of `task` are finished ("none: epoch 2 of 5").
  // Called often; a sink decides how often to show it.
  virtual void Update(std::string_view task, int64_t done, int64_t total) {
    (void)task, (void)done, (void)total;
  }
  // One finished line worth keeping ("epoch 2 loss 0.123 accuracy 0.964").
  virtual void Line(std::string_view text) { (void)text; }
};

// Asks all long work in this process to stop at its next safe point. Safe to
// call from a signal handler.
void RequestStop();
bool StopRequested();
// Throws Error{interrupted} if a stop was requested. The message says what the
// two calls below made known.
void ThrowIfStopRequested();

// Work so far is in this file or folder, and the same call goes on from there.
void NoteKept(std::string_view where);
// What to say if nothing was kept: "--checkpoint FILE would".
void NoteNothingKept(std::string_view advice);

}  // namespace litesmith

#endif  // LITESMITH_BASE_PROGRESS_H_
