#include "src/study/study.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/data/batch.h"
#include "src/data/sources.h"
#include "src/models/models.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "src/optimize/optimize.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/study/report/contents.h"
#include "src/study/report/page.h"
#include "src/study/report/report.h"
#include "src/study/run_directory.h"
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
    options.train.epochs = 1;
    options.out = out_;
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
  // Below the recipes' folders; details come with the notes.
  std::vector<std::string> Written() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const auto known = before_.find(entry.path());
      const std::string name = fs::relative(entry.path(), folder_);
      if (entry.is_regular_file() && name.find('/') != std::string::npos &&
          !name.ends_with(".details.json") &&
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
  EXPECT_NO_THROW(RequirePromises(rows));
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

TEST_F(StudyTest, KeepsWhatAReportDraws) {
  StudyOptions options = Options();
  options.recipes = {"prune"};
  options.methods = {"keras", "uint8"};
  const std::vector<StudyRow> rows = RunStudy(options, nullptr);
  FileDigests digests;
  const RunContents contents = ReadContents(out_, rows, &digests);
  ASSERT_EQ(contents.models.size(), 2u);
  EXPECT_EQ(contents.models[0].recipe, "none");
  const ModelEntry& pruned = contents.models[1];
  EXPECT_EQ(pruned.parent, "none");
  ASSERT_FALSE(pruned.details.weights.empty());
  for (const WeightDetails& w : pruned.details.weights) {
    EXPECT_GT(w.zeros, w.values / 2) << w.tensor;
    int64_t counted = 0;
    for (const int64_t count : w.histogram) counted += count;
    EXPECT_EQ(counted, w.values) << w.tensor;
    EXPECT_GT(w.entropy, 0) << w.tensor;
    EXPECT_LE(w.entropy, std::log2(static_cast<double>(w.distinct)))
        << w.tensor;
  }
  ASSERT_FALSE(pruned.details.epochs.empty());
  EXPECT_NEAR(pruned.details.epochs.back().sparsity, rows[0].sparsity, 1e-12);
  EXPECT_FLOAT_EQ(static_cast<float>(pruned.details.epochs[0].learning_rate),
                  options.train.learning_rate);
  ASSERT_EQ(contents.cells.size(), 2u);
  const CellDetails& integer = contents.cells[1].details;
  EXPECT_EQ(integer.memory.arena_bytes, rows[1].arena_bytes);
  EXPECT_GT(rows[1].arena_bytes, 0);
  int64_t right = 0;
  int64_t all = 0;
  for (int64_t i = 0; i < integer.mistakes.classes * integer.mistakes.classes;
       ++i) {
    const int64_t count = integer.mistakes.confusion[static_cast<size_t>(i)];
    all += count;
    if (i % (integer.mistakes.classes + 1) == 0) right += count;
  }
  EXPECT_EQ(all, rows[1].samples);
  // Equal largest values count for the label, but are answered by one class.
  EXPECT_NEAR(static_cast<double>(right), static_cast<double>(rows[1].correct),
              5);
  ASSERT_FALSE(integer.noise.empty());
  EXPECT_FALSE(integer.noise[0].exact);
  EXPECT_GT(integer.noise[0].sqnr_db, 10);
  // Damaged details are as good as none, and the page comes all the same.
  WriteFile(CellDetailsFile(out_, "prune", "uint8"), std::string_view("{"));
  FileDigests anew;
  const RunContents less = ReadContents(out_, rows, &anew);
  EXPECT_TRUE(less.cells[1].details.noise.empty());
  EXPECT_FALSE(ReportPage(less, out_).empty());
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
    options.train.threads = threads;
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
  options.recipes = {"prune"};
  options.methods = {"keras"};
  options.limit = 5;  // one training step is enough to prune
  EXPECT_NO_THROW(RunStudy(options, nullptr));
}

// Keeps the lines that a study says.
class Listener : public Progress {
 public:
  void Line(std::string_view text) override {
    lines += std::string(text) + "\n";
    if (!stop_at.empty() && text.find(stop_at) != std::string_view::npos)
      Fail(ErrorKind::kInterrupted, "stopped by the test");
  }
  std::string lines;
  std::string stop_at;  // stands for Ctrl-C after this line
};

// "none uint8 2" of every row: recipe, method and seed.
std::vector<std::string> Cells(const std::vector<StudyRow>& rows) {
  std::vector<std::string> cells;
  for (const StudyRow& row : rows) {
    cells.push_back(
        fmt::format("{} {} {}", row.recipe, row.method, row.settings.seed));
  }
  return cells;
}

TEST_F(StudyTest, LaterCallsDropNothing) {
  StudyOptions options = Options();
  options.limit = 60;
  options.recipes = {"none", "prune", "none"};
  options.methods = {"keras", "uint8", "uint8"};
  const auto rows = RunStudy(options, nullptr);
  const std::vector<std::string> first = {"none keras 1", "none uint8 1",
                                          "prune keras 1", "prune uint8 1"};
  EXPECT_EQ(Cells(rows), first);
  const auto files = Files();
  const auto expect_kept = [&] {
    auto now = Files();
    for (const auto& [name, bytes] : files) {
      if (name.find('/') == std::string::npos) continue;
      EXPECT_TRUE(now[name] == bytes) << name;
    }
  };
  // A part of it.
  options.recipes = {"none"};
  options.methods = {"uint8"};
  EXPECT_EQ(Cells(RunStudy(options, nullptr)),
            (std::vector<std::string>{"none uint8 1"}));
  expect_kept();
  EXPECT_EQ(Files().at("results.json"), files.at("results.json"));
  EXPECT_EQ(Files().at("table.md"), files.at("table.md"));
  // Another seed, other samples.
  options.train.seed = 2;
  Listener listener;
  const auto second = RunStudy(options, &listener);
  EXPECT_EQ(Cells(second), (std::vector<std::string>{"none uint8 2"}));
  EXPECT_EQ(second[0].path, "seed-2/none/uint8.tflite");
  EXPECT_TRUE(FileExists(out_ + "/" + second[0].path));
  EXPECT_NE(listener.lines.find(out_ + "/seed-2"), std::string::npos)
      << listener.lines;
  options.train.seed = 1;
  options.limit = 50;
  EXPECT_EQ(RunStudy(options, nullptr)[0].path, "limit-50/none/uint8.tflite");
  expect_kept();
  EXPECT_EQ(Cells(ReadStudy(out_)),
            (std::vector<std::string>{"none keras 1", "none uint8 1",
                                      "prune keras 1", "prune uint8 1",
                                      "none uint8 1", "none uint8 2"}));
  EXPECT_EQ(Files().at("results.json"), ResultsJson(ReadStudy(out_)));
  EXPECT_EQ(Files().at("table.md"), MarkdownTable(ReadStudy(out_)));
  // And each call finds its own again.
  const Watch watch(out_);
  options.train.seed = 2;
  options.limit = 60;
  Listener again;
  RunStudy(options, &again);
  EXPECT_TRUE(watch.Written().empty()) << watch.Written()[0];
  EXPECT_NE(again.lines.find("1 of 1 results are there from before"),
            std::string::npos)
      << again.lines;
}

// What was made from a model that is replaced is no result any more.
TEST_F(StudyTest, RowsOfAReplacedModelGo) {
  StudyOptions options = Options();
  options.limit = 60;
  options.methods = {"keras"};
  const std::string toml = out_ + ".toml";
  const auto run = [&](const char* sparsity, const char* recipe) {
    WriteFile(toml, std::string_view(fmt::format(
                        "[recipe.mine]\nparent = \"none\"\nsteps = [{{ type = "
                        "\"prune\", sparsity = {} }}]\n[recipe.child]\nparent "
                        "= \"mine\"\nsteps = [{{ type = \"qat\" }}]\n",
                        sparsity)));
    options.table = RecipeTable();
    options.table.AddFile(toml);
    options.recipes = {recipe};
    RunStudy(options, nullptr);
    return Cells(ReadStudy(out_));
  };
  run("0.5", "none");
  EXPECT_EQ(run("0.5", "mine"),
            (std::vector<std::string>{"none keras 1", "mine keras 1"}));
  EXPECT_EQ(run("0.5", "child"),
            (std::vector<std::string>{"none keras 1", "mine keras 1",
                                      "child keras 1"}));
  EXPECT_EQ(run("0.6", "mine"),
            (std::vector<std::string>{"none keras 1", "mine keras 1"}));
  fs::remove(toml);
}

TEST_F(StudyTest, ShowsWhatIsThere) {
  EXPECT_THROW(ReadStudy(out_), Error);
  StudyOptions options = Options();
  options.limit = 60;
  options.recipes = {"none"};
  options.methods = {"keras", "uint8"};
  const auto rows = RunStudy(options, nullptr);
  const auto before = Files();
  EXPECT_EQ(ResultsJson(ReadStudy(out_)), ResultsJson(rows));
  EXPECT_TRUE(Files() == before);  // nothing is written
  // Killed before the end: no reports, no settings, a lock left behind.
  for (const char* name : {"table.md", "results.json", "study.json"})
    fs::remove(out_ + "/" + name);
  WriteFile(out_ + "/study.lock", "1");
  EXPECT_EQ(ResultsJson(ReadStudy(out_)), ResultsJson(rows));
  // By an older build, that kept less.
  WriteCached(out_ + "/none/model.json",
              {"key", DigestOf(before.at("none/model.h5")), "", "0.25"});
  WriteCached(out_ + "/none/keras.json",
              {"other", DigestOf(before.at("none/model.h5")), "",
               R"({"recipe": "none", "method": "keras", "accuracy": 0.5,
                 "path": "none/model.h5", "seed": 7})"});
  const auto old = ReadStudy(out_);
  ASSERT_EQ(old.size(), 1u);  // uint8 is of another model
  EXPECT_EQ(old[0].accuracy, 0.5);
  EXPECT_EQ(old[0].settings.seed, 7u);
  EXPECT_EQ(old[0].train_s, 0.25);
  // A file that is not what the note says is no result.
  WriteFile(out_ + "/none/model.h5", "x");
  EXPECT_THROW(ReadStudy(out_), Error);
}

TEST_F(StudyTest, InterruptedStudyLeavesItsRows) {
  StudyOptions options = Options();
  options.limit = 60;
  options.recipes = {"none", "prune"};
  options.methods = {"keras", "uint8"};
  Listener listener;
  listener.stop_at = "none uint8: accuracy";
  std::vector<StudyRow> done;
  EXPECT_THROW(RunStudy(options, &listener, &done), Error);
  EXPECT_EQ(Cells(done), std::vector<std::string>{"none keras 1"});
  EXPECT_EQ(Cells(ReadStudy(out_)),
            (std::vector<std::string>{"none keras 1", "none uint8 1"}));
  EXPECT_EQ(Files().at("table.md"), MarkdownTable(ReadStudy(out_)));
  // Rows of before that it does not come to are done too.
  options.recipes = {"prune", "none"};
  listener.stop_at = "prune keras: accuracy";
  EXPECT_THROW(RunStudy(options, &listener, &done), Error);
  EXPECT_EQ(Cells(done),
            (std::vector<std::string>{"none keras 1", "none uint8 1"}));
}

TEST_F(StudyTest, OneStudyAtATime) {
  StudyOptions options = Options();
  options.limit = 60;
  options.recipes = {"none"};
  options.methods = {"keras"};
  {
    const FolderLock lock(out_);
    try {
      RunStudy(options, nullptr);
      FAIL() << "two studies in one folder";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo);
      EXPECT_NE(std::string(error.what()).find("another study (pid "),
                std::string::npos)
          << error.what();
    }
  }
  RunStudy(options, nullptr);
  EXPECT_FALSE(FileExists(out_ + "/study.lock"));
}

// Outputs that cannot be class scores are refused before anything is trained.
TEST_F(StudyTest, RefusesAModelThatNoMethodCanShow) {
  Graph graph;
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, 28, 28};
  const TensorId x = graph.AddTensor(std::move(input));
  graph.inputs = {x};
  graph.input_names = {"x"};
  const TensorId shape =
      graph.AddConstant<int32_t>("shape", {2}, std::vector<int32_t>{-1, 784});
  const TensorId flat =
      graph.AddNode(kReshape, "flat", {x, shape}, {"flat"}).outputs[0];
  const std::vector<float> weights(5 * 784, 0.01f);
  const TensorId w = graph.AddConstant<float>("dense/kernel", {5, 784}, weights,
                                              TensorKind::kParameter);
  const TensorId b = graph.AddConstant<float>(
      "dense/bias", {5}, std::vector<float>(5), TensorKind::kParameter);
  Node& dense = graph.AddNode(kFullyConnected, "dense", {flat, w, b}, {"y"});
  dense.Set<&FullyConnectedAttrs::activation>(kNone);
  graph.outputs = {dense.outputs[0]};
  graph.output_names = {"y"};
  InferShapes(&graph);
  const std::string file = out_ + ".h5";
  SaveModel(graph, file);
  StudyOptions options = Options();
  options.limit = 60;
  options.model = file;
  try {
    RunStudy(options, nullptr);
    FAIL() << "five outputs for ten classes";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("10 classes"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("keras"), std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(FileExists(out_));  // nothing is left of the try
  fs::remove(file);
}

// The bytes of a graph's first output on the first samples.
std::vector<std::byte> OutputsOf(const Graph& graph, const Dataset& data) {
  InterpreterOptions options;
  options.batch = 20;
  Interpreter interpreter(graph, options);
  BatchReader reader(data, options.batch);
  InputFeeder(data.inputs(), interpreter)(reader.Read(0, options.batch),
                                          &interpreter);
  interpreter.Invoke();
  const auto output = interpreter.output(0);
  return {output.begin(), output.end()};
}

// A quantization-aware model comes back from its .h5 bit for bit, whatever the
// recipe, and what Keras sees of it is the graph without fake quants.
TEST_F(StudyTest, ReloadedModelsGiveTheSameBits) {
  MakeDirectory(out_);
  const DatasetPtr train = LoadData("digits").train.Open(500);
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
