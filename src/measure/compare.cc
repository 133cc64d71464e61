// The replies of both models sample by sample, then counts of pairs.
#include "src/measure/compare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/data/views.h"
#include "src/graph/op_def.h"
#include "src/measure/beside.h"
#include "src/measure/gzip.h"
#include "src/measure/match.h"
#include "src/measure/memory.h"
#include "src/measure/metrics.h"
#include "src/models/models.h"
#include "src/ops/map/conversion.h"
#include "src/quant/dequantize.h"

namespace litesmith {
namespace {

// What a model says of each sample, in their order.
struct Replies {
  Score score;
  std::vector<double> parts;     // of the metric, [samples, width]
  std::vector<int64_t> choices;  // the largest output's place
};

Replies RepliesOf(const Graph& graph, const Dataset& data,
                  const EvaluateOptions& options) {
  MetricRun run = EvaluateBeside(
      graph, data, options, [](const Field&, OutputValues output) {
        return Beside{1, [output](const std::byte*, const std::byte* values,
                                  double* numbers) {
                        *numbers = static_cast<double>(output.Largest(values));
                      }};
      });
  return {run.score,
          std::move(run.parts),
          {run.numbers.begin(), run.numbers.end()}};
}

// Throws what reading, running or fitting the data does, naming the file.
Graph LoadNamed(const std::string& path, const Dataset& data,
                const std::string& metric) {
  Graph graph = LoadModel(path, 0);
  RequireFinite(graph, path);
  try {
    RequireOutputs(graph, data, metric);
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
  return graph;
}

ComparedFile Weigh(const std::string& path, const Graph& graph) {
  ComparedFile file;
  file.path = path;
  file.numbers = DescribeNumbers(graph);
  if (FileExists(path)) {
    const std::vector<std::byte> bytes = ReadFile(path);
    file.file_bytes = static_cast<int64_t>(bytes.size());
    file.gzip_bytes = GzipSize(bytes);
  }
  file.arena_bytes = PlanMemory(graph).arena_bytes;
  return file;
}

void TimeBoth(const Graph& a, const Graph& b, const Dataset& data,
              const EvaluateOptions& options, Comparison* result) {
  constexpr int kTurns = 3;
  const auto keep = [](const FileTime& time, bool first, FileTime* best) {
    if (first || time.latency_us_p50 < best->latency_us_p50) *best = time;
  };
  for (int turn = 0; turn < kTurns; ++turn) {
    keep(TimeGraph(a, data, options), turn == 0, &result->a.time);
    keep(TimeGraph(b, data, options), turn == 0, &result->b.time);
  }
}

void CountPairs(const Replies& a, const Replies& b, ComparedOutput* result) {
  PairedCounts counts;
  for (size_t s = 0; s < a.parts.size(); ++s) {
    const bool right_a = a.parts[s] != 0;
    const bool right_b = b.parts[s] != 0;
    ++(right_a ? (right_b ? counts.both : counts.only_a)
               : (right_b ? counts.only_b : counts.neither));
  }
  result->counts = counts;
  result->mcnemar = McNemarTest(counts);
}

void CompareChoices(const Replies& a, const Replies& b, int64_t listed,
                    ComparedOutput* result) {
  int64_t same = 0;
  for (size_t s = 0; s < a.choices.size(); ++s) {
    if (a.choices[s] == b.choices[s]) {
      ++same;
    } else if (static_cast<int64_t>(result->different.size()) < listed) {
      result->different.push_back(static_cast<int64_t>(s));
    }
  }
  result->agreement =
      static_cast<double>(same) /
      static_cast<double>(std::max<size_t>(1, a.choices.size()));
}

ComparedOutput CompareOutput(const Graph& a, const Graph& b,
                             const Dataset& data, const CompareOptions& options,
                             size_t output) {
  ComparedOutput result;
  EvaluateOptions evaluate = options.evaluate;
  evaluate.output = output;
  evaluate.metric = result.metric =
      ChooseMetric(options.evaluate.metric, a, data, output);
  result.name = OutputName(a, output);
  const Metric& metric = FindMetric(result.metric);
  const Replies of_a = RepliesOf(a, data, evaluate);
  const Replies of_b = RepliesOf(b, data, evaluate);
  result.a = of_a.score;
  result.b = of_b.score;
  if (metric.targets == TargetKind::kLabels)
    CompareChoices(of_a, of_b, options.listed_samples, &result);
  if (metric.is_share) CountPairs(of_a, of_b, &result);
  return result;
}

void CompareInside(const Graph& a, const Graph& b, const Dataset& data,
                   int64_t samples, Comparison* result) {
  result->tensor_samples = std::min(samples, data.size());
  result->tensors = CompareTensors(a, b, data, samples);
  const Graph file = AsReference(b);
  std::vector<char> matched(file.nodes.size());
  for (const TensorMatch& match : MatchTensors(AsReference(a), file)) {
    if (match.node >= 0) matched[static_cast<size_t>(match.node)] = 1;
  }
  for (size_t n = 0; n < file.nodes.size(); ++n) {
    const Node& node = file.nodes[n];
    if (Quantizes(*node.op) || Dequantizes(*node.op) || node.op->in_place)
      continue;
    ++result->ops;
    result->matched_ops += matched[n];
  }
}

}  // namespace

McNemar McNemarTest(const PairedCounts& counts) {
  McNemar result;
  const int64_t n = counts.only_a + counts.only_b;
  if (n == 0) return result;
  const int64_t fewer = std::min(counts.only_a, counts.only_b);
  // Twice the lower tail of Binomial(n, 1/2), terms by their logarithms.
  const auto log_choose = [n](int64_t k) {
    return std::lgamma(static_cast<double>(n + 1)) -
           std::lgamma(static_cast<double>(k + 1)) -
           std::lgamma(static_cast<double>(n - k + 1));
  };
  double tail = 0;
  for (int64_t k = 0; k <= fewer; ++k)
    tail += std::exp(log_choose(k) - static_cast<double>(n) * std::log(2.0));
  result.exact_p = std::min(1.0, 2 * tail);
  const auto apart =
      static_cast<double>(std::abs(counts.only_a - counts.only_b));
  const double corrected = std::max(0.0, apart - 1);
  result.chi_square = corrected * corrected / static_cast<double>(n);
  result.chi_square_p = std::erfc(std::sqrt(result.chi_square / 2));
  return result;
}

Comparison CompareFiles(const std::string& a, const std::string& b,
                        const Dataset& data, const CompareOptions& options) {
  if (data.size() < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "a comparison wants at least one sample; the data has none");
  }
  const Graph graph_a = LoadNamed(a, data, options.evaluate.metric);
  const Graph graph_b = LoadNamed(b, data, options.evaluate.metric);
  Comparison result;
  result.a = Weigh(a, graph_a);
  result.b = Weigh(b, graph_b);
  result.samples = data.size();
  const size_t outputs = JudgedOutputs(graph_a, data);
  if (JudgedOutputs(graph_b, data) != outputs) {
    Fail(ErrorKind::kInvalidArgument, "{} has {}, {} {}: no two of one network",
         a, Counted(static_cast<int64_t>(graph_a.outputs.size()), "output"), b,
         graph_b.outputs.size());
  }
  for (size_t o = 0; o < outputs; ++o) {
    result.outputs.push_back(CompareOutput(graph_a, graph_b, data, options, o));
  }
  if (options.tensor_samples > 0)
    CompareInside(graph_a, graph_b, data, options.tensor_samples, &result);
  result.timed_samples = std::min(options.timed_samples, data.size());
  if (result.timed_samples > 0) {
    const DatasetPtr timed =
        Take(DatasetPtr(DatasetPtr(), &data), result.timed_samples);
    TimeBoth(graph_a, graph_b, *timed, options.evaluate, &result);
  }
  return result;
}

}  // namespace litesmith
