// Studies of models that are given: one that is trained already, and one of
// several outputs, each with a metric of its own.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/npy.h"
#include "src/containers/zip.h"
#include "src/data/sources.h"
#include "src/graph/weights.h"
#include "src/measure/evaluate.h"
#include "src/models/models.h"
#include "src/optimize/optimize.h"
#include "src/runtime/two_inputs_test.h"
#include "src/study/command.h"
#include "src/study/report/contents.h"
#include "src/study/report/page.h"
#include "src/study/report/report.h"
#include "src/study/run_directory.h"
#include "src/study/study.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

class GivenModelTest : public testing::Test {
 protected:
  GivenModelTest() {
    out_ = testing::TempDir() + "/given_" +
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(out_);
    MakeDirectory(out_);
  }
  ~GivenModelTest() override { fs::remove_all(out_); }

  StudyOptions Options(const std::string& model) const {
    StudyOptions options;
    options.model = model;
    options.limit = 200;
    options.train.epochs = 1;
    options.out = out_ + "/run";
    return options;
  }

  std::string out_;
};

// The values of all weights, in the graph's order.
std::vector<float> WeightsOf(const Graph& graph) {
  std::vector<float> all;
  for (const WeightRef& ref : FloatWeights(graph)) {
    const auto values = graph.tensor(ref.parameter).As<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST_F(GivenModelTest, ATrainedModelIsNotTrainedOn) {
  const std::string file = out_ + "/m.h5";
  TrainOptions train;
  train.epochs = 1;
  SaveModel(Train(LoadModel("mnist-cnn", 1),
                  *LoadData("digits").train.Open(400), train, nullptr)
                .graph,
            file);
  StudyOptions options = Options(file);
  options.recipes = {"none", "prune"};
  options.methods = {"keras", "uint8"};
  options.trained = true;
  const std::vector<StudyRow> rows = RunStudy(options, nullptr);
  ASSERT_EQ(rows.size(), 4u);
  const std::vector<float> given = WeightsOf(LoadModel(file, 0));
  EXPECT_EQ(WeightsOf(LoadModel(options.out + "/none/model.h5", 0)), given);
  EXPECT_EQ(rows[0].train_s, 0);
  const DatasetPtr test = LoadData("digits").test.Open(200);
  EXPECT_EQ(rows[0].correct, EvaluateFile(file, *test, {}).correct);
  // The recipes that start from it do train.
  EXPECT_NE(WeightsOf(LoadModel(options.out + "/prune/model.h5", 0)), given);
  EXPECT_GT(rows[2].train_s, 0);
  EXPECT_NE(StudyCommand(rows[0].settings).find(" --trained"),
            std::string::npos);
  // Without the word none is another model, in a folder of its own.
  options.trained = false;
  options.recipes = {"none"};
  const std::vector<StudyRow> anew = RunStudy(options, nullptr);
  EXPECT_EQ(anew[0].path, "trained-false/none/model.h5");
  EXPECT_NE(WeightsOf(LoadModel(options.out + "/" + anew[0].path, 0)), given);
}

// Ranges that were learned are the model's, too.
TEST_F(GivenModelTest, AQuantizationAwareModelKeepsItsRanges) {
  const std::string file = out_ + "/q.h5";
  const DatasetPtr data = LoadData("digits").train.Open(200);
  const RecipeTable table;
  TrainOptions train;
  train.epochs = 1;
  SaveModel(Optimize(LoadModel("mnist-cnn", 1), table, table.Find("quant"),
                     *data, train, nullptr)
                .graph,
            file);
  StudyOptions options = Options(file);
  options.recipes = {"none"};
  options.methods = {"keras"};
  options.trained = true;
  RunStudy(options, nullptr);
  EXPECT_TRUE(HasFakeQuant(LoadModel(options.out + "/none/model.h5", 0)));
}

TEST_F(GivenModelTest, ABuiltInModelIsNotTrained) {
  StudyOptions options = Options("mnist-cnn");
  options.trained = true;
  try {
    RunStudy(options, nullptr);
    FAIL() << "an untrained model was taken for a trained one";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("litesmith train mnist-cnn"),
              std::string::npos)
        << error.what();
  }
}

// An .npz of data with two inputs, a label and two values, the same in both
// halves.
std::string WriteTwoTargets(const std::string& folder) {
  const MemoryDataset data = TwoTargetsData(60);
  std::vector<ZipMember> members;
  for (const char* half : {"train", "test"}) {
    for (size_t f = 0; f < NumFields(data); ++f) {
      const Field& field = FieldAt(data, f);
      std::vector<int32_t> dims = {static_cast<int32_t>(data.size())};
      for (const int32_t dim : field.shape.dims()) dims.push_back(dim);
      const std::string name = fmt::format("{}_{}{}.npy", f < 2 ? "x" : "y",
                                           half, f % 2 == 0 ? "" : "_1");
      WriteNpy(folder + "/" + name, field.dtype, Shape(dims), data.Stored(f));
      members.push_back({name, ReadFile(folder + "/" + name)});
    }
  }
  WriteFile(folder + "/data.npz", WriteZip(members));
  return folder + "/data.npz";
}

TEST_F(GivenModelTest, EveryOutputHasItsMetric) {
  const std::string file = out_ + "/two.h5";
  SaveModel(TwoInputs(), file);
  StudyOptions options = Options(file);
  options.limit = 0;
  options.data = "npz:" + WriteTwoTargets(out_);
  options.recipes = {"none"};
  options.methods = {"keras", "int8"};
  options.metric = "auto";
  options.train.loss = "auto";
  const std::vector<StudyRow> rows = RunStudy(options, nullptr);
  ASSERT_EQ(rows.size(), 2u);
  const DatasetPtr test = LoadData(options.data).test.Open();
  for (const StudyRow& row : rows) {
    EXPECT_EQ(row.settings.metric, "top1");
    EXPECT_EQ(row.settings.further_metrics, "mse");
    ASSERT_EQ(row.outputs.size(), 1u);
    EXPECT_EQ(row.outputs[0].name, "of_a");
    EXPECT_EQ(row.outputs[0].metric, "mse");
    EvaluateOptions evaluate;
    evaluate.metric = "mse";
    evaluate.output = 1;
    EXPECT_EQ(
        row.outputs[0].value,
        EvaluateFile(options.out + "/" + row.path, *test, evaluate).value);
  }
  EXPECT_NE(rows[0].outputs[0].value, rows[1].outputs[0].value);
  // In every form of the table.
  EXPECT_NE(ScoreText(rows[0]).find(", of_a mse "), std::string::npos);
  EXPECT_NE(MarkdownTable(rows).find("| Other outputs"), std::string::npos);
  EXPECT_NE(ResultsCsv(rows).find(",output_1,metric_1,value_1"),
            std::string::npos);
  FileDigests digests;
  const RunContents contents = ReadContents(options.out, rows, &digests);
  ASSERT_EQ(contents.cells[0].details.further.size(), 1u);
  EXPECT_FALSE(contents.cells[0].details.further[0].wrong.empty());
  const std::string page = ReportPage(contents, options.out);
  EXPECT_NE(page.find("<option value=\"1\">of_a mse</option>"),
            std::string::npos);
  EXPECT_NE(page.find(">of_a mse</button>"), std::string::npos);
  // Another metric of the second output is another result.
  options.metric = "top1,mae";
  const std::vector<StudyRow> other = RunStudy(options, nullptr);
  EXPECT_EQ(other[0].outputs[0].metric, "mae");
  EXPECT_EQ(other[0].path, "further-metrics-mae/none/model.h5");
  options.metric = "top1,mae,mse";
  EXPECT_THROW(RunStudy(options, nullptr), Error);
}

}  // namespace
}  // namespace litesmith
