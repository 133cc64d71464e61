// litesmith evaluate: what a written file's outputs on the test half are worth.
#include "src/measure/evaluate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/class_text.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/measure/data_checks.h"
#include "src/measure/latency.h"
#include "src/measure/metrics.h"
#include "src/measure/predictions.h"
#include "src/models/class_names.h"
#include "src/models/model_data.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct Options {
  std::string file;
  std::string data;
  DataContext reading;
  int64_t limit = 0;
  std::string metric = kAutoMetric;
  std::string one_class;
  std::string predictions;
  bool time = false;
  bool json = false;
  RuntimeFlags runtime;
};

// The class that --one-class names or numbers; -1 without one.
int OneClass(const Options& options, const Predictions& predictions,
             std::span<const std::string> names) {
  if (options.one_class.empty()) return -1;
  if (predictions.classes == 0) {
    Fail(ErrorKind::kInvalidArgument, "--one-class {}: the data has no classes",
         options.one_class);
  }
  std::vector<std::string> known;
  for (int c = 0; c < predictions.classes; ++c)
    known.push_back(ClassName(names, c));
  for (size_t c = 0; c < known.size(); ++c) {
    if (options.one_class == known[c] ||
        options.one_class == fmt::format("{}", c))
      return static_cast<int>(c);
  }
  Fail(ErrorKind::kInvalidArgument, "--one-class {}: {}", options.one_class,
       UnknownName("class", options.one_class, known));
}

// A line or an object for each further output that the data has a target for.
struct OutputScore {
  std::string name;
  std::string metric;
  Score score;
};
std::vector<OutputScore> OtherOutputs(const Graph& graph, const Dataset& test,
                                      const EvaluateOptions& options) {
  std::vector<OutputScore> scores;
  for (size_t o = 1; o < graph.outputs.size() && o < test.targets().size();
       ++o) {
    const std::string name = ChooseMetric(kAutoMetric, graph, test, o);
    const Metric& metric = FindMetric(name);
    Judgement by = By(metric);
    by.output = o;
    std::unique_ptr<Scorer> scorer;
    const std::vector<double> parts =
        EvaluateParts(graph, test, options, by, &scorer);
    scores.push_back({graph.tensor(graph.outputs[o]).name, name,
                      ScoreOf(metric, *scorer, parts)});
  }
  return scores;
}

void Run(const Options& options) {
  WarnIfUntrained(options.file);
  if (!options.predictions.empty()) UseOutput(options.predictions);
  const Graph graph = LoadModel(options.file, 0);
  RequireFinite(graph, options.file);
  const DataHalf half =
      LoadData(options.data, ContextFor(graph, options.reading)).test;
  if (options.limit > 0 && options.limit >= half.size) {
    Warn("--limit {} has no effect: there are {}", options.limit,
         Counted(half.size, "test sample"));
  }
  const DatasetPtr test = half.Open(options.limit);
  EvaluateOptions evaluate;
  evaluate.threads = options.runtime.threads;
  evaluate.metric = ChooseMetric(options.metric, graph, *test);
  evaluate.numerics = options.runtime.Contract();
  evaluate.reference = options.runtime.reference;
  if (options.runtime.Contract() == Numerics::kTflm)
    WarnIfNumericsUnused(options.runtime, graph);
  RequireEvaluable(graph, *test, evaluate.metric);
  CheckModel(graph, *test, evaluate);
  const Predictions predictions = Predict(graph, *test, evaluate);
  const Score& score = predictions.score;
  std::vector<std::string> names(test->class_names().begin(),
                                 test->class_names().end());
  if (names.empty()) names = ReadClassNames(options.file);
  const bool classes = predictions.classes > 0 &&
                       evaluate.metric != "auc_reconstruction" &&
                       predictions.Side() <= 4096;
  const int one_class = OneClass(options, predictions, names);
  const std::vector<OutputScore> others = OtherOutputs(graph, *test, evaluate);
  FileTime time;
  if (options.time) time = TimeFile(options.file, *test, evaluate);
  if (!options.predictions.empty())
    WriteFile(options.predictions, PredictionsCsv(predictions, *test, names));
  if (options.json) {
    OrderedJson json = {{"metric", evaluate.metric},
                        {"value", score.value},
                        {"samples", score.samples}};
    if (evaluate.metric == "top1") json["accuracy"] = score.value;
    if (FindMetric(evaluate.metric).is_share) json["correct"] = score.correct;
    json["outputs"] = OrderedJson::array();
    for (const OutputScore& other : others) {
      json["outputs"].push_back({{"name", other.name},
                                 {"metric", other.metric},
                                 {"value", other.score.value}});
    }
    for (const char* name : {"classes", "confusion", "thresholds"})
      json[name] = nullptr;
    if (classes) AddClasses(predictions, names, one_class, &json);
    if (options.time) {
      json["total_ms"] = time.total_ms;
      json["latency_us_p50"] = time.latency_us_p50;
      json["latency_us_p99"] = time.latency_us_p99;
    }
    PrintJson(json);
    return;
  }
  std::string text = ScoreText(evaluate.metric, score) + "\n";
  for (const OutputScore& other : others) {
    text += fmt::format("output '{}': {}\n", other.name,
                        ScoreText(other.metric, other.score));
  }
  if (options.time) {
    text += fmt::format(
        "one sample at a time on one thread: {:.1f} ms in all, median {:.2f} "
        "us, 99 % within {:.2f} us\n",
        time.total_ms, time.latency_us_p50, time.latency_us_p99);
  }
  if (classes) text += "\n" + ClassesText(predictions, names);
  if (classes && one_class >= 0)
    text += "\n" + ThresholdsText(predictions, one_class, names);
  PrintOut(text);
}

}  // namespace

void AddEvaluate(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "evaluate",
      "Run a file on the test half of DATA and print a metric of its outputs, "
      "of\n"
      "classes precision, recall and what is taken for what.\n"
      "Samples are quantized to the file's own input type.");
  verb->add_option("file", options->file, "A .tflite, .h5 or .keras file")
      ->type_name("FILE")
      ->required();
  AddData(verb, &options->data, &options->reading);
  AddMetric(verb, &options->metric);
  AddNumber<int64_t>(verb, "--limit", &options->limit,
                     "Only the first N test samples; 0 takes all");
  verb->add_option("--one-class", options->one_class,
                   "Also false accepts and rejects over thresholds, of this "
                   "class (a name or number) against the rest")
      ->type_name("CLASS");
  verb->add_option("--predictions", options->predictions,
                   "Write a line for each sample: where it is from, label, "
                   "answer and all values")
      ->type_name("FILE.csv");
  verb->add_flag("--time", options->time,
                 "Also time the samples one by one on one thread");
  verb->add_flag("--json", options->json, "Print one JSON object");
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
