#include "src/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/base/timer.h"
#include "src/base/warning.h"
#include "src/data/decorators.h"
#include "src/graph/op_def.h"
#include "src/kernels/train/losses.h"
#include "src/ops/verify.h"
#include "src/runtime/interpreter.h"
#include "src/train/checkpoint.h"
#include "src/train/fit.h"
#include "src/train/training_run.h"

namespace litesmith {
namespace {

// Streams of the seed: the shuffle of epoch e of stage s is stream
// kShuffle + s * kStage + e.
constexpr uint64_t kShuffle = 1000;
constexpr uint64_t kStage = uint64_t{1} << 32;

void CheckShapes(const Graph& graph, const Dataset& data) {
  if (graph.inputs.size() != 1 || graph.outputs.empty()) {
    Fail(ErrorKind::kUnsupported,
         "a model with {} and {}; one of each is wanted",
         Counted(static_cast<int64_t>(graph.inputs.size()), "input"),
         Counted(static_cast<int64_t>(graph.outputs.size()), "output"));
  }
  const Tensor& input = graph.tensor(graph.inputs[0]);
  if (input.dtype != DType::kFloat32) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' is {}; float32 is wanted here", input.name,
         Name(input.dtype));
  }
  RequireFit(input, graph.tensor(graph.outputs[0]), data);
}

// Outputs that no label asks for are trained to be never right.
void WarnOfFewClasses(const Graph& graph, const Dataset& data) {
  const Tensor& output = graph.tensor(graph.outputs[0]);
  const int64_t values = output.shape.NumElementsPerSample();
  if (values == data.classes()) return;
  Warn(
      "the data has {} classes, the model's output '{}' {}: {} to {} are no "
      "class",
      data.classes(), output.name, Counted(values, "value"), data.classes(),
      values - 1);
}

[[noreturn]] void FailDiverged(const char* what, const TrainingRun& run,
                               const TrainOptions& options) {
  Fail(ErrorKind::kInvalidArgument,
       "{}: {} is not a finite number any more at step {}; a smaller learning "
       "rate than {} or cleaner data would do",
       options.label, what, run.steps(), options.learning_rate);
}

// One epoch over the first `size` samples in the order of its own shuffle.
EpochResult Epoch(TrainingRun* run, const TrainOptions& options, int epoch,
                  int64_t size, Progress* progress) {
  std::vector<int32_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  Rng(options.seed, kShuffle + static_cast<uint64_t>(options.stage) * kStage +
                        static_cast<uint64_t>(epoch))
      .Shuffle(std::span<int32_t>(order));
  EpochResult result;
  int64_t correct = 0;
  const std::string task = fmt::format("{}: epoch {} of {}", options.label,
                                       epoch + 1, options.epochs);
  for (int64_t begin = 0; begin < size; begin += options.batch) {
    ThrowIfStopRequested();
    const int64_t count = std::min<int64_t>(options.batch, size - begin);
    const StepResult step = run->Step(std::span<const int32_t>(order).subspan(
        static_cast<size_t>(begin), static_cast<size_t>(count)));
    if (!std::isfinite(step.loss)) FailDiverged("the loss", *run, options);
    result.loss += step.loss;
    correct += step.correct;
    if (progress != nullptr) progress->Update(task, begin + count, size);
  }
  // A ReLU makes zero of what is not a number, so weights can be lost while
  // the loss still looks well.
  const std::span<const float> weights = run->plan().parameters();
  if (!std::all_of(weights.begin(), weights.end(),
                   [](float w) { return std::isfinite(w); }))
    FailDiverged("a weight", *run, options);
  result.loss /= static_cast<double>(size);
  result.accuracy = static_cast<double>(correct) / static_cast<double>(size);
  return result;
}

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

void RequireTrainable(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kParameter) return;
  }
  std::string frozen;
  std::string other;
  for (const Node& node : graph.nodes) {
    if (node.op->Find(Role::kWeight) < 0) continue;
    TensorId id = node.input(static_cast<size_t>(node.op->Find(Role::kWeight)));
    // Behind the ops on the weight edge; a node's inputs come before it.
    for (NodeId n = graph.Producer(id); n >= 0; n = graph.Producer(id))
      id = graph.node(n).inputs[0];
    const Tensor& weights = graph.tensor(id);
    std::string& list =
        weights.dtype == DType::kFloat32 && weights.has_data() ? frozen : other;
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", node.name);
  }
  if (!other.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "there is nothing to train: the weights of {} are no stored floats; "
         "only a float model can be trained",
         other);
  }
  if (!frozen.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "there is nothing to train: all layers with weights are frozen "
         "(trainable: false): {}",
         frozen);
  }
  Fail(ErrorKind::kInvalidArgument,
       "there is nothing to train: no layer of the model has weights");
}

int64_t TrainingSteps(int64_t samples, const TrainOptions& options) {
  const int64_t training = TrainingSamples(samples, options);
  return (training + options.batch - 1) / options.batch * options.epochs;
}

TrainResult Train(const Graph& graph, const Dataset& data,
                  const TrainOptions& options, Progress* progress) {
  CheckOptions(options);
  RequireTrainable(graph);
  Verify(graph, Stage::kTraining);
  CheckShapes(graph, data);
  WarnOfFewClasses(graph, data);
  const int64_t training = TrainingSamples(data.size(), options);
  if (training < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "{} and a validation split of {} leave none to train on",
         Counted(data.size(), "sample"), options.validation_split);
  }
  const Timer timer;
  // Memory is for the samples that there are.
  TrainOptions bounded = options;
  bounded.batch = static_cast<int>(std::min<int64_t>(options.batch, training));
  TrainingRun run(graph, data, bounded);
  TrainResult result;
  std::optional<Checkpoint> checkpoint;
  if (!options.checkpoint.empty()) {
    checkpoint.emplace(options, graph, data);
    checkpoint->Read(&run, &result.epochs);
  }
  DatasetPtr held_out;
  if (training < data.size()) {
    // A view without ownership: `data` outlives this call.
    held_out = Slice(DatasetPtr(DatasetPtr(), &data), training, data.size());
  }
  for (int epoch = static_cast<int>(result.epochs.size());
       epoch < options.epochs; ++epoch) {
    const Timer epoch_timer;
    EpochResult row = Epoch(&run, options, epoch, training, progress);
    row.validation_loss = row.validation_accuracy =
        std::numeric_limits<double>::quiet_NaN();
    if (held_out != nullptr) {
      const Evaluation evaluation =
          EvaluateFloat(run.plan().Export(), *held_out, run.threads());
      row.validation_loss = evaluation.loss;
      row.validation_accuracy = evaluation.accuracy;
    }
    row.seconds = epoch_timer.Seconds();
    result.epochs.push_back(row);
    if (progress != nullptr) {
      const std::string validation =
          held_out == nullptr
              ? ""
              : fmt::format("validation loss {:.4f} accuracy {:.4f} ",
                            row.validation_loss, row.validation_accuracy);
      progress->Line(fmt::format(
          "{}: epoch {} of {}: loss {:.4f} accuracy {:.4f} {}({:.2f} s)",
          options.label, epoch + 1, options.epochs, row.loss, row.accuracy,
          validation, row.seconds));
    }
    if (checkpoint) checkpoint->Write(&run, result.epochs);
  }
  result.graph = run.plan().Export();
  result.seconds = timer.Seconds();
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
