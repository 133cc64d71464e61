// Epochs: shuffles, batches, validation, what is said and kept of them.
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
#include "src/data/batch.h"
#include "src/data/loader.h"
#include "src/data/views.h"
#include "src/graph/differentiates.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/ops/verify.h"
#include "src/runtime/bind.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/train/checkpoint.h"
#include "src/train/epoch_progress.h"
#include "src/train/fit.h"
#include "src/train/losses.h"
#include "src/train/regularizers.h"
#include "src/train/settings.h"
#include "src/train/training_run.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// Streams of the seed: the shuffle of epoch e of stage s is stream
// kShuffle + s * kStage + e.
constexpr uint64_t kShuffle = 1000;
constexpr uint64_t kStage = uint64_t{1} << 32;

void CheckShapes(const Graph& graph, const Dataset& data,
                 const TrainOptions& options) {
  if (graph.outputs.empty()) {
    Fail(ErrorKind::kUnsupported, "a model without outputs; one is wanted");
  }
  // Numbers of words and the like are integers without a scale.
  for (const TensorId id : graph.inputs) {
    const Tensor& input = graph.tensor(id);
    if (input.dtype == DType::kFloat32 || input.quant.empty()) continue;
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' is {}; float32 is wanted here", input.name,
         Name(input.dtype));
  }
  InputFeeder(data.inputs(), graph);
  const Loss& loss = FindLoss(options.loss);
  const Graph read = WithLossInput(graph, loss);
  const Tensor& output = read.tensor(read.outputs[0]);
  RequireFit(TargetsOf(loss, output, data, 0), output, data, 0,
             "loss " + options.loss);
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

// "'conv/kernel', 'conv/bias' and 3 more".
std::string SomeNames(const Graph& graph, const std::vector<TensorId>& ids) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t i = 0; i < ids.size() && i < kShown; ++i) {
    text +=
        fmt::format("{}'{}'", i == 0 ? "" : ", ", graph.tensor(ids[i]).name);
  }
  if (ids.size() > kShown)
    text += fmt::format(" and {} more", ids.size() - kShown);
  return text;
}

// What no gradient reaches stays as it is, which may surprise.
void WarnOfBlocked(const Graph& graph) {
  const int first[] = {0};
  for (const Blocked& blocked : FindBlocked(graph, first)) {
    const std::string names = SomeNames(graph, blocked.parameters);
    if (blocked.node < 0) {
      Warn("the loss, which is of output '{}', does not depend on {}: {} as {}",
           graph.tensor(graph.outputs[0]).name, names,
           blocked.parameters.size() == 1 ? "it stays" : "they stay",
           blocked.parameters.size() == 1 ? "it is" : "they are");
      continue;
    }
    const Node& node = graph.node(blocked.node);
    Warn(
        "no gradient flows through node '{}' ({}): what lies before it stays "
        "as it is: {}",
        node.name, node.op->name, names);
  }
}

[[noreturn]] void FailDiverged(const char* what, const TrainingRun& run,
                               const TrainOptions& options) {
  Fail(ErrorKind::kInvalidArgument,
       "{}: {} is not a finite number any more at step {}; a smaller learning "
       "rate than {} or cleaner data would do",
       options.label, what, run.steps(), options.learning_rate);
}

bool ComparesLabels(const TrainOptions& options) {
  return FindLoss(options.loss).targets == TargetKind::kLabels;
}

// One epoch over the first `size` samples in the order of its own shuffle.
EpochResult Epoch(TrainingRun* run, const Dataset& data,
                  const TrainOptions& options, int epoch, int64_t size,
                  Progress* progress, std::vector<double>* step_seconds) {
  std::vector<int32_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  const uint64_t stream = static_cast<uint64_t>(options.stage) * kStage +
                          static_cast<uint64_t>(epoch);
  Rng(options.seed, kShuffle + stream).Shuffle(std::span<int32_t>(order));
  Loader loader(data, std::move(order), options.batch,
                {options.seed, static_cast<int64_t>(stream)});
  EpochResult result;
  int64_t correct = 0;
  EpochProgress shown(progress,
                      fmt::format("{}: epoch {} of {}", options.label,
                                  epoch + 1, options.epochs),
                      size, options.batch, ComparesLabels(options));
  while (const Batch* batch = loader.Next()) {
    ThrowIfStopRequested();
    const Timer timer;
    const LossSum step = run->Step(*batch);
    step_seconds->push_back(timer.Seconds());
    if (!std::isfinite(step.loss)) FailDiverged("the loss", *run, options);
    result.loss += step.loss;
    correct += step.correct;
    shown.Add(batch->size(), step.loss, step.correct);
  }
  // A ReLU makes zero of what is not a number, so weights can be lost while
  // the loss still looks well.
  const std::span<const float> weights = run->plan().parameters();
  if (!std::all_of(weights.begin(), weights.end(),
                   [](float w) { return std::isfinite(w); }))
    FailDiverged("a weight", *run, options);
  result.loss /= static_cast<double>(size);
  result.accuracy =
      ComparesLabels(options)
          ? static_cast<double>(correct) / static_cast<double>(size)
          : std::numeric_limits<double>::quiet_NaN();
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
  for (const TrainSetting& setting : TrainSettings()) {
    const bool bad_number = setting.number != nullptr &&
                            !setting.range.Has(options.*setting.number);
    if (!bad_number &&
        (setting.whole == nullptr || options.*setting.whole >= 0))
      continue;
    Fail(ErrorKind::kInvalidArgument, "{} = {}: {} is wanted", setting.name,
         bad_number ? options.*setting.number
                    : static_cast<float>(options.*setting.whole),
         RangeText(setting.range));
  }
  if (options.early_stopping > 0 && options.validation_split == 0) {
    Fail(ErrorKind::kInvalidArgument,
         "early stopping goes by the loss of held-out samples; a validation "
         "split above 0 is wanted");
  }
}

// "loss 0.1234 accuracy 0.9650 ", each name behind `prefix`.
std::string LossText(const char* prefix, double loss, double accuracy) {
  std::string text = fmt::format("{}loss {:.4f} ", prefix, loss);
  if (!std::isnan(accuracy)) text += fmt::format("accuracy {:.4f} ", accuracy);
  return text;
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

namespace {

// Whether the last of these epochs is the best of them, by their validation.
bool IsBest(const std::vector<EpochResult>& epochs) {
  return std::all_of(epochs.begin(), epochs.end() - 1,
                     [&](const EpochResult& e) {
                       return epochs.back().validation_loss < e.validation_loss;
                     });
}

// Whether that many epochs came behind the best one.
bool IsOver(const std::vector<EpochResult>& epochs, int patience) {
  if (patience <= 0 || epochs.empty()) return false;
  const auto best =
      std::min_element(epochs.begin(), epochs.end(),
                       [](const EpochResult& a, const EpochResult& b) {
                         return a.validation_loss < b.validation_loss;
                       });
  return epochs.end() - 1 - best >= patience;
}

std::string EpochText(const EpochResult& row) {
  return LossText("", row.loss, row.accuracy) +
         (std::isnan(row.validation_loss)
              ? ""
              : LossText("validation ", row.validation_loss,
                         row.validation_accuracy));
}

}  // namespace

TrainResult Train(const Graph& graph, const Dataset& data,
                  const TrainOptions& given, Progress* progress,
                  const Graph* teacher) {
  CheckOptions(given);
  RequireTrainable(graph);
  Verify(graph, Stage::kTraining);
  TrainOptions options = given;
  options.loss = LossFor(graph, data, given.loss);
  CheckShapes(graph, data, options);
  WarnOfBlocked(graph);
  if (ComparesLabels(options)) WarnOfFewClasses(graph, data);
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
  TrainingRun run(graph, data, bounded,
                  std::max<int64_t>(1, TrainingSteps(data.size(), bounded)),
                  teacher, training);
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
  std::vector<double> step_seconds;
  for (int epoch = static_cast<int>(result.epochs.size());
       epoch < options.epochs && !IsOver(result.epochs, options.early_stopping);
       ++epoch) {
    const Timer epoch_timer;
    EpochResult row =
        Epoch(&run, data, bounded, epoch, training, progress, &step_seconds);
    row.validation_loss = row.validation_accuracy =
        std::numeric_limits<double>::quiet_NaN();
    const Graph trained = run.Export();
    row.learning_rate = run.learning_rate();
    row.sparsity = WeightSparsity(StripTrainingOps(trained));
    row.stage = options.stage;
    if (held_out != nullptr) {
      const Evaluation evaluation = EvaluateFloat(trained, *held_out, options);
      row.validation_loss = evaluation.loss + RegularizerLoss(trained);
      row.validation_accuracy = evaluation.accuracy;
    }
    row.seconds = epoch_timer.Seconds();
    result.epochs.push_back(row);
    if (progress != nullptr) {
      progress->Line(fmt::format("{}: epoch {} of {}: {}({:.2f} s)",
                                 options.label, epoch + 1, options.epochs,
                                 EpochText(row), row.seconds));
    }
    if (options.early_stopping > 0 && IsBest(result.epochs)) run.KeepBest();
    if (checkpoint) checkpoint->Write(&run, result.epochs);
  }
  if (options.early_stopping > 0) run.GoBackToBest();
  result.steps = run.steps();
  for (const double seconds : step_seconds)
    result.step_ms.push_back(seconds * 1e3);
  result.graph = run.Export();
  result.seconds = timer.Seconds();
  return result;
}

Evaluation EvaluateFloat(const Graph& model, const Dataset& data,
                         const TrainOptions& given) {
  TrainOptions options = given;
  options.loss = LossFor(model, data, given.loss);
  options.class_weights.clear();  // of training
  CheckShapes(model, data, options);
  constexpr int kBatch = 32;
  const Loss& loss = FindLoss(options.loss);
  const Graph graph = WithLossInput(model, loss);
  const LossHead head(loss, graph.tensor(graph.outputs[0]), data, 0,
                      TuningOf(loss, options, data, data.size()));
  const int batch_size = BatchFor(graph, kBatch);
  const auto blocks =
      static_cast<int>((data.size() + batch_size - 1) / batch_size);
  const int threads = std::clamp(
      blocks, 1, options.threads > 0 ? options.threads : AvailableThreads());
  std::vector<Interpreter> interpreters;
  for (int t = 0; t < threads; ++t)
    interpreters.emplace_back(graph, InterpreterOptions{.batch = batch_size});
  const InputFeeder feed(data.inputs(), interpreters[0]);
  // A sum for each block, added in order: the same on any number of threads.
  std::vector<LossSum> sums(static_cast<size_t>(blocks));
  ParallelFor(threads, threads, [&](int t) {
    Interpreter& interpreter = interpreters[static_cast<size_t>(t)];
    const auto* outputs =
        reinterpret_cast<const float*>(interpreter.output(0).data());
    LossHead own = head;
    BatchReader reader(data, batch_size);
    std::vector<float> gradient(interpreter.output(0).size() / sizeof(float));
    for (int b = t; b < blocks; b += threads) {
      const int64_t first = static_cast<int64_t>(b) * batch_size;
      const int count =
          static_cast<int>(std::min<int64_t>(batch_size, data.size() - first));
      const Batch& batch = reader.Read(first, count);
      feed(batch, &interpreter);
      interpreter.Invoke(count);
      sums[static_cast<size_t>(b)] =
          own(batch, 0, count, outputs, 1.0f, gradient.data());
    }
  });
  Evaluation result;
  for (const LossSum& sum : sums) {
    result.loss += sum.loss;
    result.correct += sum.correct;
  }
  const auto n = static_cast<double>(std::max<int64_t>(1, data.size()));
  result.loss /= n;
  result.accuracy = ComparesLabels(options)
                        ? static_cast<double>(result.correct) / n
                        : std::numeric_limits<double>::quiet_NaN();
  return result;
}

}  // namespace litesmith
