#include "src/study/study.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/data/decorators.h"
#include "src/data/sources.h"
#include "src/runtime/interpreter.h"
#include "src/study/models.h"
#include "src/study/optimize.h"
#include "src/study/report.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

// A folder of the test's own, removed at the end.
class StudyTest : public testing::Test {
 protected:
  StudyTest() {
    out_ = testing::TempDir() + "/study_" +
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(out_);
  }
  ~StudyTest() override { fs::remove_all(out_); }

  StudyOptions Options() const {
    StudyOptions options;
    options.limit = 400;
    options.epochs = 1;
    options.out = out_;
    options.version = "test";
    return options;
  }

  // Every file of the run directory by name, with its bytes.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(out_)) {
      if (!entry.is_regular_file()) continue;
      const std::vector<std::byte> bytes = ReadFile(entry.path());
      files[fs::relative(entry.path(), out_)] = std::string(
          reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return files;
  }

  std::string out_;
};

// Which result files a second call wrote anew.
class Watch {
 public:
  explicit Watch(const std::string& folder) : folder_(folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      before_[entry.path()] = fs::last_write_time(entry.path());
  }
  std::vector<std::string> Written() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const auto known = before_.find(entry.path());
      const std::string name = fs::relative(entry.path(), folder_);
      if (entry.is_regular_file() && name.find('/') != std::string::npos &&
          (known == before_.end() ||
           known->second != fs::last_write_time(entry.path()))) {
        names.push_back(name);
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string folder_;
  std::map<fs::path, fs::file_time_type> before_;
};

TEST_F(StudyTest, MakesAllCellsAndKeepsThem) {
  const StudyOptions options = Options();
  const std::vector<StudyRow> rows = RunStudy(options, nullptr);
  ASSERT_EQ(rows.size(), 66u);
  EXPECT_NO_THROW(RequireInvariants(rows));
  for (const StudyRow& row : rows) {
    EXPECT_TRUE(FileExists(out_ + "/" + row.path)) << row.path;
    EXPECT_EQ(row.file_bytes, FileSize(out_ + "/" + row.path));
    EXPECT_EQ(row.samples, 400);
    EXPECT_GT(row.total_ms, 0);
  }
  const Watch watch(out_);
  const std::vector<StudyRow> again = RunStudy(options, nullptr);
  EXPECT_TRUE(watch.Written().empty()) << watch.Written()[0];
  EXPECT_EQ(ResultsJson(again), ResultsJson(rows));
}

TEST_F(StudyTest, RecomputesOnlyWhatChanged) {
  StudyOptions options = Options();
  options.recipes = {"prune", "quant"};
  options.methods = {"keras", "uint8"};
  const std::string toml = out_ + ".toml";
  const auto with = [&](const char* sparsity) {
    WriteFile(toml, std::string_view(fmt::format(
                        "[recipe.mine]\nparent = \"none\"\nsteps = [{{ type = "
                        "\"prune\", sparsity = {} }}]\n[recipe.child]\nparent "
                        "= \"mine\"\nsteps = [{{ type = \"qat\" }}]\n",
                        sparsity)));
    options.table = RecipeTable();
    options.table.AddFile(toml);
    options.recipes = {"prune", "mine", "child"};
  };
  with("0.5");
  RunStudy(options, nullptr);
  {
    const Watch watch(out_);
    with("0.6");
    RunStudy(options, nullptr);
    EXPECT_EQ(watch.Written(),
              (std::vector<std::string>{
                  "child/keras.json", "child/model.h5", "child/model.json",
                  "child/uint8.json", "child/uint8.tflite", "mine/keras.json",
                  "mine/model.h5", "mine/model.json", "mine/uint8.json",
                  "mine/uint8.tflite"}));
  }
  {
    const Watch watch(out_);
    fs::remove(out_ + "/prune/uint8.tflite");
    RunStudy(options, nullptr);
    EXPECT_EQ(watch.Written(), (std::vector<std::string>{
                                   "prune/uint8.json", "prune/uint8.tflite"}));
  }
  fs::remove(toml);
}

TEST_F(StudyTest, SameBitsOnAnyNumberOfThreads) {
  StudyOptions options = Options();
  options.recipes = {"prune_cluster_pcqat", "cluster_cqat"};
  std::map<std::string, std::string> one;
  for (const int threads : {1, 2, 3}) {
    fs::remove_all(out_);
    options.threads = threads;
    RunStudy(options, nullptr);
    std::map<std::string, std::string> files = Files();
    // Times are in the tables and notes, models are in the rest.
    std::erase_if(files, [](const auto& file) {
      return !file.first.ends_with(".h5") && !file.first.ends_with(".tflite");
    });
    if (threads == 1) one = files;
    ASSERT_EQ(files.size(), one.size());
    for (const auto& [name, bytes] : files)
      EXPECT_TRUE(bytes == one[name]) << name << " with " << threads;
  }
}

TEST_F(StudyTest, RefusesWhatCannotWorkBeforeTraining) {
  StudyOptions options = Options();
  options.recipes = {"squash"};
  EXPECT_THROW(RunStudy(options, nullptr), Error);
  options = Options();
  options.methods = {"int4"};
  EXPECT_THROW(RunStudy(options, nullptr), Error);
  options = Options();
  options.data = "mnist:/nowhere";
  EXPECT_THROW(RunStudy(options, nullptr), Error);
  options = Options();
  options.model = "lenet";
  EXPECT_THROW(RunStudy(options, nullptr), Error);
  options = Options();
  options.limit = 5;  // one training step is enough to prune
  EXPECT_NO_THROW(RunStudy(options, nullptr));
}

// The bytes of a graph's first output on the first samples.
std::vector<std::byte> OutputsOf(const Graph& graph, const Dataset& data) {
  InterpreterOptions options;
  options.batch = 20;
  Interpreter interpreter(graph, options);
  const auto floats = static_cast<size_t>(data.sample_shape().NumElements());
  auto* input = reinterpret_cast<float*>(interpreter.input(0).data());
  for (int i = 0; i < options.batch; ++i)
    data.Read(i, input + static_cast<size_t>(i) * floats);
  interpreter.Invoke();
  const auto output = interpreter.output(0);
  return {output.begin(), output.end()};
}

// A quantization-aware model comes back from its .h5 bit for bit, whatever the
// recipe, and what Keras sees of it is the graph without fake quants.
TEST_F(StudyTest, ReloadedModelsGiveTheSameBits) {
  MakeDirectory(out_);
  const DatasetPtr train = Take(LoadData("digits").train, 500);
  TrainOptions training;
  training.epochs = 1;
  const RecipeTable table;
  const Graph start = LoadModel("mnist-cnn", 1);
  for (const Recipe& recipe : table.recipes()) {
    const OptimizeResult result =
        Optimize(start, table, recipe, *train, training, nullptr);
    const std::string path = out_ + "/" + recipe.name + ".h5";
    SaveModel(result.graph, path);
    const Graph back = LoadModel(path, 0);
    EXPECT_EQ(HasTrainingOps(back), HasTrainingOps(result.graph));
    EXPECT_EQ(OutputsOf(back, *train), OutputsOf(result.graph, *train))
        << recipe.name;
    EXPECT_EQ(OutputsOf(StripTrainingOps(back), *train),
              OutputsOf(StripTrainingOps(result.graph), *train))
        << recipe.name;
    // Trained on from the file is trained on from memory.
    const Graph on = Train(back, *train, training, nullptr).graph;
    const Graph from = Train(result.graph, *train, training, nullptr).graph;
    EXPECT_EQ(OutputsOf(on, *train), OutputsOf(from, *train)) << recipe.name;
  }
}

}  // namespace
}  // namespace litesmith
