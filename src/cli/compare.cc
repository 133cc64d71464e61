// litesmith compare: two files of one network, and where they differ.
#include "src/measure/compare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "src/base/file.h"
#include "src/base/names.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/measure/metrics.h"
#include "src/models/model_data.h"
#include "src/models/models.h"
#include "src/study/compare_page.h"

namespace litesmith {
namespace {

struct Options {
  std::string a;
  std::string b;
  std::string data;
  DataContext reading;
  int64_t limit = 0;
  std::string metric = kAutoMetric;
  int64_t tensor_samples = 100;
  bool all = false;
  bool json = false;
  std::string report;
  RuntimeFlags runtime;
};

OrderedJson FileJson(const Comparison& c, const ComparedFile& file) {
  OrderedJson json = {{"path", file.path},
                      {"numbers", file.numbers},
                      {"value", file.score.value},
                      {"file_bytes", file.file_bytes},
                      {"gzip_bytes", file.gzip_bytes},
                      {"arena_bytes", file.arena_bytes},
                      {"latency_us_p50", file.time.latency_us_p50},
                      {"latency_us_p99", file.time.latency_us_p99}};
  if (c.counts) json["correct"] = file.score.correct;
  return json;
}

OrderedJson TensorJson(const TensorNoise& tensor) {
  return {{"name", tensor.name},
          {"reference", tensor.reference},
          {"op", tensor.op},
          {"constant", tensor.constant},
          {"dtype", Name(tensor.dtype)},
          {"shape", tensor.shape.ToVector()},
          {"values", tensor.values},
          {"not_finite", tensor.not_finite},
          {"same", tensor.same()},
          {"sqnr_db", tensor.sqnr_db()},
          {"largest_difference", tensor.largest},
          {"sample", tensor.sample},
          {"element", tensor.element},
          {"added", tensor.added}};
}

void PrintObject(const Comparison& c) {
  OrderedJson json = {{"metric", c.metric},
                      {"samples", c.a.score.samples},
                      {"a", FileJson(c, c.a)},
                      {"b", FileJson(c, c.b)},
                      {"agreement", nullptr},
                      {"different", c.different},
                      {"mcnemar", nullptr},
                      {"timed_samples", c.timed_samples},
                      {"tensor_samples", c.tensor_samples},
                      {"matched_ops", c.matched_ops},
                      {"ops", c.ops},
                      {"starts_at", nullptr},
                      {"tensors", OrderedJson::array()}};
  if (c.agreement) json["agreement"] = *c.agreement;
  if (c.counts) {
    json["mcnemar"] = {{"both_right", c.counts->both},
                       {"only_a_right", c.counts->only_a},
                       {"only_b_right", c.counts->only_b},
                       {"both_wrong", c.counts->neither},
                       {"exact_p", c.mcnemar->exact_p},
                       {"chi_square", c.mcnemar->chi_square},
                       {"chi_square_p", c.mcnemar->chi_square_p}};
  }
  if (const TensorNoise* most = MostAdded(c.tensors))
    json["starts_at"] = most->name;
  for (const TensorNoise& tensor : c.tensors)
    json["tensors"].push_back(TensorJson(tensor));
  PrintJson(json);
}

std::string FilesText(const Comparison& c) {
  Table table({{""}, {"A"}, {"B"}});
  const auto add = [&](const std::string& what, const auto& text) {
    table.Add({what, text(c.a), text(c.b)});
  };
  add("file", [](const ComparedFile& f) { return f.path; });
  add("what it is", [](const ComparedFile& f) { return f.numbers; });
  add(c.metric == "top1" ? "accuracy" : c.metric, [&](const ComparedFile& f) {
    return ValueText(FindMetric(c.metric), f.score.value);
  });
  add("latency p50", [](const ComparedFile& f) {
    return fmt::format("{:.2f} us", f.time.latency_us_p50);
  });
  add("bytes",
      [](const ComparedFile& f) { return fmt::format("{}", f.file_bytes); });
  add("gzipped",
      [](const ComparedFile& f) { return fmt::format("{}", f.gzip_bytes); });
  add("arena bytes",
      [](const ComparedFile& f) { return fmt::format("{}", f.arena_bytes); });
  return table.Text();
}

// A sentence in lines that fit.
std::string Line(const std::string& text) {
  return Wrapped(text, static_cast<size_t>(WidthOf(STDOUT_FILENO)), 0, 0) +
         "\n";
}

std::string TensorsText(const Comparison& c, bool all) {
  constexpr size_t kShown = 12;
  std::string text =
      "\n" + Line(fmt::format(
                 "B against A, worst first ({}; {} of {} operators "
                 "have a counterpart)",
                 Counted(c.tensor_samples, "sample"), c.matched_ops, c.ops));
  Table table({{"Tensor of B"},
               {"SQNR", true},
               {"Largest difference", true, 2},
               {"Adds", true, 4},
               {"Operator", false, 1},
               {"Kind", false, 3},
               {"Type", false, 5}});
  const std::vector<const TensorNoise*> sorted = WorstFirst(c.tensors);
  const size_t shown = all ? sorted.size() : std::min(kShown, sorted.size());
  for (size_t i = 0; i < shown; ++i) {
    const TensorNoise& t = *sorted[i];
    table.Add({t.name, NoiseText(t), fmt::format("{:.4g}", t.largest),
               fmt::format("{:.2g}", t.added), t.op,
               t.constant ? "weights" : "activation", Name(t.dtype)});
  }
  text += table.Text();
  if (shown < sorted.size()) {
    text += fmt::format("  (and {} more; --all prints them)\n",
                        sorted.size() - shown);
  }
  if (const TensorNoise* most = MostAdded(c.tensors)) {
    text += Line(fmt::format(
        "The difference starts at '{}' ({}): its {} {}; the largest difference "
        "is {:.4g}, in sample {}.",
        Harmless(most->name), most->op,
        most->op == "input" ? "own numbers have" : "output has",
        NoiseText(*most), most->largest, most->sample));
  } else {
    text += "No activation differs.\n";
  }
  return text;
}

void Run(const Options& options) {
  if (!options.report.empty()) UseOutput(options.report);
  WarnIfUntrained(options.a);
  WarnIfUntrained(options.b);
  CompareOptions compare;
  compare.evaluate.threads = options.runtime.threads;
  compare.evaluate.numerics = options.runtime.Contract();
  compare.evaluate.reference = options.runtime.reference;
  compare.tensor_samples = options.tensor_samples;
  const DatasetPtr data =
      LoadData(options.data,
               ContextFor(LoadModel(options.a, 0), options.reading))
          .test.Open(options.limit);
  compare.evaluate.metric =
      ChooseMetric(options.metric, LoadModel(options.a, 0), *data);
  const Comparison c = CompareFiles(options.a, options.b, *data, compare);
  if (!options.report.empty())
    WriteFile(options.report, ComparePage(c, options.data));
  if (options.json) {
    PrintObject(c);
    return;
  }
  std::string text = FilesText(c);
  if (c.agreement) {
    text +=
        "\n" + Line(fmt::format("Both give the same class for {:.2f} % of {}.",
                                100 * *c.agreement,
                                Counted(c.a.score.samples, "sample")));
  }
  if (c.counts) text += Line(ChanceText(c) + ".");
  if (!c.tensors.empty()) text += TensorsText(c, options.all);
  PrintOut(text);
}

}  // namespace

void AddCompare(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "compare",
      "Compare two files of one network on the test half of DATA: what their\n"
      "outputs are worth, how often they agree, whether the difference is "
      "more\n"
      "than chance (McNemar's test), latency and bytes; then run both with "
      "all\n"
      "activations kept, and say of every tensor of B how far it is from A's\n"
      "(signal to noise, largest difference) and where the difference starts.");
  verb->add_option("a", options->a, "A .h5, .keras or .tflite file: the model")
      ->type_name("A")
      ->required();
  verb->add_option("b", options->b, "Another one, as a file made of it")
      ->type_name("B")
      ->required();
  AddData(verb, &options->data, &options->reading);
  AddMetric(verb, &options->metric);
  AddNumber<int64_t>(verb, "--limit", &options->limit,
                     "Only the first N test samples; 0 takes all");
  AddNumber<int64_t>(verb, "--tensor-samples", &options->tensor_samples,
                     "How many of them to compare tensor by tensor; 0: none");
  verb->add_flag("--all", options->all,
                 "Print every tensor, not only the worst");
  verb->add_option("--report", options->report,
                   "Also write all of it as a page that opens from disk")
      ->type_name("FILE.html");
  AddJson(verb, &options->json);
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
