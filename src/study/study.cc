#include "src/study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "src/base/check.h"
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
#include "src/study/overall_progress.h"
#include "src/study/recipes.h"
#include "src/study/report.h"
#include "src/study/run_directory.h"
#include "src/study/weights.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

// TFLite's representative data set: the first samples of the training half.
constexpr int64_t kCalibrationSamples = 100;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A recipe's trained model on disk.
struct Trained {
  std::string key;     // of everything it depends on
  std::string digest;  // of the file
  double seconds = 0;
};

class Study {
 public:
  Study(const StudyOptions& options, Progress* progress)
      : options_(options), progress_(progress, CountStages(options)) {
    if (options.out.empty()) {
      Fail(ErrorKind::kInvalidArgument, "the study needs a folder to write to");
    }
    if (options.epochs < 0 || options.limit < 0) {
      Fail(ErrorKind::kInvalidArgument,
           "{} epochs and a limit of {} samples: neither can be negative",
           options.epochs, options.limit);
    }
    recipes_ = SelectRecipes(options);
    methods_ = SelectMethods(options);
  }

  std::vector<StudyRow> Run() {
    // Whatever cannot work ends here, before anything takes time.
    start_graph_ = LoadModel(options_.model, options_.seed);
    model_identity_ = FileExists(options_.model)
                          ? Digest(ReadFile(options_.model))
                          : options_.model;
    MakeDirectory(options_.out);
    data_ = LoadData(options_.data);
    if (options_.limit > 0) {
      data_.train = Take(data_.train, options_.limit);
      data_.test = Take(data_.test, options_.limit);
    }
    std::vector<StudyRow> rows;
    for (const Recipe* recipe : Walk()) {
      const Trained trained = TrainRecipe(*recipe);
      trained_[recipe->name] = trained;
      if (std::find(recipes_.begin(), recipes_.end(), recipe) ==
          recipes_.end()) {
        continue;
      }
      for (const Method& method : methods_)
        rows.push_back(Cell(*recipe, trained, method));
    }
    WriteFile(options_.out + "/table.md", MarkdownTable(rows));
    WriteFile(options_.out + "/results.json", ResultsJson(rows));
    return rows;
  }

 private:
  static std::vector<const Recipe*> SelectRecipes(const StudyOptions& options) {
    std::vector<const Recipe*> asked;
    for (const std::string& name : options.recipes)
      asked.push_back(&FindRecipe(name));
    if (!asked.empty()) return asked;
    for (const Recipe& recipe : Recipes()) asked.push_back(&recipe);
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
  static std::vector<const Recipe*> WithParents(
      const std::vector<const Recipe*>& asked) {
    std::vector<const Recipe*> result;
    for (const Recipe* recipe : asked) {
      for (const Recipe* each : Lineage(*recipe)) {
        if (std::find(result.begin(), result.end(), each) == result.end())
          result.push_back(each);
      }
    }
    return result;
  }
  std::vector<const Recipe*> Walk() const { return WithParents(recipes_); }

  // For progress: every epoch and every cell is a stage.
  static int64_t CountStages(const StudyOptions& options) {
    const std::vector<const Recipe*> asked = SelectRecipes(options);
    int64_t stages =
        static_cast<int64_t>(asked.size() * SelectMethods(options).size());
    for (const Recipe* recipe : WithParents(asked)) {
      stages += static_cast<int64_t>(recipe->steps.size()) *
                std::max(options.epochs, 0);
    }
    return std::max<int64_t>(stages, 1);
  }

  std::string Folder(const Recipe& recipe) const {
    return options_.out + "/" + recipe.name;
  }

  Trained TrainRecipe(const Recipe& recipe) {
    const bool root = recipe.parent[0] == '\0';
    const std::string folder = Folder(recipe);
    const std::string file = folder + "/model.h5";
    const std::string note = folder + "/model.json";
    Trained result;
    result.key = Digest(fmt::format(
        "version {} start {} data {} limit {} steps {} epochs {} seed {}",
        options_.version,
        root ? "model " + model_identity_ : trained_.at(recipe.parent).digest,
        data_.fingerprint, options_.limit, DescribeSteps(recipe),
        options_.epochs, options_.seed));
    const int64_t stages =
        static_cast<int64_t>(recipe.steps.size()) * options_.epochs;
    if (!options_.force) {
      if (const auto kept = RecallNote(note, result.key, file)) {
        result.digest = Digest(ReadFile(file));
        result.seconds = std::strtod(kept->c_str(), nullptr);
        SkipStages(fmt::format("{}: trained before", recipe.name), stages);
        return result;
      }
    }
    MakeDirectory(folder);
    Graph graph = MakeTrainable(
        root ? start_graph_
             : LoadModel(Folder(FindRecipe(recipe.parent)) + "/model.h5", 0));
    const std::string checkpoint = folder + "/checkpoint";
    PrepareCheckpoint(checkpoint, result.key);
    for (size_t s = 0; s < recipe.steps.size(); ++s) {
      TrainOptions train;
      train.epochs = options_.epochs;
      train.seed = options_.seed;
      train.threads = options_.threads;
      train.label = recipe.name;
      train.checkpoint = checkpoint;
      if (recipe.steps.size() > 1) train.checkpoint += fmt::format(".{}", s);
      switch (recipe.steps[s].kind) {
        case StepKind::kTrain:
          break;
      }
      TrainResult trained = Train(graph, *data_.train, train, &progress_);
      graph = std::move(trained.graph);
      // Epochs of an interrupted run count too.
      for (const EpochResult& epoch : trained.epochs)
        result.seconds += epoch.seconds;
    }
    SaveModel(graph, file);
    KeepNote(note, result.key, file, fmt::format("{:.3f}", result.seconds));
    RemoveCheckpoint(checkpoint);
    result.digest = Digest(ReadFile(file));
    SkipStages(fmt::format("{}: trained", recipe.name), stages);
    return result;
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

  StudyRow Cell(const Recipe& recipe, const Trained& trained,
                const Method& method) {
    const std::string label = fmt::format("{} {}", recipe.name, method.name);
    const std::string folder = Folder(recipe);
    const bool keras = method.scheme == nullptr;
    const std::string name =
        keras ? "model.h5" : std::string(method.name) + ".tflite";
    const std::string file = folder + "/" + name;
    const std::string note = folder + "/" + method.name + ".json";
    const std::string key = Digest(fmt::format(
        "version {} model {} key {} method {} calibration {}", options_.version,
        trained.digest, trained.key, method.name, kCalibrationSamples));
    if (!options_.force) {
      if (const auto kept = RecallNote(note, key, file)) {
        SkipStages(label + ": kept", 1);
        StudyRow row = ParseRow(*kept, note);
        row.train_s = trained.seconds;
        return row;
      }
    }
    ThrowIfStopRequested();
    progress_.SkipTo(label, stages_done_);
    StudyRow row;
    row.recipe = recipe.name;
    row.method = method.name;
    row.train_s = trained.seconds;
    row.path = fmt::format("{}/{}", recipe.name, name);
    row.isa = IsaName();
    row.seed = options_.seed;
    if (!keras) {
      const auto start = Clock::now();
      ConvertFile(folder + "/model.h5", *method.scheme, file);
      row.convert_s = SecondsSince(start);
    }
    Measure(file, &row);
    KeepNote(note, key, file, RowJson(row));
    SkipStages(label, 1);
    progress_.Line(fmt::format("{}: accuracy {:.2f} %, {} bytes, {:.2f} us",
                               label, 100 * row.accuracy, row.file_bytes,
                               row.latency_us_p50));
    return row;
  }

  void ConvertFile(const std::string& from, const Scheme& scheme,
                   const std::string& to) const {
    const Graph graph = LoadModel(from, 0);
    Ranges ranges;
    if (scheme.full_integer)
      ranges = Calibrate(graph, *data_.train, kCalibrationSamples);
    SaveModel(Convert(graph, scheme, ranges), to);
  }

  // Everything that the written file alone tells.
  void Measure(const std::string& file, StudyRow* row) const {
    EvaluateOptions options;
    options.threads = options_.threads;
    const FileAccuracy accuracy = EvaluateFile(file, *data_.test, options);
    row->accuracy = accuracy.accuracy;
    row->correct = accuracy.correct;
    row->samples = accuracy.samples;
    const FileTime time = TimeFile(file, *data_.test, options);
    row->total_ms = time.total_ms;
    row->latency_us_p50 = time.latency_us_p50;
    row->latency_us_p99 = time.latency_us_p99;
    const std::vector<std::byte> bytes = ReadFile(file);
    row->file_bytes = static_cast<int64_t>(bytes.size());
    row->gzip_bytes = GzipSize(bytes);
    row->sparsity = WeightSparsity(LoadModel(file, 0));
  }

  void SkipStages(std::string_view task, int64_t stages) {
    stages_done_ += stages;
    progress_.SkipTo(task, stages_done_);
  }

  const StudyOptions& options_;
  OverallProgress progress_;
  int64_t stages_done_ = 0;
  std::vector<const Recipe*> recipes_;
  std::vector<Method> methods_;
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

}  // namespace litesmith
