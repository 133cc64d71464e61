// What of data and model is refused for not belonging together.
#include "src/train/fit.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/byte_dataset.h"
#include "src/data/decorators.h"

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
  return std::make_shared<const ByteDataset>(
      Shape{2, 2}, 8, std::vector<uint8_t>(16),
      std::vector<uint8_t>{0, 1, 2, 7}, "d/labels");
}

std::string Refusal(const Shape& input, const Shape& output,
                    const Dataset& data) {
  try {
    RequireFit(Of("x", input), Of("y", output), data);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
}

TEST(RequireFit, TakesWhatFits) {
  EXPECT_EQ(Refusal({1, 2, 2}, {1, 8}, *Data()), "");
  EXPECT_EQ(Refusal({32, 4}, {32, 1, 1, 10}, *Data()), "");
}

TEST(RequireFit, ALabelBeyondTheOutputIsNamedWithItsFile) {
  const char* wanted = "(sample 3 of d/labels has label 7)";
  EXPECT_NE(Refusal({1, 4}, {1, 3}, *Data()).find(wanted), std::string::npos);
  // By its place in the file, also through a view.
  EXPECT_NE(Refusal({1, 4}, {1, 3}, *Slice(Data(), 2, 4)).find(wanted),
            std::string::npos);
}

TEST(RequireFit, AFeatureMapIsNoListOfClasses) {
  const std::string message = Refusal({1, 4}, {1, 4, 4, 3}, *Data());
  EXPECT_NE(message.find("'y' has shape [4,4,3]"), std::string::npos)
      << message;
}

TEST(RequireFit, SamplesOfAnotherSizeAreRefused) {
  const std::string message = Refusal({1, 3, 3}, {1, 8}, *Data());
  EXPECT_NE(message.find("takes samples of shape [3,3]; the data has [2,2]"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace litesmith
