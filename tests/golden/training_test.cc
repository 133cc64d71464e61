// Ten training steps of `mnist-cnn` against the same ten steps of Keras: same
// start weights, same batches.
#include <string>

#include "src/kernels/common/simd_targets_test.h"
#include "tests/golden/golden.h"
#include "tests/golden/ten_steps.h"

namespace litesmith::golden {
namespace {

class TrainingGolden : public MnistTest {
 protected:
  void Check();
};

void TrainingGolden::Check() {
  const TenSteps run = Train(Model("training"), mnist_train());
  EXPECT_LE(Relative(run.losses, Read("training/losses").values), kLoss);
  const Graph& end = run.end();
  for (const std::string layer : {"conv2d", "dense"}) {
    for (const std::string kind : {"kernel", "bias"}) {
      EXPECT_LE(Distance(Values(end, layer + "/" + kind),
                         Read("training/end/" + layer + "_" + kind).values),
                kWeight)
          << layer << " " << kind;
    }
  }
}

TEST_F(TrainingGolden, TenStepsGiveTheLossesAndWeightsOfKeras) {
  ForEachTarget([&] { Check(); });
}

}  // namespace
}  // namespace litesmith::golden
