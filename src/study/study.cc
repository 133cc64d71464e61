#include "src/study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/data/decorators.h"
#include "src/data/sources.h"
#include "src/quant/convert.h"
#include "src/study/evaluate.h"
#include "src/study/gzip.h"
#include "src/study/isa.h"
#include "src/study/methods.h"
#include "src/study/models.h"
#include "src/study/optimize.h"
#include "src/study/overall_progress.h"
#include "src/study/report.h"
#include "src/study/run_directory.h"
#include "src/study/weights.h"
#include "src/train/trainer.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A recipe's trained model on disk.
struct Trained {
  std::string key;     // of everything it depends on
  std::string digest;  // of the file
  double seconds = 0;
  Promises promises;
  // Read back from the file when a cell first needs them.
  std::optional<Graph> graph;
  std::optional<Ranges> ranges;
};

class Study {
 public:
  Study(const StudyOptions& options, Progress* progress)
      : options_(options),
        recipes_(SelectRecipes(options)),
        methods_(SelectMethods(options)),
        progress_(progress, CountStages()) {
    if (options.out.empty()) {
      Fail(ErrorKind::kInvalidArgument, "the study needs a folder to write to");
    }
    if (options.epochs < 0 || options.limit < 0) {
      Fail(ErrorKind::kInvalidArgument,
           "{} epochs and a limit of {} samples: neither can be negative",
           options.epochs, options.limit);
    }
  }

  std::vector<StudyRow> Run() {
    // Whatever cannot work ends here, before anything takes time.
    start_graph_ = MakeTrainable(
        StripTrainingOps(LoadModel(options_.model, options_.seed)));
    model_identity_ = FileExists(options_.model)
                          ? Digest(ReadFile(options_.model))
                          : options_.model;
    MakeDirectory(options_.out);
    data_ = LoadData(options_.data);
    if (options_.limit > 0) {
      data_.train = Take(data_.train, options_.limit);
      data_.test = Take(data_.test, options_.limit);
    }
    Describe();
    std::vector<StudyRow> rows;
    for (const Recipe* recipe : Walk()) {
      Trained& trained = trained_[recipe->name];
      TrainRecipe(*recipe, &trained);
      if (std::find(recipes_.begin(), recipes_.end(), recipe) !=
          recipes_.end()) {
        for (const Method& method : methods_)
          rows.push_back(Cell(*recipe, &trained, method));
      }
      trained.graph.reset();
      trained.ranges.reset();
    }
    WriteFile(options_.out + "/table.md", MarkdownTable(rows));
    WriteFile(options_.out + "/results.json", ResultsJson(rows));
    return rows;
  }

 private:
  static std::vector<const Recipe*> SelectRecipes(const StudyOptions& options) {
    std::vector<const Recipe*> asked;
    for (const std::string& name : options.recipes)
      asked.push_back(&options.table.Find(name));
    if (!asked.empty()) return asked;
    for (const Recipe& recipe : options.table.recipes())
      asked.push_back(&recipe);
    return asked;
  }

  static std::vector<Method> SelectMethods(const StudyOptions& options) {
    std::vector<Method> asked;
    for (const std::string& name : options.methods)
      asked.push_back(FindMethod(name));
    if (!asked.empty()) return asked;
    for (const Method& method : Methods()) {
      if (method.in_table) asked.push_back(method);
    }
    return asked;
  }

  // The recipes asked for with all their parents, each once, parents first.
  std::vector<const Recipe*> Walk() const {
    std::vector<const Recipe*> result;
    for (const Recipe* recipe : recipes_) {
      for (const Recipe* each : options_.table.Lineage(*recipe)) {
        if (std::find(result.begin(), result.end(), each) == result.end())
          result.push_back(each);
      }
    }
    return result;
  }

  TrainOptions Training() const {
    TrainOptions train;
    train.epochs = options_.epochs;
    train.seed = options_.seed;
    train.threads = options_.threads;
    return train;
  }

  // For progress: every epoch and every cell is a stage.
  int64_t CountStages() const {
    auto stages = static_cast<int64_t>(recipes_.size() * methods_.size());
    for (const Recipe* recipe : Walk())
      stages += RecipeEpochs(*recipe, Training());
    return std::max<int64_t>(stages, 1);
  }

  std::string Folder(const Recipe& recipe) const {
    return options_.out + "/" + recipe.name;
  }
  std::string ModelFile(const Recipe& recipe) const {
    return Folder(recipe) + "/model.h5";
  }

  // Resolves every recipe on the start graph, whose layers all results share,
  // so that a rule that fits nothing is found before the first step.
  void Describe() {
    for (const Recipe* recipe : Walk()) {
      const Promises before = recipe->parent.empty()
                                  ? Promises()
                                  : trained_.at(recipe->parent).promises;
      trained_[recipe->name].promises = RecipePromises(
          start_graph_, *recipe, data_.train->size(), Training(), before);
    }
  }

  void TrainRecipe(const Recipe& recipe, Trained* result) {
    const bool root = recipe.parent.empty();
    const std::string file = ModelFile(recipe);
    const std::string note = Folder(recipe) + "/model.json";
    result->key = Digest(fmt::format(
        "version {} isa {} start {} data {} limit {} steps {} stage {} seed {}",
        options_.version, IsaName(),
        root ? "model " + model_identity_
             : trained_.at(recipe.parent).key +
                   trained_.at(recipe.parent).digest,
        data_.fingerprint, options_.limit,
        DescribeRecipe(start_graph_, recipe, data_.train->size(), Training()),
        FirstStage(options_.table, recipe), options_.seed));
    const int64_t stages = RecipeEpochs(recipe, Training());
    if (!options_.force) {
      if (const auto kept = RecallNote(note, result->key, file)) {
        result->digest = Digest(ReadFile(file));
        result->seconds = std::strtod(kept->c_str(), nullptr);
        SkipStages(fmt::format("{}: trained before", recipe.name), stages);
        return;
      }
    }
    MakeDirectory(Folder(recipe));
    TrainOptions train = Training();
    train.stage = FirstStage(options_.table, recipe);
    train.checkpoint = Folder(recipe) + "/checkpoint";
    PrepareCheckpoint(train.checkpoint, result->key);
    const TrainResult trained = RunSteps(
        root ? start_graph_
             : LoadModel(ModelFile(options_.table.Find(recipe.parent)), 0),
        recipe, *data_.train, train, &progress_);
    // Epochs of an interrupted run count too.
    result->seconds = 0;
    for (const EpochResult& epoch : trained.epochs)
      result->seconds += epoch.seconds;
    SaveModel(trained.graph, file);
    KeepNote(note, result->key, file, fmt::format("{}", result->seconds));
    RemoveCheckpoint(train.checkpoint);
    result->digest = Digest(ReadFile(file));
    SkipStages(fmt::format("{}: trained", recipe.name), stages);
  }

  // A checkpoint of a run with other inputs must not be gone on from.
  void PrepareCheckpoint(const std::string& checkpoint,
                         const std::string& key) const {
    const std::string owner = checkpoint + ".key";
    if (!options_.force && FileExists(owner)) {
      const std::vector<std::byte> bytes = ReadFile(owner);
      if (std::string_view(reinterpret_cast<const char*>(bytes.data()),
                           bytes.size()) == key) {
        return;
      }
    }
    RemoveCheckpoint(checkpoint);
    WriteFile(owner, key);
  }

  static void RemoveCheckpoint(const std::string& checkpoint) {
    const std::filesystem::path path = checkpoint;
    std::error_code code;
    std::vector<std::filesystem::path> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(path.parent_path(), code)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(path.filename().string()))
        found.push_back(entry.path());
    }
    for (const auto& each : found) std::filesystem::remove(each, code);
  }

  StudyRow Cell(const Recipe& recipe, Trained* trained, const Method& method) {
    const std::string label = fmt::format("{} {}", recipe.name, method.name);
    const bool keras = method.scheme == nullptr;
    const std::string name =
        keras ? "model.h5" : std::string(method.name) + ".tflite";
    const std::string file = Folder(recipe) + "/" + name;
    const std::string note = Folder(recipe) + "/" + method.name + ".json";
    const std::string key = Digest(fmt::format(
        "version {} isa {} model {} key {} method {} calibration {}",
        options_.version, IsaName(), trained->digest, trained->key, method.name,
        kCalibrationSamples));
    if (!options_.force) {
      if (const auto kept = RecallNote(note, key, file)) {
        SkipStages(label + ": kept", 1);
        StudyRow row = ParseRow(*kept, note);
        row.train_s = trained->seconds;
        return row;
      }
    }
    ThrowIfStopRequested();
    progress_.SkipTo(label, stages_done_);
    StudyRow row;
    row.recipe = recipe.name;
    row.method = method.name;
    row.train_s = trained->seconds;
    row.path = fmt::format("{}/{}", recipe.name, name);
    row.isa = IsaName();
    row.seed = options_.seed;
    if (!keras) {
      const auto start = Clock::now();
      ConvertModel(recipe, *method.scheme, file, trained);
      row.convert_s = SecondsSince(start);
    }
    Measure(file, trained->promises, &row);
    KeepNote(note, key, file, RowJson(row));
    SkipStages(label, 1);
    progress_.Line(fmt::format("{}: accuracy {:.2f} %, {} bytes, {:.2f} us",
                               label, 100 * row.accuracy, row.file_bytes,
                               row.latency_us_p50));
    return row;
  }

  void ConvertModel(const Recipe& recipe, const Scheme& scheme,
                    const std::string& to, Trained* trained) const {
    if (!trained->graph) trained->graph = LoadModel(ModelFile(recipe), 0);
    if (NeedsRanges(*trained->graph, scheme) && !trained->ranges) {
      trained->ranges =
          Calibrate(*trained->graph, *data_.train, kCalibrationSamples);
    }
    SaveModel(
        Convert(*trained->graph, scheme, trained->ranges.value_or(Ranges())),
        to);
  }

  // Everything that the written file alone tells.
  void Measure(const std::string& file, const Promises& promises,
               StudyRow* row) const {
    const std::vector<std::byte> bytes = ReadFile(file);
    row->file_bytes = static_cast<int64_t>(bytes.size());
    const Graph written = LoadModel(file, 0);
    EvaluateOptions options;
    options.threads = options_.threads;
    // Compression takes as long as a core's part of the test set.
    std::future<int64_t> gzip = std::async([&] { return GzipSize(bytes); });
    const FileAccuracy accuracy = EvaluateGraph(written, *data_.test, options);
    row->gzip_bytes = gzip.get();
    row->accuracy = accuracy.accuracy;
    row->correct = accuracy.correct;
    row->samples = accuracy.samples;
    const FileTime time = TimeGraph(written, *data_.test, options);
    row->total_ms = time.total_ms;
    row->latency_us_p50 = time.latency_us_p50;
    row->latency_us_p99 = time.latency_us_p99;
    // An .h5 of a quantization-aware model holds its weights as Keras sees
    // them.
    const Graph plain = StripTrainingOps(written);
    row->sparsity = WeightSparsity(plain);
    row->invariants = CheckInvariants(plain, promises);
  }

  void SkipStages(std::string_view task, int64_t stages) {
    stages_done_ += stages;
    progress_.SkipTo(task, stages_done_);
  }

  const StudyOptions& options_;
  std::vector<const Recipe*> recipes_;
  std::vector<Method> methods_;
  OverallProgress progress_;
  int64_t stages_done_ = 0;
  Graph start_graph_;
  std::string model_identity_;
  DataSplits data_;
  std::map<std::string, Trained> trained_;
};

}  // namespace

std::vector<StudyRow> RunStudy(const StudyOptions& options,
                               Progress* progress) {
  return Study(options, progress).Run();
}

void RequireInvariants(const std::vector<StudyRow>& rows) {
  std::string broken;
  for (const StudyRow& row : rows) {
    for (const Invariant& i : row.invariants) {
      if (i.ok) continue;
      broken += fmt::format("\n  {} {} '{}': {} {}, {} promised", row.recipe,
                            row.method, i.tensor, i.value, i.name, i.limit);
    }
  }
  if (!broken.empty()) {
    Fail(ErrorKind::kInvariant, "exported files break what was promised:{}",
         broken);
  }
}

}  // namespace litesmith
