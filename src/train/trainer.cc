#include "src/train/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/data/decorators.h"
#include "src/kernels/train_math.h"
#include "src/runtime/interpreter.h"
#include "src/runtime/training_plan.h"
#include "src/train/checkpoint.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

// Streams of the seed: the shuffle of epoch e of stage s is stream
// kShuffle + s * kStage + e.
constexpr uint64_t kShuffle = 1000;
constexpr uint64_t kStage = uint64_t{1} << 32;

// Adam with Keras's defaults (Kingma and Ba 2015; keras.optimizers.Adam).
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr float kEpsilon = 1e-7f;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void CheckShapes(const Graph& graph, const Dataset& data) {
  if (graph.inputs.size() != 1 || graph.outputs.empty()) {
    Fail(ErrorKind::kUnsupported,
         "a model with {} inputs and {} outputs; one of each is wanted",
         graph.inputs.size(), graph.outputs.size());
  }
  const Tensor& input = graph.tensor(graph.inputs[0]);
  if (input.dtype != DType::kFloat32) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' is {}; float32 is wanted here", input.name,
         Name(input.dtype));
  }
  if (input.shape.NumElementsPerSample() != data.sample_shape().NumElements()) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' has shape {}, a sample of the data {}",
         input.name, input.shape.ToString(), data.sample_shape().ToString());
  }
  const Tensor& output = graph.tensor(graph.outputs[0]);
  if (output.shape.NumElementsPerSample() < data.classes()) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's output '{}' has shape {}; the data has {} classes",
         output.name, output.shape.ToString(), data.classes());
  }
}

// One training run: the plan, the optimizer's slots, and what each shard
// counts.
class Run {
 public:
  Run(const Graph& graph, const Dataset& data, const TrainOptions& options)
      : data_(data),
        options_(options),
        threads_(options.threads > 0 ? options.threads : AvailableThreads()),
        plan_(graph, options.batch, threads_),
        classes_(static_cast<int>(
            graph.tensor(graph.outputs[0]).shape.NumElementsPerSample())),
        sample_floats_(static_cast<size_t>(data.sample_shape().NumElements())),
        m_(plan_.parameters().size(), 0.0f),
        v_(plan_.parameters().size(), 0.0f) {
    callbacks_.load = [this](int, int first, int count, float* input) {
      Load(first, count, input);
    };
    callbacks_.loss = [this](int shard, int first, int count,
                             const float* output, float* grad) {
      Loss(shard, first, count, output, grad);
    };
  }

  TrainingPlan& plan() { return plan_; }
  std::span<float> m() { return m_; }
  std::span<float> v() { return v_; }
  int threads() const { return threads_; }

  // One epoch over `size` samples in the order of its own shuffle.
  EpochResult Epoch(int epoch, int64_t size, int64_t* step,
                    Progress* progress) {
    std::vector<int32_t> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    Rng(options_.seed, kShuffle +
                           static_cast<uint64_t>(options_.stage) * kStage +
                           static_cast<uint64_t>(epoch))
        .Shuffle(std::span<int32_t>(order));
    EpochResult result;
    int64_t correct = 0;
    const std::string task = fmt::format("{}: epoch {} of {}", options_.label,
                                         epoch + 1, options_.epochs);
    for (int64_t begin = 0; begin < size; begin += options_.batch) {
      ThrowIfStopRequested();
      const int count =
          static_cast<int>(std::min<int64_t>(options_.batch, size - begin));
      indices_ = order.data() + begin;
      Step(count, ++*step);
      double loss = 0;
      for (const Counts& counts : counts_) {
        loss += counts.loss;
        correct += counts.correct;
      }
      if (!std::isfinite(loss)) {
        Fail(ErrorKind::kInvalidArgument,
             "{}: the loss is not a finite number any more at step {}; a "
             "smaller learning rate "
             "than {} or cleaner data would do",
             options_.label, *step, options_.learning_rate);
      }
      result.loss += loss;
      if (progress != nullptr) progress->Update(task, begin + count, size);
    }
    result.loss /= static_cast<double>(size);
    result.accuracy = static_cast<double>(correct) / static_cast<double>(size);
    return result;
  }

 private:
  // On a cache line of its own: shards write from several threads.
  struct alignas(64) Counts {
    double loss = 0;
    int correct = 0;
  };

  void Step(int count, int64_t step) {
    batch_ = count;
    counts_.fill({});
    plan_.Step(count, step, callbacks_);
    const auto t = static_cast<double>(step);
    const auto alpha = static_cast<float>(options_.learning_rate *
                                          std::sqrt(1.0 - std::pow(kBeta2, t)) /
                                          (1.0 - std::pow(kBeta1, t)));
    const std::span<float> w = plan_.parameters();
    const std::span<const float> g = plan_.gradients();
    constexpr size_t kChunk = 4096;
    const auto chunks = static_cast<int>((w.size() + kChunk - 1) / kChunk);
    ParallelFor(chunks, threads_, [&](int c) {
      const size_t from = static_cast<size_t>(c) * kChunk;
      const size_t n = std::min(kChunk, w.size() - from);
      kernels::AdamStep(w.data() + from, m_.data() + from, v_.data() + from,
                        g.data() + from, n, alpha,
                        static_cast<float>(1.0 - kBeta1),
                        static_cast<float>(1.0 - kBeta2), kEpsilon);
    });
  }

  void Load(int first, int count, float* input) const {
    for (int i = 0; i < count; ++i) {
      data_.Read(indices_[first + i],
                 input + static_cast<size_t>(i) * sample_floats_);
    }
  }

  void Loss(int shard, int first, int count, const float* output, float* grad) {
    constexpr int kBlock = 64;
    Counts& counts = counts_[static_cast<size_t>(shard)];
    for (int begin = 0; begin < count; begin += kBlock) {
      const int n = std::min(kBlock, count - begin);
      int32_t labels[kBlock];
      for (int i = 0; i < n; ++i)
        labels[i] = data_.label(indices_[first + begin + i]);
      const size_t offset =
          static_cast<size_t>(begin) * static_cast<size_t>(classes_);
      double loss = 0;
      int correct = 0;
      kernels::SoftmaxCrossEntropy(output + offset, labels, n, classes_,
                                   1.0f / static_cast<float>(batch_), &loss,
                                   &correct, grad + offset);
      counts.loss += loss;
      counts.correct += correct;
    }
  }

  const Dataset& data_;
  const TrainOptions& options_;
  int threads_;
  TrainingPlan plan_;
  int classes_;
  size_t sample_floats_;
  std::vector<float> m_;
  std::vector<float> v_;
  ShardCallbacks callbacks_;
  const int32_t* indices_ = nullptr;
  int batch_ = 0;
  std::array<Counts, TrainingPlan::kShards> counts_;
};

int64_t TrainingSamples(int64_t samples, const TrainOptions& options) {
  // Keras's validation_split: the first int(n * (1 - split)) samples train.
  return static_cast<int64_t>(static_cast<double>(samples) *
                              (1.0 - options.validation_split));
}

void CheckOptions(const TrainOptions& options) {
  if (options.epochs < 0 || options.batch < 1 || options.batch > 65536) {
    Fail(ErrorKind::kInvalidArgument,
         "{} epochs of batches of {}: 0 or more epochs and 1 to 65536 samples "
         "a batch are wanted",
         options.epochs, options.batch);
  }
  if (!(options.learning_rate > 0) || !(options.validation_split >= 0) ||
      !(options.validation_split < 1)) {
    Fail(ErrorKind::kInvalidArgument,
         "learning rate {} and validation split {}: a positive rate and a "
         "split in [0, 1) are wanted",
         options.learning_rate, options.validation_split);
  }
}

}  // namespace

int64_t TrainingSteps(int64_t samples, const TrainOptions& options) {
  const int64_t training = TrainingSamples(samples, options);
  return (training + options.batch - 1) / options.batch * options.epochs;
}

TrainResult Train(const Graph& graph, const Dataset& data,
                  const TrainOptions& options, Progress* progress) {
  CheckOptions(options);
  CheckShapes(graph, data);
  const int64_t training = TrainingSamples(data.size(), options);
  if (training < 1) {
    Fail(ErrorKind::kInvalidArgument, "{} samples leave none to train on",
         data.size());
  }
  const auto start = Clock::now();
  Run run(graph, data, options);
  TrainResult result;
  int64_t step = 0;
  if (!options.checkpoint.empty()) {
    ReadCheckpoint(options, graph, &run.plan(), run.m(), run.v(), &step,
                   &result.epochs);
  }
  DatasetPtr held_out;
  if (training < data.size()) {
    // A view without ownership: `data` outlives this call.
    held_out = Slice(DatasetPtr(DatasetPtr(), &data), training, data.size());
  }
  for (int epoch = static_cast<int>(result.epochs.size());
       epoch < options.epochs; ++epoch) {
    const auto epoch_start = Clock::now();
    EpochResult row = run.Epoch(epoch, training, &step, progress);
    row.validation_loss = row.validation_accuracy =
        std::numeric_limits<double>::quiet_NaN();
    if (held_out != nullptr) {
      const Evaluation evaluation =
          EvaluateFloat(run.plan().Export(), *held_out, run.threads());
      row.validation_loss = evaluation.loss;
      row.validation_accuracy = evaluation.accuracy;
    }
    row.seconds = SecondsSince(epoch_start);
    result.epochs.push_back(row);
    if (progress != nullptr) {
      progress->Line(fmt::format(
          "{}: epoch {} of {}: loss {:.4f} accuracy {:.4f} validation loss "
          "{:.4f} accuracy {:.4f} ({:.2f} s)",
          options.label, epoch + 1, options.epochs, row.loss, row.accuracy,
          row.validation_loss, row.validation_accuracy, row.seconds));
    }
    if (!options.checkpoint.empty()) {
      WriteCheckpoint(options, graph, &run.plan(), run.m(), run.v(), step,
                      result.epochs);
    }
  }
  result.graph = run.plan().Export();
  result.seconds = SecondsSince(start);
  return result;
}

Evaluation EvaluateFloat(const Graph& graph, const Dataset& data, int threads) {
  CheckShapes(graph, data);
  if (threads <= 0) threads = AvailableThreads();
  constexpr int kBatch = 32;
  const int classes = static_cast<int>(
      graph.tensor(graph.outputs[0]).shape.NumElementsPerSample());
  const auto sample = static_cast<size_t>(data.sample_shape().NumElements());
  const auto blocks = static_cast<int>((data.size() + kBatch - 1) / kBatch);
  threads = std::clamp(blocks, 1, threads);
  std::vector<Interpreter> interpreters;
  for (int t = 0; t < threads; ++t) {
    InterpreterOptions options;
    options.batch = kBatch;
    interpreters.emplace_back(graph, options);
  }
  // A partial result a block, added in order: the same sum on any number of
  // threads.
  std::vector<double> losses(static_cast<size_t>(blocks), 0.0);
  std::vector<int> corrects(static_cast<size_t>(blocks), 0);
  ParallelFor(threads, threads, [&](int t) {
    Interpreter& interpreter = interpreters[static_cast<size_t>(t)];
    auto* input = reinterpret_cast<float*>(interpreter.input(0).data());
    const auto* output =
        reinterpret_cast<const float*>(interpreter.output(0).data());
    std::vector<float> gradient(static_cast<size_t>(kBatch * classes));
    for (int b = t; b < blocks; b += threads) {
      const int64_t first = static_cast<int64_t>(b) * kBatch;
      const int count =
          static_cast<int>(std::min<int64_t>(kBatch, data.size() - first));
      int32_t labels[kBatch];
      for (int i = 0; i < count; ++i) {
        data.Read(first + i, input + static_cast<size_t>(i) * sample);
        labels[i] = data.label(first + i);
      }
      interpreter.Invoke(count);
      kernels::SoftmaxCrossEntropy(
          output, labels, count, classes, 1.0f, &losses[static_cast<size_t>(b)],
          &corrects[static_cast<size_t>(b)], gradient.data());
    }
  });
  Evaluation result;
  for (size_t b = 0; b < losses.size(); ++b) {
    result.loss += losses[b];
    result.correct += corrects[b];
  }
  const auto n = static_cast<double>(std::max<int64_t>(1, data.size()));
  result.loss /= n;
  result.accuracy = static_cast<double>(result.correct) / n;
  return result;
}

}  // namespace litesmith
