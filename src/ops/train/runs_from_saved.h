// Training kernels whose outputs need not be kept.
#ifndef LITESMITH_OPS_TRAIN_RUNS_FROM_SAVED_H_
#define LITESMITH_OPS_TRAIN_RUNS_FROM_SAVED_H_

namespace litesmith {

// Of a TrainKernel: Run, BackwardPartial and Backward's own part read what it
// saved and shares, not its outputs; so Run may be called again before the
// backward of what reads these, until its own backward.
class RunsFromSaved {
 public:
  virtual ~RunsFromSaved() = default;
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_RUNS_FROM_SAVED_H_
