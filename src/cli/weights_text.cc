// `inspect --weights`: a layer's values as a histogram of characters.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/names.h"
#include "src/cli/inspection.h"
#include "src/cli/terminal.h"
#include "src/measure/reals.h"

namespace litesmith {
namespace {

// Values that are few are listed one by one.
constexpr size_t kFew = 24;
constexpr int kBins = 20;

std::string Bar(int64_t count, int64_t most, size_t width) {
  const double share = static_cast<double>(count) /
                       static_cast<double>(std::max<int64_t>(1, most));
  auto length =
      static_cast<size_t>(std::floor(share * static_cast<double>(width) + 0.5));
  // Something is there.
  if (count > 0 && length == 0) return ".";
  return std::string(length, '#');
}

std::string Rows(const std::vector<std::pair<std::string, int64_t>>& bins,
                 int64_t total, int width) {
  size_t label = 0;
  int64_t most = 0;
  for (const auto& [text, count] : bins) {
    label = std::max(label, text.size());
    most = std::max(most, count);
  }
  const std::string widest = fmt::format("{}", most);
  const size_t used = 2 + label + 2 + widest.size() + 2 + 7 + 2;
  const auto room = static_cast<size_t>(width > 0 ? width : 80);
  const size_t bar = room > used + 8 ? std::min<size_t>(room - used, 80) : 8;
  std::string text;
  for (const auto& [name, count] : bins) {
    text += fmt::format(
        "  {:>{}}  {:>{}}  {:5.1f} %  {}", name, label, count, widest.size(),
        100.0 * static_cast<double>(count) / static_cast<double>(total),
        Bar(count, most, bar));
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::vector<std::pair<std::string, int64_t>> Bins(
    const std::vector<float>& values, double low, double high,
    bool* one_by_one) {
  std::map<float, int64_t> counts;
  for (const float value : values) {
    ++counts[value == 0 ? 0.0f : value];
    if (counts.size() > kFew) break;
  }
  std::vector<std::pair<std::string, int64_t>> bins;
  *one_by_one = counts.size() <= kFew;
  if (*one_by_one) {
    for (const auto& [value, count] : counts)
      bins.emplace_back(fmt::format("{:g}", value), count);
    return bins;
  }
  std::vector<int64_t> in(kBins);
  for (const float value : values) {
    const double place = (value - low) / (high - low) * kBins;
    ++in[static_cast<size_t>(std::clamp<double>(place, 0, kBins - 1))];
  }
  for (int b = 0; b < kBins; ++b) {
    bins.emplace_back(
        fmt::format("{:.4g} to {:.4g}", low + (high - low) * b / kBins,
                    low + (high - low) * (b + 1) / kBins),
        in[static_cast<size_t>(b)]);
  }
  return bins;
}

std::string OneTensor(const Graph& graph, const WeightRef& ref, int width) {
  const Tensor& tensor = graph.tensor(ref.parameter);
  std::string text =
      fmt::format("{}: {} {}, {}\n", Harmless(tensor.name), Name(tensor.dtype),
                  tensor.shape.ToString(),
                  tensor.quant.empty() ? "no scale" : QuantText(tensor));
  if (!StandsForReals(tensor)) return text + "  integers without a scale\n";
  std::vector<float> values = RealsOf(tensor);
  const size_t stored = values.size();
  std::erase_if(values, [](float v) { return !std::isfinite(v); });
  if (values.size() < stored)
    text += fmt::format(
        "  {} not finite\n",
        Counted(static_cast<int64_t>(stored - values.size()), "value"));
  if (values.empty()) return text + "  no values\n";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  double squares = 0;
  for (const float v : values) {
    sum += v;
    squares += double{v} * double{v};
  }
  const auto count = static_cast<double>(values.size());
  const double mean = sum / count;
  const ValueCounts counts = CountValues(tensor);
  text +=
      Wrapped(fmt::format(
                  "{} values from {:g} to {:g}, mean {:.4g}, deviation {:.4g}; "
                  "{:.1f} % zero, {} distinct",
                  counts.values, *low, *high, mean,
                  std::sqrt(std::max(0.0, squares / count - mean * mean)),
                  100.0 * static_cast<double>(counts.zeros) /
                      static_cast<double>(std::max<int64_t>(1, counts.values)),
                  counts.distinct),
              static_cast<size_t>(width), 2, 4) +
      "\n";
  bool one_by_one = false;
  const auto bins = Bins(values, *low, *high, &one_by_one);
  return text + Rows(bins, static_cast<int64_t>(values.size()), width);
}

}  // namespace

std::string WeightsText(const Graph& graph, const std::string& pattern,
                        int width) {
  std::string text;
  std::vector<std::string> names;
  const auto matches = [&](const std::string& name) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  for (const WeightRef& ref : Weights(graph)) {
    const std::string& layer = graph.node(ref.node).name;
    const std::string& tensor = graph.tensor(ref.parameter).name;
    names.push_back(layer.empty() ? tensor : layer);
    if (matches(layer) || matches(tensor))
      text += (text.empty() ? "" : "\n") + OneTensor(graph, ref, width);
  }
  if (text.empty()) {
    Fail(ErrorKind::kInvalidArgument, "--weights: {}",
         UnknownName("layer with weights", pattern, names));
  }
  return text;
}

}  // namespace litesmith
