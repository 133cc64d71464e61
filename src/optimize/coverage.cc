// Rows of what recipes do.
#include "src/optimize/coverage.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "src/base/file.h"
#include "src/base/names.h"
#include "src/graph/differentiates.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/optimize/step_graph.h"

namespace litesmith {
namespace {

void AddTo(std::string* list, const std::string& what) {
  *list += (list->empty() ? "" : "; ") + what;
}

// What a layer's settings are for people: those that were not left at the
// technique's defaults.
std::string Settings(const Technique& technique,
                     const LayerSettings& settings) {
  const LayerSettings defaults = technique.defaults();
  std::string text;
  for (const Parameter& parameter : technique.parameters) {
    const std::string value = ParameterText(parameter, settings);
    if (value == ParameterText(parameter, defaults)) continue;
    text += fmt::format(" {} {}", parameter.name, value);
  }
  return text;
}

// Weights that no gradient reaches keep their values but for what a recipe does
// to them: by tensor, why.
std::vector<std::string> Untrained(const Graph& graph) {
  std::vector<std::string> why(graph.tensors.size());
  const int first[] = {0};
  for (const Blocked& blocked : FindBlocked(graph, first)) {
    std::string text = "the loss does not depend on it";
    if (blocked.node >= 0) {
      const Node& node = graph.node(blocked.node);
      text = fmt::format("no gradient flows through '{}' ({})", node.name,
                         node.op->name);
    }
    for (const TensorId id : blocked.parameters)
      why[static_cast<size_t>(id)] = text;
  }
  return why;
}

}  // namespace

std::vector<CoverageRow> CoverageOf(const Graph& model,
                                    const RecipeTable& table,
                                    const Recipe& recipe, int64_t samples,
                                    const TrainOptions& options) {
  const std::vector<std::string> untrained = Untrained(model);
  std::vector<CoverageRow> rows;
  for (const WeightRef& weights : Weights(model)) {
    const Tensor& tensor = model.tensor(weights.parameter);
    const Node& node = model.node(weights.node);
    CoverageRow row{node.name,   node.op->name,
                    tensor.name, tensor.shape.NumElements(),
                    "",          ""};
    for (const Recipe* each : table.Lineage(recipe)) {
      for (const RecipeStep& step : each->steps) {
        const std::string name = step.technique->name;
        if (!step.technique->inserts()) continue;
        const StepDecision decision =
            DecisionOf(step, model, weights,
                       TrainingSteps(samples, StepTraining(step, options)));
        if (decision.takes) {
          AddTo(&row.done, name + Settings(*step.technique, decision.settings));
        } else {
          AddTo(&row.left, name + ": " + decision.why);
        }
      }
    }
    const std::string& why = untrained[static_cast<size_t>(weights.parameter)];
    if (!why.empty()) AddTo(&row.left, "training: " + why);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string CoverageSummary(const std::vector<CoverageRow>& rows) {
  int64_t layers = 0;
  int64_t changed = 0;
  int64_t all = 0;
  for (const CoverageRow& row : rows) {
    all += row.values;
    if (row.done.empty()) continue;
    ++layers;
    changed += row.values;
  }
  return fmt::format(
      "{} of {} and {} of {} changed", layers,
      Counted(static_cast<int64_t>(rows.size()), "weight tensor"), changed,
      Counted(all, "weight"));
}

std::string CoverageMarkdown(const std::string& heading,
                             const std::vector<CoverageRow>& rows) {
  std::string text = fmt::format(
      "## {}\n\n{}.\n\n| layer | kind | weights | values | done | left |\n"
      "| --- | --- | --- | --- | --- | --- |\n",
      heading, CoverageSummary(rows));
  for (const CoverageRow& row : rows) {
    text +=
        fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.layer, row.kind,
                    row.weights, row.values, row.done.empty() ? "-" : row.done,
                    row.left.empty() ? "-" : row.left);
  }
  return text + "\n";
}

std::string CoverageText(const std::vector<CoverageRow>& rows) {
  std::string text;
  for (const CoverageRow& row : rows) {
    if (row.left.empty()) continue;
    text += fmt::format("  left '{}' ({}, {}): {}\n", row.layer, row.kind,
                        Counted(row.values, "weight"), row.left);
  }
  return text;
}

void WriteCoveragePage(const std::string& path, const std::string& page) {
  if (FileExists(path)) {
    const std::vector<std::byte> there = ReadFile(path);
    if (std::string_view(reinterpret_cast<const char*>(there.data()),
                         there.size()) == page)
      return;
  }
  WriteFile(path, std::string_view(page));
}

}  // namespace litesmith
