// Progress for people, on standard error: on a terminal one line that rewrites
// itself, fits, and has the time left; in a pipe and on a dumb terminal plain
// lines, now and then. Nothing if the user wants quiet.
#ifndef LITESMITH_CLI_TERMINAL_PROGRESS_H_
#define LITESMITH_CLI_TERMINAL_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/progress.h"

namespace litesmith {

// "8 s", "3 min 20 s", "2 h 05 min".
std::string Duration(double seconds);

// "[ 43 %] none: epoch 2 of 5, step 3 of 9, about 5 s left" in `width` columns
// (0: all of it): where there is no room the middle is cut.
std::string ProgressText(double percent, std::string_view task,
                         std::string_view left, size_t width);

// A line "litesmith: warning: TEXT" on standard error, above the progress line
// if one is drawn; once for each text.
void PrintWarning(std::string_view text);

class TerminalProgress : public Progress {
 public:
  TerminalProgress();
  ~TerminalProgress() override;

  void Update(std::string_view task, int64_t done, int64_t total) override;
  void Line(std::string_view text) override;

 private:
  using Clock = std::chrono::steady_clock;

  friend void PrintWarning(std::string_view text);

  // Takes the rewriting line away.
  void Clear();
  // A line for each new step of the work.
  void TellStep(std::string_view task, Clock::time_point now);

  static TerminalProgress* shown_now_;  // the one that draws, or null

  bool rewrites_;  // the terminal can take a line away
  bool drawn_ = false;
  int drawn_in_ = 0;  // columns of the terminal, then
  std::string step_;  // what was named last, for those who want every step
  Clock::time_point begin_;
  Clock::time_point shown_;
  // Where the time left is reckoned from: the first report of this scale.
  Clock::time_point start_;
  int64_t start_done_ = 0;
  int64_t total_ = -1;
  int64_t done_ = 0;
};

}  // namespace litesmith

#endif  // LITESMITH_CLI_TERMINAL_PROGRESS_H_
