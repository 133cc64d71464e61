// Sums, and a text that is made anew a few times a second.
#include "src/train/epoch_progress.h"

#include <fmt/format.h>

#include <utility>

namespace litesmith {
namespace {

// A step of a small network takes less time than to tell of it.
constexpr double kSeconds = 0.1;

}  // namespace

EpochProgress::EpochProgress(Progress* sink, std::string task, int64_t samples,
                             int batch, bool labels)
    : sink_(sink),
      task_(std::move(task)),
      samples_(samples),
      steps_((samples + batch - 1) / batch),
      labels_(labels),
      text_(task_) {}

void EpochProgress::Add(int samples, double loss, int64_t correct) {
  if (sink_ == nullptr) return;
  done_ += samples;
  ++step_;
  loss_ += loss;
  correct_ += correct;
  const double now = timer_.Seconds();
  if (now - said_ >= kSeconds) {
    said_ = now;
    text_ = Text();
  }
  sink_->Update(text_, done_, samples_);
}

std::string EpochProgress::Text() const {
  const auto done = static_cast<double>(done_);
  std::string text = fmt::format("{}, step {} of {}, loss {:.4f}", task_, step_,
                                 steps_, loss_ / done);
  if (labels_) {
    text += fmt::format(", accuracy {:.2f} %",
                        100 * static_cast<double>(correct_) / done);
  }
  const double seconds = timer_.Seconds();
  if (seconds > 0) text += fmt::format(", {:.0f} samples/s", done / seconds);
  return text;
}

}  // namespace litesmith
