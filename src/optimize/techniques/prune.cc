// Magnitude pruning (specs/tfmot.md 1), folded afterwards.
#include "src/optimize/techniques/prune.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/optimize/technique.h"

namespace litesmith {
namespace {

constexpr int64_t kManySteps = int64_t{1} << 30;

constexpr Word kSchedules[] = {{"polynomial", prune_mask::kPolynomialDecay},
                               {"constant", prune_mask::kConstant}};
constexpr Word kPoolings[] = {{"average", prune_mask::kAverage},
                              {"max", prune_mask::kMax}};

constexpr Parameter kPruneParameters[] = {
    kSkip,
    Number<&PruneOptions::final_sparsity>(
        "sparsity", 0, 1, "the final share of zeros, in [0, 1)"),
    OneOf<&PruneOptions::schedule>(
        "schedule", kSchedules,
        "\"polynomial\" from initial_sparsity to sparsity, or \"constant\""),
    Number<&PruneOptions::initial_sparsity>("initial_sparsity", 0, 1,
                                            "where the polynomial starts"),
    Whole<&PruneOptions::begin_step>("begin_step", 0, kManySteps,
                                     "optimizer step of the schedule's start"),
    Whole<&PruneOptions::end_step>(
        "end_step", -1, kManySteps,
        "of its end; -1 is the last update of the training"),
    Whole<&PruneOptions::frequency>(
        "frequency", 0, kManySteps,
        "steps from one mask to the next; 0 is a tenth of the training, at "
        "most 100"),
    Number<&PruneOptions::power>("power", 0, 100, "of the polynomial"),
    Pair<&PruneOptions::block>(
        "block", 1, 65536,
        "[rows, columns] of a dense kernel [in, out] that are pruned together"),
    OneOf<&PruneOptions::block_pooling>("block_pooling", kPoolings,
                                        "a block counts by the \"average\" or "
                                        "the \"max\" of its magnitudes"),
    Pattern<&PruneOptions::pattern>(
        "pattern",
        "\"2:4\" puts 2 zeros in every 4 neighbours along the input channels, "
        "once, instead of a schedule"),
};

// Frequency and end stay open until the training is known.
LayerSettings PruneDefaults() {
  return {.options = PruneOptions{.frequency = 0}};
}

void Resolve(const Graph& graph, const WeightRef& weights,
             const StepPlace& place, LayerSettings* settings) {
  auto& prune = settings->As<PruneOptions>();
  const bool blocks = prune.block != PruneBlock();
  if (blocks && graph.tensor(weights.parameter).shape.rank() != 2) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: block = [{}, {}] is for dense layers, and this is a convolution; "
         "{{ match = \"{}\", block = [1, 1] }} in the step's `layers` would do",
         place.layer, prune.block.height, prune.block.width,
         graph.node(weights.node).name);
  }
  if (prune.pattern.size > 0 && weights.input_axis < 0) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: pattern = \"{}:{}\" is along the input channels, of which a "
         "depthwise kernel has one; {{ match = \"{}\", skip = true }} in the "
         "step's `layers` would do",
         place.layer, prune.pattern.zeros, prune.pattern.size,
         graph.node(weights.node).name);
  }
  if (prune.pattern.size > 0) {
    prune.frequency = 1;  // unused: one mask, in the first step
    return;
  }
  constexpr int64_t kMasks = 10;
  constexpr int64_t kMostSteps = 100;  // TFMOT's default
  if (prune.frequency == 0)
    prune.frequency = std::clamp<int64_t>(place.steps / kMasks, 1, kMostSteps);
  // The first update is at step 1 or later.
  const int64_t begin = prune.begin_step;
  const int64_t first = begin > 0 ? begin : prune.frequency;
  const bool open = prune.end_step < 0;
  if (first > place.steps || (!open && prune.end_step < first)) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: the first mask would come at step {}, but {}; more epochs, or "
         "another begin_step, end_step or frequency, would do",
         place.layer, first,
         first > place.steps
             ? fmt::format("the training has {}", Counted(place.steps, "step"))
             : fmt::format("the schedule ends at {}", prune.end_step));
  }
  if (open && prune.schedule == prune_mask::kPolynomialDecay) {
    // The last mask has exactly the final sparsity.
    prune.end_step =
        begin + (place.steps - begin) / prune.frequency * prune.frequency;
  }
}

void InsertPrune(Graph* graph, const WeightRef& weights,
                 const LayerSettings& settings) {
  InsertPruning(graph, weights, settings.As<PruneOptions>());
}

void PromiseAfterPrune(const Graph& graph, const WeightRef& weights,
                       const LayerSettings& settings, int64_t steps,
                       std::vector<Promise>* promises) {
  const auto& prune = settings.As<PruneOptions>();
  promises->clear();
  const int64_t zeros = RemovedWeights(graph, weights, prune, steps);
  if (zeros > 0) promises->push_back(ZerosPromise{zeros});
  if (prune.pattern.size > 0)
    promises->push_back(GroupsPromise{prune.pattern.zeros, prune.pattern.size});
}

}  // namespace

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

int64_t RemovedWeights(const Graph& graph, const WeightRef& weights,
                       const PruneOptions& prune, int64_t steps) {
  const Shape& shape = graph.tensor(weights.parameter).shape;
  const int64_t n = shape.NumElements();
  if (prune.pattern.size > 0) {
    // The larger of a group are kept; a short last one keeps as many.
    const int64_t in = shape[weights.input_axis];
    const int64_t kept = prune.pattern.size - prune.pattern.zeros;
    return n / in *
           (in / prune.pattern.size * prune.pattern.zeros +
            std::max<int64_t>(in % prune.pattern.size - kept, 0));
  }
  // n - max(round(n (1 - s)), 1), half to even: what the mask removes.
  const auto removed = [&](int64_t count) {
    const float kept = std::nearbyint(static_cast<float>(count) *
                                      (1.0f - FinalSparsity(prune, steps)));
    return count - std::max<int64_t>(static_cast<int64_t>(kept), 1);
  };
  const int64_t height = prune.block.height;
  const int64_t width = prune.block.width;
  if (height == 1 && width == 1) return removed(n);
  // Of blocks over [in, out]; those at the edges may be smaller.
  const int64_t rows = (shape[weights.input_axis] + height - 1) / height;
  const int64_t columns = (shape[weights.channel_axis] + width - 1) / width;
  const int64_t kept = rows * columns - removed(rows * columns);
  return std::max<int64_t>(n - kept * height * width, 0);
}

const Technique kPruneTechnique = {
    .name = "prune",
    .summary = "zeroes the smallest weights by a schedule while it trains",
    .parameters = kPruneParameters,
    .defaults = PruneDefaults,
    .fewest_weights = kFewWeights,
    .spares_depthwise = true,
    .resolve = Resolve,
    .insert = InsertPrune,
    .promise = PromiseAfterPrune,
};

}  // namespace litesmith
