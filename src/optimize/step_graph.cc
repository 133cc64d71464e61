// A step on a graph, by the rows of its technique.
#include "src/optimize/step_graph.h"

#include <fnmatch.h>

#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/graph/op_def.h"
#include "src/train/schedules.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

bool Fits(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool IsOfKind(const std::string& kind, const Node& node) {
  for (const LayerKind& each : LayerKinds()) {
    if (kind != each.name) continue;
    return std::any_of(
        each.ops.begin(), each.ops.end(),
        [&](const std::string& op) { return Fits(op, node.op->name); });
  }
  return false;
}

bool Matches(const LayerRule& rule, const Node& node) {
  return (rule.match.empty() || Fits(rule.match, node.name)) &&
         (rule.kind.empty() || IsOfKind(rule.kind, node));
}

// "first" and "last" count layers, not their tensors.
bool IsAt(const std::string& position, const Graph& graph, NodeId node) {
  const std::vector<WeightRef> all = FloatWeights(graph);
  if (all.empty()) return false;
  return node == (position == "first" ? all.front() : all.back()).node;
}

bool Matches(const LayerRule& rule, const Graph& graph,
             const WeightRef& weights) {
  const Node& node = graph.node(weights.node);
  const Tensor& tensor = graph.tensor(weights.parameter);
  return (rule.match.empty() || Fits(rule.match, node.name) ||
          Fits(rule.match, tensor.name)) &&
         (rule.kind.empty() || IsOfKind(rule.kind, node)) &&
         (rule.position.empty() || IsAt(rule.position, graph, weights.node)) &&
         (rule.smaller_than == 0 ||
          tensor.shape.NumElements() < rule.smaller_than);
}

// Whether it is for outputs, too: of weights alone it says nothing about them.
bool IsOfOutputs(const LayerRule& rule) {
  return rule.position.empty() && rule.smaller_than == 0;
}

// "my.toml:3: recipe "thin", layer 'dense'"; a step that no table holds has no
// place.
std::string PlaceOf(const RecipeStep& step, const Node& layer) {
  return fmt::format("{}{}layer '{}'", step.place,
                     step.place.empty() ? "" : ", ", layer.name);
}

template <typename DoesMatch>
LayerSettings Changed(const RecipeStep& step, const DoesMatch& matches) {
  LayerSettings settings = step.settings;
  for (const LayerRule& rule : step.layers) {
    if (!matches(rule)) continue;
    for (const auto& change : rule.changes) change(&settings);
  }
  return settings;
}

// Of a node's outputs: the rules for the node or for its weights.
LayerSettings OutputSettings(const RecipeStep& step, const Graph& graph,
                             NodeId node,
                             const std::vector<WeightRef>& weights) {
  return Changed(step, [&](const LayerRule& rule) {
    return (IsOfOutputs(rule) && Matches(rule, graph.node(node))) ||
           std::any_of(weights.begin(), weights.end(),
                       [&](const WeightRef& each) {
                         return each.node == node && Matches(rule, graph, each);
                       });
  });
}

bool LeavesFrozen(const RecipeStep& step, const Graph& graph,
                  const WeightRef& weights) {
  return !step.technique->frozen && IsFrozen(graph, weights);
}

// Whether a rule is for these weights.
bool IsNamed(const RecipeStep& step, const Graph& graph,
             const WeightRef& weights) {
  return std::any_of(
      step.layers.begin(), step.layers.end(),
      [&](const LayerRule& rule) { return Matches(rule, graph, weights); });
}

// Of depthwise kernels, whatever a rule that is for them says.
bool LeavesDepthwise(const RecipeStep& step, const Graph& graph,
                     const WeightRef& weights) {
  const Operand& operand =
      graph.node(weights.node)
          .op->OperandOf(static_cast<size_t>(weights.input));
  return step.technique->spares_depthwise && operand.depthwise &&
         !IsNamed(step, graph, weights);
}

bool LeavesSmall(const RecipeStep& step, const Graph& graph,
                 const WeightRef& weights) {
  return graph.tensor(weights.parameter).shape.NumElements() <
             step.technique->fewest_weights &&
         !IsNamed(step, graph, weights);
}

// Why the step leaves these weights, whatever its settings; empty if it does
// not.
std::string WhyLeft(const RecipeStep& step, const Graph& graph,
                    const WeightRef& weights) {
  if (graph.tensor(weights.parameter).dtype != DType::kFloat32)
    return "its weights are no floats";
  if (LeavesFrozen(step, graph, weights)) return "it is frozen";
  if (LeavesDepthwise(step, graph, weights))
    return "it is depthwise: a channel has few weights and can spare none";
  if (LeavesSmall(step, graph, weights))
    return fmt::format("fewer than {} weights: nothing to gain",
                       step.technique->fewest_weights);
  return {};
}

// Whether the step has anything for these weights.
bool Takes(const RecipeStep& step, const Graph& graph,
           const WeightRef& weights) {
  return WhyLeft(step, graph, weights).empty();
}

// Calls `visit` for the weights that the step does not skip.
template <typename Visit>
void ForEachWeights(const Graph& graph, const RecipeStep& step, int64_t steps,
                    const Visit& visit) {
  for (const WeightRef& weights : FloatWeights(graph)) {
    if (!Takes(step, graph, weights)) continue;
    const LayerSettings settings = ResolveSettings(step, graph, weights, steps);
    if (!settings.skip) visit(weights, settings);
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

// Every rule is for a layer with weights, or for an output that the technique
// has something for.
void RequireMatches(const Graph& graph, const RecipeStep& step) {
  const std::vector<WeightRef> all = FloatWeights(graph);
  std::vector<std::string> names;
  for (const WeightRef& weights : all)
    names.push_back(graph.node(weights.node).name);
  const auto is_used = [&](const LayerRule& rule) {
    return std::any_of(all.begin(), all.end(),
                       [&](const WeightRef& weights) {
                         return Matches(rule, graph, weights);
                       }) ||
           (step.technique->insert_output != nullptr &&
            std::any_of(
                graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
                  return IsOfOutputs(rule) && HasOwnRange(graph, node) &&
                         Matches(rule, node);
                }));
  };
  for (const LayerRule& rule : step.layers) {
    // Where a rule asks for a kind or a size there may be none.
    if (rule.match.empty() || is_used(rule)) continue;
    Fail(ErrorKind::kInvalidArgument,
         "{}{}the rule for layers {}; these have weights: {}", step.place,
         step.place.empty() ? "" : ": ", NoMatch(rule.match, names),
         JoinNames(names));
  }
}

// "'dw1', 'dw2'": the layers of the weights that `leaves` is true for.
template <typename Leaves>
std::string LayersLeft(const Graph& graph, const RecipeStep& step,
                       const Leaves& leaves) {
  std::string names;
  if (!step.technique->inserts()) return names;
  for (const WeightRef& weights : FloatWeights(graph)) {
    if (!leaves(step, graph, weights)) continue;
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ",
                         graph.node(weights.node).name);
  }
  return names;
}

// Layers that a technique leaves alone may surprise.
void WarnOfLayersLeft(const Graph& graph, const RecipeStep& step) {
  const std::string frozen = LayersLeft(graph, step, LeavesFrozen);
  if (!frozen.empty()) {
    Warn(
        "\"{}\" leaves the frozen layers ({}) as they are: they say "
        "trainable: false",
        step.technique->name, frozen);
  }
  const std::string depthwise = LayersLeft(
      graph, step,
      [](const RecipeStep& s, const Graph& g, const WeightRef& weights) {
        return !LeavesFrozen(s, g, weights) && LeavesDepthwise(s, g, weights);
      });
  if (!depthwise.empty()) {
    Warn(
        "\"{}\" leaves the depthwise layers ({}) as they are, because a "
        "channel "
        "of theirs has few weights and can spare none; it takes those that a "
        "rule in the step's `layers` matches",
        step.technique->name, depthwise);
  }
}

}  // namespace

TrainOptions StepTraining(const RecipeStep& step, const TrainOptions& base) {
  TrainOptions options = base;
  options.epochs = step.epochs.value_or(base.epochs);
  options.batch = step.batch.value_or(base.batch);
  options.learning_rate = step.learning_rate.value_or(base.learning_rate);
  for (const auto& change : step.training) change(&options);
  if (options.schedule == kAutoSchedule)
    options.schedule = options.tfmot ? "constant" : step.technique->schedule;
  if (options.freeze_batch_norm < 0) {
    options.freeze_batch_norm = options.tfmot
                                    ? step.technique->tfmot_freeze_batch_norm
                                    : step.technique->freeze_batch_norm;
  }
  return options;
}

LayerSettings ResolveSettings(const RecipeStep& step, const Graph& graph,
                              const WeightRef& weights, int64_t steps) {
  LayerSettings settings = Changed(step, [&](const LayerRule& rule) {
    return Matches(rule, graph, weights);
  });
  if (step.technique->resolve != nullptr && !settings.skip) {
    step.technique->resolve(graph, weights,
                            {steps, PlaceOf(step, graph.node(weights.node))},
                            &settings);
  }
  return settings;
}

const std::vector<LayerKind>& LayerKinds() {
  static const std::vector<LayerKind> kKinds = {
      {"conv", {"CONV_2D", "CONV_3D"}},
      {"depthwise", {"DEPTHWISE_CONV_2D"}},
      {"transposed", {"TRANSPOSE_CONV"}},
      {"dense", {"FULLY_CONNECTED", "BATCH_MATMUL"}},
      {"recurrent", {"*LSTM*", "*GRU*", "*RNN*", "SVDF"}},
      {"embedding", {"GATHER", "EMBEDDING_LOOKUP"}},
  };
  return kKinds;
}

StepDecision DecisionOf(const RecipeStep& step, const Graph& graph,
                        const WeightRef& weights, int64_t steps) {
  StepDecision decision;
  decision.why = WhyLeft(step, graph, weights);
  if (!decision.why.empty()) return decision;
  decision.settings = ResolveSettings(step, graph, weights, steps);
  decision.takes = !decision.settings.skip;
  if (!decision.takes) decision.why = "a rule skips it";
  return decision;
}

Graph ApplyStep(const Graph& graph, const RecipeStep& step, int64_t steps) {
  const Technique& technique = *step.technique;
  WarnOfLayersLeft(graph, step);
  RequireMatches(graph, step);
  if (!technique.inserts()) return graph;
  // What is refused is the first layer's, though ops go in from the last.
  ForEachWeights(graph, step, steps,
                 [](const WeightRef&, const LayerSettings&) {});
  const std::vector<WeightRef> all = FloatWeights(graph);
  OpInserts inserts;
  if (technique.insert_output != nullptr) {
    inserts.output = [&](Graph* result, NodeId node) {
      const LayerSettings settings = OutputSettings(step, graph, node, all);
      if (!settings.skip) technique.insert_output(result, node, settings);
      return !settings.skip;
    };
  }
  if (technique.insert != nullptr) {
    inserts.weights = [&](Graph* result, const WeightRef& weights) {
      if (!Takes(step, *result, weights)) return false;
      const LayerSettings settings =
          ResolveSettings(step, *result, weights, steps);
      if (!settings.skip) technique.insert(result, weights, settings);
      return !settings.skip;
    };
  }
  if (technique.insert_input != nullptr) inserts.input = technique.insert_input;
  return InsertOps(graph, inserts);
}

std::string DescribeStep(const Graph& graph, const RecipeStep& step,
                         const TrainOptions& training, int64_t samples) {
  // A new field of a step does not compile until it is named here: what it
  // says has to be in the text. Its place in a file says nothing.
  const auto& [technique, settings, layers, place, epochs, batch, learning_rate,
               changes] = step;
  RequireMatches(graph, step);
  const TrainOptions resolved = StepTraining(step, training);
  std::string text =
      fmt::format("{} training=({})", technique->name, FieldsText(resolved));
  const auto add = [&](const std::string& name, const LayerSettings& own) {
    text += fmt::format("; {}: {}", name, SettingsText(*step.technique, own));
  };
  ForEachWeights(graph, step, TrainingSteps(samples, resolved),
                 [&](const WeightRef& weights, const LayerSettings& own) {
                   add(graph.tensor(weights.parameter).name, own);
                 });
  if (technique->insert_output == nullptr) return text;
  const std::vector<WeightRef> all = FloatWeights(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!HasOwnRange(graph, graph.nodes[n])) continue;
    add(graph.nodes[n].name,
        OutputSettings(step, graph, static_cast<NodeId>(n), all));
  }
  return text;
}

Promises PromisesAfter(const Graph& graph, const RecipeStep& step,
                       int64_t steps, const Promises& before) {
  Promises result;
  ForEachWeights(
      graph, step, steps,
      [&](const WeightRef& weights, const LayerSettings& settings) {
        const std::string& name = graph.tensor(weights.parameter).name;
        std::vector<Promise>& promises = result[name];
        if (step.technique->promise == nullptr) return;
        const auto known = before.find(name);
        if (known != before.end()) promises = known->second;
        step.technique->promise(graph, weights, settings, steps, &promises);
      });
  return result;
}

}  // namespace litesmith
