// What of data and model is refused for not belonging together.
#include "src/train/fit.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/memory_dataset.h"
#include "src/data/views.h"

namespace litesmith {
namespace {

Tensor Of(const std::string& name, const Shape& shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.shape = shape;
  return tensor;
}

// Four samples of 2 x 2 with labels 0, 1, 2, 7.
DatasetPtr Data() {
  return LabelledBytes({2, 2}, 8, std::vector<uint8_t>(16), {0, 1, 2, 7},
                       "d/labels");
}

std::string Refusal(const Shape& output, const Dataset& data,
                    TargetKind kind = TargetKind::kLabels) {
  try {
    RequireFit(kind, Of("y", output), data, 0, "loss of a test");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
}

TEST(RequireFit, TakesWhatFits) {
  EXPECT_EQ(Refusal({1, 8}, *Data()), "");
  EXPECT_EQ(Refusal({32, 1, 1, 10}, *Data()), "");
}

TEST(RequireFit, ALabelBeyondTheOutputIsNamedWithItsFile) {
  const char* wanted = "(sample 3 of d/labels has label 7)";
  EXPECT_NE(Refusal({1, 3}, *Data()).find(wanted), std::string::npos);
  // By its place in the file, also through a view.
  EXPECT_NE(Refusal({1, 3}, *Slice(Data(), 2, 4)).find(wanted),
            std::string::npos);
}

TEST(RequireFit, AFeatureMapIsNoListOfClasses) {
  const std::string message = Refusal({1, 4, 4, 3}, *Data());
  EXPECT_NE(message.find("'y' has shape [4,4,3]"), std::string::npos)
      << message;
}

TEST(RequireFit, ValuesAreAsManyAsTheOutputs) {
  const Field x = {"x", {3}, DType::kFloat32, {}};
  const Field y = {"y", {2, 2}, DType::kFloat32, {}};
  const MemoryDataset data({{x, std::vector<float>(6)}},
                           {{y, std::vector<float>(8)}});
  EXPECT_EQ(Refusal({1, 4}, data, TargetKind::kValues), "");
  const std::string message = Refusal({1, 3}, data, TargetKind::kValues);
  EXPECT_NE(message.find("loss of a test"), std::string::npos) << message;
  EXPECT_NE(message.find("'y' has 4"), std::string::npos) << message;
  EXPECT_NE(Refusal({1, 4}, data).find("the data has none"), std::string::npos);
  // Without targets the inputs are what is wanted.
  const MemoryDataset itself({{x, std::vector<float>(6)}}, {});
  EXPECT_EQ(Refusal({1, 3}, itself, TargetKind::kValues), "");
}

}  // namespace
}  // namespace litesmith
