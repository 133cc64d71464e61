// Plans what is missing, then trains, converts and measures it, one recipe
// after another; everything that is finished is kept at once.
#include "src/study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "src/base/build_id.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/isa.h"
#include "src/base/near_file.h"
#include "src/base/output.h"
#include "src/base/overall_progress.h"
#include "src/base/temporary_file.h"
#include "src/base/timer.h"
#include "src/base/warning.h"
#include "src/data/sources.h"
#include "src/data/views.h"
#include "src/formats/tflite/tflite.h"
#include "src/measure/data_checks.h"
#include "src/measure/evaluate.h"
#include "src/measure/metrics.h"
#include "src/models/class_names.h"
#include "src/models/model_data.h"
#include "src/models/models.h"
#include "src/optimize/optimize.h"
#include "src/quant/convert.h"
#include "src/study/choices.h"
#include "src/study/details.h"
#include "src/study/measure_cell.h"
#include "src/study/methods.h"
#include "src/study/plan.h"
#include "src/study/quiet.h"
#include "src/study/report/contents.h"
#include "src/study/report/page.h"
#include "src/study/report/report.h"
#include "src/study/results.h"
#include "src/study/run_directory.h"
#include "src/train/settings.h"
#include "src/train/trainer.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// A recipe's trained model on disk.
struct Trained {
  std::string key;    // of everything it depends on
  bool kept = false;  // it is there from an earlier call
  bool wanted = false;
  double seconds = 0;
  Promises promises;
  std::vector<CoverageRow> coverage;
  size_t last_reader = 0;  // of the walk: the last recipe that needs it
  // Read back from the file when first needed, until the last reader is done.
  std::vector<std::byte> bytes;
  std::optional<Graph> graph;
  std::optional<Ranges> ranges;
};

class Study {
 public:
  Study(const StudyOptions& options, Progress* progress,
        std::vector<StudyRow>* done)
      : options_(WithTrainedModel(options)),
        recipes_(SelectRecipes(options_)),
        methods_(SelectMethods(options_)),
        walk_(WithParents(options_.table, recipes_)),
        progress_(progress, CountStages()),
        rows_(*done) {
    if (options.out.empty()) {
      Fail(ErrorKind::kInvalidArgument, "the study needs a folder to write to");
    }
    if (options.train.epochs < 0 || options.limit < 0) {
      Fail(ErrorKind::kInvalidArgument,
           "{} epochs and a limit of {} samples: neither can be negative",
           options.train.epochs, options.limit);
    }
  }

  void Run() {
    Begin();
    const FolderLock lock(options_.out);
    OpenFolder();
    SweepTemporaryFilesOnce(options_.out);
    for (const Recipe* recipe : walk_)
      SweepTemporaryFilesOnce(folder_ + "/" + recipe->name);
    const size_t missing = Plan();
    if (missing > 0) CheckMethods();
    try {
      for (size_t at = 0; at < walk_.size(); ++at) FinishRecipe(at);
      WriteCoveragePage(folder_ + "/coverage.md", coverage_);
    } catch (const Error&) {
      AddKept();
      TryReports();
      throw;
    }
    WriteReports();
    if (missing == 0) {
      progress_.Line(fmt::format(
          "{} of {} results are there from before: nothing was computed",
          rows_.size(), rows_.size()));
    }
  }

  // What Run would do, without a folder, a lock or a trace.
  StudyPlan PlanOnly() {
    Begin();
    OpenFolder();
    StudyPlan plan;
    plan.folder = folder_;
    plan.missing = static_cast<int64_t>(Plan());
    if (plan.missing > 0) CheckMethods();
    for (const Recipe* recipe : walk_) {
      const Trained& trained = trained_.at(recipe->name);
      plan.recipes.push_back({recipe->name, recipe->parent,
                              trained.kept       ? "kept"
                              : IsGiven(*recipe) ? "given"
                              : trained.wanted   ? "train"
                                                 : "idle",
                              RecipeEpochs(*recipe, options_.train),
                              trained.seconds});
      if (!IsAsked(*recipe)) continue;
      for (const Method& method : methods_) {
        plan.cells.push_back(
            {recipe->name, method.name,
             fmt::format("{}{}{}/{}", place_, place_.empty() ? "" : "/",
                         recipe->name, FileName(method)),
             kept_.find({recipe->name, method.name}) != kept_.end()});
      }
    }
    GuessSeconds(start_graph_, train_, *test_, options_, &plan);
    return plan;
  }

 private:
  // Whether the recipe's result is the model as it was given.
  bool IsGiven(const Recipe& recipe) const {
    return options_.trained && recipe.parent.empty() && OnlyTrains(recipe);
  }

  // Whatever cannot work ends here, before anything takes time.
  void Begin() {
    TryOutputFolder(options_.out);
    given_graph_ = LoadFloatModel(
        options_.model, options_.train.seed, options_.dequantize,
        ShapeOfData(options_.model, options_.data, options_.reading));
    start_graph_ = StripTrainingOps(given_graph_);
    RequireTrainable(start_graph_);
    WarnIfNoKerasForm(start_graph_, ModelFormat::kKerasH5);
    settings_ = SettingsOf(options_);
    OpenData();
    options_.train.loss = LossFor(start_graph_, *train_, options_.train.loss);
    settings_.loss = options_.train.loss;
    const std::string& metrics = options_.metric;
    settings_.metric = metrics.substr(0, metrics.find(','));
    settings_.further_metrics =
        metrics.substr(std::min(metrics.size(), settings_.metric.size() + 1));
    Describe();
  }

  bool IsAsked(const Recipe& recipe) const {
    return std::find(recipes_.begin(), recipes_.end(), &recipe) !=
           recipes_.end();
  }

  // For progress: every epoch and every cell is a stage.
  int64_t CountStages() const {
    auto stages = static_cast<int64_t>(recipes_.size() * methods_.size());
    for (const Recipe* recipe : walk_)
      stages += RecipeEpochs(*recipe, options_.train);
    return std::max<int64_t>(stages, 1);
  }

  // Whole halves, whatever the limit: a digest is of all data that SPEC names.
  void OpenData() {
    const DataSplits data =
        LoadData(options_.data, ContextFor(start_graph_, options_.reading));
    train_ = data.train.Open();
    test_ = data.test.Open();
    settings_.data_digest = Fingerprint(*train_, *test_);
    if (options_.limit > 0) {
      train_ = Take(train_, options_.limit);
      test_ = Take(test_, options_.limit);
    }
    // Of each output, and from now on all of them.
    options_.metric = fmt::format(
        "{}",
        fmt::join(ChooseMetrics(options_.metric, start_graph_, *test_), ","));
    CheckSamples(*train_, test_.get());
    CheckTrained(start_graph_, *train_);
    if (options_.trained) CheckGiven();
  }

  // A trained model's answers say whether the data are what it knows.
  void CheckGiven() const {
    EvaluateOptions check;
    check.threads = options_.train.threads;
    check.metric = options_.metric;
    CheckOutputs(start_graph_, *test_, check);
  }

  // Resolves every recipe on the start graph, whose layers all results share,
  // so that a rule that fits nothing is found before the first step.
  void Describe() {
    for (size_t at = 0; at < walk_.size(); ++at) {
      const Recipe& recipe = *walk_[at];
      const bool root = recipe.parent.empty();
      Trained& trained = trained_[recipe.name];
      TrainOptions train = options_.train;
      train.stage = FirstStage(options_.table, recipe);
      trained.promises = RecipePromises(
          start_graph_, recipe, train_->size(), train,
          root ? Promises() : trained_.at(recipe.parent).promises);
      trained.key = DigestOf(fmt::format(
          "build {} isa {} settings {} start {} steps {}", BuildId(), IsaName(),
          FieldsText(settings_),
          root ? settings_.model_digest : trained_.at(recipe.parent).key,
          DescribeRecipe(start_graph_, recipe, train_->size(), train)));
      trained.coverage = CoverageOf(start_graph_, options_.table, recipe,
                                    train_->size(), train);
      if (IsAsked(recipe))
        coverage_ += CoverageMarkdown(recipe.name, trained.coverage);
      trained.last_reader = at;
      if (!root) trained_.at(recipe.parent).last_reader = at;
    }
  }

  // The folder of these settings: the directory itself for its first.
  void OpenFolder() {
    place_ = SettingsFolder(options_.out, settings_);
    folder_ = place_.empty() ? options_.out : options_.out + "/" + place_;
    if (!place_.empty()) {
      progress_.Line(
          fmt::format("{} holds results of other settings; these go to {}",
                      options_.out, folder_));
    }
  }

  std::string File(const Recipe& recipe, const Method& method) const {
    return fmt::format("{}/{}/{}", folder_, recipe.name, FileName(method));
  }
  std::string ModelFile(const std::string& recipe) const {
    return fmt::format("{}/{}/model.h5", folder_, recipe);
  }

  std::string CellKey(const Recipe& recipe, const Method& method) const {
    return DigestOf(fmt::format("model {} method {} convert {} calibration {}",
                                trained_.at(recipe.name).key, method.name,
                                FieldsText(kConvert), kCalibrationSamples));
  }

  // What is there from before, and which models are wanted for what is not.
  // Returns how many cells are missing.
  size_t Plan() {
    size_t missing = 0;
    for (size_t at = walk_.size(); at-- > 0;) {  // children first
      const Recipe& recipe = *walk_[at];
      Trained& trained = trained_.at(recipe.name);
      if (!options_.force) {
        if (const auto note =
                ReadCached(ModelNote(folder_, recipe.name), trained.key,
                           ModelFile(recipe.name), &digests_)) {
          trained.kept = true;
          trained.seconds = ParseModelFacts(note->text).seconds;
        }
      }
      for (const Method& method : methods_) {
        if (!IsAsked(recipe)) break;
        if (!options_.force) {
          const std::string path = CellNote(folder_, recipe.name, method.name);
          if (const auto note = ReadCached(path, CellKey(recipe, method),
                                           File(recipe, method), &digests_)) {
            kept_[{recipe.name, method.name}] = ParseRow(note->text, path);
            continue;
          }
        }
        ++missing;
        trained.wanted = true;
      }
      if (trained.wanted && !trained.kept && !recipe.parent.empty()) {
        trained_.at(recipe.parent).wanted = true;
        if (Distills(recipe, options_.train))
          trained_.at(RootOf(recipe)).wanted = true;
      }
    }
    return missing;
  }

  // Converts the untrained model by every method and sets it up to run: what a
  // method cannot do with these layers, or the data with these outputs, is
  // known before the first step.
  void CheckMethods() const {
    const Quiet quiet;  // what the results have to be warned of comes with them
    Ranges ranges;
    for (const Method& method : methods_) {
      try {
        if (method.scheme == nullptr) {
          RequireOutputs(start_graph_, *test_, options_.metric);
          continue;
        }
        if (ranges.empty() && NeedsRanges(start_graph_, *method.scheme))
          ranges = Calibrate(start_graph_, *train_, 1);
        RequireOutputs(
            ReadTflite(WriteTflite(Convert(start_graph_, *method.scheme, ranges,
                                           kConvert)),
                       FileName(method)),
            *test_, options_.metric);
      } catch (const Error& error) {
        Fail(error.kind(), "{} by method {}: {}", options_.model, method.name,
             error.what());
      }
    }
  }

  void FinishRecipe(size_t at) {
    const Recipe& recipe = *walk_[at];
    Trained& trained = trained_.at(recipe.name);
    TrainRecipe(recipe, &trained);
    if (IsAsked(recipe)) {
      for (const Method& method : methods_)
        rows_.push_back(Cell(recipe, &trained, method));
    }
    for (auto& [name, each] : trained_) {
      if (each.last_reader > at) continue;
      each.graph.reset();
      each.ranges.reset();
      each.bytes = {};
    }
  }

  // The rows from before that an error did not let us come to.
  void AddKept() {
    for (const Recipe* recipe : walk_) {
      for (const Method& method : methods_) {
        const auto kept = kept_.find({recipe->name, method.name});
        if (kept == kept_.end() ||
            std::any_of(rows_.begin(), rows_.end(), [&](const StudyRow& row) {
              return row.recipe == recipe->name && row.method == method.name;
            })) {
          continue;
        }
        rows_.push_back(kept->second);
      }
    }
  }

  void TrainRecipe(const Recipe& recipe, Trained* result) {
    const int64_t stages = RecipeEpochs(recipe, options_.train);
    if (result->kept || !result->wanted) {
      // A run may have been killed just before it removed them.
      if (result->kept)
        RemoveCheckpoint(fmt::format("{}/{}/checkpoint", folder_, recipe.name));
      SkipStages(fmt::format("{}: trained before", recipe.name), stages);
      return;
    }
    const bool root = recipe.parent.empty();
    const std::string folder = folder_ + "/" + recipe.name;
    MakeDirectory(folder);
    WriteSettingsOnce();
    TrainOptions train = options_.train;
    train.stage = FirstStage(options_.table, recipe);
    train.checkpoint = folder + "/checkpoint";
    ClaimCheckpoint(train.checkpoint, result->key, options_.force);
    TrainResult trained;
    if (IsGiven(recipe)) {
      trained.graph = given_graph_;
    } else {
      trained = RunSteps(root ? start_graph_ : ModelGraph(recipe.parent),
                         root || !Distills(recipe, train)
                             ? start_graph_
                             : ModelGraph(RootOf(recipe)),
                         recipe, *train_, train, &progress_);
    }
    // Epochs of an interrupted run count too.
    result->seconds = 0;
    for (const EpochResult& epoch : trained.epochs)
      result->seconds += epoch.seconds;
    const std::string file = ModelFile(recipe.name);
    SaveModel(trained.graph, file);
    AddClassNames(file, train_->class_names());
    result->bytes = ReadFile(file);
    digests_.Set(file, result->bytes);
    WriteDetails(
        ModelDetailsFile(folder_, recipe.name), *digests_.Of(file),
        DescribeModel(StripTrainingOps(trained.graph), trained.epochs));
    const auto order =
        static_cast<int>(&recipe - options_.table.recipes().data());
    WriteCached(ModelNote(folder_, recipe.name),
                {result->key, *digests_.Of(file),
                 root ? settings_.model_digest : trained_.at(recipe.parent).key,
                 ModelFactsText({recipe.parent, order, result->seconds,
                                 HasFakeQuant(trained.graph)})});
    RemoveCheckpoint(train.checkpoint);
    SkipStages(fmt::format("{}: trained", recipe.name), stages);
  }

  // A folder belongs to the settings that train in it first.
  void WriteSettingsOnce() const {
    const std::string path = folder_ + "/" + kSettingsFile;
    if (!FileExists(path)) WriteSettings(settings_, path);
  }

  // What the file holds; the cells and the children share one reading.
  // Where the recipe's lineage starts.
  const std::string& RootOf(const Recipe& recipe) const {
    return options_.table.Lineage(recipe).front()->name;
  }
  const Graph& ModelGraph(const std::string& recipe) {
    Trained& trained = trained_.at(recipe);
    if (!trained.graph) trained.graph = LoadModel(ModelFile(recipe), 0);
    return *trained.graph;
  }

  StudyRow Cell(const Recipe& recipe, Trained* trained, const Method& method) {
    const std::string label = fmt::format("{} {}", recipe.name, method.name);
    const auto kept = kept_.find({recipe.name, method.name});
    if (kept != kept_.end()) {
      SkipStages(label + ": kept", 1);
      StudyRow row = kept->second;
      if (trained->seconds > 0) row.train_s = trained->seconds;
      return row;
    }
    ThrowIfStopRequested();
    progress_.SkipTo(label, stages_done_);
    StudyRow row;
    row.recipe = recipe.name;
    row.method = method.name;
    row.train_s = trained->seconds;
    row.path = fmt::format("{}{}{}/{}", place_, place_.empty() ? "" : "/",
                           recipe.name, FileName(method));
    row.isa = IsaName();
    row.machine = MachineName();
    row.build = BuildId();
    row.settings = settings_;
    row.coverage = trained->coverage;
    row.class_names.assign(train_->class_names().begin(),
                           train_->class_names().end());
    const std::string file = File(recipe, method);
    CellDetails details;
    const Graph& model = ModelGraph(recipe.name);
    if (method.scheme == nullptr) {
      if (trained->bytes.empty()) trained->bytes = ReadFile(file);
      details = MeasureCell({trained->bytes, model, model, trained->promises},
                            *test_, options_, &row);
    } else {
      const Timer timer;
      ConvertModel(recipe, *method.scheme, file, trained);
      AddClassNames(file, train_->class_names());
      row.convert_s = timer.Seconds();
      const std::vector<std::byte> bytes = ReadFile(file);
      digests_.Set(file, bytes);
      details = MeasureCell(
          {bytes, ReadTflite(bytes, file), model, trained->promises}, *test_,
          options_, &row);
    }
    WriteDetails(CellDetailsFile(folder_, recipe.name, method.name),
                 *digests_.Of(file), details);
    WriteCached(CellNote(folder_, recipe.name, method.name),
                {CellKey(recipe, method), *digests_.Of(file), trained->key,
                 RowJson(row)});
    SkipStages(label, 1);
    progress_.Line(fmt::format("{}: {}, {} bytes, {:.2f} us", label,
                               ScoreText(row), row.file_bytes,
                               row.latency_us_p50));
    return row;
  }

  void ConvertModel(const Recipe& recipe, const Scheme& scheme,
                    const std::string& to, Trained* trained) {
    const Graph& graph = ModelGraph(recipe.name);
    if (NeedsRanges(graph, scheme) && !trained->ranges) {
      const uint64_t seed = options_.calibration_seed;
      const DatasetPtr samples =
          seed == 0 ? train_
                    : Pick(train_,
                           DrawOverClasses(*train_, kCalibrationSamples, seed));
      trained->ranges = Calibrate(graph, *samples, kCalibrationSamples);
    }
    SaveModel(
        Convert(graph, scheme, trained->ranges.value_or(Ranges()), kConvert),
        to);
  }

  // Of every result in the directory, not only of those asked for now.
  void WriteReports() {
    const std::vector<StudyRow> rows = CollectRows(options_.out, &digests_);
    if (rows.empty()) return;
    WriteFile(options_.out + "/table.md", MarkdownTable(rows));
    WriteFile(options_.out + "/results.json", ResultsJson(rows));
    WriteFile(options_.out + "/results.csv", ResultsCsv(rows));
    WriteFile(options_.out + "/README.txt", FolderReadme(rows));
    WriteFile(
        options_.out + "/" + kReportFile,
        ReportPage(ReadContents(options_.out, rows, &digests_), options_.out));
  }

  // While an error is under way, which says more than what happens here.
  void TryReports() {
    try {
      WriteReports();
    } catch (const Error&) {
    }
  }

  void SkipStages(std::string_view task, int64_t stages) {
    stages_done_ += stages;
    progress_.SkipTo(task, stages_done_);
    NoteKept(options_.out);
  }

  static constexpr ConvertOptions kConvert = {};

  StudyOptions options_;
  std::vector<const Recipe*> recipes_;
  std::vector<Method> methods_;
  std::vector<const Recipe*> walk_;
  std::string coverage_;  // of the recipes asked for, as Markdown
  OverallProgress progress_;
  std::vector<StudyRow>& rows_;  // finished, in order
  int64_t stages_done_ = 0;
  Graph given_graph_;  // with what it has for training
  Graph start_graph_;
  DatasetPtr train_;
  DatasetPtr test_;
  StudySettings settings_;
  std::string place_;   // of the settings, below the run directory
  std::string folder_;  // the run directory and place_
  FileDigests digests_;
  std::map<std::string, Trained> trained_;
  std::map<std::pair<std::string, std::string>, StudyRow> kept_;
};

}  // namespace

std::vector<StudyRow> RunStudy(const StudyOptions& options, Progress* progress,
                               std::vector<StudyRow>* done) {
  std::vector<StudyRow> rows;
  if (done == nullptr) done = &rows;
  done->clear();
  Study(options, progress, done).Run();
  return *done;
}

StudyPlan PlanStudy(const StudyOptions& options) {
  std::vector<StudyRow> rows;
  return Study(options, nullptr, &rows).PlanOnly();
}

std::vector<StudyRow> ReadStudy(const std::string& directory) {
  if (!std::filesystem::is_directory(directory))
    Fail(ErrorKind::kNotFound, "there is no folder {}{}", directory,
         DidYouMeanFile(directory));
  FileDigests digests;
  std::vector<StudyRow> rows = CollectRows(directory, &digests);
  if (rows.empty()) {
    Fail(ErrorKind::kNotFound,
         "{} holds no results of a study, or none whose files are whole",
         directory);
  }
  return rows;
}

void RequirePromises(const std::vector<StudyRow>& rows) {
  std::string broken;
  for (const StudyRow& row : rows) {
    broken += BrokenPromises(row.recipe + " " + row.method, row.invariants);
  }
  RequireKept(broken);
}

}  // namespace litesmith
