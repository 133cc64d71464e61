// The columns of the table, and rows as JSON.
#include "src/study/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/measure/metrics.h"
#include "src/measure/predictions.h"
#include "src/study/fields_json.h"

namespace litesmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNothing[] = "-";

bool IsAccuracy(const StudyRow& row) { return row.settings.metric == "top1"; }

enum class Shown : uint8_t {
  kAlways,
  kIfVaried,  // left out where all rows have the same
  kIfUsed,    // left out where no row has anything
};

// One column of the table: a new one is a new row here.
struct Column {
  const char* header;
  bool right;  // aligned
  std::string (*text)(const StudyRow& row);
  Shown shown = Shown::kAlways;
};

bool IsShown(const Column& column, const std::vector<std::string>& texts) {
  const auto all = [&](const std::string& text) {
    return std::all_of(texts.begin(), texts.end(),
                       [&](const std::string& each) { return each == text; });
  };
  switch (column.shown) {
    case Shown::kAlways:
      return true;
    case Shown::kIfVaried:
      return !texts.empty() && !all(texts[0]);
    case Shown::kIfUsed:
      return texts.empty() || !all(kNothing);
  }
  return true;
}

constexpr Column kReportColumns[] = {
    {"Method", false, [](const StudyRow& row) { return row.method; }},
    {"Model optimize", false, [](const StudyRow& row) { return row.recipe; }},
    {"Accuracy", true,
     [](const StudyRow& row) -> std::string {
       return IsAccuracy(row) ? ValueOf(row) : kNothing;
     },
     Shown::kIfUsed},
    {"Metric", true,
     [](const StudyRow& row) -> std::string {
       return IsAccuracy(row)
                  ? kNothing
                  : fmt::format("{} {}", row.settings.metric, ValueOf(row));
     },
     Shown::kIfUsed},
    {"Other outputs", false,
     [](const StudyRow& row) -> std::string {
       return row.outputs.empty() ? kNothing : OutputsText(row);
     },
     Shown::kIfUsed},
    {"Total time", true,
     [](const StudyRow& row) {
       return fmt::format("{:.1f} ms", row.total_ms);
     }},
    {"File size", true,
     [](const StudyRow& row) { return fmt::format("{}", row.file_bytes); }},
    {"gzip size", true,
     [](const StudyRow& row) { return fmt::format("{}", row.gzip_bytes); }},
    {"Latency p50", true,
     [](const StudyRow& row) {
       return fmt::format("{:.2f} us", row.latency_us_p50);
     }},
    {"Sparsity", true,
     [](const StudyRow& row) {
       return fmt::format("{:.1f} %", 100 * row.sparsity);
     }},
    {"Seed", true,
     [](const StudyRow& row) { return fmt::format("{}", row.settings.seed); }},
    {"Data", false, [](const StudyRow& row) { return row.settings.data; },
     Shown::kIfVaried},
    {"Model", false, [](const StudyRow& row) { return row.settings.model; },
     Shown::kIfVaried},
    {"Limit", true,
     [](const StudyRow& row) { return fmt::format("{}", row.settings.limit); },
     Shown::kIfVaried},
    {"Epochs", true,
     [](const StudyRow& row) { return fmt::format("{}", row.settings.epochs); },
     Shown::kIfVaried},
    {"Batch", true,
     [](const StudyRow& row) { return fmt::format("{}", row.settings.batch); },
     Shown::kIfVaried},
    {"Learning rate", true,
     [](const StudyRow& row) {
       return fmt::format("{}", row.settings.learning_rate);
     },
     Shown::kIfVaried},
    {"Validation split", true,
     [](const StudyRow& row) {
       return fmt::format("{}", row.settings.validation_split);
     },
     Shown::kIfVaried},
    {"Loss", false, [](const StudyRow& row) { return row.settings.loss; },
     Shown::kIfVaried},
    {"Optimizer", false,
     [](const StudyRow& row) { return row.settings.optimizer; },
     Shown::kIfVaried},
    {"Momentum", true,
     [](const StudyRow& row) {
       return fmt::format("{}", row.settings.momentum);
     },
     Shown::kIfVaried},
    {"Schedule", false,
     [](const StudyRow& row) { return row.settings.schedule; },
     Shown::kIfVaried},
    {"Build", false, [](const StudyRow& row) { return row.build; },
     Shown::kIfVaried},
    {"ISA", false, [](const StudyRow& row) { return row.isa; },
     Shown::kIfVaried},
    {"Invariants", false,
     [](const StudyRow& row) { return PromisesText(row); }},
};

// The fields without which a row says nothing; others may have come later than
// the build that wrote it.
constexpr const char* kNeeded[] = {"recipe", "method", "path"};

// A metric that this build does not know is a number.
std::string TextOf(const std::string& metric, double value) {
  const Metric* known = MetricOrNull(metric);
  return known != nullptr ? ValueText(*known, value) : fmt::format("{}", value);
}

}  // namespace

std::string PromisesText(const StudyRow& row) {
  std::vector<std::pair<std::string, bool>> names;
  for (const Invariant& i : row.invariants) {
    const auto known =
        std::find_if(names.begin(), names.end(),
                     [&](const auto& each) { return each.first == i.name; });
    if (known == names.end()) {
      names.emplace_back(i.name, i.ok);
    } else {
      known->second &= i.ok;
    }
  }
  std::string text;
  for (const auto& [name, ok] : names)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                        ok ? "ok" : "BROKEN");
  return text.empty() ? kNothing : text;
}

std::string ValueOf(const StudyRow& row) {
  return TextOf(row.settings.metric, row.value);
}

const Metric* MetricOf(const StudyRow& row) {
  return MetricOrNull(row.settings.metric);
}

bool HigherIsBetter(const StudyRow& row) {
  const Metric* metric = MetricOf(row);
  return metric == nullptr || metric->higher_is_better;
}

std::string NameOf(const OutputScore& output) {
  return output.name + " " + ShownName(output.metric);
}

std::string ValueOf(const OutputScore& output) {
  return TextOf(output.metric, output.value);
}

std::string OutputsText(const StudyRow& row) {
  std::string text;
  for (const OutputScore& output : row.outputs) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", NameOf(output),
                        ValueOf(output));
  }
  return text;
}

std::string ScoreText(const StudyRow& row) {
  return fmt::format("{} {}{}{}", ShownName(row.settings.metric), ValueOf(row),
                     row.outputs.empty() ? "" : ", ", OutputsText(row));
}

std::string MarkdownTable(std::span<const StudyRow> rows) {
  // A column is its header and a cell a row.
  std::vector<const Column*> columns;
  std::vector<std::vector<std::string>> cells;
  for (const Column& column : kReportColumns) {
    std::vector<std::string> texts;
    for (const StudyRow& row : rows) texts.push_back(column.text(row));
    if (!IsShown(column, texts)) continue;
    columns.push_back(&column);
    cells.push_back(std::move(texts));
  }
  std::vector<size_t> width;
  for (size_t c = 0; c < columns.size(); ++c) {
    width.push_back(std::string_view(columns[c]->header).size());
    for (const std::string& text : cells[c])
      width[c] = std::max(width[c], text.size());
  }
  std::string text;
  const auto line = [&](auto&& cell) {
    for (size_t c = 0; c < columns.size(); ++c) {
      text += columns[c]->right ? fmt::format("| {:>{}} ", cell(c), width[c])
                                : fmt::format("| {:<{}} ", cell(c), width[c]);
    }
    text += "|\n";
  };
  line([&](size_t c) { return std::string(columns[c]->header); });
  line([&](size_t c) {
    std::string rule(width[c], '-');
    if (columns[c]->right) rule.back() = ':';
    return rule;
  });
  for (size_t r = 0; r < rows.size(); ++r)
    line([&](size_t c) { return cells[c][r]; });
  return text;
}

std::string ResultsJson(std::span<const StudyRow> rows) {
  Json list = Json::array();
  for (const StudyRow& row : rows) list.push_back(FieldsToJson(row));
  return list.dump(2) + "\n";
}

std::string ResultsCsv(std::span<const StudyRow> rows) {
  std::string text;
  size_t outputs = 0;
  for (const StudyRow& row : rows)
    outputs = std::max(outputs, row.outputs.size());
  for (const StudyRow& row : rows) {
    Json object = FieldsToJson(row);
    object.erase("outputs");
    for (size_t o = 0; o < outputs; ++o) {
      const bool there = o < row.outputs.size();
      const OutputScore output = there ? row.outputs[o] : OutputScore();
      object[fmt::format("output_{}", o + 1)] = output.name;
      object[fmt::format("metric_{}", o + 1)] = output.metric;
      object[fmt::format("value_{}", o + 1)] =
          there ? Json(output.value) : Json("");
    }
    object.erase("invariants");
    object.erase("coverage");
    object.erase("class_names");
    std::string names;
    std::string values;
    for (const auto& [name, value] : object.items()) {
      const char* comma = names.empty() ? "" : ",";
      names += comma + name;
      values += comma + CsvField(value.is_string() ? value.get<std::string>()
                                                   : value.dump());
    }
    if (text.empty()) text = names + "\n";
    text += values + "\n";
  }
  return text;
}

std::string FolderReadme(std::span<const StudyRow> rows) {
  std::string text =
      "What a study of Litesmith left here.\n\n"
      "report.html   all of it as a page: open it in a browser\n"
      "table.md      the table; results.csv and results.json: the same for "
      "programs\n"
      "study.json    the settings; a folder with one of its own holds results "
      "of others\n"
      "RECIPE/       what a recipe made:\n"
      "  model.h5        the trained model, as Keras reads it\n"
      "  METHOD.tflite   the same in one numeric format\n"
      "  *.json          notes, by which a later call knows what it can keep\n";
  if (rows.empty()) return text;
  text += "\nRecipes and methods:\n";
  std::string last;
  for (const StudyRow& row : rows) {
    const std::string folder = row.path.substr(0, row.path.rfind('/'));
    text += folder == last
                ? " "
                : fmt::format("{}  {}: ", last.empty() ? "" : "\n", folder);
    text += row.method;
    last = folder;
  }
  return text + "\n";
}

std::string RowJson(const StudyRow& row) { return FieldsToJson(row).dump(); }

StudyRow ParseRow(const std::string& json, const std::string& where) {
  StudyRow row;
  try {
    const Json object = Json::parse(json);
    for (const char* name : kNeeded) object.at(name);
    row = FieldsFromJson<StudyRow>(object);
    // Of builds that knew no other metric.
    if (!object.contains("value")) row.value = row.accuracy;
  } catch (const Json::exception& error) {
    Fail(ErrorKind::kCorrupt, "{}: {}", where, error.what());
  }
  return row;
}

}  // namespace litesmith
