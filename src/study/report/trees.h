// The two trees of the guides, with what was measured here on their nodes and
// edges, as HTML lists.
#ifndef LITESMITH_STUDY_REPORT_TREES_H_
#define LITESMITH_STUDY_REPORT_TREES_H_

#include <string>

#include "src/study/report/contents.h"

namespace litesmith {

// Every recipe below its parent.
std::string RecipeTree(const RunContents& contents);

// Which numeric format, asked step by step, for the model that the recipes
// start from; the path that the numbers support within `tolerance` (of
// FindBestFiles) is marked.
std::string QuantizationTree(const RunContents& contents, double tolerance);

// A difference in the metric: "+0.25 points", "-0.0012".
std::string ChangeText(const StudyRow& from, const StudyRow& to);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_TREES_H_
