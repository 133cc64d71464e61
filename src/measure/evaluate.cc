// A metric over all samples, on every thread.
#include "src/measure/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/data/batch.h"
#include "src/measure/metrics.h"
#include "src/models/models.h"
#include "src/runtime/bind.h"
#include "src/runtime/feeder.h"
#include "src/train/fit.h"

namespace litesmith {
namespace {

// Samples a call when accuracy alone matters.
constexpr int kBatch = 32;

// What feeds the graph, and what scores its output; of both that they fit.
struct Judge {
  Judge(const Interpreter& interpreter, const Dataset& data,
        const Judgement& by, size_t place)
      : name(by.name),
        target(TargetAt(data, place)),
        output(static_cast<int>(place)),
        feed(data.inputs(), interpreter) {
    if (interpreter.num_outputs() < 1) {
      Fail(ErrorKind::kUnsupported,
           "a model without outputs; one at least is wanted");
    }
    if (output >= interpreter.num_outputs()) {
      Fail(ErrorKind::kUnsupported, "the model has no output {}", output + 1);
    }
    const Tensor& tensor = interpreter.output_tensor(output);
    switch (tensor.dtype) {
      case DType::kFloat32:
      case DType::kInt8:
      case DType::kUInt8:
      case DType::kInt16:
        break;
      default:
        Fail(ErrorKind::kUnsupported,
             "output '{}' is {}; float32, int8, uint8 or int16 is wanted",
             tensor.name, Name(tensor.dtype));
    }
    RequireFit(by.targets, tensor, data, place, "metric " + name);
    scorer = by.make(FieldAt(data, target), tensor);
    scorer->SetInput(data.inputs()[0]);
  }

  std::string name;  // of the metric, for messages
  size_t target;     // field of the data
  int output;        // of the model
  InputFeeder feed;
  std::unique_ptr<Scorer> scorer;
};

// An interpreter per thread, batched if the graph allows it.
std::vector<Interpreter> MakeInterpreters(const Graph& graph,
                                          const EvaluateOptions& options,
                                          int threads) {
  const InterpreterOptions plan = PlanOptions(options, BatchFor(graph, kBatch));
  std::vector<Interpreter> result;
  while (static_cast<int>(result.size()) < threads)
    result.emplace_back(graph, plan);
  return result;
}

// Whether no float of one sample's output is NaN or infinite.
bool AllFinite(const Tensor& output, const std::byte* values) {
  if (output.dtype != DType::kFloat32) return true;
  const auto count = output.shape.NumElementsPerSample();
  for (int64_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, values + static_cast<size_t>(i) * sizeof(value),
                sizeof(value));
    // Kernels clamp to the largest float what is beyond it or no number.
    if (!(std::abs(value) < std::numeric_limits<float>::max())) return false;
  }
  return true;
}

// The parts of all samples, in their order.
std::vector<double> Parts(const Judge& judge, const Dataset& data,
                          std::vector<Interpreter>* interpreters) {
  const size_t width = judge.scorer->width();
  std::vector<double> parts(static_cast<size_t>(data.size()) * width);
  std::atomic<int64_t> meaningless{-1};  // a sample that is not finite
  std::atomic<bool> failed{false};
  // Whoever is free takes the next batch: other programs may have a core.
  const int batch_size = (*interpreters)[0].batch();
  std::atomic<int64_t> next{0};
  const auto threads = static_cast<int>(interpreters->size());
  ParallelFor(threads, threads, [&](int t) {
    Interpreter& interpreter = (*interpreters)[static_cast<size_t>(t)];
    const Tensor& output = interpreter.output_tensor(judge.output);
    const size_t bytes = SampleBytes(output);
    BatchReader reader(data, batch_size);
    while (!StopRequested() && meaningless < 0 && !failed) {
      const int64_t first = next.fetch_add(batch_size);
      if (first >= data.size()) break;
      const auto count =
          static_cast<int>(std::min<int64_t>(batch_size, data.size() - first));
      const Batch* batch = nullptr;
      try {
        batch = &reader.Read(first, count);
      } catch (...) {
        failed = true;  // the others need not go on
        throw;
      }
      judge.feed(*batch, &interpreter);
      interpreter.Invoke(count);
      const std::byte* values = interpreter.output(judge.output).data();
      for (int k = 0; k < count; ++k, values += bytes) {
        if (!AllFinite(output, values)) {
          meaningless = first + k;
          return;
        }
        judge.scorer->PartWith(
            batch->at(0, k), batch->at(judge.target, k), values,
            parts.data() + static_cast<size_t>(first + k) * width);
      }
    }
  });
  ThrowIfStopRequested();
  if (meaningless >= 0) {
    Fail(ErrorKind::kInvalidArgument,
         "output '{}' is not finite for sample {}: {} would mean nothing",
         (*interpreters)[0].output_tensor(judge.output).name,
         meaningless.load(), judge.name);
  }
  return parts;
}

}  // namespace

InterpreterOptions PlanOptions(const EvaluateOptions& options, int batch) {
  InterpreterOptions result;
  result.batch = batch;
  result.numerics = options.numerics;
  result.reference = options.reference;
  return result;
}

Judgement By(const Metric& metric) {
  return {metric.name, metric.targets, metric.make};
}

std::vector<double> EvaluateParts(const Graph& graph, const Dataset& data,
                                  const EvaluateOptions& options,
                                  const Judgement& by,
                                  std::unique_ptr<Scorer>* scorer) {
  const int threads =
      options.threads > 0 ? options.threads : AvailableThreads();
  std::vector<Interpreter> interpreters =
      MakeInterpreters(graph, options, threads);
  Judge judge(interpreters[0], data, by, options.output);
  std::vector<double> parts = Parts(judge, data, &interpreters);
  *scorer = std::move(judge.scorer);
  return parts;
}

Score ScoreOf(const Metric& metric, const Scorer& scorer,
              std::span<const double> parts) {
  Score score;
  score.samples = static_cast<int64_t>(parts.size() / scorer.width());
  score.value = scorer.Value(parts);
  if (metric.is_share) {
    for (const double part : parts) score.correct += part != 0;
  }
  return score;
}

Score EvaluateGraph(const Graph& graph, const Dataset& data,
                    const EvaluateOptions& options) {
  const Metric& metric = FindMetric(options.metric);
  std::unique_ptr<Scorer> scorer;
  const std::vector<double> parts =
      EvaluateParts(graph, data, options, By(metric), &scorer);
  return ScoreOf(metric, *scorer, parts);
}

Score EvaluateFile(const std::string& path, const Dataset& data,
                   const EvaluateOptions& options) {
  const Graph graph = LoadModel(path, 0);
  RequireFinite(graph, path);
  return EvaluateGraph(graph, data, options);
}

void RequireEvaluable(const Graph& graph, const Dataset& data,
                      const std::string& metric, size_t output) {
  Judge(Interpreter(graph, PlanOptions(EvaluateOptions(), 1)), data,
        By(FindMetric(metric)), output);
}

void RequireOutputs(const Graph& graph, const Dataset& data,
                    const std::string& names) {
  const std::vector<std::string> metrics = ChooseMetrics(names, graph, data);
  for (size_t o = 0; o < metrics.size(); ++o)
    RequireEvaluable(graph, data, metrics[o], o);
}

}  // namespace litesmith
