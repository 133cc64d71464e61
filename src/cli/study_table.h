// A study's rows for people at a terminal: what fits, which files are not
// beaten, and which one to take.
#ifndef LITESMITH_CLI_STUDY_TABLE_H_
#define LITESMITH_CLI_STUDY_TABLE_H_

#include <span>
#include <string>
#include <vector>

#include "src/study/study.h"

namespace litesmith {

// The table in `width` columns, files on the front of value and bytes marked,
// and below it the smallest file within half a point.
std::string StudyText(std::span<const StudyRow> rows, int width, bool coloured);

// What --sort takes: names of columns.
std::vector<std::string> SortNames();
// Best first: high values of the metric (low, where that is better), small
// sizes and times.
void SortRows(const std::string& name, std::vector<StudyRow>* rows);

// The rows as text for standard output: StudyText on a terminal, else the
// Markdown table with all columns.
std::string RowsText(std::span<const StudyRow> rows);

}  // namespace litesmith

#endif  // LITESMITH_CLI_STUDY_TABLE_H_
