// litesmith compare: two files of one network, and where they differ.
#include "src/measure/compare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
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

struct CompareFlags {
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

OrderedJson FileJson(const ComparedOutput& first, const ComparedFile& file,
                     const Score& score) {
  OrderedJson json = {{"path", file.path},
                      {"numbers", file.numbers},
                      {"value", score.value},
                      {"file_bytes", file.file_bytes},
                      {"gzip_bytes", file.gzip_bytes},
                      {"arena_bytes", file.arena_bytes},
                      {"latency_us_p50", file.time.latency_us_p50},
                      {"latency_us_p99", file.time.latency_us_p99}};
  if (first.counts) json["correct"] = score.correct;
  return json;
}

// What is said of each output, the first and the others.
void AddOutput(const ComparedOutput& output, OrderedJson* json) {
  (*json)["agreement"] = nullptr;
  if (output.agreement) (*json)["agreement"] = *output.agreement;
  (*json)["different"] = output.different;
  (*json)["mcnemar"] = nullptr;
  if (!output.counts) return;
  (*json)["mcnemar"] = {{"both_right", output.counts->both},
                        {"only_a_right", output.counts->only_a},
                        {"only_b_right", output.counts->only_b},
                        {"both_wrong", output.counts->neither},
                        {"exact_p", output.mcnemar->exact_p},
                        {"chi_square", output.mcnemar->chi_square},
                        {"chi_square_p", output.mcnemar->chi_square_p}};
}

OrderedJson FurtherOutputs(const Comparison& c) {
  OrderedJson list = OrderedJson::array();
  for (size_t o = 1; o < c.outputs.size(); ++o) {
    const ComparedOutput& output = c.outputs[o];
    OrderedJson object = {{"name", output.name},
                          {"metric", output.metric},
                          {"a", output.a.value},
                          {"b", output.b.value}};
    AddOutput(output, &object);
    list.push_back(std::move(object));
  }
  return list;
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
  const ComparedOutput& first = c.outputs[0];
  OrderedJson json = {{"metric", first.metric},
                      {"samples", c.samples},
                      {"a", FileJson(first, c.a, first.a)},
                      {"b", FileJson(first, c.b, first.b)}};
  AddOutput(first, &json);
  json["outputs"] = FurtherOutputs(c);
  json["timed_samples"] = c.timed_samples;
  json["tensor_samples"] = c.tensor_samples;
  json["matched_ops"] = c.matched_ops;
  json["ops"] = c.ops;
  json["starts_at"] = nullptr;
  json["tensors"] = OrderedJson::array();
  if (const TensorNoise* most = MostAdded(c.tensors))
    json["starts_at"] = most->name;
  for (const TensorNoise& tensor : c.tensors)
    json["tensors"].push_back(TensorJson(tensor));
  PrintJson(json);
}

std::string FilesText(const Comparison& c) {
  TextTable table({{""}, {"A"}, {"B"}});
  const auto add = [&](const std::string& what, const auto& text) {
    table.Add({what, text(c.a), text(c.b)});
  };
  add("file", [](const ComparedFile& f) { return f.path; });
  add("what it is", [](const ComparedFile& f) { return f.numbers; });
  for (const ComparedOutput& output : c.outputs) {
    const Metric& metric = FindMetric(output.metric);
    table.Add({ValueName(output, &output == &c.outputs[0]),
               ValueText(metric, output.a.value),
               ValueText(metric, output.b.value)});
  }
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
  TextTable table({{"Tensor of B"},
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

void PerformCompare(const CompareFlags& options) {
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
  compare.evaluate.metric = options.metric;
  const Comparison c = CompareFiles(options.a, options.b, *data, compare);
  if (!options.report.empty())
    WriteFile(options.report, ComparePage(c, options.data));
  if (options.json) {
    PrintObject(c);
    return;
  }
  std::string text = FilesText(c);
  for (const ComparedOutput& output : c.outputs) {
    const std::string which =
        &output == &c.outputs[0] ? "" : Harmless(output.name) + ": ";
    if (output.agreement) {
      text +=
          "\n" + Line(fmt::format("{}{} for {:.2f} % of {}.", which,
                                  which.empty() ? "Both give the same class"
                                                : "both give the same class",
                                  100 * *output.agreement,
                                  Counted(c.samples, "sample")));
    } else if (output.counts) {
      text += "\n";
    }
    if (output.counts) {
      text += Line((output.agreement ? "" : which) + ChanceText(output) + ".");
    }
  }
  if (!c.tensors.empty()) text += TensorsText(c, options.all);
  PrintOut(text);
}

}  // namespace

void AddCompare(CLI::App* app) {
  const auto options = std::make_shared<CompareFlags>();
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
  verb->callback([options] { PerformCompare(*options); });
}

}  // namespace litesmith
