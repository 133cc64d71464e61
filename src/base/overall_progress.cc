// The progress of a stage as part of the whole.
#include "src/base/overall_progress.h"

#include <algorithm>

namespace litesmith {
namespace {

constexpr int64_t kStage = 1000;

}  // namespace

void OverallProgress::Update(std::string_view task, int64_t done,
                             int64_t total) {
  if (sink_ == nullptr) return;
  if (done <= last_ && last_ > 0) {  // a new stage counts from the start
    finished_ = std::min(finished_ + 1, stages_ - 1);
  }
  last_ = done;
  const int64_t part =
      total > 0 ? std::clamp<int64_t>(done * kStage / total, 0, kStage) : 0;
  sink_->Update(task, finished_ * kStage + part, stages_ * kStage);
}

void OverallProgress::Line(std::string_view text) {
  if (sink_ != nullptr) sink_->Line(text);
}

void OverallProgress::SkipTo(std::string_view task, int64_t stages) {
  finished_ = std::min(stages, stages_);
  last_ = 0;
  if (sink_ != nullptr)
    sink_->Update(task, finished_ * kStage, stages_ * kStage);
}

}  // namespace litesmith
