// TrainingRun: what the plan asks of the data, and the optimizer's step.
#include "src/train/training_run.h"

#include "src/base/check.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"

namespace litesmith {
namespace {

// Streams of the seed, one a stage: far from those of the shuffles.
constexpr uint64_t kDraws = uint64_t{1} << 63;

}  // namespace

TrainingRun::TrainingRun(const Graph& graph, const Dataset& data,
                         const TrainOptions& options, int64_t steps)
    : options_(options),
      loss_(FindLoss(options.loss)),
      outputs_(graph.outputs),
      threads_(options.threads > 0 ? options.threads : AvailableThreads()),
      plan_(WithLossInput(graph, loss_),
            {.batch = options.batch,
             .threads = threads_,
             .seed = Rng(options.seed,
                         kDraws + static_cast<uint64_t>(options.stage))
                         .Next()}),
      feed_(data.inputs(), graph),
      optimizer_(FindOptimizer(options.optimizer)),
      schedule_(FindSchedule(options.schedule)),
      schedule_steps_(steps) {
  const Graph read = WithLossInput(graph, loss_);
  const LossHead head(loss_, read.tensor(read.outputs[0]), data, 0);
  shards_.assign(TrainingPlan::kShards, Shard{head, {}});
  slots_.assign(static_cast<size_t>(optimizer_.slots),
                std::vector<float>(plan_.parameters().size(), 0.0f));
  callbacks_.load = [this](int, int first, int count,
                           std::span<std::byte* const> inputs) {
    feed_(*batch_, first, count, inputs);
  };
  callbacks_.losses = {[this](int shard, int first, int count,
                              const float* output, float* grad) {
    Shard& s = shards_[static_cast<size_t>(shard)];
    s.sum = s.head(*batch_, first, count, output,
                   1.0f / static_cast<float>(batch_->size()), grad);
  }};
}

Graph TrainingRun::Export() const {
  Graph graph = plan_.Export();
  graph.outputs = outputs_;
  return graph;
}

LossSum TrainingRun::Step(const Batch& batch) {
  LS_CHECK(batch.size() >= 1 && batch.size() <= options_.batch);
  batch_ = &batch;
  for (Shard& shard : shards_) shard.sum = {};
  ++steps_;
  plan_.Step(batch.size(), steps_, callbacks_);
  learning_rate_ =
      schedule_.rate(options_.learning_rate, steps_, schedule_steps_);
  optimizer_.step({options_, steps_, learning_rate_, plan_.gradients(),
                   plan_.parameters(), slots_, threads_});
  LossSum result;
  for (const Shard& shard : shards_) {
    result.loss += shard.sum.loss;
    result.correct += shard.sum.correct;
  }
  return result;
}

}  // namespace litesmith
