// Every metric against its definition, of all types that an output may have.
#include "src/measure/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/data/memory_dataset.h"

namespace litesmith {
namespace {

Tensor Output(DType dtype, int values, float scale = 0, int64_t zero = 0) {
  Tensor output;
  output.dtype = dtype;
  output.shape = {kDynamic, values};
  if (scale != 0) {
    output.quant.scale = {scale};
    output.quant.zero_point = {zero};
  }
  return output;
}

const Field kLabel = {"label", {}, DType::kUInt8, {}};

// The metric of samples whose outputs and targets are these, side by side.
template <typename T, typename Target>
double ValueOf(const std::string& name, const Field& field,
               const Tensor& output, const std::vector<T>& outputs,
               const std::vector<Target>& targets) {
  const auto scorer = FindMetric(name).make(field, output);
  const auto values = static_cast<size_t>(output.shape.NumElementsPerSample());
  const auto wanted = static_cast<size_t>(field.shape.NumElements());
  const size_t samples = outputs.size() / values;
  std::vector<double> parts(samples * scorer->width());
  for (size_t s = 0; s < samples; ++s) {
    scorer->Part(
        reinterpret_cast<const std::byte*>(targets.data() + s * wanted),
        reinterpret_cast<const std::byte*>(outputs.data() + s * values),
        parts.data() + s * scorer->width());
  }
  return scorer->Value(parts);
}

TEST(Metrics, Top1TakesTheFirstOfTheLargest) {
  const std::vector<uint8_t> labels = {0, 1, 1, 2, 0};
  const std::vector<int> rows = {9,      1, 9, /**/ 2, 7, 7, /**/ 7, 7, 2,
                                 /**/ 1, 2, 3, /**/ 0, 1, 0};
  const auto check = [&](auto zero, DType dtype, float scale) {
    using T = decltype(zero);
    std::vector<T> outputs(rows.begin(), rows.end());
    EXPECT_DOUBLE_EQ(
        ValueOf("top1", kLabel, Output(dtype, 3, scale), outputs, labels), 0.6);
  };
  check(0.0f, DType::kFloat32, 0);
  check(int8_t{}, DType::kInt8, 0.1f);
  check(uint8_t{}, DType::kUInt8, 0.1f);
  check(int16_t{}, DType::kInt16, 0.1f);
}

TEST(Metrics, Top5IsWithinFive) {
  const std::vector<float> row = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<float> outputs;
  std::vector<uint8_t> labels;
  for (uint8_t label = 0; label < 8; ++label) {
    outputs.insert(outputs.end(), row.begin(), row.end());
    labels.push_back(label);
  }
  const Tensor output = Output(DType::kFloat32, 8);
  EXPECT_DOUBLE_EQ(ValueOf("top5", kLabel, output, outputs, labels), 5.0 / 8);
  EXPECT_DOUBLE_EQ(ValueOf("top1", kLabel, output, outputs, labels), 1.0 / 8);
}

TEST(Metrics, AucCountsPairs) {
  Rng rng(2);
  std::vector<int8_t> outputs;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 60; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(2)));
    outputs.push_back(static_cast<int8_t>(rng.Below(3)));
    outputs.push_back(
        static_cast<int8_t>(rng.Below(5) + (labels.back() != 0 ? 2 : 0)));
  }
  double better = 0;
  double pairs = 0;
  for (size_t p = 0; p < 60; ++p) {
    for (size_t n = 0; n < 60; ++n) {
      if (labels[p] == 0 || labels[n] != 0) continue;
      const int a = outputs[2 * p + 1] - outputs[2 * p];
      const int b = outputs[2 * n + 1] - outputs[2 * n];
      better += a > b ? 1 : a == b ? 0.5 : 0;
      ++pairs;
    }
  }
  EXPECT_DOUBLE_EQ(
      ValueOf("auc", kLabel, Output(DType::kInt8, 2, 0.5f, 3), outputs, labels),
      better / pairs);
  // Without one of the classes there is no pair.
  EXPECT_EQ(ValueOf("auc", kLabel, Output(DType::kInt8, 2), outputs,
                    std::vector<uint8_t>(60)),
            0);
}

TEST(Metrics, ErrorsAreOfRealValues) {
  const Field target = {"y", {2}, DType::kInt16, {{0.5, 2}, {1, 0}}};
  const Tensor output = Output(DType::kInt8, 2, 0.25f, -4);
  // Outputs 1, 1.25 and -1, 0; targets 1.5, 4 and 0, -2.
  const std::vector<int8_t> outputs = {0, 1, -8, -4};
  const std::vector<int16_t> targets = {1, 2, -2, -1};
  EXPECT_DOUBLE_EQ(ValueOf("mse", target, output, outputs, targets),
                   (0.25 + 2.75 * 2.75 + 1 + 4) / 4);
  EXPECT_DOUBLE_EQ(ValueOf("mae", target, output, outputs, targets),
                   (0.5 + 2.75 + 1 + 2) / 4);
}

TEST(Metrics, SayHowWrongEachSampleIs) {
  const auto wrong = [](const char* name, const std::vector<double>& parts) {
    const Field field = {"y", {}, DType::kUInt8, {}};
    const auto scorer =
        FindMetric(name).make(field, Output(DType::kFloat32, 1));
    return scorer->Wrongness(parts);
  };
  EXPECT_EQ(wrong("mse", {0.5, 2}), (std::vector<double>{0.5, 2}));
  EXPECT_EQ(wrong("binary", {1, 0}), (std::vector<double>{0, 1}));
  // Scores 1, 2, 9 around 2: a positive's should be high, a negative's low.
  EXPECT_EQ(wrong("auc", {1, 1, 2, 0, 9, 0}), (std::vector<double>{1, 0, 7}));
}

TEST(Metrics, OfSeveralOutputsEachHasItsOwn) {
  Graph graph;
  for (const int32_t values : {2, 3}) {
    Tensor output;
    output.name = "o" + std::to_string(values);
    output.shape = {kDynamic, values};
    graph.outputs.push_back(graph.AddTensor(output));
  }
  const Field input = {"x", {4}, DType::kUInt8, {}};
  const Field label = {"y", {}, DType::kUInt8, {}};
  const MemoryDataset data({{input, std::vector<uint8_t>(8)}},
                           {{label, std::vector<uint8_t>{0, 1}},
                            {label, std::vector<uint8_t>{2, 0}}},
                           2, "", {}, {3});
  EXPECT_EQ(ChooseMetric("auto", graph, data, 0), "top1");
  EXPECT_EQ(ChooseMetric("auto", graph, data, 1), "top1");
  EXPECT_EQ(ChooseMetric("auto,crossentropy", graph, data, 0), "top1");
  EXPECT_EQ(ChooseMetric("auto,crossentropy", graph, data, 1), "crossentropy");
  EXPECT_EQ(ChooseMetric("top3", graph, data, 1), "top1");
  EXPECT_THROW(ChooseMetric("top1,top1,mse", graph, data), Error);
}

TEST(Metrics, AreReadByPeople) {
  EXPECT_EQ(ValueText(FindMetric("top1"), 0.97), "97.00 %");
  EXPECT_EQ(ValueText(FindMetric("mse"), 0.0123456789), "0.0123457");
}

}  // namespace
}  // namespace litesmith
