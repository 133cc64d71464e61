// The figures of a row on the page: table, filters and plots.
#ifndef LITESMITH_STUDY_REPORT_COLUMNS_H_
#define LITESMITH_STUDY_REPORT_COLUMNS_H_

#include <span>
#include <string>

#include "src/study/study.h"

namespace litesmith {

// One column of the page's table: a new one is a new row in columns.cc.
struct PageColumn {
  const char* header;
  bool shown;                                // from the start
  std::string (*text)(const StudyRow& row);  // as people read it
  double (*value)(const StudyRow& row);      // what it sorts by; null: the text
};

std::span<const PageColumn> PageColumns();

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_COLUMNS_H_
