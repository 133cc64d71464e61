// What training makes small: one row a loss.
#ifndef LITESMITH_TRAIN_LOSSES_H_
#define LITESMITH_TRAIN_LOSSES_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "src/data/batch.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/runtime/feeder.h"
#include "src/train/fit.h"

namespace litesmith {

struct TrainOptions;

// Of some samples.
struct LossSum {
  double loss = 0;  // summed over the samples
  int correct = 0;  // how many have their label's value as the largest output
};

struct Loss {
  const char* name;     // as Keras calls it
  const char* summary;  // one line for `litesmith list losses`
  TargetKind targets;
  // The outputs that it compares are what these are made of, and it makes them
  // itself; kNone: it takes any outputs as they are.
  Probabilities of;
  // The loss of `samples` outputs [samples, values], and its gradient times
  // `scale`. `targets` are int32 labels or float values, side by side.
  LossSum (*compute)(const float* outputs, const void* targets, int samples,
                     int values, float scale, float* gradients);
};

std::span<const Loss> Losses();
// Throws Error{invalid argument} with the nearest name and all of them.
const Loss& FindLoss(std::string_view name);

// The loss that --loss auto is.
inline constexpr char kAutoLoss[] = "auto";

// What the loss compares an output with: where it is of values and the data has
// labels of as many classes at most, 1 for the label's value and 0 for the
// others, made of labels.
TargetKind TargetsOf(const Loss& loss, const Tensor& output,
                     const Dataset& data, size_t target);

// What an option changes about the targets of a loss.
struct LossTuning {
  float label_smoothing = 0;
  std::vector<float> class_weights = {};  // empty: all alike

  bool is_none() const { return label_smoothing == 0 && class_weights.empty(); }
};
// Of options.label_smoothing and options.class_weights, which "balanced" takes
// from the first `samples` samples. Throws Error{invalid argument} for weights
// that are no list of as many positive numbers as the data has classes.
LossTuning TuningOf(const Loss& loss, const TrainOptions& options,
                    const Dataset& data, int64_t samples);

// The graph with what the loss reads in place of its first output: of one that
// an op makes as probabilities, what that op reads, where no gradient is lost
// to numbers near 0 or 1. Other outputs stay as they are. Throws
// Error{unsupported} if the first output is probabilities of another kind than
// the loss makes.
Graph WithLossInput(Graph graph, const Loss& loss);

// One output of a model with what it is compared with. For one thread.
class LossHead {
 public:
  // Of target `target` of the data. Throws what RequireFit does.
  LossHead(const Loss& loss, const Tensor& output, const Dataset& data,
           size_t target, LossTuning tuning = {});

  const Loss& loss() const { return *loss_; }
  int values() const { return values_; }

  // The loss of samples [first, first + count) of the batch, whose outputs
  // begin at `outputs`, and its gradient times `scale`.
  LossSum operator()(const Batch& batch, int first, int count,
                     const float* outputs, float scale, float* gradients);

 private:
  // The same of `samples` samples whose targets are there.
  LossSum Tuned(const float* outputs, int samples, float scale,
                float* gradients);
  float WeightOf(int label) const;

  const Loss* loss_;
  TargetKind kind_;
  size_t field_;
  int values_;
  Feeder feeder_;
  LossTuning tuning_;
  std::vector<std::byte> targets_;  // of a block of samples
  std::vector<float> tuned_;        // the same, smoothed and weighted
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_LOSSES_H_
