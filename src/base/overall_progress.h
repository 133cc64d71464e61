// One bar over many stages: the stages of long work each report from zero to
// their own total; whoever watches wants to know how far the whole is.
#ifndef LITESMITH_BASE_OVERALL_PROGRESS_H_
#define LITESMITH_BASE_OVERALL_PROGRESS_H_

#include <cstdint>
#include <string_view>

#include "src/base/progress.h"

namespace litesmith {

// Passes everything on to `sink` (which may be null), with `done` and `total`
// of the whole, in thousandths of a stage. All stages count alike.
class OverallProgress : public Progress {
 public:
  OverallProgress(Progress* sink, int64_t stages)
      : sink_(sink), stages_(stages) {}

  void Update(std::string_view task, int64_t done, int64_t total) override;
  void Line(std::string_view text) override;
  // Whatever is under way is finished: `stages` of the whole are done.
  void SkipTo(std::string_view task, int64_t stages);

 private:
  Progress* sink_;
  int64_t stages_;
  int64_t finished_ = 0;
  int64_t last_ = 0;  // of the stage under way
};

}  // namespace litesmith

#endif  // LITESMITH_BASE_OVERALL_PROGRESS_H_
