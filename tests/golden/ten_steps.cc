#include "tests/golden/ten_steps.h"

#include <cstdint>
#include <span>

#include "src/data/loader.h"
#include "src/train/training_run.h"
#include "tests/golden/golden.h"

namespace litesmith::golden {

TenSteps Train(const Graph& start, const Dataset& data,
               const TrainOptions& options,
               const std::vector<int32_t>& batches) {
  TrainingRun training(start, data, options);
  TenSteps run;
  run.graphs.push_back(start);
  Loader loader(data, batches, options.batch, {});
  while (const Batch* batch = loader.Next()) {
    const LossSum result = training.Step(*batch);
    run.losses.push_back(static_cast<float>(result.loss / options.batch));
    run.graphs.push_back(training.Export());
  }
  return run;
}

TenSteps Train(const Graph& start, const Dataset& mnist_train) {
  const Array recorded = Read("training/batches");
  // Batches of 128 and a rate of 1e-3, as recorded.
  return Train(start, mnist_train, TrainOptions(),
               {recorded.values.begin(), recorded.values.end()});
}

}  // namespace litesmith::golden
