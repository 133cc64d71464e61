// One clock reading a sample, blocks of samples fed beforehand.
#include "src/measure/latency.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "src/base/progress.h"
#include "src/data/batch.h"
#include "src/models/models.h"
#include "src/runtime/feeder.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

// Samples converted beforehand: 100 kB of MNIST bytes stay cached.
constexpr int kBlock = 128;

// Times the samples of one block after another.
class BlockTimer {
 public:
  BlockTimer(Interpreter* interpreter, const Dataset& data)
      : interpreter_(*interpreter),
        feed_(data.inputs(), *interpreter),
        reader_(data, kBlock),
        output_bytes_(SampleBytes(interpreter->output_tensor(0))),
        outputs_(kBlock * output_bytes_),
        stamps_(kBlock + 1) {
    for (size_t i = 0; i < feed_.num_inputs(); ++i)
      inputs_.emplace_back(kBlock * feed_.input(i).bytes());
  }

  // Runs samples [first, first + count); their microseconds are then in us().
  void Run(int64_t first, int count) {
    const Batch& batch = reader_.Read(first, count);
    for (size_t i = 0; i < inputs_.size(); ++i)
      feed_.input(i)(batch, i, 0, count, inputs_[i].data());
    const std::byte* out = interpreter_.output(0).data();
    // One reading of the clock a sample (about 25 ns): the end of one is the
    // start of the next.
    stamps_[0] = Clock::now();
    for (size_t k = 0; k < static_cast<size_t>(count); ++k) {
      for (size_t i = 0; i < inputs_.size(); ++i) {
        const size_t bytes = feed_.input(i).bytes();
        std::memcpy(interpreter_.input(static_cast<int>(i)).data(),
                    inputs_[i].data() + k * bytes, bytes);
      }
      interpreter_.Invoke(1);
      std::memcpy(outputs_.data() + k * output_bytes_, out, output_bytes_);
      stamps_[k + 1] = Clock::now();
    }
  }

  double Micros(int k) const {
    const auto at = static_cast<size_t>(k);
    return std::chrono::duration<double, std::micro>(stamps_[at + 1] -
                                                     stamps_[at])
        .count();
  }

 private:
  Interpreter& interpreter_;
  InputFeeder feed_;
  BatchReader reader_;
  size_t output_bytes_;
  std::vector<std::vector<std::byte>> inputs_;
  std::vector<std::byte> outputs_;
  std::vector<Clock::time_point> stamps_;
};

}  // namespace

FileTime TimeGraph(const Graph& graph, const Dataset& data,
                   const EvaluateOptions& options) {
  Interpreter interpreter(graph, PlanOptions(options, 1));
  BlockTimer timer(&interpreter, data);
  const auto count = [&](int64_t begin) {
    return static_cast<int>(std::min<int64_t>(kBlock, data.size() - begin));
  };
  std::vector<double> latencies;
  latencies.reserve(static_cast<size_t>(data.size()));
  double total_us = 0;
  if (data.size() > 0) timer.Run(0, count(0));  // warm-up
  for (int64_t begin = 0; begin < data.size(); begin += kBlock) {
    ThrowIfStopRequested();
    timer.Run(begin, count(begin));
    for (int k = 0; k < count(begin); ++k) {
      latencies.push_back(timer.Micros(k));
      total_us += latencies.back();
    }
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
