// Warnings about data.
#include "src/measure/data_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/data/batch.h"
#include "src/data/values.h"
#include "src/data/views.h"
#include "src/measure/metrics.h"
#include "src/measure/predictions.h"

namespace litesmith {
namespace {

// Samples that are read for a look.
constexpr int64_t kLook = 256;
// Bytes of samples on disk that reading takes no time for.
constexpr int64_t kQuick = int64_t{32} << 20;

std::string ClassText(const Dataset& data, size_t target, size_t label) {
  const auto names = data.ClassNamesOf(target);
  return label < names.size() ? fmt::format("{} ({})", label, names[label])
                              : fmt::format("{}", label);
}

// Of target `target`, which `of` names where there are several.
void CheckBalance(const Dataset& data, size_t target, const std::string& of) {
  const int classes = data.ClassesOf(target);
  // A few samples cannot be of every class.
  if (classes == 0 || data.size() < classes) return;
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  for (int64_t i = 0; i < data.size(); ++i)
    ++counts[static_cast<size_t>(LabelOf(data, i, target))];
  const auto most = std::max_element(counts.begin(), counts.end());
  std::string missing;
  int64_t none = 0;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > 0 || ++none > 5) continue;
    missing += (missing.empty() ? "" : ", ") + ClassText(data, target, c);
  }
  if (none > 0) {
    Warn("{}{} of the data {} no sample: {}{}", of,
         none == 1 ? std::string("1 class")
                   : fmt::format("{} of the {} classes", none, counts.size()),
         none == 1 ? "has" : "have", missing, none > 5 ? ", ..." : "");
    if (counts[0] == 0 && none == 1 && counts.size() > 2) {
      Warn(
          "{}the labels go from 1 to {}: if they were meant to go from 0, each "
          "is one too large",
          of, counts.size() - 1);
    }
  }
  const auto least =
      std::min_element(counts.begin(), counts.end(), [](int64_t a, int64_t b) {
        return (a > 0 ? a : INT64_MAX) < (b > 0 ? b : INT64_MAX);
      });
  // Few samples differ by chance.
  if (*least > 0 && *most >= 10 * *least && *most >= 50) {
    Warn(
        "{}the classes are unbalanced: {} has {}, {} has {}; a model that "
        "always answers the first is right for {:.1f} %",
        of, ClassText(data, target, static_cast<size_t>(most - counts.begin())),
        Counted(*most, "sample"),
        ClassText(data, target, static_cast<size_t>(least - counts.begin())),
        *least,
        100.0 * static_cast<double>(*most) / static_cast<double>(data.size()));
  }
}

// What tells samples apart.
enum class Telling : uint8_t { kNothing, kFiles, kBytes };

// By their files where samples are read from disk, else by all their bytes, as
// far as these are in memory or few.
Telling HowToTell(const Dataset& train, const Dataset& test) {
  if (train.size() == 0 || test.size() == 0) return Telling::kNothing;
  bool files = true;
  bool quick = true;
  bool held = true;
  for (const Dataset* data : {&train, &test}) {
    files &= data->InputDigest(0) != 0;
    int64_t bytes = 0;
    for (const Field& field : data->inputs())
      bytes += static_cast<int64_t>(field.bytes());
    const bool in_memory = BatchReader::IsInMemory(*data);
    held &= in_memory;
    quick &= in_memory || data->size() * bytes <= kQuick;
  }
  if (files && !held) return Telling::kFiles;
  return quick ? Telling::kBytes : Telling::kNothing;
}

// Of all samples' inputs, by all threads: 8 bytes a sample, whatever its size.
std::vector<uint64_t> InputDigests(const Dataset& data, Telling how) {
  constexpr int64_t kBlock = 1024;
  std::vector<uint64_t> digests(static_cast<size_t>(data.size()));
  const auto blocks = static_cast<int>((data.size() + kBlock - 1) / kBlock);
  ParallelFor(blocks, AvailableThreads(), [&](int b) {
    BatchReader reader(data, 1);
    const int64_t end = std::min((b + 1) * kBlock, data.size());
    for (int64_t i = b * kBlock; i < end && !StopRequested(); ++i) {
      uint64_t& value = digests[static_cast<size_t>(i)];
      if (how == Telling::kFiles) {
        value = data.InputDigest(i);
        continue;
      }
      const Batch& batch = reader.Read(i, 1);
      Digest digest;
      for (size_t f = 0; f < data.inputs().size(); ++f)
        digest.Block({batch.at(f, 0), data.inputs()[f].bytes()});
      value = digest.value();
    }
  });
  ThrowIfStopRequested();
  return digests;
}

void CheckOverlap(const Dataset& train, const Dataset& test) {
  const Telling how = HowToTell(train, test);
  if (how == Telling::kNothing) return;
  std::vector<std::pair<uint64_t, int64_t>> known;
  const std::vector<uint64_t> ours = InputDigests(train, how);
  for (size_t i = 0; i < ours.size(); ++i)
    known.emplace_back(ours[i], static_cast<int64_t>(i));
  std::sort(known.begin(), known.end());
  int64_t same = 0;
  std::string example;
  const std::vector<uint64_t> theirs = InputDigests(test, how);
  for (size_t i = 0; i < theirs.size(); ++i) {
    const auto found = std::lower_bound(known.begin(), known.end(),
                                        std::pair(theirs[i], int64_t{0}));
    if (found == known.end() || found->first != theirs[i]) continue;
    if (same++ == 0) {
      example = fmt::format("{} is {}", test.Origin(static_cast<int64_t>(i)),
                            train.Origin(found->second));
    }
  }
  if (same > 0) {
    Warn(
        "{} of {} of the test half {} in the training half, too: the results "
        "look better than they are ({})",
        same, Counted(test.size(), "sample"), same == 1 ? "is" : "are",
        example);
  }
}

// Evenly over the data.
DatasetPtr Some(const Dataset& data) {
  const int64_t count = std::min(kLook, data.size());
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i)
    indices.push_back(i * data.size() / count);
  return Pick(DatasetPtr(DatasetPtr(), &data), std::move(indices));
}

void CheckConstant(const Graph& graph, size_t output,
                   const Predictions& predictions) {
  if (predictions.size() < 8) return;
  double spread = 0;
  double largest = 0;
  for (size_t v = 0; v < predictions.values; ++v) {
    double low = INFINITY;
    double high = -INFINITY;
    for (int64_t i = 0; i < predictions.size(); ++i) {
      low = std::min(low, predictions.of(i)[v]);
      high = std::max(high, predictions.of(i)[v]);
    }
    spread = std::max(spread, high - low);
    largest = std::max({largest, std::abs(low), std::abs(high)});
  }
  if (spread > 1e-6 * largest || largest == 0) return;
  Warn(
      "the model's output '{}' is the same for {} samples: it answers nothing; "
      "a model that has died in training, or inputs that it does not see",
      graph.tensor(graph.outputs[output]).name, predictions.size());
}

// Another meaning of the numbers, as it is said in a SPEC.
struct ValueScale {
  const char* words;
  double factor, offset;  // of today's real values
};

std::string SpecOf(const Affine& real) {
  const double a = real.a[0];
  const double b = real.b[0];
  std::string text = a == 1 ? "scale=1"
                     : a < 1 && std::abs(1 / a - std::round(2 / a) / 2) < 1e-9
                         ? fmt::format("scale=1/{:g}", 1 / a)
                         : fmt::format("scale={:g}", a);
  if (b != 0) text += fmt::format(",mean={:g}", -b);
  return text;
}

void CheckRange(const Graph& graph, const DatasetPtr& some,
                const EvaluateOptions& options, double right) {
  const Affine& real = some->inputs()[0].real;
  if (real.a.size() != 1 || some->size() < 32 || some->classes() < 2) return;
  const auto n = static_cast<double>(some->size());
  const double chance = 1.0 / some->classes();
  const double noise = std::sqrt(chance * (1 - chance) / n);
  if (right > chance + 4 * noise) return;
  constexpr ValueScale kRanges[] = {{"0 to 255 for 0 to 1", 255, 0},
                                    {"0 to 1 for 0 to 255", 1.0 / 255, 0},
                                    {"-1 to 1 for 0 to 1", 2, -1},
                                    {"-1 to 1 for 0 to 255", 2.0 / 255, -1}};
  for (const ValueScale& range : kRanges) {
    const Affine other{{real.a[0] * range.factor},
                       {real.b[0] * range.factor + range.offset}};
    const Score score = EvaluateGraph(graph, *WithReal(some, other), options);
    if (score.value < std::max(right + 0.2, chance + 8 * noise)) continue;
    Warn(
        "of {} samples {:.1f} % are right, no more than chance; with inputs of "
        "{} it is {:.1f} %: the model was trained with those ({})",
        some->size(), 100 * right, range.words, 100 * score.value,
        SpecOf(other));
    return;
  }
}

}  // namespace

void CheckSamples(const Dataset& train, const Dataset* test) {
  const size_t targets = std::max<size_t>(1, train.targets().size());
  for (size_t t = 0; t < targets; ++t) {
    CheckBalance(train, t,
                 targets > 1 ? fmt::format("target {}: ", t + 1) : "");
  }
  if (test != nullptr) CheckOverlap(train, *test);
}

void CheckTrained(const Graph& graph, const Dataset& data) {
  const size_t outputs = JudgedOutputs(graph, data);
  if (outputs < 2) return;
  std::string others;
  for (size_t o = 1; o < outputs; ++o)
    others += fmt::format("{}'{}'", o == 1 ? "" : ", ", OutputName(graph, o));
  Warn(
      "training makes the loss of the first output '{}' small; {} {} judged, "
      "but {} only by what {} with it",
      OutputName(graph, 0), others, outputs == 2 ? "is" : "are",
      outputs == 2 ? "changes" : "change",
      outputs == 2 ? "it shares" : "they share");
}

void CheckModel(const Graph& graph, const Dataset& data,
                const EvaluateOptions& options) {
  if (data.size() == 0) return;
  const DatasetPtr some = Some(data);
  const Predictions predictions = Predict(graph, *some, options);
  CheckConstant(graph, options.output, predictions);
  if (options.metric != "top1") return;
  const auto values = static_cast<int64_t>(predictions.values);
  const int classes = data.ClassesOf(options.output);
  if (values > classes) {
    Warn(
        "the data has {} classes, the model's output '{}' {}: {} to {} are no "
        "class",
        classes, graph.tensor(graph.outputs[options.output]).name,
        Counted(values, "value"), classes, values - 1);
  }
  if (options.output == 0)
    CheckRange(graph, some, options, predictions.score.value);
}

void CheckOutputs(const Graph& graph, const Dataset& data,
                  const EvaluateOptions& options) {
  const std::vector<std::string> metrics =
      ChooseMetrics(options.metric, graph, data);
  for (size_t o = 0; o < metrics.size(); ++o) {
    EvaluateOptions check = options;
    check.output = o;
    check.metric = metrics[o];
    CheckModel(graph, data, check);
  }
}

}  // namespace litesmith
