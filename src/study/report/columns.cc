// One row for each column of the page's table.
#include "src/study/report/columns.h"

#include <fmt/format.h>

#include "src/study/report/report.h"

namespace litesmith {
namespace {

std::string Number(double value, int digits) {
  return fmt::format("{:.{}f}", value, digits);
}

constexpr PageColumn kColumns[] = {
    {"Recipe", true, [](const StudyRow& row) { return row.recipe; }, nullptr},
    {"Method", true, [](const StudyRow& row) { return row.method; }, nullptr},
    {"Value", true, ValueOf, [](const StudyRow& row) { return row.value; }},
    {"File bytes", true,
     [](const StudyRow& row) { return fmt::format("{}", row.file_bytes); },
     [](const StudyRow& row) { return static_cast<double>(row.file_bytes); }},
    {"gzip bytes", true,
     [](const StudyRow& row) { return fmt::format("{}", row.gzip_bytes); },
     [](const StudyRow& row) { return static_cast<double>(row.gzip_bytes); }},
    {"Latency us", true,
     [](const StudyRow& row) { return Number(row.latency_us_p50, 2); },
     [](const StudyRow& row) { return row.latency_us_p50; }},
    {"p99 us", false,
     [](const StudyRow& row) { return Number(row.latency_us_p99, 2); },
     [](const StudyRow& row) { return row.latency_us_p99; }},
    {"Test set ms", false,
     [](const StudyRow& row) { return Number(row.total_ms, 1); },
     [](const StudyRow& row) { return row.total_ms; }},
    {"Arena bytes", true,
     [](const StudyRow& row) { return fmt::format("{}", row.arena_bytes); },
     [](const StudyRow& row) { return static_cast<double>(row.arena_bytes); }},
    {"Sparsity", true,
     [](const StudyRow& row) { return Number(100 * row.sparsity, 1) + " %"; },
     [](const StudyRow& row) { return row.sparsity; }},
    {"Promises", true, PromisesText, nullptr},
    {"Train s", false,
     [](const StudyRow& row) { return Number(row.train_s, 2); },
     [](const StudyRow& row) { return row.train_s; }},
    {"Convert s", false,
     [](const StudyRow& row) { return Number(row.convert_s, 2); },
     [](const StudyRow& row) { return row.convert_s; }},
    {"Samples", false,
     [](const StudyRow& row) { return fmt::format("{}", row.samples); },
     [](const StudyRow& row) { return static_cast<double>(row.samples); }},
    {"Seed", false,
     [](const StudyRow& row) { return fmt::format("{}", row.settings.seed); },
     [](const StudyRow& row) {
       return static_cast<double>(row.settings.seed);
     }},
    {"Path", false, [](const StudyRow& row) { return row.path; }, nullptr},
};

}  // namespace

std::span<const PageColumn> PageColumns() { return kColumns; }

}  // namespace litesmith
