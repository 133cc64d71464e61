// The choice among results. What the tree says is advise_tree.cc.
#include "src/study/advise.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "src/base/names.h"
#include "src/measure/metrics.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

// Of --max-drop, where nothing at all was asked for.
constexpr double kUsualDrop = 0.5;

const std::vector<Target>& TargetTable() {
  static const std::vector<Target> kTargets = {
      {"cpu",
       "a processor with floats (phone, PC): every .tflite runs, integers "
       "fastest",
       {"int8", "uint8", "dynamic", "fp16", "int16x8", "fp32"},
       false,
       false},
      {"mcu",
       "a microcontroller under tflite-micro: full-integer files",
       {"int8", "uint8", "int16x8"},
       true,
       false},
      {"npu",
       "a neural processor such as Ethos-U: full-integer files, whose weights "
       "it keeps coded, so zeros and few values count",
       {"int8", "uint8", "int16x8"},
       true,
       true},
      {"edgetpu",
       "Coral's Edge TPU: full-integer files of 8 bits",
       {"int8", "uint8"},
       true,
       false},
  };
  return kTargets;
}

bool IsBetter(const StudyRow& a, const StudyRow& b) {
  return HigherIsBetter(a) ? a.value > b.value : a.value < b.value;
}

bool KeepsPromises(const StudyRow& row) {
  return std::all_of(row.invariants.begin(), row.invariants.end(),
                     [](const Invariant& i) { return i.ok; });
}

std::vector<Miss> MissesOf(const StudyRow& row, double drop,
                           const Budgets& budgets) {
  std::vector<Miss> misses;
  if (budgets.flash && row.file_bytes > *budgets.flash) {
    misses.push_back({"flash", static_cast<double>(row.file_bytes),
                      static_cast<double>(*budgets.flash)});
  }
  if (budgets.ram && (row.arena_bytes == 0 || row.arena_bytes > *budgets.ram)) {
    misses.push_back({"ram", static_cast<double>(row.arena_bytes),
                      static_cast<double>(*budgets.ram)});
  }
  // What is equal but for the last bit of a difference fits.
  if (budgets.max_drop && drop > *budgets.max_drop + 1e-9)
    misses.push_back({"max_drop", drop, *budgets.max_drop});
  return misses;
}

// How far beyond its budget, as a share of it.
double Excess(const Miss& miss) {
  if (miss.value == 0) return std::numeric_limits<double>::infinity();
  if (std::string_view(miss.budget) == "max_drop")
    return (miss.value - miss.limit) / std::max(miss.limit, kUsualDrop);
  return miss.value / std::max(miss.limit, 1.0) - 1;
}

double LargestExcess(const AdviceRow& row) {
  double largest = 0;
  for (const Miss& miss : row.misses) largest = std::max(largest, Excess(miss));
  return largest;
}

// That a value is below another; a metric that this build does not know is a
// share.
double Points(const std::string& name, double value, double baseline) {
  const Metric* metric = MetricOrNull(name);
  const double loss = metric != nullptr && !metric->higher_is_better
                          ? value - baseline
                          : baseline - value;
  if (metric == nullptr || metric->is_share) return 100 * loss;
  return baseline == 0 ? 0 : 100 * loss / std::abs(baseline);
}

}  // namespace

std::span<const Target> Targets() { return TargetTable(); }

const Target& FindTarget(std::string_view name) {
  return FindByName(TargetTable(), name, "target");
}

double DropOf(const StudyRow& row, const StudyRow& baseline) {
  double most = Points(row.settings.metric, row.value, baseline.value);
  for (const OutputScore& output : row.outputs) {
    for (const OutputScore& before : baseline.outputs) {
      if (before.name == output.name && before.metric == output.metric)
        most =
            std::max(most, Points(output.metric, output.value, before.value));
    }
  }
  return most;
}

size_t BaselineOf(std::span<const StudyRow> rows, const StudyRow& like) {
  const std::string settings = FieldsText(like.settings);
  std::vector<size_t> same;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (FieldsText(rows[r].settings) == settings) same.push_back(r);
  }
  for (const char* method : {"keras", "fp32"}) {
    for (const size_t r : same) {
      if (rows[r].recipe == "none" && rows[r].method == method) return r;
    }
  }
  size_t best = same.at(0);
  for (const size_t r : same) {
    const bool kept = KeepsPromises(rows[r]);
    const bool best_kept = KeepsPromises(rows[best]);
    if (kept != best_kept ? kept : IsBetter(rows[r], rows[best])) best = r;
  }
  return best;
}

std::vector<Choice> ChoicesOf(std::span<const StudyRow> rows,
                              const Target& target) {
  std::vector<Choice> choices;
  std::map<std::string, size_t> baselines;
  for (const StudyRow& row : rows) {
    const auto [at, added] = baselines.emplace(FieldsText(row.settings), 0);
    if (added) at->second = BaselineOf(rows, row);
    const auto method =
        std::find(target.methods.begin(), target.methods.end(), row.method);
    const bool answers = method != target.methods.end() && KeepsPromises(row) &&
                         row.settings.metric == rows[0].settings.metric;
    choices.push_back(
        {DropOf(row, rows[at->second]),
         answers ? static_cast<int>(method - target.methods.begin()) : -1});
  }
  return choices;
}

Advice Advise(std::span<const StudyRow> rows, const Target& target,
              const Budgets& given, const std::string& directory) {
  Advice advice;
  Budgets budgets = given;
  if (!budgets.flash && !budgets.ram && !budgets.max_drop)
    budgets.max_drop = kUsualDrop;
  const std::vector<Choice> choices = ChoicesOf(rows, target);
  const bool by_loss = budgets.flash.has_value() || budgets.ram.has_value();
  const auto goal = [&](const AdviceRow& each) {
    const StudyRow& row = rows[each.row];
    const auto bytes = static_cast<double>(
        target.codes_weights ? row.gzip_bytes : row.file_bytes);
    return std::tuple(by_loss ? each.drop : bytes, by_loss ? bytes : each.drop,
                      choices[each.row].place, row.latency_us_p50, each.row);
  };
  for (size_t r = 0; r < rows.size(); ++r) {
    const StudyRow& row = rows[r];
    if (choices[r].place < 0) continue;
    ++advice.considered;
    AdviceRow each;
    each.row = r;
    each.drop = choices[r].drop;
    each.misses = MissesOf(row, each.drop, budgets);
    if (each.misses.empty()) {
      ++advice.fitting;
      if (!advice.best || goal(each) < goal(*advice.best)) advice.best = each;
    } else if (!advice.nearest || std::tuple(LargestExcess(each), goal(each)) <
                                      std::tuple(LargestExcess(*advice.nearest),
                                                 goal(*advice.nearest))) {
      advice.nearest = each;
    }
  }
  if (advice.best) advice.nearest.reset();
  const std::optional<AdviceRow>& named =
      advice.best ? advice.best : advice.nearest;
  if (named) advice.baseline = BaselineOf(rows, rows[named->row]);
  WalkTree(rows, target, budgets, directory, &advice);
  return advice;
}

std::optional<int64_t> ParseBytes(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] =
      std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return std::nullopt;
  const std::string_view suffix(stopped, static_cast<size_t>(end - stopped));
  double unit = 0;
  if (suffix.empty() || suffix == "B") unit = 1;
  for (const char* k : {"K", "k", "KB", "kB", "KiB"}) {
    if (suffix == k) unit = 1024;
  }
  for (const char* m : {"M", "m", "MB", "MiB"}) {
    if (suffix == m) unit = 1024 * 1024;
  }
  for (const char* g : {"G", "g", "GB", "GiB"}) {
    if (suffix == g) unit = 1024 * 1024 * 1024;
  }
  const double bytes = number * unit;
  // Half a byte is no size, and 2^53 is where whole numbers end.
  if (unit == 0 || bytes != std::floor(bytes) || bytes > 9007199254740992.0)
    return std::nullopt;
  return static_cast<int64_t>(bytes);
}

}  // namespace litesmith
