// Fills the page: what a reader without scripts sees, and the data of the one
// with.
#include "src/study/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/names.h"
#include "src/optimize/coverage.h"
#include "src/study/advise.h"
#include "src/study/command.h"
#include "src/study/report/answer.h"
#include "src/study/report/assets.h"
#include "src/study/report/columns.h"
#include "src/study/report/html.h"
#include "src/study/report/report.h"
#include "src/study/report/trees.h"

namespace litesmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kTolerance = 0.5;

// The command that makes the row's file again.
std::string Command(const StudyRow& row, const std::string& directory) {
  return StudyCommand(row.settings) +
         fmt::format(" --recipes {} --methods {} --out {}",
                     ShellWord(row.recipe), ShellWord(row.method),
                     ShellWord(directory));
}

int64_t DeviceBytes(const StudyRow& row) {
  return row.arena_bytes > 0 ? row.file_bytes + row.arena_bytes : 0;
}

// What the cards show of a row, by the names that page.js uses.
std::vector<std::pair<const char*, std::string>> Texts(const StudyRow& row) {
  return {{"value", ScoreText(row)},
          {"file_bytes", fmt::format("{}", row.file_bytes)},
          {"gzip_bytes", fmt::format("{}", row.gzip_bytes)},
          {"latency", fmt::format("{:.2f} us", row.latency_us_p50)},
          {"arena_bytes", fmt::format("{}", row.arena_bytes)}};
}

std::string Card(const char* name, const std::string& title,
                 const CellEntry* cell, const std::string& directory) {
  const StudyRow row = cell != nullptr ? cell->row : StudyRow();
  std::string figures;
  constexpr const char* kLabels[] = {"score", "file bytes", "gzip bytes",
                                     "latency", "arena bytes"};
  size_t at = 0;
  for (const auto& [field, text] : Texts(row)) {
    figures += fmt::format("<dt>{}</dt><dd data-field=\"{}\">{}</dd>",
                           kLabels[at++], field, Html(text));
  }
  return fmt::format(
      "<div class=\"card\" data-answer=\"{}\"><h3>{}</h3>"
      "<p class=\"nothing\"{}>No file stays within it.</p>"
      "<div class=\"something\"{}><div class=\"file\">{}</div><dl>{}</dl>"
      "<code class=\"command\">{}</code>"
      "<p class=\"noprint\"><button type=\"button\">Show in the table</button>"
      "</p></div></div>\n",
      name, title, cell != nullptr ? " hidden" : "",
      cell != nullptr ? "" : " hidden", Html(row.path), figures,
      cell != nullptr ? Html(Command(row, directory)) : "");
}

std::string Cards(const RunContents& contents, const std::string& directory,
                  const char* unit) {
  const BestFiles answer = FindBestFiles(contents, kTolerance);
  const std::string within =
      fmt::format("within <span data-tolerance>{}</span> {}", kTolerance, unit);
  return Card("smallest", "Smallest " + within, answer.smallest, directory) +
         Card("fastest", "Fastest " + within, answer.fastest, directory) +
         Card("accurate", "Most accurate", answer.accurate, directory);
}

bool IsValue(const PageColumn& column) {
  return std::string_view(column.header) == "Value";
}

// Behind the value's column one of each further output.
std::string Heads(const RunContents& contents, const std::string& value_name) {
  std::string html;
  for (const PageColumn& column : PageColumns()) {
    const std::string name = IsValue(column) ? value_name : column.header;
    html += fmt::format(
        "<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
        column.value != nullptr ? " class=\"n\"" : "",
        column.shown ? "" : " hidden", Html(name));
    if (!IsValue(column)) continue;
    for (const OutputScore& output : contents.cells[0].row.outputs) {
      html += fmt::format(
          "<th scope=\"col\" class=\"n\"><button "
          "type=\"button\">{}</button></th>",
          Html(NameOf(output)));
    }
  }
  return html;
}

std::string Rows(const RunContents& contents) {
  std::string html;
  for (const CellEntry& cell : contents.cells) {
    html += "<tr tabindex=\"0\">";
    for (const PageColumn& column : PageColumns()) {
      html += "<td";
      if (column.value != nullptr)
        html += fmt::format(" class=\"n\" data-value=\"{}\"",
                            column.value(cell.row));
      if (!column.shown) html += " hidden";
      html += fmt::format(">{}</td>", Html(column.text(cell.row)));
      if (!IsValue(column)) continue;
      for (size_t o = 0; o < contents.cells[0].row.outputs.size(); ++o) {
        const bool there = o < cell.row.outputs.size();
        html += fmt::format(
            "<td class=\"n\" data-value=\"{}\">{}</td>",
            there ? cell.row.outputs[o].value : 0,
            there ? Html(ValueOf(cell.row.outputs[o])) : std::string());
      }
    }
    html += "</tr>\n";
  }
  return html;
}

template <typename Get>
std::string Options(const RunContents& contents, const Get& get) {
  std::string html;
  std::set<std::string> seen;
  for (const CellEntry& cell : contents.cells) {
    const std::string& name = get(cell.row);
    if (!seen.insert(name).second) continue;
    html += fmt::format("<option>{}</option>", Html(name));
  }
  return html;
}

// Of the controls that say which output is shown.
std::string OutputOptions(const RunContents& contents,
                          const std::string& value_name) {
  std::string html =
      fmt::format("<option value=\"0\">{}</option>", Html(value_name));
  const std::vector<OutputScore>& outputs = contents.cells[0].row.outputs;
  for (size_t o = 0; o < outputs.size(); ++o) {
    html += fmt::format("<option value=\"{}\">{}</option>", o + 1,
                        Html(NameOf(outputs[o])));
  }
  return html;
}

// Which cells of recipes x methods are not there, as after an interruption.
std::string Missing(const RunContents& contents) {
  std::vector<std::string> models;
  std::vector<std::string> methods;
  const auto add = [](std::vector<std::string>* names,
                      const std::string& name) {
    for (const std::string& each : *names) {
      if (each == name) return;
    }
    names->push_back(name);
  };
  for (const CellEntry& cell : contents.cells) {
    add(&models, cell.model);
    add(&methods, cell.row.method);
  }
  std::string list;
  int count = 0;
  for (const std::string& model : models) {
    for (const std::string& method : methods) {
      if (contents.Cell(model, {method}) != nullptr) continue;
      ++count;
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", model, method);
    }
  }
  if (count == 0) return "";
  return fmt::format(
      "<p class=\"bad\">{} of {} files are not there (a run that was "
      "stopped, or a result that failed): {}.</p>",
      count, models.size() * methods.size(), Html(list));
}

// What each recipe did to each layer, and what it left and why.
std::string Coverage(const RunContents& contents) {
  std::string html;
  std::set<std::string> seen;
  for (const CellEntry& cell : contents.cells) {
    if (cell.row.coverage.empty() || !seen.insert(cell.model).second) continue;
    html += fmt::format(
        "<details class=\"panel\"><summary>{}: {}</summary><div "
        "class=\"scroll\"><table><thead><tr><th>Layer</th><th>Kind</th>"
        "<th>Weights</th><th class=\"n\">Values</th><th>Done</th>"
        "<th>Left</th></tr></thead><tbody>",
        Html(cell.model), Html(CoverageSummary(cell.row.coverage)));
    for (const CoverageRow& row : cell.row.coverage) {
      html += fmt::format(
          "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>"
          "<td>{}</td><td class=\"wrap\">{}</td></tr>",
          Html(row.layer), Html(row.kind), Html(row.weights), row.values,
          Html(row.done), Html(row.left));
    }
    html += "</tbody></table></div></details>\n";
  }
  return html.empty() ? "" : "<h3>What recipes did to each layer</h3>" + html;
}

std::string Made(const RunContents& contents, const std::string& directory) {
  const StudyRow& row = contents.cells[0].row;
  const StudySettings& s = row.settings;
  std::string html = "<div class=\"scroll\"><table><tbody>";
  const auto line = [&](const char* name, const std::string& text) {
    html += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"wrap\">{}</td></tr>", name,
        Html(text));
  };
  line("Command", StudyCommand(s) + " --out " + ShellWord(directory));
  line("Model", fmt::format("{} (digest {})", s.model, s.model_digest));
  line("Data", fmt::format("{} (fingerprint {})", s.data, s.data_digest));
  line("Seed", fmt::format("{}", s.seed));
  std::set<std::string> builds;
  std::set<std::string> isas;
  std::set<std::string> machines;
  for (const CellEntry& cell : contents.cells) {
    builds.insert(cell.row.build);
    isas.insert(cell.row.isa);
    if (!cell.row.machine.empty()) machines.insert(cell.row.machine);
  }
  line("Version", fmt::format("litesmith {}, build {}", LITESMITH_VERSION,
                              fmt::join(builds, ", ")));
  line("Machine", fmt::format("{}", fmt::join(machines, "; ")));
  line("Instruction set", fmt::format("{}", fmt::join(isas, ", ")));
  double convert = 0;
  for (const CellEntry& cell : contents.cells) convert += cell.row.convert_s;
  std::string trained;
  for (const ModelEntry& model : contents.models) {
    if (model.seconds <= 0) continue;
    trained += fmt::format("{}{} {:.2f} s", trained.empty() ? "" : ", ",
                           model.id, model.seconds);
  }
  if (!trained.empty()) line("Time to train", trained);
  line("Time to convert", fmt::format("{:.2f} s", convert));
  return html + "</tbody></table></div>";
}

// ---- What the scripts read -------------------------------------------------

// Numbers of names that many files share.
class Names {
 public:
  int64_t Of(const std::string& name) {
    const auto [at, added] =
        index_.emplace(name, static_cast<int64_t>(list_.size()));
    if (added) list_.push_back(name);
    return at->second;
  }
  const std::vector<std::string>& list() const { return list_; }

 private:
  std::map<std::string, int64_t> index_;
  std::vector<std::string> list_;
};

// Three digits are enough for pictures.
double Round(double value) {
  if (!std::isfinite(value) || value == 0) return 0;
  const double unit =
      std::pow(10.0, std::floor(std::log10(std::abs(value))) - 3);
  return std::round(value / unit) * unit;
}

class PageData {
 public:
  PageData(const RunContents& contents, const std::string& directory)
      : contents_(contents),
        directory_(directory),
        choices_(ChoicesOf(RowsOf(contents), AnswerTarget())) {}

  std::string Text(const std::string& value_name) {
    const StudyRow& any = contents_.cells[0].row;
    Json json;
    json["metrics"] = Json::array();
    AddMetric(value_name, any.settings.metric, &json);
    for (const OutputScore& output : any.outputs)
      AddMetric(NameOf(output), output.metric, &json);
    json["rows"] = Json::array();
    for (size_t at = 0; at < contents_.cells.size(); ++at)
      json["rows"].push_back(Row(at));
    json["models"] = Json::array();
    for (const ModelEntry& model : contents_.models)
      json["models"].push_back(Model(model));
    json["plans"] = plans_;
    json["names"] = names_.list();
    json["classes"] = any.class_names;
    json["pictures"] = pictures_;
    return ScriptSafe(
        json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

 private:
  // Of a metric that this build does not know: a number, the higher the better.
  static void AddMetric(const std::string& label, const std::string& name,
                        Json* json) {
    const Metric* metric = MetricOrNull(name);
    const bool share = metric != nullptr && metric->is_share;
    (*json)["metrics"].push_back(
        {{"label", share ? label + " (%)" : label},
         {"scale", share ? 100 : 1},
         {"higher", metric == nullptr || metric->higher_is_better}});
  }

  Json Row(size_t at) {
    const CellEntry& cell = contents_.cells[at];
    const StudyRow& row = cell.row;
    Json json = {{"recipe", row.recipe},
                 {"method", row.method},
                 {"model", cell.model},
                 {"values", Json::array({row.value})},
                 {"file_bytes", row.file_bytes},
                 {"gzip_bytes", row.gzip_bytes},
                 {"latency_us_p50", row.latency_us_p50},
                 {"device_bytes", DeviceBytes(row)},
                 {"data", row.settings.data_digest},
                 {"kept", KeptWord(row)},
                 {"drop", choices_[at].drop},
                 {"place", choices_[at].place},
                 {"path", row.path},
                 {"command", Command(row, directory_)}};
    for (const OutputScore& output : row.outputs)
      json["values"].push_back(output.value);
    for (const auto& [field, text] : Texts(row)) json["texts"][field] = text;
    if (!cell.details.memory.operators.empty())
      json["plan"] = Plan(cell.details.memory);
    json["noise"] = Json::array();
    for (const TensorNoiseDetails& noise : cell.details.noise) {
      json["noise"].push_back(
          {names_.Of(noise.tensor),
           noise.exact ? Json() : Json(Round(noise.sqnr_db)),
           Round(noise.worst)});
    }
    json["mistakes"] = Json::array({MistakesOf(row, cell.details.mistakes)});
    for (const Mistakes& further : cell.details.further) {
      json["mistakes"].push_back(MistakesOf(row, further));
      json["mistakes"].back()["names"] = further.names;
    }
    return json;
  }

  // Of one output.
  Json MistakesOf(const StudyRow& row, const Mistakes& mistakes) {
    Json json;
    if (!mistakes.confusion.empty()) {
      json["classes"] = mistakes.classes;
      json["confusion"] = mistakes.confusion;
    }
    json["wrong"] = Json::array();
    for (const WrongSample& wrong : mistakes.wrong) {
      json["wrong"].push_back({wrong.sample, wrong.label, wrong.answer,
                               Round(wrong.margin), wrong.wanted, wrong.given,
                               names_.Of(wrong.origin)});
      if (!wrong.picture.empty())
        pictures_[fmt::format("{}/{}", row.settings.data_digest,
                              wrong.sample)] = wrong.picture;
    }
    return json;
  }

  // The number of a plan; files of one method have the same.
  size_t Plan(const MemoryPlan& plan) {
    Json json;
    json["arena_bytes"] = plan.arena_bytes;
    json["operators"] = plan.operators;
    json["tensors"] = Json::array();
    for (const TensorLife& life : plan.tensors) {
      json["tensors"].push_back({names_.Of(life.name), life.bytes, life.offset,
                                 life.first, life.last});
    }
    for (size_t i = 0; i < plans_.size(); ++i) {
      if (plans_[i] == json) return i;
    }
    plans_.push_back(json);
    return plans_.size() - 1;
  }

  static Json Model(const ModelEntry& model) {
    Json json = {{"id", model.id}, {"parent", model.parent}};
    json["weights"] = Json::array();
    for (const WeightDetails& w : model.details.weights) {
      json["weights"].push_back({{"tensor", w.tensor},
                                 {"layer", w.layer},
                                 {"op", w.op},
                                 {"shape", w.shape},
                                 {"macs", w.macs},
                                 {"values", w.values},
                                 {"zeros", w.zeros},
                                 {"distinct", w.distinct},
                                 {"entropy", Round(w.entropy)},
                                 {"low", Round(w.low)},
                                 {"high", Round(w.high)},
                                 {"histogram", w.histogram}});
    }
    json["epochs"] = Json::array();
    for (const EpochDetails& e : model.details.epochs) {
      json["epochs"].push_back(
          {{"loss", Round(e.loss)},
           {"accuracy", Round(e.accuracy)},
           {"validation_loss", Round(e.validation_loss)},
           {"validation_accuracy", Round(e.validation_accuracy)},
           {"learning_rate", Round(e.learning_rate)},
           {"sparsity", Round(e.sparsity)}});
    }
    return json;
  }

  const RunContents& contents_;
  const std::string& directory_;
  std::vector<Choice> choices_;  // by cell
  Names names_;
  Json plans_ = Json::array();
  Json pictures_ = Json::object();
};

// The page with each {{name}} in its place; what is put in is not looked at
// again.
std::string Fill(std::string_view page,
                 const std::map<std::string, std::string>& parts) {
  std::string result;
  for (;;) {
    const size_t open = page.find("{{");
    if (open == std::string_view::npos) break;
    const size_t close = page.find("}}", open);
    result += page.substr(0, open);
    result += parts.at(std::string(page.substr(open + 2, close - open - 2)));
    page.remove_prefix(close + 2);
  }
  return result + std::string(page);
}

}  // namespace

std::string ReportPage(const RunContents& contents,
                       const std::string& directory) {
  const StudyRow& any = contents.cells[0].row;
  const std::string metric = any.settings.metric;
  const std::string value_name = metric == "top1" ? "Accuracy" : metric;
  const char* unit = IsShare(any) ? "points" : "%";
  const BestFiles answer = FindBestFiles(contents, kTolerance);
  const std::string title =
      fmt::format("{} on {}", any.settings.model, any.settings.data);
  return Fill(
      kPageHtml,
      {{"title", Html(title)},
       {"subtitle",
        Html(fmt::format(
            "{} of {}, each run on the test set ({})",
            Counted(static_cast<int64_t>(contents.cells.size()), "file"),
            Counted(static_cast<int64_t>(contents.models.size()), "model"),
            Counted(any.samples, "sample")))},
       {"css", std::string(kPageCss)},
       {"script", std::string(kPageScript)},
       {"chart", std::string(kChartScript)},
       {"tolerance_label", fmt::format("How much may be lost, in {}", unit)},
       {"baseline", Html(fmt::format("of what {} has", answer.baseline_path))},
       {"cards", Cards(contents, directory, unit)},
       {"missing", Missing(contents)},
       {"recipe_options",
        Options(contents,
                [](const StudyRow& row) -> const std::string& {
                  return row.recipe;
                })},
       {"method_options",
        Options(contents,
                [](const StudyRow& row) -> const std::string& {
                  return row.method;
                })},
       {"heads", Heads(contents, value_name)},
       {"rows", Rows(contents)},
       {"value_name", Html(value_name)},
       {"outputs", OutputOptions(contents, value_name)},
       {"one_output", any.outputs.empty() ? " hidden" : ""},
       {"recipe_tree", RecipeTree(contents)},
       {"quantization_tree", QuantizationTree(contents, kTolerance)},
       {"coverage", Coverage(contents)},
       {"made", Made(contents, directory)},
       {"data", PageData(contents, directory).Text(value_name)}});
}

}  // namespace litesmith
