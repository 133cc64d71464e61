// Walks the project's lists: ops, kernels and fusions are reached by cases;
// schemes, methods, data sources, models and recipes are what a list promises.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/data/sources.h"
#include "src/data/values.h"
#include "src/kernels/conv/train_gray_micro.h"
#include "src/measure/evaluate.h"
#include "src/measure/metrics.h"
#include "src/models/models.h"
#include "src/ops/fusions.h"
#include "src/ops/registry.h"
#include "src/optimize/recipes.h"
#include "src/quant/convert.h"
#include "src/runtime/bind.h"
#include "src/study/methods.h"
#include "src/study/study_settings.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"
#include "src/train/trainer.h"
#include "tests/conformance/dump.h"
#include "tests/conformance/node_run.h"
#include "tests/conformance/run.h"
#include "tests/conformance/support.h"

namespace litesmith {
namespace {

using Names = std::set<std::string>;

// Each list's own words: no empty ones, no name twice.
class NameCheck {
 public:
  void Add(const std::string& name, const std::string& summary) {
    EXPECT_FALSE(name.empty());
    EXPECT_FALSE(summary.empty()) << name;
    EXPECT_EQ(summary.find('\n'), std::string::npos) << name;
    EXPECT_TRUE(names_.insert(name).second) << name << " is there twice";
  }

 private:
  Names names_;
};

template <typename Body>
void ForEachCaseOfAll(const Body& body) {
  for (const CaseFile& file : CaseFiles()) {
    for (const Case& c : file.make()) body(file, c);
  }
}

TEST(ListsTest, CaseNamesAreUniqueFileNames) {
  Names names;
  ForEachCaseOfAll([&](const CaseFile&, const Case& c) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name << " is there twice";
    EXPECT_EQ(c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string::npos)
        << c.name;
  });
}

TEST(ListsTest, EveryOpHasCases) {
  NameCheck check;
  std::set<int> codes;
  for (const OpDef* op : AllOps()) {
    check.Add(op->name, op->summary);
    EXPECT_NE(op->infer, nullptr) << op->name;
    EXPECT_EQ(FindOp(op->name), op);
    if (op->tflite.code >= 0) {
      EXPECT_TRUE(codes.insert(op->tflite.code).second) << op->name;
      EXPECT_EQ(FindOpByTfliteCode(op->tflite.code), op);
    }
    int files = 0;
    for (const CaseFile& file : CaseFiles()) {
      if (file.op != op) continue;
      ++files;
      for (const Case& c : file.make()) {
        const Graph graph = GraphOf(c);
        EXPECT_TRUE(std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                [&](const Node& n) { return n.op == op; }))
            << c.name << " has no " << op->name;
      }
    }
    EXPECT_EQ(files, 1) << op->name << " in cases.cc";
  }
}

// Made anew by `conformance_test --support docs/support.md`.
TEST(ListsTest, TheSupportPageIsThatOfTheLists) {
  const std::vector<std::byte> bytes =
      ReadFile(LITESMITH_SOURCE_DIR "/docs/support.md");
  const std::string page(reinterpret_cast<const char*>(bytes.data()),
                         bytes.size());
  EXPECT_EQ(page, SupportPage());
}

// A kind at least of whatever runs at all; loops and the like share theirs.
TEST(ListsTest, EveryOpOfFilesIsDrawnAtRandom) {
  for (const CaseFile& file : CaseFiles()) {
    if (file.op == nullptr || file.op->tflite.code < 0) continue;
    const bool folded = file.op->fold_constant != nullptr;
    const bool of_sizes = file.op == &kRange || file.op == &kBroadcastArgs;
    EXPECT_TRUE(folded || of_sizes || !file.random().empty()) << file.name;
  }
}

TEST(ListsTest, EveryDifferentiableOpHasAGradientCase) {
  std::set<const OpDef*> checked;
  ForEachCaseOfAll([&](const CaseFile&, const Case& c) {
    if (!c.gradient) return;
    // What computes shapes is folded.
    const Graph graph = GraphOf(c);
    for (const Node& node : BindForNodes(graph, CaseBatch(graph, 1)).nodes)
      checked.insert(node.op);
  });
  for (const OpDef* op : AllOps()) {
    EXPECT_EQ(op->differentiable(), checked.count(op) != 0) << op->name;
  }
}

// Rows that a plan would choose: for each purpose the first that fits. A row
// that only ever fits behind another is dead.
TEST(ListsTest, EveryKernelRowIsReached) {
  std::set<const KernelRow*> reached;
  ForEachCaseOfAll([&](const CaseFile&, const Case& c) {
    const Graph graph = GraphOf(c);
    const int batch = CaseBatch(graph, 1);
    const Graph bound = BindForNodes(graph, batch);
    const GraphFacts facts = FactsForNodes(bound, batch);
    for (const Node& node : bound.nodes) {
      for (const Purpose purpose :
           {Purpose::kTrain, Purpose::kFast, Purpose::kReference}) {
        if (purpose == Purpose::kTrain && !c.gradient) continue;
        const auto rows = node.op->rows;
        const auto first =
            std::find_if(rows.begin(), rows.end(), [&](const KernelRow& row) {
              return row.purpose == purpose && Fits(row, {bound, node, facts});
            });
        if (first != rows.end()) reached.insert(&*first);
      }
    }
  });
  for (const OpDef* op : AllOps()) {
    Names names;
    for (const KernelRow& row : op->rows) {
      EXPECT_TRUE(names.insert(row.name).second)
          << row.name << " is there twice";
      EXPECT_EQ(reached.count(&row), 1u)
          << "no case reaches " << row.name << " of " << op->name;
    }
    // By purpose, as they are read.
    for (size_t i = 1; i < op->rows.size(); ++i) {
      EXPECT_GE(op->rows[i].purpose, op->rows[i - 1].purpose)
          << op->rows[i].name;
    }
  }
}

// Whether the fusion finds a place in the case's graph.
bool Fires(const Fusion& fusion, const Case& c) {
  BindOptions options;
  options.training = fusion.purpose == Purpose::kTrain;
  options.reference = fusion.rewrite != nullptr;  // not rewritten yet
  const Graph graph = GraphOf(c);
  options.batch = CaseBatch(graph, 1);
  BoundGraph bound = BindGraph(graph, options);
  if (fusion.rewrite != nullptr) return fusion.rewrite(&bound.graph);
  for (const PlannedKernel& kernel :
       PrepareKernels(bound.graph, bound.facts, fusion.purpose)) {
    if (kernel.fusion == &fusion) return true;
  }
  return false;
}

TEST(ListsTest, EveryFusionFires) {
  NameCheck check;
  for (const Fusion* fusion : AllFusions()) {
    check.Add(fusion->name, fusion->summary);
    if (fusion == &kTrainConvFakeQuantPool && kernels::GetGrayMicro().lanes < 8)
      continue;  // its kernel wants wider vectors than this machine has
    int fired = 0;
    int held = 0;
    ForEachCaseOfAll([&](const CaseFile& file, const Case& c) {
      const bool training = fusion->purpose == Purpose::kTrain;
      if (training ? !c.gradient : file.op != nullptr) return;
      Fires(*fusion, c) ? ++fired : ++held;
    });
    EXPECT_GT(fired, 0) << fusion->name;
    EXPECT_GT(held, 0) << fusion->name << " fires whatever it sees";
  }
}

TEST(ListsTest, ModelsAndSchemes) {
  NameCheck models;
  for (const BuiltinModel& model : BuiltinModels()) {
    models.Add(model.name, model.summary);
    SCOPED_TRACE(model.name);
    const Graph graph = MakeBuiltin(model, {}, 1);
    VerifyStructure(graph);
    EXPECT_EQ(Print(LoadModel(model.name, 1)), Print(graph));
    EXPECT_NO_THROW(Interpreter(graph, {.batch = 2}).Invoke());
    if (model.by_data) {
      // For other samples than its usual ones.
      const ModelShape shape =
          ShapeOfSamples(*LoadData("digits").train.Open(20));
      const Graph other = MakeBuiltin(model, shape, 1);
      EXPECT_NO_THROW(Interpreter(other, {.batch = 2}).Invoke());
      continue;
    }

    // Every scheme gives a graph of its types that a file holds.
    const Ranges ranges =
        Calibrate(graph, *LoadData("digits").train.Open(20), 20);
    NameCheck schemes;
    for (const Scheme& scheme : Schemes()) {
      schemes.Add(scheme.name, scheme.summary);
      SCOPED_TRACE(scheme.name);
      EXPECT_EQ(&FindScheme(scheme.name), &scheme);
      EXPECT_EQ(NeedsRanges(graph, scheme), scheme.full_integer);
      const Graph converted = Convert(graph, scheme, ranges);
      EXPECT_TRUE(FitsTflite(converted));
      EXPECT_EQ(converted.tensor(converted.inputs[0]).dtype, scheme.io);
      EXPECT_EQ(converted.tensor(converted.outputs[0]).dtype, scheme.io);
      EXPECT_TRUE(std::any_of(converted.tensors.begin(),
                              converted.tensors.end(), [&](const Tensor& t) {
                                return t.has_data() && t.dtype == scheme.weight;
                              }));
      EXPECT_NO_THROW(Interpreter(converted, {.batch = 2}).Invoke());
    }
  }
}

TEST(ListsTest, Methods) {
  NameCheck check;
  Names schemes;
  for (const Method& method : Methods()) {
    check.Add(method.name, method.summary);
    EXPECT_EQ(FindMethod(method.name).scheme, method.scheme);
    if (method.scheme != nullptr) schemes.insert(method.scheme->name);
  }
  for (const Scheme& scheme : Schemes()) {
    EXPECT_EQ(schemes.count(scheme.name), 1u) << scheme.name;
  }
}

// What a source without an argument gives; one with an argument says what is
// missing.
TEST(ListsTest, DataSources) {
  NameCheck check;
  for (const DataSource& source : DataSources()) {
    check.Add(source.name, source.summary);
    SCOPED_TRACE(source.name);
    if (source.argument[0] != '\0') {
      EXPECT_THROW(LoadData(source.name), Error);
      EXPECT_THROW(LoadData(std::string(source.name) + ":/nowhere"), Error);
      continue;
    }
    const DataSplits data = LoadData(source.name);
    EXPECT_EQ(data.name, source.name);
    const DatasetPtr train = data.train.Open();
    const DatasetPtr test = data.test.Open();
    EXPECT_EQ(Fingerprint(*train, *test).size(), 16u);
    for (const DatasetPtr& half : {train, test}) {
      ASSERT_GT(half->size(), 0);
      for (const float v : RealValues(*half, 0, half->size() - 1))
        EXPECT_TRUE(v >= 0 && v <= 1) << v;
      EXPECT_LT(LabelOf(*half, 0), half->classes());
    }
  }
}

// Tables whose rows are found by name.
TEST(ListsTest, LossesOptimizersSchedulesAndMetrics) {
  const auto check = [](const auto& rows, const auto& find) {
    NameCheck names;
    EXPECT_FALSE(rows.empty());
    for (const auto& row : rows) {
      names.Add(row.name, row.summary);
      EXPECT_EQ(&find(row.name), &row);
    }
    EXPECT_THROW(find("no such row"), Error);
  };
  check(Losses(), FindLoss);
  check(Optimizers(), FindOptimizer);
  check(Schedules(), FindSchedule);
  check(Metrics(), FindMetric);
  // What is taken where nobody says otherwise.
  const TrainOptions options;
  EXPECT_EQ(options.loss, kAutoLoss);
  EXPECT_EQ(FindLoss(StudySettings().loss).targets, TargetKind::kLabels);
  EXPECT_EQ(FindOptimizer(options.optimizer).slots, 2);
  EXPECT_FALSE(FindSchedule(options.schedule).needs_length);
  EXPECT_TRUE(FindMetric(EvaluateOptions().metric).is_share);
  EXPECT_EQ(StudySettings().optimizer, options.optimizer);
  EXPECT_EQ(StudySettings().momentum, options.momentum);
  // Which is constant but in recipes' steps, and those of a study say so.
  EXPECT_EQ(options.schedule, kAutoSchedule);
  EXPECT_EQ(StudySettings().schedule, "constant");
  EXPECT_EQ(StudySettings().metric, EvaluateOptions().metric);
}

TEST(ListsTest, Recipes) {
  const RecipeTable table;
  NameCheck check;
  Names before;
  for (const Recipe& recipe : table.recipes()) {
    check.Add(recipe.name, recipe.summary);
    SCOPED_TRACE(recipe.name);
    EXPECT_EQ(&table.Find(recipe.name), &recipe);
    EXPECT_FALSE(recipe.steps.empty());
    EXPECT_TRUE(recipe.parent.empty() || before.count(recipe.parent) != 0)
        << "comes before its parent " << recipe.parent;
    const auto lineage = table.Lineage(recipe);
    EXPECT_TRUE(lineage.front()->parent.empty());
    EXPECT_EQ(lineage.back(), &recipe);
    before.insert(recipe.name);
  }
  EXPECT_THROW(table.Find("no such recipe"), Error);
}

}  // namespace
}  // namespace litesmith
