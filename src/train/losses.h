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
           size_t target);

  // The loss of samples [first, first + count) of the batch, whose outputs
  // begin at `outputs`, and its gradient times `scale`.
  LossSum operator()(const Batch& batch, int first, int count,
                     const float* outputs, float scale, float* gradients);

 private:
  const Loss* loss_;
  size_t field_;
  int values_;
  Feeder feeder_;
  std::vector<std::byte> targets_;  // of a block of samples
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_LOSSES_H_
