#include "src/train/training_run.h"

#include <algorithm>
#include <cmath>

#include "src/base/check.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/kernels/train/losses.h"
#include "src/kernels/train/optimizers.h"

namespace litesmith {
namespace {

// Adam with Keras's defaults (Kingma and Ba 2015; keras.optimizers.Adam).
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr float kEpsilon = 1e-7f;

// Streams of the seed, one a stage: far from those of the shuffles.
constexpr uint64_t kDraws = uint64_t{1} << 63;

}  // namespace

TrainingRun::TrainingRun(const Graph& graph, const Dataset& data,
                         const TrainOptions& options)
    : data_(data),
      options_(options),
      threads_(options.threads > 0 ? options.threads : AvailableThreads()),
      plan_(graph, {.batch = options.batch,
                    .threads = threads_,
                    .seed = Rng(options.seed,
                                kDraws + static_cast<uint64_t>(options.stage))
                                .Next()}),
      classes_(static_cast<int>(
          graph.tensor(graph.outputs[0]).shape.NumElementsPerSample())),
      sample_floats_(static_cast<size_t>(data.sample_shape().NumElements())),
      m_(plan_.parameters().size(), 0.0f),
      v_(plan_.parameters().size(), 0.0f) {
  callbacks_.load = [this](int, int first, int count,
                           std::span<std::byte* const> inputs) {
    Load(first, count, reinterpret_cast<float*>(inputs[0]));
  };
  callbacks_.losses = {
      [this](int shard, int first, int count, const float* output,
             float* grad) { Loss(shard, first, count, output, grad); }};
}

StepResult TrainingRun::Step(std::span<const int32_t> samples) {
  LS_CHECK(!samples.empty() &&
           samples.size() <= static_cast<size_t>(options_.batch));
  samples_ = samples;
  counts_.fill({});
  ++steps_;
  plan_.Step(static_cast<int>(samples.size()), steps_, callbacks_);
  Optimize();
  StepResult result;
  for (const Counts& counts : counts_) {
    result.loss += counts.loss;
    result.correct += counts.correct;
  }
  return result;
}

void TrainingRun::Optimize() {
  // Powers of the betas as floats, as Keras takes them: 1 - 0.999f is 1.3e-5
  // away from 0.001, and every step of the first thousands is longer or shorter
  // by half of that.
  const auto t = static_cast<float>(steps_);
  const float alpha =
      options_.learning_rate *
      std::sqrt(1.0f - std::pow(static_cast<float>(kBeta2), t)) /
      (1.0f - std::pow(static_cast<float>(kBeta1), t));
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

void TrainingRun::Load(int first, int count, float* input) const {
  // Two samples of MNIST are as many cache lines as a core waits for at once.
  constexpr int kAhead = 2;
  const auto sample = [&](int i) {
    return samples_[static_cast<size_t>(first + i)];
  };
  for (int i = 0; i < std::min(kAhead, count); ++i) data_.Prefetch(sample(i));
  for (int i = 0; i < count; ++i) {
    if (i + kAhead < count) data_.Prefetch(sample(i + kAhead));
    data_.Read(sample(i), input + static_cast<size_t>(i) * sample_floats_);
  }
}

void TrainingRun::Loss(int shard, int first, int count, const float* output,
                       float* grad) {
  constexpr int kBlock = 64;
  Counts& counts = counts_[static_cast<size_t>(shard)];
  for (int begin = 0; begin < count; begin += kBlock) {
    const int n = std::min(kBlock, count - begin);
    int32_t labels[kBlock];
    for (int i = 0; i < n; ++i) {
      labels[i] = data_.label(samples_[static_cast<size_t>(first + begin + i)]);
    }
    const size_t offset =
        static_cast<size_t>(begin) * static_cast<size_t>(classes_);
    double loss = 0;
    int correct = 0;
    kernels::SoftmaxCrossEntropy(output + offset, labels, n, classes_,
                                 1.0f / static_cast<float>(samples_.size()),
                                 &loss, &correct, grad + offset);
    counts.loss += loss;
    counts.correct += correct;
  }
}

}  // namespace litesmith
