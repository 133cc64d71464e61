// The shared options about data, how they are read, and what is measured on
// them.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/options.h"
#include "src/data/sources.h"
#include "src/measure/metrics.h"
#include "src/models/model_data.h"
#include "src/study/advise.h"

namespace litesmith {

CLI::Option* AddBytes(CLI::App* app, const std::string& name, int64_t* bytes,
                      const std::string& help) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, bytes](const std::string& text) {
            const std::optional<int64_t> given = ParseBytes(text);
            if (!given) {
              throw BadValue(
                  name, text,
                  "a number of bytes is wanted, as 20000, 64K (65536) or 1.5M");
            }
            *bytes = *given;
          },
          help)
      ->type_name("BYTES");
}

CLI::Option* AddDataSpec(CLI::App* app, const std::string& name,
                         std::string* data, const std::string& help) {
  // What takes no argument is whole; the others go on behind the colon.
  Completion completion{Completes::kWords};
  for (const DataSource& source : DataSources()) {
    const bool takes = source.argument[0] != '\0';
    completion.words.push_back(std::string(source.name) + (takes ? ":" : ""));
  }
  return CompleteWith(app->add_option(name, *data, help)->type_name("SPEC"),
                      completion);
}

void AddData(CLI::App* app, std::string* data, DataContext* context) {
  AddDataSpec(app, "--data", data,
              "Where samples come from: digits, mnist:DIR, npz:FILE, "
              "images:DIR, ... and options by commas (`litesmith list "
              "datasets`)")
      ->required();
  AddReading(app, context);
}

void AddReading(CLI::App* app, DataContext* context) {
  app->add_option("--cache", context->cache,
                  "Where decoded samples are kept; none: nowhere (default: "
                  "litesmith in $XDG_CACHE_HOME or ~/.cache)")
      ->type_name("DIR");
  AddBytes(app, "--cache-size", &context->cache_bytes,
           "Bytes that all of them may take, K, M and G by suffix; what was "
           "used longest ago goes first")
      ->default_str("4G");
  app->add_flag("--skip-bad", context->skip_bad,
                "Leave out files that cannot be read, and say how many");
}

void AddMetric(CLI::App* app, std::string* metric) {
  std::vector<std::string> words = {kAutoMetric};
  for (const Metric& row : Metrics()) words.emplace_back(row.name);
  CLI::Option* option =
      app->add_option("--metric", *metric,
                      "What the outputs on the test half are worth (`litesmith "
                      "list metrics`), of several outputs each by commas; auto "
                      "goes by outputs and targets")
          ->type_name("NAME[,NAME]")
          ->capture_default_str();
  CompleteWith(option, {Completes::kList, words});
  option->check(CLI::Validator(
      [option, words](std::string& text) {
        for (size_t at = 0; at <= text.size();) {
          const size_t end = std::min(text.find(',', at), text.size());
          const std::string name = text.substr(at, end - at);
          if (std::find(words.begin(), words.end(), name) == words.end()) {
            // What Keras and everybody else call it.
            const std::string usual[] = {"accuracy"};
            const bool meant = !NearestName(name, usual).empty();
            throw BadValue(option->get_name(), text,
                           UnknownName("metric", name, words) +
                               (meant ? "; accuracy is top1" : ""));
          }
          at = end + 1;
        }
        return std::string();
      },
      ""));
}

void AddLimit(CLI::App* app, int64_t* limit) {
  AddNumber<int64_t>(
      app, "--limit", limit,
      "Only the first N training and N test samples; 0 takes all");
}

Halves OpenData(const std::string& spec, int64_t limit, const Graph& model,
                const DataContext& context) {
  const DataSplits data = LoadData(spec, ContextFor(model, context));
  if (limit > 0 && limit >= data.train.size && limit >= data.test.size) {
    Warn("--limit {} has no effect: there are {} and {}", limit,
         Counted(data.train.size, "training sample"),
         Counted(data.test.size, "test sample"));
  }
  return {data.train.Open(limit), data.test.Open(limit)};
}

}  // namespace litesmith
