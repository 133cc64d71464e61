// The rule of the report's cards; page.js has it again for other tolerances.
#include "src/study/report/answer.h"

#include <algorithm>
#include <cmath>

#include "src/study/report/report.h"

namespace litesmith {
namespace {

// The float model that the recipes start from.
const CellEntry* Baseline(const RunContents& contents) {
  for (const ModelEntry& model : contents.models) {
    if (!model.parent.empty()) continue;
    if (const CellEntry* cell = contents.Cell(model.id, {"fp32", "keras"}))
      return cell;
  }
  return nullptr;
}

}  // namespace

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

Answer FindAnswer(const RunContents& contents, double tolerance) {
  Answer answer;
  if (contents.cells.empty()) return answer;
  const StudyRow& any = contents.cells[0].row;
  const bool higher = HigherIsBetter(any);
  const auto better = [&](const CellEntry& a, const CellEntry& b) {
    return higher ? a.row.value > b.row.value : a.row.value < b.row.value;
  };
  for (const CellEntry& cell : contents.cells) {
    if (KeptWord(cell.row) == "broken") continue;
    if (answer.accurate == nullptr || better(cell, *answer.accurate) ||
        (cell.row.value == answer.accurate->row.value &&
         cell.row.file_bytes < answer.accurate->row.file_bytes)) {
      answer.accurate = &cell;
    }
  }
  const CellEntry* base = Baseline(contents);
  if (base == nullptr) base = answer.accurate;
  if (base == nullptr) return answer;
  answer.baseline = base->row.value;
  answer.baseline_path = base->row.path;
  const double allowed = IsShare(any)
                             ? tolerance / 100
                             : std::abs(answer.baseline) * tolerance / 100;
  for (const CellEntry& cell : contents.cells) {
    const double loss = higher ? answer.baseline - cell.row.value
                               : cell.row.value - answer.baseline;
    if (KeptWord(cell.row) == "broken" || !(loss <= allowed + 1e-12)) continue;
    if (answer.smallest == nullptr ||
        cell.row.file_bytes < answer.smallest->row.file_bytes ||
        (cell.row.file_bytes == answer.smallest->row.file_bytes &&
         better(cell, *answer.smallest))) {
      answer.smallest = &cell;
    }
    if (answer.fastest == nullptr ||
        cell.row.latency_us_p50 < answer.fastest->row.latency_us_p50) {
      answer.fastest = &cell;
    }
  }
  return answer;
}

}  // namespace litesmith
