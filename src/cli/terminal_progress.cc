// The line on a terminal, and the lines in a pipe.
#include "src/cli/terminal_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>

#include "src/cli/terminal.h"

namespace litesmith {
namespace {

// Redrawing more often than this only costs time.
constexpr double kTerminalSeconds = 0.1;
// A piped log shows that it is alive.
constexpr double kPipeSeconds = 10;
// Before this much has passed, a guess of the time left is noise.
constexpr double kGuessSeconds = 0.5;

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string Duration(double seconds) {
  const auto s = static_cast<int64_t>(std::ceil(std::max(0.0, seconds)));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

TerminalProgress* TerminalProgress::shown_now_ = nullptr;

std::string ProgressText(double percent, std::string_view task,
                         std::string_view left, size_t width) {
  const std::string head = fmt::format("[{:3.0f} %] ", percent);
  if (width == 0) return fmt::format("{}{}{}", head, task, left);
  const size_t others = ShownWidth(head) + ShownWidth(left);
  if (others + 8 > width) return Clipped(head + std::string(task), width);
  return head + Clipped(task, width - others) + std::string(left);
}

void PrintWarning(std::string_view text) {
  if (GetVerbosity() == Verbosity::kQuiet) return;
  // Every recipe of a study may have the same to say. Calls come one at a time.
  static std::set<std::string, std::less<>> said;
  if (!said.emplace(text).second) return;
  if (TerminalProgress::shown_now_ != nullptr)
    TerminalProgress::shown_now_->Clear();
  std::fprintf(
      stderr, "%s\n",
      ForStandardError("litesmith: warning:", text, Style::kBold).c_str());
}

TerminalProgress::TerminalProgress()
    : rewrites_(TakesEscapes(STDERR_FILENO)),
      begin_(Clock::now()),
      shown_(begin_) {
  shown_now_ = this;
}

TerminalProgress::~TerminalProgress() {
  Clear();
  shown_now_ = nullptr;
}

void TerminalProgress::Update(std::string_view task, int64_t done,
                              int64_t total) {
  if (GetVerbosity() == Verbosity::kQuiet) return;
  const auto now = Clock::now();
  if (total != total_ || done < done_) {
    start_ = now;
    start_done_ = done;
    total_ = total;
  }
  done_ = done;
  if (GetVerbosity() == Verbosity::kVerbose) TellStep(task, now);
  if (Seconds(now - shown_) < (rewrites_ ? kTerminalSeconds : kPipeSeconds))
    return;
  shown_ = now;
  const double percent =
      total > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(total)
                : 0;
  std::string left;
  const double elapsed = Seconds(now - start_);
  if (elapsed > kGuessSeconds && done > start_done_ && done < total) {
    const double seconds = elapsed * static_cast<double>(total - done) /
                           static_cast<double>(done - start_done_);
    left = ", about " + Duration(seconds) + " left";
  }
  if (rewrites_) {
    Clear();
    // The last column stays free: a full line would wrap on some terminals.
    drawn_in_ = WidthOf(STDERR_FILENO);
    const auto width = static_cast<size_t>(std::max(2, drawn_in_) - 1);
    // Without wrapping, and with the cursor back at the line's start: a
    // terminal that becomes narrower breaks the line behind it, or has become
    // so just now and cuts it.
    std::fprintf(stderr, "\033[?7l%s\033[?7h\r",
                 ProgressText(percent, task, left, width).c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", ProgressText(percent, task, left, 0).c_str());
  }
  std::fflush(stderr);
}

void TerminalProgress::TellStep(std::string_view task, Clock::time_point now) {
  const std::string_view step = task.substr(0, task.find(','));
  if (step == step_) return;
  step_ = step;
  Clear();
  std::fprintf(stderr, "[%7.2f s] %s\n", Seconds(now - begin_), step_.c_str());
}

void TerminalProgress::Line(std::string_view text) {
  if (GetVerbosity() == Verbosity::kQuiet) return;
  Clear();
  std::fprintf(
      stderr, "%s\n",
      Wrapped(text, static_cast<size_t>(WidthOf(STDERR_FILENO)), 0, 2).c_str());
}

void TerminalProgress::Clear() {
  if (!drawn_) return;
  // What a smaller width has broken is below. Elsewhere only the line is
  // cleared: tmux keeps a copy of a screen that is.
  const bool same = WidthOf(STDERR_FILENO) == drawn_in_;
  std::fputs(same ? "\r\033[K" : "\r\033[J", stderr);
  drawn_ = false;
}

}  // namespace litesmith
