// TrainingRun: what the plan asks of the data, and the optimizer's step.
#include "src/train/training_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/kernels/train/losses.h"
#include "src/runtime/bind.h"
#include "src/train/regularizers.h"
#include "src/train/step_scales.h"
#include "src/transform/batch_norm.h"

namespace litesmith {
namespace {

// Streams of the seed, one a stage: far from those of the shuffles.
constexpr uint64_t kDraws = uint64_t{1} << 63;

// The step after which batch normalizations are frozen; -1: never.
int64_t FreezeStep(const TrainOptions& options, int64_t steps) {
  if (!FreezesBatchNorms(options)) return -1;
  return static_cast<int64_t>(double{options.freeze_batch_norm} *
                              static_cast<double>(steps));
}

}  // namespace

TrainingRun::TrainingRun(const Graph& graph, const Dataset& data,
                         const TrainOptions& options, int64_t steps,
                         const Graph* teacher, int64_t tuned_by)
    : options_(options),
      loss_(FindLoss(LossFor(graph, data, options.loss))),
      outputs_(graph.outputs),
      threads_(options.threads > 0 ? options.threads : AvailableThreads()),
      plan_(MakePlan(WithLossInput(graph, loss_))),
      freeze_at_(FreezeStep(options, steps)),
      feed_(data.inputs(), graph),
      optimizer_(FindOptimizer(options.optimizer)),
      schedule_steps_(steps) {
  const Graph read = WithLossInput(graph, loss_);
  const LossTuning tuning =
      TuningOf(loss_, options, data, tuned_by < 0 ? data.size() : tuned_by);
  for (int s = 0; s < TrainingPlan::kShards; ++s) {
    shards_.push_back(
        {LossHead(loss_, read.tensor(read.outputs[0]), data, 0, tuning),
         {},
         nullptr,
         {}});
  }
  if (teacher != nullptr && options.distill_weight > 0) MakeTeacher(*teacher);
  slots_.assign(static_cast<size_t>(optimizer_.slots),
                std::vector<float>(plan_->parameters().size(), 0.0f));
  callbacks_.load = [this](int, int first, int count,
                           std::span<std::byte* const> inputs) {
    feed_(*batch_, first, count, inputs);
  };
  callbacks_.losses = {[this](int shard, int first, int count,
                              const float* output, float* grad) {
    const LossSum part = Loss(shard, first, count, output, grad);
    LossSum& sum = shards_[static_cast<size_t>(shard)].sum;
    sum.loss += part.loss;
    sum.correct += part.correct;
  }};
  if (!options.tfmot) FindScales(graph);
  FreezeIfTime();
}

void TrainingRun::FindScales(const Graph& graph) {
  const std::vector<float> scales = StepScales(graph);
  for (const TrainingPlan::Trained& of : plan_->trained()) {
    const auto id = static_cast<size_t>(of.id);
    if (id < scales.size() && scales[id] != 1)
      scaled_.push_back({of.first, of.end, scales[id]});
  }
}

std::unique_ptr<TrainingPlan> TrainingRun::MakePlan(Graph graph) const {
  return std::make_unique<TrainingPlan>(
      graph, TrainingPlanOptions{
                 .batch = options_.batch,
                 .threads = threads_,
                 .seed = Rng(options_.seed,
                             kDraws + static_cast<uint64_t>(options_.stage))
                             .Next()});
}

void TrainingRun::MakeTeacher(const Graph& teacher) {
  const Graph graph = WithLossInput(teacher, loss_);
  const int most =
      (options_.batch + TrainingPlan::kShards - 1) / TrainingPlan::kShards;
  for (Shard& shard : shards_) {
    shard.teacher = std::make_unique<Interpreter>(
        graph, InterpreterOptions{.batch = BatchFor(graph, most)});
    for (int i = 0; i < shard.teacher->num_inputs(); ++i)
      shard.teacher_inputs.push_back(shard.teacher->input(i).data());
    const Tensor& output = shard.teacher->output_tensor(0);
    if (output.dtype == DType::kFloat32 &&
        output.shape.NumElementsPerSample() == shard.head.values() &&
        shard.teacher_inputs.size() == feed_.num_inputs())
      continue;
    Fail(ErrorKind::kInvalidArgument,
         "the teacher's output '{}' is {} {}; {} float32 values of a sample "
         "are wanted, and the model's own inputs",
         output.name, Name(output.dtype), output.shape.ToString(),
         shard.head.values());
  }
}

LossSum TrainingRun::Loss(int shard, int first, int count, const float* output,
                          float* grad) {
  Shard& s = shards_[static_cast<size_t>(shard)];
  const float scale = 1.0f / static_cast<float>(batch_->size());
  if (s.teacher == nullptr)
    return s.head(*batch_, first, count, output, scale, grad);
  const float share = options_.distill_weight;
  LossSum sum =
      s.head(*batch_, first, count, output, scale * (1 - share), grad);
  sum.loss *= double{1 - share};
  for (int begin = 0; begin < count; begin += s.teacher->batch()) {
    const int part = std::min(s.teacher->batch(), count - begin);
    feed_(*batch_, first + begin, part, s.teacher_inputs);
    s.teacher->Invoke(part);
    const auto* answers =
        reinterpret_cast<const float*>(s.teacher->output(0).data());
    const int64_t at = int64_t{begin} * s.head.values();
    sum.loss +=
        double{share} * Distance(output + at, answers, part, s.head.values(),
                                 scale * share, grad + at);
  }
  return sum;
}

double TrainingRun::Distance(const float* output, const float* answers,
                             int count, int values, float scale,
                             float* grad) const {
  const float t = options_.distill_temperature;
  if (loss_.of == Probabilities::kOfClasses) {
    return kernels::DistillClasses(output, answers, count, values, t, scale,
                                   grad);
  }
  if (loss_.of == Probabilities::kOfEach)
    return kernels::DistillEach(output, answers, count, values, t, scale, grad);
  // Squared differences, as mse has them.
  double distance = 0;
  for (int64_t i = 0; i < int64_t{count} * values; ++i) {
    const float d = output[i] - answers[i];
    distance += double{d} * double{d} / values;
    grad[i] += 2 * d / static_cast<float>(values) * scale;
  }
  return distance;
}

void TrainingRun::FreezeIfTime() {
  if (freeze_at_ < 0 || steps_ < freeze_at_) return;
  freeze_at_ = -1;
  Graph graph = plan_->Export();
  if (FreezeBatchNorms(true, &graph)) plan_ = MakePlan(std::move(graph));
}

void TrainingRun::set_steps(int64_t steps) {
  steps_ = steps;
  FreezeIfTime();
}

Graph TrainingRun::Export() const {
  Graph graph = plan_->Export();
  FreezeBatchNorms(false, &graph);
  graph.outputs = outputs_;
  return graph;
}

void TrainingRun::KeepBest() {
  const std::span<const float> parameters = plan_->parameters();
  const std::span<const std::byte> states = plan_->states();
  best_.parameters.assign(parameters.begin(), parameters.end());
  best_.states.assign(states.begin(), states.end());
}

void TrainingRun::GoBackToBest() {
  if (best_.parameters.empty()) return;
  std::copy(best_.parameters.begin(), best_.parameters.end(),
            plan_->parameters().begin());
  std::copy(best_.states.begin(), best_.states.end(), plan_->states().begin());
}

double TrainingRun::AddRegularizers() {
  const std::span<const TrainingPlan::Trained> all = plan_->trained();
  weight_losses_.assign(all.size(), 0);
  ParallelFor(static_cast<int>(all.size()), threads_, [&](int i) {
    const auto& [id, first, end, by] = all[static_cast<size_t>(i)];
    if (by.empty()) return;
    const std::span<const float> weights =
        plan_->parameters().subspan(first, end - first);
    weight_losses_[static_cast<size_t>(i)] = RegularizerLoss(by, weights);
    AddRegularizerGradient(by, weights,
                           plan_->gradients().subspan(first, end - first));
  });
  return std::accumulate(weight_losses_.begin(), weight_losses_.end(), 0.0);
}

void TrainingRun::ClipGradient() {
  const std::span<float> gradient = plan_->gradients();
  if (const float most = options_.clip_value; most > 0) {
    for (float& g : gradient) g = std::clamp(g, -most, most);
  }
  if (!(options_.clip_norm > 0)) return;
  // In one order, whatever the number of threads.
  double squares = 0;
  for (const float g : gradient) squares += double{g} * double{g};
  const double norm = std::sqrt(squares);
  if (!(norm > double{options_.clip_norm})) return;
  const auto factor = static_cast<float>(double{options_.clip_norm} / norm);
  for (float& g : gradient) g *= factor;
}

void TrainingRun::MoveParameters() {
  const std::span<float> weights = plan_->parameters();
  const std::span<float> gradient = plan_->gradients();
  // Powers of two: weights come back to the bit.
  for (const auto& [first, end, scale] : scaled_) {
    for (size_t i = first; i < end; ++i) {
      weights[i] /= scale;
      gradient[i] *= scale;
    }
  }
  optimizer_.step({options_, steps_, learning_rate_, gradient, weights,
                   plan_->trained(), slots_, threads_});
  for (const auto& [first, end, scale] : scaled_) {
    for (size_t i = first; i < end; ++i) weights[i] *= scale;
  }
}

LossSum TrainingRun::Step(const Batch& batch) {
  LS_CHECK(batch.size() >= 1 && batch.size() <= options_.batch);
  FreezeIfTime();
  batch_ = &batch;
  for (Shard& shard : shards_) shard.sum = {};
  ++steps_;
  plan_->Step(batch.size(), steps_, callbacks_);
  const double of_weights = AddRegularizers();
  ClipGradient();
  learning_rate_ = LearningRate(options_, steps_, schedule_steps_);
  MoveParameters();
  LossSum result;
  for (const Shard& shard : shards_) {
    result.loss += shard.sum.loss;
    result.correct += shard.sum.correct;
  }
  result.loss += of_weights * batch.size();
  return result;
}

}  // namespace litesmith
