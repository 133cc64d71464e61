// Files of other programs whose weights have one name, or none: they train,
// validate, are saved and checked as if each had a name of its own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/data/memory_dataset.h"
#include "src/formats/tflite/tflite.h"
#include "src/models/models.h"
#include "src/ops/small_graph_test.h"
#include "src/optimize/optimize.h"
#include "src/quant/convert.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

// SmallCnn as a .tflite whose two kernels are called "kernel_1" and "kernel_2",
// with both names overwritten by `name`, which is no longer than they are. No
// writer of ours gives one name twice; other programs do.
std::vector<std::byte> FileWithKernelsCalled(std::string_view name) {
  Graph graph = SmallCnn();
  FindTensor(&graph, "conv/kernel")->name = "kernel_1";
  FindTensor(&graph, "dense/kernel")->name = "kernel_2";
  std::vector<std::byte> bytes = WriteTflite(graph);
  const std::string text(reinterpret_cast<const char*>(bytes.data()),
                         bytes.size());
  for (const std::string_view old : {"kernel_1", "kernel_2"}) {
    const size_t at = text.find(old);
    EXPECT_NE(at, std::string::npos);
    std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), old.size(),
                std::byte{0});
    std::memcpy(bytes.data() + at, name.data(), name.size());
    bytes[at - 4] = static_cast<std::byte>(name.size());  // the string's length
  }
  return bytes;
}

// Random images of SmallCnn's shape; their class is in their brightness.
DatasetPtr SameNamesData() {
  Rng rng(5);
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 100; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(3)));
    for (int p = 0; p < 6 * 6 * 2; ++p)
      pixels.push_back(
          static_cast<uint8_t>(60 * labels.back() + rng.Below(120)));
  }
  return LabelledBytes({6, 6, 2}, 3, std::move(pixels), std::move(labels));
}

// By position: names differ.
void ExpectSameWeights(const Graph& a, const Graph& b) {
  const auto weights = [](const Graph& graph) {
    std::vector<std::vector<float>> result;
    for (const Node& node : graph.nodes) {
      for (const int input :
           {node.op->Find(Role::kWeight), node.op->Find(Role::kBias)}) {
        if (input < 0) continue;
        const auto w =
            graph.tensor(node.inputs[static_cast<size_t>(input)]).As<float>();
        result.emplace_back(w.begin(), w.end());
      }
    }
    return result;
  };
  EXPECT_EQ(weights(a).size(), 4u);
  EXPECT_EQ(weights(a), weights(b));
}

class SameNamesTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/same_names_" + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
    MakeDirectory(folder_);
    before_ = SetWarningSink(
        [&](std::string_view text) { warnings_.emplace_back(text); });
  }
  void TearDown() override {
    SetWarningSink(before_);
    std::filesystem::remove_all(folder_);
  }
  Graph Load(const std::string& name, const std::vector<std::byte>& bytes) {
    WriteFile(folder_ + "/" + name, std::span<const std::byte>(bytes));
    Graph graph = LoadModel(folder_ + "/" + name, 0);
    for (Tensor& tensor : graph.tensors) {
      if (tensor.dtype == DType::kFloat32 && tensor.has_data())
        tensor.kind = TensorKind::kParameter;
    }
    return graph;
  }

  std::string folder_;
  std::vector<std::string> warnings_;
  WarningSink before_;
};

TEST_P(SameNamesTest, TrainsValidatesAndIsSaved) {
  const std::string name = GetParam();
  const DatasetPtr data = SameNamesData();
  TrainOptions options;
  options.epochs = 3;
  options.batch = 16;
  options.threads = 1;
  const Graph same = Load("same.tflite", FileWithKernelsCalled(name));
  if (name.empty()) {
    EXPECT_TRUE(warnings_.empty()) << "nothing of the user's has changed";
  } else {
    EXPECT_EQ(warnings_,
              std::vector<std::string>{
                  folder_ + "/same.tflite: names are used twice in it: 'k' is "
                            "now 'k_1'"});
  }
  const TrainResult wanted = Train(
      Load("plain.tflite", WriteTflite(SmallCnn())), *data, options, nullptr);
  const TrainResult result = Train(same, *data, options, nullptr);
  for (size_t e = 0; e < wanted.epochs.size(); ++e) {
    EXPECT_EQ(result.epochs[e].loss, wanted.epochs[e].loss);
    EXPECT_EQ(result.epochs[e].validation_loss,
              wanted.epochs[e].validation_loss);
  }
  ExpectSameWeights(result.graph, wanted.graph);
  for (const char* file : {"/saved.tflite", "/saved.h5"}) {
    SaveModel(result.graph, folder_ + file);
    ExpectSameWeights(LoadModel(folder_ + file, 0), wanted.graph);
  }
  EXPECT_EQ(warnings_.size(), name.empty() ? 0u : 1u);
}

// Promises on weights are kept by name from the training to the file.
TEST_P(SameNamesTest, EachWeightsZerosArePromisedAndChecked) {
  const DatasetPtr data = SameNamesData();
  const RecipeTable table;
  TrainOptions options;
  options.epochs = 3;
  options.batch = 16;
  options.threads = 1;
  const OptimizeResult result =
      Optimize(Load("same.tflite", FileWithKernelsCalled(GetParam())), table,
               table.Find("prune"), *data, options, nullptr);
  ASSERT_EQ(result.promises.size(), 2u);
  // The Keras file too, whose layers would name their weights otherwise.
  const std::string keras = folder_ + "/prune.h5";
  const std::string int8 = folder_ + "/int8.tflite";
  SaveModel(result.graph, keras);
  const Graph again = LoadModel(keras, 0);
  SaveModel(Convert(again, FindScheme("int8"), Calibrate(again, *data)), int8);
  for (const std::string& file : {keras, int8}) {
    int kept = 0;
    for (const Invariant& i :
         CheckPromises(LoadModel(file, 0), result.promises)) {
      EXPECT_TRUE(i.ok) << file << ": " << i.name << " " << i.tensor;
      kept += i.name == "zeros";
    }
    EXPECT_EQ(kept, 2) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(Names, SameNamesTest, testing::Values("k", ""));

}  // namespace
}  // namespace litesmith
