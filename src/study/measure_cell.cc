// Accuracy, time, size, promises, memory, mistakes and noise of a file.
#include "src/study/measure_cell.h"

#include <algorithm>
#include <future>

#include "src/graph/weights.h"
#include "src/measure/answers.h"
#include "src/measure/beside.h"
#include "src/measure/evaluate.h"
#include "src/measure/gzip.h"
#include "src/measure/latency.h"
#include "src/measure/memory.h"
#include "src/measure/metrics.h"
#include "src/measure/tensor_noise.h"
#include "src/measure/worst.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// A matrix of more classes than these is no picture any more.
constexpr int64_t kMostClasses = 40;
constexpr size_t kWrongSamples = 8;
constexpr int64_t kNoiseSamples = 16;

// Of labels: what was taken for what.
Score JudgeClasses(const Graph& graph, const Dataset& test,
                   const EvaluateOptions& options, Mistakes* details) {
  Answers answers;
  const Score score = EvaluateAnswers(graph, test, options, &answers);
  details->classes = answers.classes;
  if (answers.classes <= kMostClasses) details->confusion = answers.Confusion();
  for (const int64_t sample : answers.SurestWrong(kWrongSamples)) {
    const Answer& answer = answers.samples[static_cast<size_t>(sample)];
    details->wrong.push_back({sample,
                              answer.label,
                              answer.given,
                              answer.margin,
                              PictureOf(test, sample),
                              {},
                              {},
                              test.Origin(sample)});
  }
  return score;
}

// The options' output by the options' metric.
Score Judge(const Graph& graph, const Dataset& test,
            const EvaluateOptions& options, Mistakes* details) {
  const auto names = test.ClassNamesOf(options.output);
  details->names.assign(names.begin(), names.end());
  const TargetKind targets = FindMetric(options.metric).targets;
  const bool classes =
      targets == TargetKind::kLabels || targets == TargetKind::kBinary;
  if (classes && AnswersLabels(graph, test, options.output))
    return JudgeClasses(graph, test, options, details);
  const MetricRun run = EvaluateBeside(
      graph, test, options, [](const Field&, const OutputValues&) {
        return Beside{0, [](const std::byte*, const std::byte*, double*) {}};
      });
  for (const WorstSample& worst : WorstSamples(graph, test, options, run.parts,
                                               run.wrong, kWrongSamples)) {
    details->wrong.push_back({worst.sample, -1, -1, worst.wrong,
                              PictureOf(test, worst.sample), worst.wanted,
                              worst.given, test.Origin(worst.sample)});
  }
  return run.score;
}

std::vector<TensorNoiseDetails> Noise(const WrittenFile& file,
                                      const Dataset& test) {
  std::vector<TensorNoiseDetails> result;
  for (const TensorNoise& noise :
       CompareTensors(file.model, file.graph, test,
                      std::min(kNoiseSamples, test.size()))) {
    result.push_back({noise.name, noise.same(),
                      noise.same() ? 0 : noise.sqnr_db(), noise.largest});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) {
                     if (a.exact != b.exact) return b.exact;
                     return !a.exact && a.sqnr_db < b.sqnr_db;
                   });
  return result;
}

}  // namespace

CellDetails MeasureCell(const WrittenFile& file, const Dataset& test,
                        const StudyOptions& study, StudyRow* row) {
  CellDetails details;
  row->file_bytes = static_cast<int64_t>(file.bytes.size());
  EvaluateOptions options;
  options.threads = study.train.threads;
  const std::vector<std::string> metrics =
      ChooseMetrics(study.metric, file.graph, test);
  options.metric = metrics[0];
  // Compression takes as long as a core's part of the test set.
  std::future<int64_t> gzip = std::async([&] { return GzipSize(file.bytes); });
  const Score score = Judge(file.graph, test, options, &details.mistakes);
  row->gzip_bytes = gzip.get();
  row->value = score.value;
  row->accuracy = options.metric == "top1" ? score.value : 0;
  row->correct = score.correct;
  row->samples = score.samples;
  for (size_t o = 1; o < metrics.size(); ++o) {
    EvaluateOptions other = options;
    other.metric = metrics[o];
    other.output = o;
    const Score further =
        Judge(file.graph, test, other, &details.further.emplace_back());
    row->outputs.push_back({OutputName(file.model, o), metrics[o],
                            further.value, further.correct});
  }
  const FileTime time = TimeGraph(file.graph, test, options);
  row->total_ms = time.total_ms;
  row->latency_us_p50 = time.latency_us_p50;
  row->latency_us_p99 = time.latency_us_p99;
  // An .h5 of a quantization-aware model holds its weights as Keras sees them.
  const Graph plain = StripTrainingOps(file.graph);
  row->sparsity = WeightSparsity(plain);
  row->invariants = CheckPromises(plain, file.promises);
  details.memory = PlanMemory(file.graph);
  row->arena_bytes = details.memory.arena_bytes;
  if (&file.graph != &file.model) details.noise = Noise(file, test);
  return details;
}

}  // namespace litesmith
