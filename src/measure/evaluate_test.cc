// Metrics of graphs over data: of several inputs, of values, of samples that
// have to be read, on any number of threads.
#include "src/measure/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "src/data/values.h"
#include "src/measure/latency.h"
#include "src/quant/convert.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

// The data of another one, which now has to be read; `broken` cannot be.
class MustBeRead : public Dataset {
 public:
  explicit MustBeRead(const Dataset& from, int64_t broken = -1)
      : from_(from), broken_(broken) {}
  int64_t size() const override { return from_.size(); }
  std::span<const Field> inputs() const override { return from_.inputs(); }
  std::span<const Field> targets() const override { return from_.targets(); }
  int classes() const override { return from_.classes(); }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    if (index == broken_) Fail(ErrorKind::kIo, "the disk fails");
    from_.Read(index, draw, fields);
  }
  void AddTo(Digest* digest) const override { from_.AddTo(digest); }

 private:
  const Dataset& from_;
  int64_t broken_;
};

EvaluateOptions On(int threads, const std::string& metric = "top1") {
  EvaluateOptions options;
  options.threads = threads;
  options.metric = metric;
  return options;
}

TEST(Evaluate, TheFirstOutputIsComparedWithTheFirstTarget) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(101);
  int64_t right = 0;
  for (int64_t s = 0; s < data.size(); ++s) {
    const std::vector<double> y =
        DenseOf(graph, "of_b", RealValues(data, 1, s));
    right +=
        std::max_element(y.begin(), y.end()) - y.begin() == LabelOf(data, s);
  }
  for (const int threads : {1, 2, 3}) {
    const Score score = EvaluateGraph(graph, data, On(threads));
    EXPECT_EQ(score.correct, right);
    EXPECT_EQ(score.samples, 101);
    EXPECT_EQ(score.value, static_cast<double>(right) / 101);
    EXPECT_EQ(EvaluateGraph(graph, MustBeRead(data), On(threads)).correct,
              right);
  }
  EXPECT_EQ(EvaluateGraph(graph, data, On(2, "top5")).value, 1);
}

TEST(Evaluate, IntegersOfTwoInputsAreFedByTheirOwnScales) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(101);
  const Ranges ranges = Calibrate(graph, data);
  const Score wanted = EvaluateGraph(graph, data, On(1));
  for (const char* scheme : {"uint8", "int8", "int16x8", "dynamic", "fp16"}) {
    const Graph converted = Convert(graph, FindScheme(scheme), ranges);
    const Score score = EvaluateGraph(converted, data, On(2));
    EXPECT_NEAR(score.value, wanted.value, 0.05) << scheme;
    const FileTime time = TimeGraph(converted, data, On(1));
    EXPECT_GT(time.total_ms, 0) << scheme;
    EXPECT_GE(time.latency_us_p99, time.latency_us_p50) << scheme;
  }
}

// Values against values, with the same bits on any number of threads.
TEST(Evaluate, ValuesAreCompared) {
  const Graph graph = TwoInputs();
  const MemoryDataset labelled = TwoInputsData(101);
  const auto column = [&](size_t f) {
    const std::span<const std::byte> bytes = labelled.Stored(f);
    return Column(FieldAt(labelled, f),
                  std::vector<std::byte>(bytes.begin(), bytes.end()));
  };
  std::vector<float> targets(101 * 3);
  Rng rng(9);
  double squares = 0;
  double absolutes = 0;
  for (int64_t s = 0; s < 101; ++s) {
    const std::vector<double> y =
        DenseOf(graph, "of_b", RealValues(labelled, 1, s));
    for (size_t i = 0; i < 3; ++i) {
      float& t = targets[static_cast<size_t>(s) * 3 + i];
      t = rng.Uniform();
      squares += (y[i] - t) * (y[i] - t) / 303;
      absolutes += std::abs(y[i] - t) / 303;
    }
  }
  const MemoryDataset data(
      {column(0), column(1)},
      {{{"y", {3}, DType::kFloat32, {}}, std::move(targets)}});
  const Score mse = EvaluateGraph(graph, data, On(1, "mse"));
  EXPECT_NEAR(mse.value, squares, 1e-6);
  EXPECT_EQ(mse.correct, 0);
  EXPECT_EQ(EvaluateGraph(graph, data, On(3, "mse")).value, mse.value);
  EXPECT_NEAR(EvaluateGraph(graph, data, On(2, "mae")).value, absolutes, 1e-6);
  EXPECT_NE(ErrorOf([&] {
              EvaluateGraph(graph, data, On(1));
            }).find("metric top1 compares the output with class labels"),
            std::string::npos);
}

TEST(Evaluate, WhatCannotBeReadOrMeansNothingIsAnError) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(101);
  EXPECT_EQ(ErrorOf([&] { EvaluateGraph(graph, MustBeRead(data, 70), On(2)); }),
            "io: the disk fails");
  EXPECT_EQ(ErrorOf([&] { RequireEvaluable(graph, data, "top1"); }), "");
  EXPECT_NE(ErrorOf([&] { RequireEvaluable(graph, data, "top2"); }), "");
  Graph broken = graph;
  std::vector<float> bias(3, std::numeric_limits<float>::quiet_NaN());
  SetValuesOf(&broken, "of_b/bias", bias);
  const std::string error =
      ErrorOf([&] { EvaluateGraph(broken, data, On(1)); });
  EXPECT_NE(error.find("'of_b' is not finite for sample 0"), std::string::npos)
      << error;
  // What goes in comes out.
  Graph same;
  const TensorId x = AddImageInput({kDynamic, 3}, &same);
  const std::vector<int32_t> dims = {kDynamic, 3};
  const TensorId shape = same.AddConstant<int32_t>("shape", {2}, dims);
  same.outputs = same.AddNode(kReshape, "same", {x, shape}, {"same"}).outputs;
  same.output_names = {"same"};
  InferShapes(&same);
  std::vector<float> values(3 * 40);
  values[3 * 35 + 1] = std::numeric_limits<float>::quiet_NaN();
  const MemoryDataset holed(
      {{{"x", {3}, DType::kFloat32, {}}, std::move(values)}},
      {{{"label", {}, DType::kUInt8, {}}, std::vector<uint8_t>(40)}}, 3);
  EXPECT_EQ(ErrorOf([&] { EvaluateGraph(same, holed, On(2)); }),
            "invalid argument: output 'same' is not finite for sample 35: top1 "
            "would mean nothing");
}

}  // namespace
}  // namespace litesmith
