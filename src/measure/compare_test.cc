// Counts, the test of chance against numbers computed by hand, and a whole
// comparison against the parts that it is made of.
#include "src/measure/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "src/base/error.h"
#include "src/models/models.h"
#include "src/quant/convert.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

TEST(McNemar, IsTheBinomialTest) {
  // 2 * (1 + 10 + 45) / 2^10.
  EXPECT_NEAR(McNemarTest({50, 8, 2, 3}).exact_p, 112.0 / 1024, 1e-12);
  EXPECT_NEAR(McNemarTest({0, 2, 8, 0}).exact_p, 112.0 / 1024, 1e-12);
  EXPECT_NEAR(McNemarTest({7, 1, 0, 0}).exact_p, 1, 1e-12);
  EXPECT_EQ(McNemarTest({7, 0, 0, 9}).exact_p, 1);
  EXPECT_EQ(McNemarTest({7, 5, 5, 9}).exact_p, 1);
  // The textbook's 59 and 121 pairs... of which (|b - c| - 1)^2 / (b + c).
  const McNemar book = McNemarTest({0, 121, 59, 0});
  EXPECT_NEAR(book.chi_square, 61.0 * 61 / 180, 1e-9);
  EXPECT_NEAR(book.chi_square_p, std::erfc(std::sqrt(book.chi_square / 2)),
              1e-12);
  EXPECT_NEAR(book.exact_p, book.chi_square_p, 2e-6);
  // Far out in the tail nothing overflows.
  EXPECT_LT(McNemarTest({0, 100000, 90000, 0}).exact_p, 1e-100);
}

class CompareFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/compare";
    std::filesystem::create_directories(folder_);
    SaveModel(graph_, folder_ + "/a.h5");
    SaveModel(Convert(graph_, FindScheme("int8"), Calibrate(graph_, data_), {}),
              folder_ + "/b.tflite");
  }
  std::string A() const { return folder_ + "/a.h5"; }
  std::string B() const { return folder_ + "/b.tflite"; }

  const Graph graph_ = TwoInputs();
  const MemoryDataset data_ = TwoInputsData(150);
  std::string folder_;
};

TEST_F(CompareFilesTest, HasWhatEvaluationHas) {
  CompareOptions options;
  const Comparison result = CompareFiles(A(), B(), data_, options);
  const Score a = EvaluateFile(A(), data_, options.evaluate);
  const Score b = EvaluateFile(B(), data_, options.evaluate);
  EXPECT_EQ(result.outputs[0].a.correct, a.correct);
  EXPECT_EQ(result.outputs[0].b.correct, b.correct);
  EXPECT_EQ(result.outputs[0].a.value, a.value);
  ASSERT_TRUE(result.outputs[0].counts.has_value());
  EXPECT_EQ(result.outputs[0].counts->both + result.outputs[0].counts->only_a,
            a.correct);
  EXPECT_EQ(result.outputs[0].counts->both + result.outputs[0].counts->only_b,
            b.correct);
  EXPECT_EQ(result.outputs[0].counts->both + result.outputs[0].counts->only_a +
                result.outputs[0].counts->only_b +
                result.outputs[0].counts->neither,
            150);
  EXPECT_GT(*result.outputs[0].agreement, 0.9);
  EXPECT_EQ(static_cast<double>(result.outputs[0].different.size()),
            std::round(150 * (1 - *result.outputs[0].agreement)));
  EXPECT_EQ(result.b.file_bytes,
            static_cast<int64_t>(std::filesystem::file_size(B())));
  EXPECT_EQ(result.tensors.size(), 8u);
  EXPECT_EQ(result.matched_ops, 2);
  EXPECT_EQ(result.ops, 2);
  EXPECT_EQ(result.tensor_samples, 100);
  EXPECT_GT(result.a.time.latency_us_p50, 0);
}

// Every output of both by a metric of its own.
TEST_F(CompareFilesTest, JudgesEveryOutput) {
  const MemoryDataset data = TwoTargetsData(60);
  CompareOptions options;
  options.evaluate.metric = "auto";
  const Comparison result = CompareFiles(A(), B(), data, options);
  ASSERT_EQ(result.outputs.size(), 2u);
  EXPECT_EQ(result.outputs[0].metric, "top1");
  EXPECT_EQ(result.outputs[1].metric, "mse");
  EXPECT_EQ(result.outputs[1].name, "of_a");
  EXPECT_FALSE(result.outputs[1].counts.has_value());
  options.evaluate.metric = "mse";
  options.evaluate.output = 1;
  EXPECT_EQ(result.outputs[1].a.value,
            EvaluateFile(A(), data, options.evaluate).value);
  EXPECT_EQ(result.outputs[1].b.value,
            EvaluateFile(B(), data, options.evaluate).value);
}

TEST_F(CompareFilesTest, AFileIsItself) {
  const Comparison result = CompareFiles(B(), B(), data_, {});
  EXPECT_EQ(*result.outputs[0].agreement, 1);
  EXPECT_EQ(result.outputs[0].mcnemar->exact_p, 1);
  EXPECT_TRUE(result.outputs[0].different.empty());
  EXPECT_EQ(MostAdded(result.tensors), nullptr);
}

TEST_F(CompareFilesTest, NamesTheFileThatDoesNotFit) {
  SaveModel(LoadModel("mnist-cnn", 1), folder_ + "/other.h5");
  try {
    CompareFiles(A(), folder_ + "/other.h5", data_, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("other.h5"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace litesmith
