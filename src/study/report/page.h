// The report: one HTML page that needs nothing but itself.
#ifndef LITESMITH_STUDY_REPORT_PAGE_H_
#define LITESMITH_STUDY_REPORT_PAGE_H_

#include <string>

#include "src/study/report/contents.h"

namespace litesmith {

inline constexpr char kReportFile[] = "report.html";

// `directory` is as the commands on the page name it; `version` is what
// `litesmith --version` says. What comes from files is text on the page, never
// markup. There is at least one cell.
std::string ReportPage(const RunContents& contents,
                       const std::string& directory);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_PAGE_H_
