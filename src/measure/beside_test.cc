// What is taken beside a metric leaves its score as it is, also of a metric
// that compares the output with the input.
#include "src/measure/beside.h"

#include <gtest/gtest.h>

#include "src/data/memory_dataset.h"
#include "src/measure/answers.h"
#include "src/measure/predictions.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

TEST(BesideTest, MetricsThatReadTheInputGetIt) {
  const Graph graph = LoadModel("autoencoder", 1);
  constexpr size_t kSamples = 40;
  const auto size = static_cast<size_t>(
      graph.tensor(graph.inputs[0]).shape.NumElementsPerSample());
  std::vector<uint8_t> values(kSamples * size);
  std::vector<uint8_t> labels(kSamples);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<uint8_t>(i * i % 251);
  for (size_t i = 0; i < kSamples; ++i) labels[i] = i * 7 % 3 == 0;
  const DatasetPtr data =
      LabelledBytes({static_cast<int32_t>(size)}, 2, values, labels, "made up");
  EvaluateOptions options;
  options.metric = "auc_reconstruction";
  const Score wanted = EvaluateGraph(graph, *data, options);
  EXPECT_EQ(Predict(graph, *data, options).score.value, wanted.value);
  ASSERT_TRUE(AnswersLabels(graph, *data, 0));
  Answers answers;
  EXPECT_EQ(EvaluateAnswers(graph, *data, options, &answers).value,
            wanted.value);
  ASSERT_EQ(answers.samples.size(), kSamples);
  for (size_t i = 0; i < kSamples; ++i) {
    EXPECT_EQ(answers.samples[i].label, labels[i]);
    EXPECT_GE(answers.samples[i].margin, 0);
  }
}

}  // namespace
}  // namespace litesmith
