// litesmith run on a file of two inputs and two outputs, as the command line
// calls it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "src/cli/verb.h"
#include "src/containers/npy.h"
#include "src/data/values.h"
#include "src/models/models.h"
#include "src/quant/convert.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "litesmith_run_" +
              testing::UnitTest::GetInstance()->current_test_info()->name() +
              std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    for (size_t f = 0; f < 2; ++f) {
      const Field& field = data_.inputs()[f];
      WriteNpy(Path(field.name + ".npy"), field.dtype,
               {kSamples, kTwoInputsSize}, data_.Stored(f));
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

  // The values of the first and the second output.
  std::vector<std::vector<float>> Run(const std::string& file,
                                      const std::string& more = "") {
    CLI::App app;
    AddRun(&app);
    app.parse("run " + file + " --input " + Path("a.npy") + " " +
              Path("b.npy") + " --output " + Path("y0.npy") + " " +
              Path("y1.npy") + " --threads 2" + more);
    std::vector<std::vector<float>> outputs;
    for (const char* name : {"y0.npy", "y1.npy"}) {
      const NpyArray array = ReadNpy(Path(name));
      EXPECT_EQ(array.dtype, DType::kFloat32);
      outputs.emplace_back(array.bytes.size() / sizeof(float));
      std::memcpy(outputs.back().data(), array.bytes.data(),
                  array.bytes.size());
    }
    return outputs;
  }

  static constexpr int kSamples = 7;
  const MemoryDataset data_ = TwoInputsData(kSamples);
  std::string folder_;
};

// The array of bytes is taken as the numbers that it holds.
void ExpectOutputs(const std::vector<std::vector<float>>& outputs,
                   const Graph& graph, const MemoryDataset& data,
                   double tolerance) {
  std::vector<double> wanted[2];
  for (int64_t s = 0; s < data.size(); ++s) {
    std::vector<float> a = RealValues(data, 0, s);
    for (float& value : a) value = std::round(value * 255);
    for (const double y : DenseOf(graph, "of_b", RealValues(data, 1, s)))
      wanted[0].push_back(y);
    for (const double y : DenseOf(graph, "of_a", a)) wanted[1].push_back(y);
  }
  for (size_t o = 0; o < 2; ++o) {
    ASSERT_EQ(outputs[o].size(), wanted[o].size());
    for (size_t i = 0; i < wanted[o].size(); ++i)
      EXPECT_NEAR(outputs[o][i], wanted[o][i], tolerance) << o << " " << i;
  }
}

TEST_F(RunTest, EveryArrayGoesToTheInputOfItsPlace) {
  const Graph graph = TwoInputs();
  const std::string file = Path("m.tflite");
  SaveModel(Convert(graph, FindScheme("fp32"), {}), file);
  ExpectOutputs(Run(file, " --quantize"), graph, data_, 1e-3);
}

TEST_F(RunTest, AnArrayOfAnotherTypeIsRefusedUnasked) {
  const std::string file = Path("m.tflite");
  SaveModel(Convert(TwoInputs(), FindScheme("fp32"), {}), file);
  const std::string error = ErrorOf([&] { Run(file); });
  EXPECT_NE(error.find("the array is uint8; input 'a' wants float32"),
            std::string::npos)
      << error;
}

}  // namespace
}  // namespace litesmith
