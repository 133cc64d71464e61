#include "src/optimize/step_graph.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/graph/op_def.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

bool Matches(const LayerRule& rule, const Node& layer, const Tensor& weights) {
  return fnmatch(rule.match.c_str(), layer.name.c_str(), 0) == 0 ||
         fnmatch(rule.match.c_str(), weights.name.c_str(), 0) == 0;
}

// "my.toml:3: recipe "thin", layer 'dense'"; a step that no table holds has no
// place.
std::string PlaceOf(const RecipeStep& step, const Node& layer) {
  return fmt::format("{}{}layer '{}'", step.place,
                     step.place.empty() ? "" : ", ", layer.name);
}

void ResolvePruning(const RecipeStep& step, const Node& layer,
                    const Tensor& weights, int64_t steps, PruneOptions* prune) {
  if ((prune->block_height != 1 || prune->block_width != 1) &&
      weights.shape.rank() != 2) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: block = [{}, {}] is for dense layers, and this is a convolution; "
         "{{ match = \"{}\", block = [1, 1] }} in the step's `layers` would do",
         PlaceOf(step, layer), prune->block_height, prune->block_width,
         layer.name);
  }
  if (prune->schedule == prune_mask::kZerosInGroups) {
    prune->frequency = 1;  // unused: one mask, in the first step
    return;
  }
  constexpr int64_t kMasks = 10;
  constexpr int64_t kMostSteps = 100;  // TFMOT's default
  if (prune->frequency == 0)
    prune->frequency = std::clamp<int64_t>(steps / kMasks, 1, kMostSteps);
  // The first update is at step 1 or later.
  const int64_t begin = prune->begin_step;
  const int64_t first = begin > 0 ? begin : prune->frequency;
  const bool open = prune->end_step < 0;
  if (first > steps || (!open && prune->end_step < first)) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: the first mask would come at step {}, but {}; more epochs, or "
         "another begin_step, end_step or frequency, would do",
         PlaceOf(step, layer), first,
         first > steps
             ? fmt::format("the training has {}", Counted(steps, "step"))
             : fmt::format("the schedule ends at {}", prune->end_step));
  }
  if (open && prune->schedule == prune_mask::kPolynomialDecay) {
    // The last mask has exactly the final sparsity.
    prune->end_step =
        begin + (steps - begin) / prune->frequency * prune->frequency;
  }
}

// `"lsmt*" matches none`, with the name that was probably meant.
std::string NoMatch(const std::string& match,
                    const std::vector<std::string>& names) {
  const std::string nearest = NearestName(match, names);
  return fmt::format(
      "\"{}\" matches none{}", match,
      nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
}

const char* KindName(StepKind kind) {
  switch (kind) {
    case StepKind::kTrain:
      return "train";
    case StepKind::kPrune:
      return "prune";
    case StepKind::kCluster:
      return "cluster";
    case StepKind::kQat:
      return "qat";
  }
  return "";
}

// Pruning and clustering leave frozen layers alone, which may surprise.
void WarnOfFrozenLayers(const Graph& graph, const RecipeStep& step) {
  if (step.kind != StepKind::kPrune && step.kind != StepKind::kCluster) return;
  std::string names;
  for (const WeightEdge& edge : WeightEdges(graph)) {
    if (!edge.frozen) continue;
    const std::string& name = graph.node(edge.node).name;
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name);
  }
  if (names.empty()) return;
  Warn(
      "\"{}\" leaves the frozen layers ({}) as they are: they say "
      "trainable: false",
      KindName(step.kind), names);
}

}  // namespace

TrainOptions StepTraining(const RecipeStep& step, const TrainOptions& base) {
  TrainOptions options = base;
  options.epochs = step.epochs.value_or(base.epochs);
  options.batch = step.batch.value_or(base.batch);
  options.learning_rate = step.learning_rate.value_or(base.learning_rate);
  return options;
}

LayerSettings ResolveSettings(const RecipeStep& step, const Node& layer,
                              const Tensor& weights, int64_t steps) {
  LayerSettings settings = step.settings;
  for (const LayerRule& rule : step.layers) {
    if (!Matches(rule, layer, weights)) continue;
    for (const auto& change : rule.changes) change(&settings);
  }
  const bool convolution = weights.shape.rank() == 4;
  settings.cluster.per_channel =
      settings.per_channel == CentroidsPerChannel::kAll ||
      (settings.per_channel == CentroidsPerChannel::kConvolutions &&
       convolution);
  if (step.kind == StepKind::kPrune && !settings.skip)
    ResolvePruning(step, layer, weights, steps, &settings.prune);
  return settings;
}

void ForEachLayer(
    const Graph& graph, const RecipeStep& step, int64_t steps,
    const std::function<void(const Node& layer, const Tensor& weights,
                             const LayerSettings& settings)>& visit) {
  std::vector<char> used(step.layers.size(), 0);
  std::vector<std::string> names;
  for (const WeightEdge& edge : WeightEdges(graph)) {
    const Node& layer = graph.node(edge.node);
    const Tensor& weights = graph.tensor(EdgeParameter(graph, edge));
    names.push_back(layer.name);
    for (size_t r = 0; r < used.size(); ++r)
      used[r] |= Matches(step.layers[r], layer, weights);
    if (edge.frozen && step.kind != StepKind::kQat) continue;
    const LayerSettings settings = ResolveSettings(step, layer, weights, steps);
    if (!settings.skip) visit(layer, weights, settings);
  }
  for (size_t r = 0; r < used.size(); ++r) {
    if (used[r]) continue;
    Fail(ErrorKind::kInvalidArgument,
         "{}{}the rule for layers {}; these have weights: {}", step.place,
         step.place.empty() ? "" : ": ", NoMatch(step.layers[r].match, names),
         JoinNames(names));
  }
}

Graph ApplyStep(const Graph& graph, const RecipeStep& step, int64_t steps) {
  WarnOfFrozenLayers(graph, step);
  ForEachLayer(graph, step, steps,
               [](const Node&, const Tensor&, const LayerSettings&) {});
  const auto choose = [&](auto member) {
    return [&, member](const Node& layer, const Tensor& weights) {
      const LayerSettings settings =
          ResolveSettings(step, layer, weights, steps);
      using Options = std::decay_t<decltype(settings.*member)>;
      return settings.skip ? std::optional<Options>()
                           : std::optional<Options>(settings.*member);
    };
  };
  switch (step.kind) {
    case StepKind::kTrain:
      return graph;
    case StepKind::kPrune:
      return InsertPruning(graph, choose(&LayerSettings::prune));
    case StepKind::kCluster:
      return InsertClustering(graph, choose(&LayerSettings::cluster));
    case StepKind::kQat:
      return InsertFakeQuant(graph, choose(&LayerSettings::qat));
  }
  return graph;
}

std::string DescribeStep(const Graph& graph, const RecipeStep& step,
                         const TrainOptions& training, int64_t samples) {
  // A new field of a step does not compile until it is named here: what it
  // says has to be in the text. Its place in a file says nothing.
  const auto& [kind, settings, layers, place, epochs, batch, learning_rate,
               calibrate] = step;
  const TrainOptions resolved = StepTraining(step, training);
  std::string text =
      fmt::format("{} calibrate={} training=({})", KindName(kind), calibrate,
                  FieldsText(resolved));
  ForEachLayer(graph, step, TrainingSteps(samples, resolved),
               [&](const Node& layer, const Tensor&, const LayerSettings& s) {
                 text += fmt::format("; {}: {}", layer.name, FieldsText(s));
               });
  return text;
}

float FinalSparsity(const PruneOptions& prune, int64_t steps) {
  if (prune.schedule != prune_mask::kPolynomialDecay)
    return prune.final_sparsity;
  const int64_t last = std::min(steps, prune.end_step);
  const int64_t update = prune.begin_step + (last - prune.begin_step) /
                                                prune.frequency *
                                                prune.frequency;
  const double p = static_cast<double>(update - prune.begin_step) /
                   static_cast<double>(prune.end_step - prune.begin_step);
  return static_cast<float>(prune.final_sparsity +
                            (prune.initial_sparsity - prune.final_sparsity) *
                                std::pow(1.0 - p, prune.power));
}

}  // namespace litesmith
