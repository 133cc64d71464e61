// Which of the results to take: the smallest and the fastest file that lose
// little, and the most accurate one.
#ifndef LITESMITH_STUDY_REPORT_ANSWER_H_
#define LITESMITH_STUDY_REPORT_ANSWER_H_

#include <string>

#include "src/study/report/contents.h"

namespace litesmith {

struct Answer {
  double baseline = 0;        // the metric that losses are counted from
  std::string baseline_path;  // whose it is
  // Null if no file is as good as asked.
  const CellEntry* smallest = nullptr;
  const CellEntry* fastest = nullptr;
  const CellEntry* accurate = nullptr;
};

// Of the files whose promises hold. `tolerance` is in points where the metric
// is a share, else in percent of the baseline: the float model that no recipe
// has changed, or the best result if that is not there.
Answer FindAnswer(const RunContents& contents, double tolerance);

// "ok", "broken", or "none" if nothing was promised.
std::string KeptWord(const StudyRow& row);

// Whether the row's metric is a share; of one that this build does not know:
// no.
bool IsShare(const StudyRow& row);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_ANSWER_H_
