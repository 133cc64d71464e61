// A training run on disk after each epoch: parameters, optimizer slots, states
// and position. Shuffles come from seed and epoch, so there is no generator to
// keep. Written atomically; not a model format.
#ifndef LITESMITH_TRAIN_CHECKPOINT_H_
#define LITESMITH_TRAIN_CHECKPOINT_H_

#include <vector>

#include "src/graph/graph.h"
#include "src/train/trainer.h"
#include "src/train/training_run.h"

namespace litesmith {

// Goes on from options.checkpoint if that file holds an earlier part of the
// same run (same graph, data-independent options and seed); otherwise leaves
// everything as it is. Throws Error{corrupt} for a damaged file.
void ReadCheckpoint(const TrainOptions& options, const Graph& graph,
                    TrainingRun* run, std::vector<EpochResult>* epochs);

// Replaces options.checkpoint. Throws Error{io}.
void WriteCheckpoint(const TrainOptions& options, const Graph& graph,
                     TrainingRun* run, const std::vector<EpochResult>& epochs);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_CHECKPOINT_H_
