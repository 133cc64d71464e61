// The line on a terminal, and the lines in a pipe.
#include "src/cli/terminal_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>

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

void PrintWarning(std::string_view text) {
  // Every recipe of a study may have the same to say. Calls come one at a time.
  static std::set<std::string, std::less<>> said;
  if (!said.emplace(text).second) return;
  if (TerminalProgress::shown_now_ != nullptr)
    TerminalProgress::shown_now_->Clear();
  std::fprintf(stderr, "litesmith: warning: %.*s\n",
               static_cast<int>(text.size()), text.data());
}

TerminalProgress::TerminalProgress()
    : terminal_(isatty(STDERR_FILENO) != 0), shown_(Clock::now()) {
  shown_now_ = this;
}

TerminalProgress::~TerminalProgress() {
  Clear();
  shown_now_ = nullptr;
}

void TerminalProgress::Update(std::string_view task, int64_t done,
                              int64_t total) {
  const auto now = Clock::now();
  if (total != total_ || done < done_) {
    start_ = now;
    start_done_ = done;
    total_ = total;
  }
  done_ = done;
  if (Seconds(now - shown_) < (terminal_ ? kTerminalSeconds : kPipeSeconds))
    return;
  shown_ = now;
  const double percent =
      total > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(total)
                : 0;
  std::string text = fmt::format("[{:3.0f} %] {}", percent, task);
  const double elapsed = Seconds(now - start_);
  if (elapsed > kGuessSeconds && done > start_done_ && done < total) {
    const double left = elapsed * static_cast<double>(total - done) /
                        static_cast<double>(done - start_done_);
    text += ", about " + Duration(left) + " left";
  }
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

void TerminalProgress::Line(std::string_view text) {
  Clear();
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void TerminalProgress::Clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace litesmith
