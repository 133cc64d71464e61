// A training run on disk after each epoch: parameters, optimizer slots, states
// and position. Shuffles come from seed and epoch, so there is no generator to
// keep. Written atomically; not a model format.
#ifndef LITESMITH_TRAIN_CHECKPOINT_H_
#define LITESMITH_TRAIN_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/train/trainer.h"
#include "src/train/training_run.h"

namespace litesmith {

class Checkpoint {
 public:
  // The file options.checkpoint of the run that trains `graph`, with its start
  // values, on `data`. `options` must outlive the object.
  Checkpoint(const TrainOptions& options, const Graph& graph,
             const Dataset& data);

  // Goes on from the file if it holds an earlier part of this run: the epochs
  // asked for may have become more since. Leaves all as it is if there is no
  // file or an empty one. Throws Error{invalid argument} for a file that is no
  // checkpoint, which is then not written over, for another run's, naming what
  // differs, and for more epochs than are asked for; Error{corrupt} for a
  // damaged one, Error{unsupported} for one of another version.
  void Read(TrainingRun* run, std::vector<EpochResult>* epochs) const;

  // Replaces the file. Throws Error{io}.
  void Write(TrainingRun* run, const std::vector<EpochResult>& epochs) const;

 private:
  // What two runs must share to be the same run, beside their settings.
  struct Run {
    uint64_t graph;  // a digest of its text and start values
    uint64_t data;   // and of the data's targets
  };
  // A setting's name and value.
  using Settings = std::vector<std::pair<std::string, std::string>>;
  struct Header;

  // "seed 1 there, 2 here; ...": empty if it is this run.
  std::string Differences(const Run& run, const Settings& settings) const;
  void RequireThisRun(const Header& header, std::string_view settings) const;

  const TrainOptions& options_;
  Run run_;
  Settings settings_;
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_CHECKPOINT_H_
