// What the tests of this folder share: the recorded arrays, the model and the
// batches that every recording used, and distances as the recordings' "noise"
// measures them. tools/record_training.py and tools/record_tfmot.py say what
// each file holds.
#ifndef LITESMITH_TESTS_GOLDEN_GOLDEN_H_
#define LITESMITH_TESTS_GOLDEN_GOLDEN_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "src/base/shape.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith::golden {

// A recorded array; bytes and int32 are turned into floats.
struct Array {
  Shape shape;
  std::vector<float> values;

  // Entry `i` of the first dimension.
  std::span<const float> Row(int i) const;
};

// Reads tests/golden/NAME.npy and NAME.json. Throw Error.
Array Read(const std::string& name);
nlohmann::json ReadJson(const std::string& name);

// A file or folder of the shared data, "models/resnet8.h5"; empty, after the
// test has failed (in CI) or been skipped, if it is not there.
std::string SharedPath(const std::string& name);

// `mnist-cnn` with the weights of a start as record_tfmot.py names them:
// "training", "trained", "pruned", "clustered" or "pruned_clustered".
Graph Model(const std::string& start);

// The tensor of that name; null if there is none.
const Tensor* FindTensor(const Graph& graph, const std::string& name);
// A float tensor's values, by name.
std::span<const float> Values(const Graph& graph, const std::string& name);
void SetValues(Graph* graph, const std::string& name,
               std::span<const float> values);

// Tests on MNIST: without the files they fail in CI and skip elsewhere.
class MnistTest : public testing::Test {
 protected:
  void SetUp() override;
  const Dataset& mnist_train() const { return *train_; }
  const Dataset& mnist_test() const { return *test_; }

 private:
  DatasetPtr train_;
  DatasetPtr test_;
};

// The first output of the graph for the first `count` samples.
std::vector<float> Outputs(const Graph& graph, const Dataset& data, int count);

// The largest difference, over the largest element of `want`.
double Distance(std::span<const float> got, std::span<const float> want);
// The largest relative difference of an element.
double Relative(std::span<const float> got, std::span<const float> want);

}  // namespace litesmith::golden

#endif  // LITESMITH_TESTS_GOLDEN_GOLDEN_H_
