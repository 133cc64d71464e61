// Columns by how much people miss them.
#include "src/cli/study_table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/names.h"
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/measure/metrics.h"
#include "src/study/advise.h"
#include "src/study/report/answer.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

// What the rows are sorted by; smaller is better.
struct Key {
  const char* name;
  double (*value)(const StudyRow& row);
};

constexpr Key kKeys[] = {
    {"accuracy",
     [](const StudyRow& row) {
       return HigherIsBetter(row) ? -row.value : row.value;
     }},
    {"size",
     [](const StudyRow& row) { return static_cast<double>(row.file_bytes); }},
    {"gzip",
     [](const StudyRow& row) { return static_cast<double>(row.gzip_bytes); }},
    {"latency", [](const StudyRow& row) { return row.latency_us_p50; }},
    {"arena",
     [](const StudyRow& row) { return static_cast<double>(row.arena_bytes); }},
    {"sparsity", [](const StudyRow& row) { return -row.sparsity; }},
    {"time", [](const StudyRow& row) { return row.total_ms; }},
};

// Whether no other file is better in value or bytes without being worse in the
// other.
bool OnFront(const StudyRow& row, std::span<const StudyRow> rows) {
  const double value = kKeys[0].value(row);
  return std::none_of(rows.begin(), rows.end(), [&](const StudyRow& each) {
    const double other = kKeys[0].value(each);
    return other <= value && each.file_bytes <= row.file_bytes &&
           (other < value || each.file_bytes < row.file_bytes);
  });
}

// "seed-2" of "seed-2/none/uint8.tflite".
std::string Folder(const StudyRow& row) {
  const std::string tail =
      row.path.substr(0, row.path.find_last_of('/') == std::string::npos
                             ? 0
                             : row.path.find_last_of('/'));
  const size_t slash = tail.find('/');
  return slash == std::string::npos ? "-" : tail.substr(0, slash);
}

std::string OutputNames(const StudyRow& row) {
  std::string names;
  for (const OutputScore& output : row.outputs) names += NameOf(output) + "\n";
  return names;
}

const std::vector<OutputScore>& NoOutputs() {
  static const std::vector<OutputScore> kNone;
  return kNone;
}

template <typename Text>
bool Varies(std::span<const StudyRow> rows, const Text& text) {
  return std::any_of(rows.begin(), rows.end(), [&](const StudyRow& row) {
    return text(row) != text(rows[0]);
  });
}

}  // namespace

std::vector<std::string> SortNames() { return NamesOf(kKeys); }

void SortRows(const std::string& name, std::vector<StudyRow>* rows) {
  const Key& key = FindByName(kKeys, name, "column");
  std::stable_sort(rows->begin(), rows->end(),
                   [&](const StudyRow& a, const StudyRow& b) {
                     return key.value(a) < key.value(b);
                   });
}

std::string StudyText(std::span<const StudyRow> rows, int width,
                      bool coloured) {
  if (rows.empty()) return "";
  const auto metric = [](const StudyRow& row) { return row.settings.metric; };
  const bool mixed = Varies(rows, metric);
  const bool folders = Varies(rows, Folder);
  const bool promises = Varies(rows, PromisesText);
  std::vector<TextTable::Column> columns = {
      {""},
      {"Recipe"},
      {"Method"},
      {mixed                               ? "Metric"
       : rows[0].settings.metric == "top1" ? "Accuracy"
                                           : rows[0].settings.metric,
       true},
      {"Bytes", true, 1},
      {"p50", true, 2},
      {"gzip", true, 3},
      {"Zeros", true, 5},
      {"Arena", true, 4},
      {"Test set", true, 6}};
  // A column each, where all rows have the same outputs.
  const bool alike = !Varies(rows, OutputNames);
  for (const OutputScore& output : alike ? rows[0].outputs : NoOutputs())
    columns.push_back({NameOf(output), true});
  if (!alike) columns.push_back({"Other outputs"});
  if (folders) columns.push_back({"Settings", false, 1});
  if (promises) columns.push_back({"Promises", false, 7});
  TextTable table(columns);
  int64_t front = 0;
  for (const StudyRow& row : rows) {
    const bool best = OnFront(row, rows);
    front += best;
    std::vector<std::string> cells = {
        best ? "*" : "",
        row.recipe,
        row.method,
        mixed ? ScoreText(row) : ValueOf(row),
        fmt::format("{}", row.file_bytes),
        fmt::format("{:.2f} us", row.latency_us_p50),
        fmt::format("{}", row.gzip_bytes),
        fmt::format("{:.1f} %", 100 * row.sparsity),
        fmt::format("{}", row.arena_bytes),
        fmt::format("{:.1f} ms", row.total_ms)};
    for (const OutputScore& output : alike ? row.outputs : NoOutputs())
      cells.push_back(ValueOf(output));
    if (!alike) cells.push_back(OutputsText(row));
    if (folders) cells.push_back(Folder(row));
    if (promises) cells.push_back(PromisesText(row));
    table.Add(std::move(cells));
  }
  std::string text = table.Text(width, coloured);
  const auto room = static_cast<size_t>(std::max(width, 0));
  text += Wrapped(fmt::format("* {} that no other beats in both {} and bytes",
                              Counted(front, "file"),
                              mixed ? "metric"
                              : rows[0].settings.metric == "top1"
                                  ? "accuracy"
                                  : columns[3].header),
                  room, 2, 4) +
          "\n";
  const Advice advice = Advise(rows, FindTarget("cpu"), {});
  if (advice.best) {
    const StudyRow& best = rows[advice.best->row];
    text += Wrapped(fmt::format("smallest within 0.5 points: {} ({}, {} bytes)",
                                best.path, ScoreText(best), best.file_bytes),
                    room, 2, 4) +
            "\n";
  }
  return text;
}

std::string RowsText(std::span<const StudyRow> rows) {
  const int width = WidthOf(STDOUT_FILENO);
  return width == 0 ? MarkdownTable(rows)
                    : StudyText(rows, width, TakesColour(STDOUT_FILENO));
}

}  // namespace litesmith
