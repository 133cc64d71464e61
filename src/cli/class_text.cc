// Tables of classes.
#include "src/cli/class_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "src/cli/table.h"
#include "src/cli/terminal.h"

namespace litesmith {
namespace {

constexpr int kMostClasses = 16;
constexpr size_t kMostConfusions = 10;

std::string Percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.2f} %", 100 * share);
}

// The worst first, where there are many.
std::vector<int> Shown(const std::vector<ClassScore>& scores) {
  std::vector<int> shown(scores.size());
  std::iota(shown.begin(), shown.end(), 0);
  if (shown.size() <= kMostClasses) return shown;
  std::erase_if(shown, [&](int c) {
    return scores[static_cast<size_t>(c)].samples == 0;
  });
  std::stable_sort(shown.begin(), shown.end(), [&](int a, int b) {
    return scores[static_cast<size_t>(a)].recall() <
           scores[static_cast<size_t>(b)].recall();
  });
  shown.resize(std::min<size_t>(shown.size(), kMostClasses));
  return shown;
}

std::string ConfusionText(const Predictions& predictions,
                          std::span<const std::string> names) {
  const int side = predictions.Side();
  const std::vector<int64_t> counts = predictions.Confusion();
  if (side <= kMostClasses) {
    std::vector<TextTable::Column> columns = {{"true \\ answer"}};
    for (int c = 0; c < side; ++c)
      columns.push_back({Clipped(ClassName(names, c), 12), true});
    TextTable table(std::move(columns));
    for (int label = 0; label < side; ++label) {
      std::vector<std::string> row = {ClassName(names, label)};
      for (int given = 0; given < side; ++given)
        row.push_back(fmt::format(
            "{}", counts[static_cast<size_t>(label * side + given)]));
      table.Add(std::move(row));
    }
    return table.Text();
  }
  std::vector<int> wrong;
  for (int i = 0; i < side * side; ++i) {
    if (i / side != i % side && counts[static_cast<size_t>(i)] > 0)
      wrong.push_back(i);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [&](int a, int b) {
    return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
  });
  wrong.resize(std::min(wrong.size(), kMostConfusions));
  TextTable table({{"most often confused"}, {"taken for"}, {"samples", true}});
  for (const int i : wrong) {
    table.Add({ClassName(names, i / side), ClassName(names, i % side),
               fmt::format("{}", counts[static_cast<size_t>(i)])});
  }
  return table.Text();
}

}  // namespace

std::string ClassName(std::span<const std::string> names, int label) {
  return label >= 0 && static_cast<size_t>(label) < names.size()
             ? names[static_cast<size_t>(label)]
             : fmt::format("{}", label);
}

std::string ClassesText(const Predictions& predictions,
                        std::span<const std::string> names) {
  const std::vector<ClassScore> scores = ScoreClasses(predictions);
  TextTable table(
      {{"class"}, {"samples", true}, {"precision", true}, {"recall", true}});
  for (const int c : Shown(scores)) {
    const ClassScore& score = scores[static_cast<size_t>(c)];
    table.Add({ClassName(names, c), fmt::format("{}", score.samples),
               Percent(score.precision()), Percent(score.recall())});
  }
  return table.Text() + "\n" + ConfusionText(predictions, names);
}

std::string ThresholdsText(const Predictions& predictions, int positive,
                           std::span<const std::string> names) {
  const std::vector<ThresholdRow> rows = Thresholds(predictions, positive);
  const std::string name = ClassName(names, positive);
  if (rows.empty()) {
    return fmt::format("{} against the rest: there are no samples of both\n",
                       name);
  }
  TextTable table(
      {{"threshold", true}, {"false accepts", true}, {"false rejects", true}});
  for (size_t i = 0; i + 1 < rows.size(); ++i) {
    table.Add({fmt::format("{:.4g}", rows[i].threshold),
               Percent(rows[i].false_accepts), Percent(rows[i].false_rejects)});
  }
  const ThresholdRow& equal = rows.back();
  return fmt::format("{} against the rest\n{}equal at {:.4g}: {} and {}\n",
                     name, table.Text(), equal.threshold,
                     Percent(equal.false_accepts),
                     Percent(equal.false_rejects));
}

void AddClasses(const Predictions& predictions,
                std::span<const std::string> names, int positive,
                OrderedJson* json) {
  const std::vector<ClassScore> scores = ScoreClasses(predictions);
  OrderedJson classes = OrderedJson::array();
  for (size_t c = 0; c < scores.size(); ++c) {
    classes.push_back({{"name", ClassName(names, static_cast<int>(c))},
                       {"samples", scores[c].samples},
                       {"precision", scores[c].precision()},
                       {"recall", scores[c].recall()}});
  }
  (*json)["classes"] = std::move(classes);
  const auto side = static_cast<size_t>(predictions.Side());
  const std::vector<int64_t> counts = predictions.Confusion();
  OrderedJson rows = OrderedJson::array();
  for (size_t r = 0; r < side; ++r) {
    rows.push_back(std::vector<int64_t>(
        counts.begin() + static_cast<std::ptrdiff_t>(r * side),
        counts.begin() + static_cast<std::ptrdiff_t>((r + 1) * side)));
  }
  (*json)["confusion"] = std::move(rows);
  if (positive < 0) return;
  OrderedJson thresholds = OrderedJson::array();
  for (const ThresholdRow& row : Thresholds(predictions, positive)) {
    thresholds.push_back({{"threshold", row.threshold},
                          {"false_accepts", row.false_accepts},
                          {"false_rejects", row.false_rejects}});
  }
  (*json)["thresholds"] = std::move(thresholds);
}

std::string BestText(std::span<const float> values, size_t most,
                     std::span<const std::string> names) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t count = std::min(most, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
      order.end(), [&](size_t a, size_t b) {
        return values[a] != values[b] ? values[a] > values[b] : a < b;
      });
  double sum = 0;
  bool shares = true;
  for (const float value : values) {
    sum += value;
    shares &= value >= 0;
  }
  shares &= std::abs(sum - 1) < 0.05;
  TextTable table({{"class"}, {"value", true}});
  for (size_t i = 0; i < count; ++i) {
    const float value = values[order[i]];
    table.Add({ClassName(names, static_cast<int>(order[i])),
               shares ? fmt::format("{:.2f} %", 100 * value)
                      : fmt::format("{:.6g}", value)});
  }
  return table.Text();
}

}  // namespace litesmith
