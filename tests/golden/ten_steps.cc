#include "tests/golden/ten_steps.h"

#include <cstdint>
#include <span>

#include "src/data/loader.h"
#include "src/train/training_run.h"
#include "tests/golden/golden.h"

namespace litesmith::golden {

TenSteps Train(const Graph& start, const Dataset& mnist_train) {
  constexpr int kBatch = 128;
  const Array recorded = Read("training/batches");
  const std::vector<int32_t> batches(recorded.values.begin(),
                                     recorded.values.end());
  const TrainOptions options;  // batches of 128 and a rate of 1e-3, as recorded
  TrainingRun training(start, mnist_train, options);
  TenSteps run;
  run.graphs.push_back(start);
  Loader loader(mnist_train, batches, kBatch, {});
  while (const Batch* batch = loader.Next()) {
    const LossSum result = training.Step(*batch);
    run.losses.push_back(static_cast<float>(result.loss / kBatch));
    run.graphs.push_back(training.Export());
  }
  return run;
}

}  // namespace litesmith::golden
