// The page's own files and Chart.js, as the build embeds them
// (cmake/embed.cmake).
#ifndef LITESMITH_STUDY_REPORT_ASSETS_H_
#define LITESMITH_STUDY_REPORT_ASSETS_H_

#include <string_view>

namespace litesmith {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageScript;
extern const std::string_view kChartScript;

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_ASSETS_H_
