// The study's rows as text: a Markdown table for people, JSON for tools.
#ifndef LITESMITH_STUDY_REPORT_REPORT_H_
#define LITESMITH_STUDY_REPORT_REPORT_H_

#include <span>
#include <string>

#include "src/measure/metrics.h"
#include "src/study/study.h"

namespace litesmith {

// The row's metric; null if this build does not know it.
const Metric* MetricOf(const StudyRow& row);
// Of a metric that this build does not know: yes.
bool HigherIsBetter(const StudyRow& row);

// "accuracy 97.00 %", or "mse 0.01234", and what follows of further outputs:
// what the row's outputs are worth.
std::string ScoreText(const StudyRow& row);
// "age mse 0.01234, sex accuracy 97.00 %": the further outputs' part of it.
std::string OutputsText(const StudyRow& row);

// "97.00 %", "0.01234": of the first output, without the metric's name.
std::string ValueOf(const StudyRow& row);
// "age mse" and "0.01234", of a further output.
std::string NameOf(const OutputScore& output);
std::string ValueOf(const OutputScore& output);
// "zeros ok, clusters BROKEN": what was promised of all tensors together; "-"
// if nothing was.
std::string PromisesText(const StudyRow& row);

// A line a row, the columns padded so that it reads well unrendered too.
std::string MarkdownTable(std::span<const StudyRow> rows);

// A list of objects with the fields of StudyRow.
std::string ResultsJson(std::span<const StudyRow> rows);

// The same as lines of comma-separated values under the fields' names, without
// the list of invariants.
std::string ResultsCsv(std::span<const StudyRow> rows);

// What is what in a run directory, in a few lines.
std::string FolderReadme(std::span<const StudyRow> rows);

// One row as JSON and back: fields that another build did not know keep their
// defaults. Throws Error{corrupt} where recipe, method or path is missing or
// anything has another type; `where` names the file.
std::string RowJson(const StudyRow& row);
StudyRow ParseRow(const std::string& json, const std::string& where);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_REPORT_H_
