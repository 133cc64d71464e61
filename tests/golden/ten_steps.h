// The training that every recording did: ten steps on the recorded batches.
#ifndef LITESMITH_TESTS_GOLDEN_TEN_STEPS_H_
#define LITESMITH_TESTS_GOLDEN_TEN_STEPS_H_

#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/train/trainer.h"

namespace litesmith::golden {

inline constexpr int kSteps = 10;  // of every recorded training

// How far from a recording a loss (relative) and the weights and biases of a
// tensor (over its largest) may be after the ten steps. TensorFlow in float64
// is up to 1.8e-7 and 1.7e-6 away from its own recording in float32
// (training/info.json, "difference"), so no float32 run can be asked for less.
inline constexpr double kLoss = 1e-6;
inline constexpr double kWeight = 5e-6;

struct TenSteps {
  std::vector<float> losses;  // the mean of each step's batch
  std::vector<Graph> graphs;  // [0] at the start, [t] after step t

  const Graph& end() const { return graphs.back(); }
};

// Trains the graph with a fresh optimizer on batches of options.batch samples,
// as they are listed one after another.
TenSteps Train(const Graph& start, const Dataset& data,
               const TrainOptions& options,
               const std::vector<int32_t>& batches);
// The same on the recorded batches of MNIST, by Adam.
TenSteps Train(const Graph& start, const Dataset& mnist_train);

}  // namespace litesmith::golden

#endif  // LITESMITH_TESTS_GOLDEN_TEN_STEPS_H_
