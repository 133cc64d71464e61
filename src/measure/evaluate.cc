#include "src/measure/evaluate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/measure/feed.h"
#include "src/models/models.h"
#include "src/train/fit.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

// Samples a call when accuracy alone matters.
constexpr int kBatch = 32;
// Samples converted beforehand for timing: 100 kB of MNIST bytes stay cached.
constexpr int64_t kTimedBlock = 128;

// The bytes of one sample.
size_t SampleBytes(const Tensor& tensor) {
  return static_cast<size_t>(tensor.shape.NumElementsPerSample()) *
         SizeOf(tensor.dtype);
}

void CheckFit(const Interpreter& interpreter, const Dataset& data) {
  if (interpreter.num_inputs() != 1 || interpreter.num_outputs() < 1) {
    Fail(ErrorKind::kUnsupported,
         "a model with {} and {}; one input and an output are wanted",
         Counted(interpreter.num_inputs(), "input"),
         Counted(interpreter.num_outputs(), "output"));
  }
  const Tensor& input = interpreter.input_tensor(0);
  CheckFeedable(input);
  const Tensor& output = interpreter.output_tensor(0);
  switch (output.dtype) {
    case DType::kFloat32:
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kInt16:
      break;
    default:
      Fail(ErrorKind::kUnsupported,
           "output '{}' is {}; float32, int8, uint8 or int16 is wanted",
           output.name, Name(output.dtype));
  }
  RequireFit(input, output, data);
}

InterpreterOptions PlanOptions(const EvaluateOptions& options, int batch) {
  InterpreterOptions result;
  result.batch = batch;
  result.numerics = options.numerics;
  result.reference = options.reference;
  return result;
}

// An interpreter a thread, batched if the graph allows it: a file with a fixed
// batch of one has shapes written into it that no other batch fits.
std::vector<Interpreter> MakeInterpreters(const Graph& graph,
                                          const EvaluateOptions& options,
                                          int threads) {
  std::vector<Interpreter> result;
  int batch = kBatch;
  try {
    result.emplace_back(graph, PlanOptions(options, batch));
  } catch (const Error&) {
    batch = 1;  // what is wrong at a batch of one too is thrown here
    result.emplace_back(graph, PlanOptions(options, batch));
  }
  while (static_cast<int>(result.size()) < threads)
    result.emplace_back(graph, PlanOptions(options, batch));
  return result;
}

}  // namespace

FileAccuracy EvaluateGraph(const Graph& graph, const Dataset& data,
                           const EvaluateOptions& options) {
  const int threads =
      options.threads > 0 ? options.threads : AvailableThreads();
  std::vector<Interpreter> interpreters =
      MakeInterpreters(graph, options, threads);
  CheckFit(interpreters[0], data);
  const auto floats = static_cast<size_t>(data.sample_shape().NumElements());
  const auto classes = static_cast<int>(
      interpreters[0].output_tensor(0).shape.NumElementsPerSample());
  std::vector<int64_t> correct(static_cast<size_t>(threads), 0);
  std::atomic<int64_t> meaningless{
      -1};  // a sample whose outputs are not finite
  // Whoever is free takes the next batch: other programs may have a core.
  const int batch = interpreters[0].batch();
  std::atomic<int64_t> next{0};
  ParallelFor(threads, threads, [&](int t) {
    Interpreter& interpreter = interpreters[static_cast<size_t>(t)];
    const Tensor& input = interpreter.input_tensor(0);
    const Tensor& output = interpreter.output_tensor(0);
    std::byte* in = interpreter.input(0).data();
    const std::byte* values = interpreter.output(0).data();
    const size_t input_bytes = SampleBytes(input);
    const size_t output_bytes = SampleBytes(output);
    std::vector<float> sample(floats);
    while (!StopRequested()) {
      const int64_t first = next.fetch_add(batch);
      if (first >= data.size()) break;
      const auto count =
          static_cast<int>(std::min<int64_t>(batch, data.size() - first));
      for (int k = 0; k < count; ++k) {
        data.Read(first + k, sample.data());
        QuantizeInto(input, sample, in + static_cast<size_t>(k) * input_bytes);
      }
      interpreter.Invoke(count);
      for (int k = 0; k < count; ++k) {
        const std::byte* of = values + static_cast<size_t>(k) * output_bytes;
        if (!AllFinite(output, of)) {
          meaningless = first + k;
          return;
        }
        const int best = ArgMax(output, of, classes);
        correct[static_cast<size_t>(t)] += best == data.label(first + k);
      }
    }
  });
  ThrowIfStopRequested();
  if (meaningless >= 0) {
    Fail(ErrorKind::kInvalidArgument,
         "output '{}' is not finite for sample {}: an accuracy would mean "
         "nothing",
         interpreters[0].output_tensor(0).name, meaningless.load());
  }
  FileAccuracy result;
  result.samples = data.size();
  for (const int64_t c : correct) result.correct += c;
  result.accuracy = static_cast<double>(result.correct) /
                    static_cast<double>(std::max<int64_t>(1, data.size()));
  return result;
}

FileAccuracy EvaluateFile(const std::string& path, const Dataset& data,
                          const EvaluateOptions& options) {
  const Graph graph = LoadModel(path, 0);
  RequireFinite(graph, path);
  return EvaluateGraph(graph, data, options);
}

void RequireEvaluable(const Graph& graph, const Dataset& data) {
  CheckFit(Interpreter(graph, PlanOptions(EvaluateOptions(), 1)), data);
}

FileTime TimeGraph(const Graph& graph, const Dataset& data,
                   const EvaluateOptions& options) {
  Interpreter interpreter(graph, PlanOptions(options, 1));
  CheckFit(interpreter, data);
  const Tensor& input = interpreter.input_tensor(0);
  const auto floats = static_cast<size_t>(data.sample_shape().NumElements());
  const size_t input_bytes = SampleBytes(input);
  const size_t output_bytes = SampleBytes(interpreter.output_tensor(0));
  std::byte* in = interpreter.input(0).data();
  const std::byte* out = interpreter.output(0).data();

  std::vector<float> sample(floats);
  std::vector<std::byte> inputs(static_cast<size_t>(kTimedBlock) * input_bytes);
  std::vector<std::byte> outputs(static_cast<size_t>(kTimedBlock) *
                                 output_bytes);
  std::vector<double> latencies(static_cast<size_t>(data.size()), 0.0);
  std::vector<Clock::time_point> stamps(kTimedBlock + 1);
  double total_us = 0;
  const auto pass = [&](int64_t begin, bool keep) {
    const int64_t count = std::min(kTimedBlock, data.size() - begin);
    for (int64_t k = 0; k < count; ++k) {
      data.Read(begin + k, sample.data());
      QuantizeInto(input, sample,
                   inputs.data() + static_cast<size_t>(k) * input_bytes);
    }
    // One reading of the clock a sample (about 25 ns): the end of one is the
    // start of the next.
    stamps[0] = Clock::now();
    for (int64_t k = 0; k < count; ++k) {
      std::memcpy(in, inputs.data() + static_cast<size_t>(k) * input_bytes,
                  input_bytes);
      interpreter.Invoke(1);
      std::memcpy(outputs.data() + static_cast<size_t>(k) * output_bytes, out,
                  output_bytes);
      stamps[static_cast<size_t>(k) + 1] = Clock::now();
    }
    if (!keep) return;
    for (int64_t k = 0; k < count; ++k) {
      const double us = std::chrono::duration<double, std::micro>(
                            stamps[static_cast<size_t>(k) + 1] -
                            stamps[static_cast<size_t>(k)])
                            .count();
      latencies[static_cast<size_t>(begin + k)] = us;
      total_us += us;
    }
  };
  if (data.size() > 0) pass(0, /*keep=*/false);  // warm-up
  for (int64_t begin = 0; begin < data.size(); begin += kTimedBlock) {
    ThrowIfStopRequested();
    pass(begin, /*keep=*/true);
  }
  FileTime result;
  result.total_ms = total_us / 1000.0;
  result.latency_us_p50 = Percentile(&latencies, 0.5);
  result.latency_us_p99 = Percentile(&latencies, 0.99);
  return result;
}

FileTime TimeFile(const std::string& path, const Dataset& data,
                  const EvaluateOptions& options) {
  return TimeGraph(LoadModel(path, 0), data, options);
}

double Percentile(std::vector<double>* samples, double p) {
  if (samples->empty()) return 0;
  std::sort(samples->begin(), samples->end());
  const auto n = static_cast<double>(samples->size());
  const auto rank = static_cast<size_t>(std::ceil(p * n));
  return (*samples)[std::clamp<size_t>(rank, 1, samples->size()) - 1];
}

}  // namespace litesmith
