#include "src/study/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/base/error.h"

namespace litesmith {
namespace {

using Json = nlohmann::ordered_json;

// "zeros ok, clusters ok": what was promised of all tensors together.
std::string Kept(const StudyRow& row) {
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
  return text.empty() ? "-" : text;
}

// One column of the table: a new one is a new row here.
struct Column {
  const char* header;
  bool right;  // aligned
  std::string (*text)(const StudyRow& row);
};

constexpr Column kColumns[] = {
    {"Method", false, [](const StudyRow& row) { return row.method; }},
    {"Model optimize", false, [](const StudyRow& row) { return row.recipe; }},
    {"Accuracy", true,
     [](const StudyRow& row) {
       return fmt::format("{:.2f} %", 100 * row.accuracy);
     }},
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
    {"Invariants", false, [](const StudyRow& row) { return Kept(row); }},
};

Json ToJson(const StudyRow& row) {
  Json invariants = Json::array();
  for (const Invariant& invariant : row.invariants) {
    invariants.push_back({{"name", invariant.name},
                          {"tensor", invariant.tensor},
                          {"value", invariant.value},
                          {"limit", invariant.limit},
                          {"ok", invariant.ok}});
  }
  return {{"recipe", row.recipe},
          {"method", row.method},
          {"accuracy", row.accuracy},
          {"correct", row.correct},
          {"samples", row.samples},
          {"total_ms", row.total_ms},
          {"latency_us_p50", row.latency_us_p50},
          {"latency_us_p99", row.latency_us_p99},
          {"file_bytes", row.file_bytes},
          {"gzip_bytes", row.gzip_bytes},
          {"sparsity", row.sparsity},
          {"train_s", row.train_s},
          {"convert_s", row.convert_s},
          {"path", row.path},
          {"isa", row.isa},
          {"seed", row.seed},
          {"invariants", invariants}};
}

}  // namespace

std::string MarkdownTable(std::span<const StudyRow> rows) {
  constexpr size_t kCount = std::size(kColumns);
  std::vector<size_t> width(kCount);
  std::vector<std::string> cells;
  for (size_t c = 0; c < kCount; ++c)
    width[c] = std::string_view(kColumns[c].header).size();
  for (const StudyRow& row : rows) {
    for (size_t c = 0; c < kCount; ++c) {
      cells.push_back(kColumns[c].text(row));
      width[c] = std::max(width[c], cells.back().size());
    }
  }
  std::string text;
  const auto line = [&](auto&& cell) {
    for (size_t c = 0; c < kCount; ++c) {
      text += kColumns[c].right ? fmt::format("| {:>{}} ", cell(c), width[c])
                                : fmt::format("| {:<{}} ", cell(c), width[c]);
    }
    text += "|\n";
  };
  line([](size_t c) { return std::string(kColumns[c].header); });
  line([&](size_t c) {
    std::string rule(width[c], '-');
    if (kColumns[c].right) rule.back() = ':';
    return rule;
  });
  for (size_t r = 0; r < rows.size(); ++r)
    line([&](size_t c) { return cells[r * kCount + c]; });
  return text;
}

std::string ResultsJson(std::span<const StudyRow> rows) {
  Json list = Json::array();
  for (const StudyRow& row : rows) list.push_back(ToJson(row));
  return list.dump(2) + "\n";
}

std::string RowJson(const StudyRow& row) { return ToJson(row).dump(); }

StudyRow ParseRow(const std::string& json, const std::string& where) {
  StudyRow row;
  try {
    const Json object = Json::parse(json);
    object.at("recipe").get_to(row.recipe);
    object.at("method").get_to(row.method);
    object.at("accuracy").get_to(row.accuracy);
    object.at("correct").get_to(row.correct);
    object.at("samples").get_to(row.samples);
    object.at("total_ms").get_to(row.total_ms);
    object.at("latency_us_p50").get_to(row.latency_us_p50);
    object.at("latency_us_p99").get_to(row.latency_us_p99);
    object.at("file_bytes").get_to(row.file_bytes);
    object.at("gzip_bytes").get_to(row.gzip_bytes);
    object.at("sparsity").get_to(row.sparsity);
    object.at("train_s").get_to(row.train_s);
    object.at("convert_s").get_to(row.convert_s);
    object.at("path").get_to(row.path);
    object.at("isa").get_to(row.isa);
    object.at("seed").get_to(row.seed);
    for (const Json& item : object.at("invariants")) {
      row.invariants.push_back(
          {item.at("name").get<std::string>(),
           item.at("tensor").get<std::string>(), item.at("value").get<double>(),
           item.at("limit").get<double>(), item.at("ok").get<bool>()});
    }
  } catch (const Json::exception& error) {
    Fail(ErrorKind::kCorrupt, "{}: {}", where, error.what());
  }
  return row;
}

}  // namespace litesmith
