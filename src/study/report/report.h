// The study's rows as text: a Markdown table for people, JSON for tools.
#ifndef LITESMITH_STUDY_REPORT_REPORT_H_
#define LITESMITH_STUDY_REPORT_REPORT_H_

#include <span>
#include <string>

#include "src/study/study.h"

namespace litesmith {

// "accuracy 97.00 %", or "mse 0.01234": what the row's outputs are worth.
std::string ScoreText(const StudyRow& row);

// A line a row, the columns padded so that it reads well unrendered too.
std::string MarkdownTable(std::span<const StudyRow> rows);

// A list of objects with the fields of StudyRow.
std::string ResultsJson(std::span<const StudyRow> rows);

// One row as JSON and back: fields that another build did not know keep their
// defaults. Throws Error{corrupt} where recipe, method or path is missing or
// anything has another type; `where` names the file.
std::string RowJson(const StudyRow& row);
StudyRow ParseRow(const std::string& json, const std::string& where);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_REPORT_H_
