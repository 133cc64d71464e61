// The rule of the report's cards; page.js has it again for other tolerances.
#include "src/study/report/answer.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "src/study/report/report.h"

namespace litesmith {

bool IsShare(const StudyRow& row) {
  const Metric* metric = MetricOf(row);
  return metric != nullptr && metric->is_share;
}

std::string KeptWord(const StudyRow& row) {
  if (row.invariants.empty()) return "none";
  const bool ok = std::all_of(row.invariants.begin(), row.invariants.end(),
                              [](const Invariant& i) { return i.ok; });
  return ok ? "ok" : "broken";
}

const Target& AnswerTarget() { return FindTarget("cpu"); }

std::vector<StudyRow> RowsOf(const RunContents& contents) {
  std::vector<StudyRow> rows;
  for (const CellEntry& cell : contents.cells) rows.push_back(cell.row);
  return rows;
}

BestFiles FindBestFiles(const RunContents& contents, double tolerance) {
  BestFiles answer;
  if (contents.cells.empty()) return answer;
  const std::vector<StudyRow> rows = RowsOf(contents);
  answer.baseline_path = rows[BaselineOf(rows, rows[0])].path;
  Budgets budgets;
  budgets.max_drop = tolerance;
  if (const auto best = Advise(rows, AnswerTarget(), budgets).best)
    answer.smallest = &contents.cells[best->row];
  const std::vector<Choice> choices = ChoicesOf(rows, AnswerTarget());
  const double sign = HigherIsBetter(rows[0]) ? -1 : 1;
  std::optional<size_t> fastest;
  std::optional<size_t> accurate;
  const auto fast = [&](size_t r) {
    return std::tuple(rows[r].latency_us_p50, choices[r].drop,
                      rows[r].file_bytes, r);
  };
  const auto good = [&](size_t r) {
    return std::tuple(sign * rows[r].value, rows[r].file_bytes,
                      choices[r].place, r);
  };
  for (size_t r = 0; r < rows.size(); ++r) {
    if (choices[r].place < 0) continue;
    if (!accurate || good(r) < good(*accurate)) accurate = r;
    if (choices[r].drop > tolerance + 1e-9) continue;
    if (!fastest || fast(r) < fast(*fastest)) fastest = r;
  }
  if (fastest) answer.fastest = &contents.cells[*fastest];
  if (accurate) answer.accurate = &contents.cells[*accurate];
  return answer;
}

}  // namespace litesmith
