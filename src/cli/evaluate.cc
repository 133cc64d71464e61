// litesmith evaluate: what a written file's outputs on the test half are worth.
#include "src/measure/evaluate.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
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
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/measure/data_checks.h"
#include "src/measure/latency.h"
#include "src/measure/metrics.h"
#include "src/measure/predictions.h"
#include "src/measure/worst.h"
#include "src/models/class_names.h"
#include "src/models/model_data.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct EvaluateFlags {
  std::string file;
  std::string data;
  DataContext reading;
  int64_t limit = 0;
  std::string metric = kAutoMetric;
  std::string one_class;
  std::string predictions;
  int worst = 5;
  bool time = false;
  bool json = false;
  RuntimeFlags runtime;
};

// The class that --one-class names or numbers; -1 without one.
int OneClass(const EvaluateFlags& options, const Predictions& predictions,
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

// One output against its target.
struct OutputResult {
  std::string name;
  std::string metric;
  Predictions predictions;
  bool classes = false;  // there are tables of them
  std::vector<std::string> names;
  std::vector<WorstSample> worst;
};

OutputResult ResultOf(const Graph& graph, const Dataset& test, size_t output,
                      const EvaluateFlags& options, EvaluateOptions evaluate,
                      const std::vector<std::string>& names) {
  OutputResult result;
  result.name = OutputName(graph, output);
  result.metric = ChooseMetric(options.metric, graph, test, output);
  evaluate.output = output;
  evaluate.metric = result.metric;
  result.predictions = Predict(graph, test, evaluate);
  const Predictions& predictions = result.predictions;
  const auto own = test.ClassNamesOf(output);
  result.names.assign(own.begin(), own.end());
  if (output == 0) result.names = names;
  const auto most = static_cast<size_t>(options.worst);
  if (AnswersClasses(predictions, result.metric)) {
    constexpr int kMostClasses = 4096;
    result.classes = predictions.Side() <= kMostClasses;
    result.worst = SurestMistakes(predictions, result.names, most);
  } else {
    result.worst = WorstSamples(graph, test, evaluate, predictions.parts,
                                predictions.wrong, most);
  }
  return result;
}

OrderedJson WorstJson(const OutputResult& result, const Dataset& test) {
  OrderedJson list = OrderedJson::array();
  for (const WorstSample& each : result.worst) {
    list.push_back({{"sample", each.sample},
                    {"origin", test.Origin(each.sample)},
                    {"wanted", each.wanted},
                    {"given", each.given},
                    {"by", each.wrong}});
  }
  return list;
}

std::string WorstText(const OutputResult& result, const Dataset& test) {
  if (result.worst.empty()) return "";
  const bool words = std::any_of(
      result.worst.begin(), result.worst.end(), [](const WorstSample& each) {
        return !each.wanted.empty() || !each.given.empty();
      });
  std::vector<TextTable::Column> columns = {
      {result.classes ? "surest and wrong" : "worst samples", false, 1}};
  if (words) {
    columns.push_back({"wanted"});
    columns.push_back({"given"});
  }
  columns.push_back({"by", true});
  TextTable table(std::move(columns));
  for (const WorstSample& each : result.worst) {
    std::vector<std::string> row = {test.Origin(each.sample)};
    if (words) row.insert(row.end(), {each.wanted, each.given});
    row.push_back(fmt::format("{:.4g}", each.wrong));
    table.Add(std::move(row));
  }
  return "\n" + table.Text();
}

void PrintObject(const std::vector<OutputResult>& results, const Dataset& test,
                 int one_class, const FileTime* time) {
  const OutputResult& first = results[0];
  const Score& score = first.predictions.score;
  OrderedJson json = {{"metric", first.metric},
                      {"value", score.value},
                      {"samples", score.samples}};
  if (first.metric == "top1") json["accuracy"] = score.value;
  if (FindMetric(first.metric).is_share) json["correct"] = score.correct;
  json["outputs"] = OrderedJson::array();
  for (size_t o = 1; o < results.size(); ++o) {
    const OutputResult& other = results[o];
    OrderedJson object = {{"name", other.name},
                          {"metric", other.metric},
                          {"value", other.predictions.score.value},
                          {"classes", nullptr},
                          {"confusion", nullptr},
                          {"worst", WorstJson(other, test)}};
    if (other.classes) AddClasses(other.predictions, other.names, -1, &object);
    json["outputs"].push_back(std::move(object));
  }
  for (const char* name : {"classes", "confusion", "thresholds"})
    json[name] = nullptr;
  if (first.classes)
    AddClasses(first.predictions, first.names, one_class, &json);
  json["worst"] = WorstJson(first, test);
  if (time != nullptr) {
    json["total_ms"] = time->total_ms;
    json["latency_us_p50"] = time->latency_us_p50;
    json["latency_us_p99"] = time->latency_us_p99;
  }
  PrintJson(json);
}

std::string TextOf(const std::vector<OutputResult>& results,
                   const Dataset& test, int one_class, const FileTime* time) {
  const OutputResult& first = results[0];
  std::string text = ScoreText(first.metric, first.predictions.score) + "\n";
  for (size_t o = 1; o < results.size(); ++o) {
    text +=
        fmt::format("output '{}': {}\n", Harmless(results[o].name),
                    ScoreText(results[o].metric, results[o].predictions.score));
  }
  if (time != nullptr) {
    text += fmt::format(
        "one sample at a time on one thread: {:.1f} ms in all, median {:.2f} "
        "us, 99 % within {:.2f} us\n",
        time->total_ms, time->latency_us_p50, time->latency_us_p99);
  }
  for (const OutputResult& each : results) {
    const std::string worst = WorstText(each, test);
    if (&each != &first && (each.classes || !worst.empty()))
      text += fmt::format("\noutput '{}'\n", Harmless(each.name));
    if (each.classes) text += "\n" + ClassesText(each.predictions, each.names);
    text += worst;
  }
  if (first.classes && one_class >= 0) {
    text += "\n" + ThresholdsText(first.predictions, one_class, first.names);
  }
  return text;
}

void PerformEvaluate(const EvaluateFlags& options) {
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
  evaluate.numerics = options.runtime.Contract();
  evaluate.reference = options.runtime.reference;
  if (options.runtime.Contract() == Numerics::kTflm)
    WarnIfNumericsUnused(options.runtime, graph);
  // Of outputs that the data has a target for.
  const std::vector<std::string> metrics =
      ChooseMetrics(options.metric, graph, *test);
  const size_t outputs = metrics.size();
  evaluate.metric = metrics[0];
  RequireOutputs(graph, *test, options.metric);
  EvaluateOptions check = evaluate;
  check.metric = options.metric;
  CheckOutputs(graph, *test, check);
  std::vector<std::string> names(test->class_names().begin(),
                                 test->class_names().end());
  if (names.empty()) names = ReadClassNames(options.file);
  std::vector<OutputResult> results;
  for (size_t o = 0; o < outputs; ++o)
    results.push_back(ResultOf(graph, *test, o, options, evaluate, names));
  const int one_class = OneClass(options, results[0].predictions, names);
  FileTime time;
  if (options.time) time = TimeFile(options.file, *test, evaluate);
  if (!options.predictions.empty()) {
    std::vector<PredictedOutput> all;
    for (const OutputResult& each : results)
      all.push_back({each.name, each.predictions, each.names});
    WriteFile(options.predictions, PredictionsCsv(all, *test));
  }
  const FileTime* timed = options.time ? &time : nullptr;
  if (options.json) {
    PrintObject(results, *test, one_class, timed);
  } else {
    PrintOut(TextOf(results, *test, one_class, timed));
  }
}

}  // namespace

void AddEvaluate(CLI::App* app) {
  const auto options = std::make_shared<EvaluateFlags>();
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
  AddNumber<int>(verb, "--worst", &options->worst,
                 "How many of the samples that it is most wrong about to name; "
                 "0: none",
                 {0, 1000000});
  verb->add_option("--predictions", options->predictions,
                   "Write a line for each sample: where it is from, label, "
                   "answer and all values")
      ->type_name("FILE.csv");
  verb->add_flag("--time", options->time,
                 "Also time the samples one by one on one thread");
  AddJson(verb, &options->json);
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { PerformEvaluate(*options); });
}

}  // namespace litesmith
