// litesmith advise: which file to take for a device, and why.
#include "src/study/advise.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>

#include "src/base/names.h"
#include "src/cli/json.h"
#include "src/cli/no_fit.h"
#include "src/cli/options.h"
#include "src/cli/terminal.h"
#include "src/cli/verb.h"
#include "src/study/fields_json.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

struct AdviseFlags {
  std::string directory;
  int64_t flash = 0;
  int64_t ram = 0;
  double max_drop = 0;
  std::string target = "cpu";
  bool json = false;
};

// "22,624" is for eyes; files are compared in plain digits.
std::string Amount(const Miss& miss) {
  if (std::string_view(miss.budget) == "max_drop") {
    return fmt::format("loses {:.2f} points, {:g} allowed", miss.value,
                       miss.limit);
  }
  if (miss.value == 0) return "its arena is not known";
  return fmt::format("{} bytes of {}, {} allowed", miss.value, miss.budget,
                     miss.limit);
}

OrderedJson RowObject(const StudyRow& row, const AdviceRow& each) {
  OrderedJson json = FieldsToJson(row);
  json.erase("invariants");
  json["drop"] = each.drop;
  return json;
}

OrderedJson AdviceJson(const Advice& advice, const std::vector<StudyRow>& rows,
                       const Target& target, const Budgets& budgets) {
  OrderedJson json = {
      {"target", target.name},
      {"flash", nullptr},
      {"ram", nullptr},
      {"max_drop", nullptr},
      {"source", rows.empty() ? "tree" : "results"},
      {"fits", rows.empty() ? OrderedJson(nullptr)
                            : OrderedJson(advice.best.has_value())},
      {"considered", advice.considered},
      {"fitting", advice.fitting},
      {"recipe", advice.recipe},
      {"method", advice.method},
      {"baseline", nullptr},
      {"best", nullptr},
      {"nearest", nullptr},
      {"tree", OrderedJson::array()},
      {"next", OrderedJson::array()}};
  if (budgets.flash) json["flash"] = *budgets.flash;
  if (budgets.ram) json["ram"] = *budgets.ram;
  if (budgets.max_drop) json["max_drop"] = *budgets.max_drop;
  if (advice.baseline) json["baseline"] = rows[*advice.baseline].path;
  if (advice.best)
    json["best"] = RowObject(rows[advice.best->row], *advice.best);
  if (advice.nearest) {
    json["nearest"] = RowObject(rows[advice.nearest->row], *advice.nearest);
    OrderedJson misses = OrderedJson::array();
    for (const Miss& miss : advice.nearest->misses) {
      misses.push_back({{"budget", miss.budget},
                        {"value", miss.value},
                        {"limit", miss.limit}});
    }
    json["nearest"]["misses"] = misses;
  }
  for (const TreeStep& step : advice.tree)
    json["tree"].push_back(
        {{"question", step.question}, {"answer", step.answer}});
  for (const NextStep& step : advice.next)
    json["next"].push_back({{"text", step.text}, {"command", step.command}});
  return json;
}

std::string RowText(const StudyRow& row, const AdviceRow& each) {
  return Wrapped(fmt::format("{} as {}: {}, {:+.2f} points; {} bytes ({} "
                             "gzipped), arena {} bytes, "
                             "{:.2f} us",
                             row.recipe, row.method, ScoreText(row), -each.drop,
                             row.file_bytes, row.gzip_bytes, row.arena_bytes,
                             row.latency_us_p50),
                 static_cast<size_t>(WidthOf(STDOUT_FILENO)), 2, 4) +
         "\n";
}

std::string AnswerText(const Advice& advice, const AdviseFlags& options,
                       const std::vector<StudyRow>& rows, const Target& target,
                       bool coloured) {
  if (rows.empty()) {
    return fmt::format("{}: begin with recipe {}, method {}\n", target.name,
                       Styled(advice.recipe, Style::kBold, coloured),
                       Styled(advice.method, Style::kBold, coloured));
  }
  if (advice.best) {
    const StudyRow& row = rows[advice.best->row];
    const std::string path = fmt::format("{}/{}", options.directory, row.path);
    const std::string line =
        Wrapped(fmt::format("{} ({} of {} files for {} fit)", path,
                            advice.fitting, advice.considered, target.name),
                static_cast<size_t>(WidthOf(STDOUT_FILENO)), 0, 2);
    // A blank in a path may have become a line's end.
    const bool whole = line.starts_with(path);
    return (whole ? Styled(path, Style::kGood, coloured) +
                        line.substr(path.size())
                  : line) +
           "\n" + RowText(row, *advice.best);
  }
  if (!advice.nearest) {
    return fmt::format("no result in {} is for {}, which runs {}\n",
                       options.directory, target.name, target.summary);
  }
  const StudyRow& row = rows[advice.nearest->row];
  std::string text =
      Styled("nothing fits", Style::kBad, coloured) +
      fmt::format(" ({} files for {}); the nearest is {}/{}\n",
                  advice.considered, target.name, options.directory, row.path) +
      RowText(row, *advice.nearest);
  for (const Miss& miss : advice.nearest->misses)
    text += "  " + Amount(miss) + "\n";
  return text;
}

std::string Text(const Advice& advice, const AdviseFlags& options,
                 const std::vector<StudyRow>& rows, const Target& target) {
  const bool coloured = TakesColour(STDOUT_FILENO);
  const auto width = static_cast<size_t>(WidthOf(STDOUT_FILENO));
  std::string text = AnswerText(advice, options, rows, target, coloured);
  text += Styled("\nWhy\n", Style::kBold, coloured);
  for (const TreeStep& step : advice.tree) {
    text += Wrapped(step.question, width, 2, 2) + "\n";
    text += Wrapped("-> " + step.answer, width, 4, 7) + "\n";
  }
  if (!advice.next.empty()) text += Styled("\nNext\n", Style::kBold, coloured);
  for (const NextStep& step : advice.next) {
    text += Wrapped(step.text, width, 2, 4) + "\n";
    if (!step.command.empty()) text += "    " + step.command + "\n";
  }
  return text;
}

void PerformAdvise(const AdviseFlags& options, const CLI::App& verb) {
  Budgets budgets;
  if (verb.get_option("--flash")->count() > 0) budgets.flash = options.flash;
  if (verb.get_option("--ram")->count() > 0) budgets.ram = options.ram;
  if (verb.get_option("--max-drop")->count() > 0)
    budgets.max_drop = options.max_drop;
  const Target& target = FindTarget(options.target);
  std::vector<StudyRow> rows;
  if (!options.directory.empty()) rows = ReadStudy(options.directory);
  const Advice advice = Advise(rows, target, budgets, options.directory);
  if (options.json) {
    PrintJson(AdviceJson(advice, rows, target, budgets));
  } else {
    PrintOut(Text(advice, options, rows, target));
  }
  if (!rows.empty() && !advice.best) {
    throw NoFit(fmt::format(
        "no file of {} fits {}{}", options.directory, target.name,
        advice.nearest
            ? fmt::format("; the nearest is {}", rows[advice.nearest->row].path)
            : std::string()));
  }
}

}  // namespace

void AddAdvise(CLI::App* app) {
  const auto options = std::make_shared<AdviseFlags>();
  CLI::App* verb = app->add_subcommand(
      "advise",
      "Say which recipe and method to take for a device, and why: from what a\n"
      "study has measured in DIR, or without DIR from the decision tree of\n"
      "quantization; and what would have to be tried next. If no file fits, "
      "the\n"
      "nearest miss is named and the exit code is 8.");
  verb->add_option("dir", options->directory,
                   "The folder of a study, finished or not")
      ->type_name("DIR");
  AddBytes(verb, "--flash", &options->flash,
           "Bytes that the file may have; K and M by suffix");
  AddBytes(verb, "--ram", &options->ram,
           "Bytes that the activations may take (the arena of one sample); K "
           "and M by suffix");
  AddNumber<double>(verb, "--max-drop", &options->max_drop,
                    "Points that it may lose against the float model; of a "
                    "metric that is no share, percent. 0.5 if no budget is "
                    "given at all",
                    {0, 100})
      ->default_str("");
  AddChoice(verb, "--target", &options->target, NamesOf(Targets()),
            "What it is for: cpu, mcu (tflite-micro), npu (Ethos-U), edgetpu")
      ->type_name("NAME");
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformAdvise(*options, *verb); });
}

}  // namespace litesmith
