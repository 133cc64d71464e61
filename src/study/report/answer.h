// Which of the results to take: the smallest and the fastest file that lose
// little, and the most accurate one.
#ifndef LITESMITH_STUDY_REPORT_ANSWER_H_
#define LITESMITH_STUDY_REPORT_ANSWER_H_

#include <string>
#include <vector>

#include "src/study/advise.h"
#include "src/study/report/contents.h"

namespace litesmith {

// What the answers are for: a processor with floats, which runs every .tflite.
const Target& AnswerTarget();

// The cells' rows, for the adviser.
std::vector<StudyRow> RowsOf(const RunContents& contents);

struct BestFiles {
  std::string baseline_path;  // whose value losses are counted from
  // Null if no file is as good as asked.
  const CellEntry* smallest = nullptr;
  const CellEntry* fastest = nullptr;
  const CellEntry* accurate = nullptr;
};

// The smallest is what the adviser says for AnswerTarget with this drop alone;
// the others are of the same files by other orders. `tolerance` is in points
// where the metric is a share, else in percent of the baseline.
BestFiles FindBestFiles(const RunContents& contents, double tolerance);

// "ok", "broken", or "none" if nothing was promised.
std::string KeptWord(const StudyRow& row);

// Whether the row's metric is a share; of one that this build does not know:
// no.
bool IsShare(const StudyRow& row);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_ANSWER_H_
