// The page from made-up rows: what it must hold whatever the names are, what is
// missing, and which file it names.
#include "src/study/report/page.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/models/models.h"
#include "src/study/advise.h"
#include "src/study/command.h"
#include "src/study/report/answer.h"
#include "src/study/report/html.h"
#include "src/study/report/trees.h"

namespace litesmith {
namespace {

CellEntry Cell(const std::string& recipe, const std::string& method,
               double value, int64_t bytes, double us) {
  CellEntry cell;
  cell.model = recipe;
  cell.row.recipe = recipe;
  cell.row.method = method;
  cell.row.path = recipe + "/" + method + ".tflite";
  cell.row.value = value;
  cell.row.file_bytes = bytes;
  cell.row.gzip_bytes = bytes / 2;
  cell.row.latency_us_p50 = us;
  cell.row.settings.model = "net.h5";
  cell.row.settings.data = "digits";
  return cell;
}

ModelEntry Model(const std::string& id, const std::string& parent = "",
                 bool quantization_aware = false) {
  ModelEntry model;
  model.id = model.recipe = id;
  model.parent = parent;
  model.quantization_aware = quantization_aware;
  return model;
}

RunContents Contents() {
  RunContents contents;
  contents.models = {Model("none"), Model("quant", "none", true)};
  contents.cells = {Cell("none", "fp32", 0.90, 4000, 9),
                    Cell("none", "uint8", 0.88, 1000, 3),
                    Cell("quant", "fp32", 0.91, 4000, 8),
                    Cell("quant", "uint8", 0.898, 1100, 4)};
  return contents;
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + 1))
    ++count;
  return count;
}

TEST(PageTest, NamesTheFilesWithinTheTolerance) {
  const RunContents contents = Contents();
  const BestFiles half = FindBestFiles(contents, 0.5);
  EXPECT_EQ(half.baseline_path, "none/fp32.tflite");
  EXPECT_EQ(half.smallest->row.path, "quant/uint8.tflite");
  EXPECT_EQ(half.fastest->row.path, "quant/uint8.tflite");
  EXPECT_EQ(half.accurate->row.path, "quant/fp32.tflite");
  EXPECT_EQ(FindBestFiles(contents, 2).smallest->row.path, "none/uint8.tflite");
  // A file with a broken promise is no answer.
  RunContents broken = Contents();
  broken.cells[3].row.invariants = {{"zeros", "w", 1, 2, false}};
  // Of equally small ones the better.
  EXPECT_EQ(FindBestFiles(broken, 0.5).smallest->row.path, "quant/fp32.tflite");
}

// The card names what the adviser does, whatever the table.
TEST(PageTest, NamesWhatTheAdviserNames) {
  Rng rng(11);
  constexpr const char* kMethods[] = {"keras",   "fp32", "fp16",
                                      "dynamic", "int8", "uint8"};
  for (int round = 0; round < 100; ++round) {
    RunContents contents;
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      for (const char* recipe : {"none", "prune", "quant"}) {
        for (const char* method : kMethods) {
          if (rng.Below(4) == 0) continue;
          CellEntry cell =
              Cell(recipe, method, 0.9 + 0.002 * double(rng.Below(10)),
                   1000 * static_cast<int64_t>(1 + rng.Below(4)), 1);
          cell.row.settings.seed = seed;
          if (rng.Below(6) == 0)
            cell.row.invariants = {{"zeros", "w", 1, 2, false}};
          contents.cells.push_back(cell);
        }
      }
    }
    for (const double tolerance : {0.0, 0.5, 1.0}) {
      Budgets budgets;
      budgets.max_drop = tolerance;
      const std::vector<StudyRow> rows = RowsOf(contents);
      const Advice advice = Advise(rows, AnswerTarget(), budgets);
      const BestFiles answer = FindBestFiles(contents, tolerance);
      ASSERT_EQ(advice.best.has_value(), answer.smallest != nullptr);
      if (!advice.best) continue;
      EXPECT_EQ(&contents.cells[advice.best->row], answer.smallest);
    }
  }
}

TEST(PageTest, ResultsOfOtherSettingsHaveTreesOfTheirOwn) {
  RunContents contents = Contents();
  EXPECT_EQ(RecipeTree(contents).find("<h3>"), std::string::npos);
  for (const char* id : {"seed-2/none", "seed-2/quant"}) {
    ModelEntry model =
        Model(id, std::string(id) == "seed-2/none" ? "" : "seed-2/none",
              std::string(id) != "seed-2/none");
    model.recipe = std::string(id).substr(7);
    contents.models.push_back(model);
    for (const char* method : {"fp32", "uint8"}) {
      CellEntry cell = Cell(model.recipe, method, 0.95, 1000, 1);
      cell.model = id;
      cell.row.path = std::string(id) + "/" + method + ".tflite";
      cell.row.settings.seed = 2;
      contents.cells.push_back(cell);
    }
  }
  for (const std::string& html :
       {RecipeTree(contents), QuantizationTree(contents, 0.5)}) {
    EXPECT_EQ(Count(html, "<h3>"), 2u) << html;
    EXPECT_NE(html.find("<h3>seed-2</h3>"), std::string::npos);
  }
  // Each by its own numbers.
  const std::string formats = QuantizationTree(contents, 0.5);
  EXPECT_NE(formats.find("support training quantization-aware: quant"),
            std::string::npos);
  EXPECT_NE(formats.find("support full integers"), std::string::npos);
}

TEST(PageTest, CommandsSayWhatWasGiven) {
  StudySettings settings;
  settings.model = "mnist-cnn";
  settings.data = "digits";
  const TrainOptions usual;
  settings.seed = usual.seed;
  settings.epochs = usual.epochs;
  settings.batch = usual.batch;
  settings.learning_rate = usual.learning_rate;
  settings.validation_split = usual.validation_split;
  settings.loss = "sparse_categorical_crossentropy";  // what auto came to
  settings.optimizer = usual.optimizer;
  settings.momentum = usual.momentum;
  settings.schedule = usual.schedule;
  settings.metric = "top1";
  EXPECT_EQ(StudyCommand(settings),
            "litesmith study --model mnist-cnn --data digits");
  settings.asked_loss = "mse";
  settings.calibration_seed = 7;
  EXPECT_EQ(StudyCommand(settings),
            "litesmith study --model mnist-cnn --data digits --loss mse "
            "--calibration-seed 7");
  // A built-in model's usual training needs no word.
  settings = StudySettings(settings);
  settings.model = "resnet8";
  TrainOptions of_model;
  FindBuiltin("resnet8").train(&of_model);
  settings.epochs = of_model.epochs;
  settings.batch = of_model.batch;
  settings.schedule = of_model.schedule;
  EXPECT_EQ(StudyCommand(settings).find("--epochs"), std::string::npos);
  settings.epochs = usual.epochs;
  EXPECT_NE(StudyCommand(settings).find("--epochs"), std::string::npos);
}

TEST(PageTest, LossesOfAnErrorAreShares) {
  RunContents contents = Contents();
  for (CellEntry& cell : contents.cells) {
    cell.row.settings.metric = "mse";
    cell.row.value = 1 - cell.row.value;  // 0.10, 0.12, 0.09, 0.102
  }
  EXPECT_EQ(FindBestFiles(contents, 1).smallest->row.path, "quant/fp32.tflite");
  EXPECT_EQ(FindBestFiles(contents, 3).smallest->row.path,
            "quant/uint8.tflite");
  EXPECT_EQ(FindBestFiles(contents, 1).accurate->row.path, "quant/fp32.tflite");
  EXPECT_NE(ReportPage(contents, "runs/a").find("in %"), std::string::npos);
}

TEST(PageTest, EveryRowIsInTheMarkup) {
  RunContents contents = Contents();
  for (CellEntry& cell : contents.cells)
    cell.row.coverage = {
        {"dense", "FULLY_CONNECTED", "dense/kernel", 20, "qat", "too <small>"}};
  const std::string page = ReportPage(contents, "runs/a");
  contents.cells[0].row.settings.training = "label_smoothing=0.1 nesterov=true";
  EXPECT_NE(ReportPage(contents, "runs/a")
                .find(" --label-smoothing 0.1 --nesterov --recipes"),
            std::string::npos);
  EXPECT_EQ(Count(page, "too &lt;small&gt;"), 2u);  // once for each model
  EXPECT_EQ(Count(page, "<tr tabindex=\"0\">"), 4u);
  for (const char* path : {"none/fp32.tflite", "quant/uint8.tflite"})
    EXPECT_NE(page.find(path), std::string::npos) << path;
  EXPECT_EQ(page.find("{{"), page.rfind("{{"));  // Chart.js alone may have one
  EXPECT_NE(page.find("litesmith study --model net.h5 --data digits"),
            std::string::npos);
  EXPECT_EQ(page.find("files are not there"), std::string::npos);
  RunContents half = Contents();
  half.cells.pop_back();
  EXPECT_NE(ReportPage(half, "runs/a").find("1 of 4 files are not there"),
            std::string::npos);
}

TEST(PageTest, NamesStayText) {
  const std::string name =
      "a'\"</script><img src=x onerror=alert(1)> \xC3\xA9\xFF";
  RunContents contents = Contents();
  for (CellEntry& cell : contents.cells) {
    cell.row.recipe = cell.model = name;
    cell.row.path = name + "/f.tflite";
    cell.row.settings.model = name;
    cell.row.settings.data = name;
    cell.details.noise.push_back({name, false, 3, 0.1});
    cell.details.memory.operators = {"CONV_2D"};
    cell.details.memory.tensors = {{name, 1, 0, 0, 0}};
  }
  contents.models = {Model(name)};
  contents.models[0].details.weights.emplace_back().tensor = name;
  const std::string page = ReportPage(contents, name);
  EXPECT_EQ(page.find("<img src=x"), std::string::npos);
  // Of the page's own elements, and no more.
  EXPECT_EQ(Count(page, "</script"), 3u);
  EXPECT_NE(page.find("&lt;img src=x"), std::string::npos);
}

TEST(PageTest, TextIsEscaped) {
  EXPECT_EQ(Html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(Html("\xE6\x97\xA5"), "\xE6\x97\xA5");
  EXPECT_EQ(Html("\xE6\x97"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(Html("\xC0\xAF\xF5"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(ScriptSafe("[\"</script>\"]"), "[\"\\u003c/script>\"]");
  EXPECT_EQ(ShellWord("runs/a"), "runs/a");
  EXPECT_EQ(ShellWord("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(ShellWord(""), "''");
}

TEST(PageTest, TreesSayWhatChanged) {
  const RunContents contents = Contents();
  const std::string tree = RecipeTree(contents);
  EXPECT_NE(tree.find("+1.00 points"), std::string::npos) << tree;
  const std::string formats = QuantizationTree(contents, 0.5);
  // Training for integers is what keeps the loss within half a point.
  EXPECT_NE(formats.find("support training quantization-aware: quant"),
            std::string::npos)
      << formats;
  EXPECT_NE(QuantizationTree(contents, 2).find("support full integers"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
