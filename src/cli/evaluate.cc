// litesmith evaluate: what a written file's outputs on the test half are worth.
#include "src/measure/evaluate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/measure/latency.h"
#include "src/measure/metrics.h"
#include "src/models/model_data.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct Options {
  std::string file;
  std::string data;
  DataContext reading;
  int64_t limit = 0;
  std::string metric = "top1";
  bool time = false;
  bool json = false;
  RuntimeFlags runtime;
};

void Run(const Options& options) {
  WarnIfUntrained(options.file);
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
  evaluate.metric = options.metric;
  evaluate.numerics = options.runtime.Contract();
  evaluate.reference = options.runtime.reference;
  if (options.runtime.Contract() == Numerics::kTflm)
    WarnIfNumericsUnused(options.runtime, graph);
  const Score score = EvaluateGraph(graph, *test, evaluate);
  FileTime time;
  if (options.time) time = TimeFile(options.file, *test, evaluate);
  if (options.json) {
    nlohmann::ordered_json json = {{"metric", options.metric},
                                   {"value", score.value},
                                   {"samples", score.samples}};
    if (options.metric == "top1") json["accuracy"] = score.value;
    if (FindMetric(options.metric).is_share) json["correct"] = score.correct;
    if (options.time) {
      json["total_ms"] = time.total_ms;
      json["latency_us_p50"] = time.latency_us_p50;
      json["latency_us_p99"] = time.latency_us_p99;
    }
    PrintOut(json.dump() + "\n");
    return;
  }
  PrintOut(ScoreText(options.metric, score) + "\n");
  if (options.time) {
    PrintOut(fmt::format(
        "one sample at a time on one thread: {:.1f} ms in all, median {:.2f} "
        "us, 99 % within {:.2f} us\n",
        time.total_ms, time.latency_us_p50, time.latency_us_p99));
  }
}

}  // namespace

void AddEvaluate(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "evaluate",
      "Run a file on the test half of DATA and print a metric of its outputs.\n"
      "Samples are quantized to the file's own input type.");
  verb->add_option("file", options->file, "A .tflite, .h5 or .keras file")
      ->type_name("FILE")
      ->required();
  AddData(verb, &options->data, &options->reading);
  AddMetric(verb, &options->metric);
  AddNumber<int64_t>(verb, "--limit", &options->limit,
                     "Only the first N test samples; 0 takes all");
  verb->add_flag("--time", options->time,
                 "Also time the samples one by one on one thread");
  verb->add_flag("--json", options->json, "Print one JSON object");
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
