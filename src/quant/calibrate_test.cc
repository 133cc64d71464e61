// Ranges of all that a graph of two inputs computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/data/values.h"
#include "src/quant/convert.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

TEST(Calibrate, SeesEveryInputAndWhatComesOfIt) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(30);
  const Ranges ranges = Calibrate(graph, data, 20);
  const auto expect = [&](TensorId id, const std::vector<double>& values) {
    const Range& range = ranges[static_cast<size_t>(id)];
    EXPECT_NEAR(range.min, *std::min_element(values.begin(), values.end()),
                1e-5);
    EXPECT_NEAR(range.max, *std::max_element(values.begin(), values.end()),
                1e-5);
  };
  for (const size_t field : {0u, 1u}) {
    std::vector<double> inputs;
    std::vector<double> outputs;
    for (int64_t s = 0; s < 20; ++s) {
      const std::vector<float> x = RealValues(data, field, s);
      inputs.insert(inputs.end(), x.begin(), x.end());
      const std::vector<double> y =
          DenseOf(graph, field == 0 ? "of_a" : "of_b", x);
      outputs.insert(outputs.end(), y.begin(), y.end());
    }
    expect(graph.inputs[field], inputs);
    expect(graph.outputs[1 - field], outputs);
  }
}

TEST(Calibrate, SaysWhatTheDataLack) {
  const MemoryDataset both = TwoInputsData(3);
  const Field a = both.inputs()[0];
  const MemoryDataset one({{a, std::vector<uint8_t>(12)}}, {});
  EXPECT_NE(ErrorOf([&] { Calibrate(TwoInputs(), one); }).find("1 field"),
            std::string::npos);
  const MemoryDataset none({{a, std::vector<uint8_t>()}}, {});
  EXPECT_NE(
      ErrorOf([&] { Calibrate(TwoInputs(), none); }).find("the data has 0"),
      std::string::npos);
}

}  // namespace
}  // namespace litesmith
