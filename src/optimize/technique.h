// What a step of a recipe does to a model before it trains, as rows of data:
// techniques/*.cc fills one Technique a file, techniques.inc lists them. The
// parser of recipes, keys of results, promises, lists and the walk over the
// graph (step_graph.h) read the rows and know no technique by name.
#ifndef LITESMITH_OPTIMIZE_TECHNIQUE_H_
#define LITESMITH_OPTIMIZE_TECHNIQUE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/graph/weights.h"
#include "src/optimize/parameter.h"
#include "src/optimize/promises.h"

namespace litesmith {

// Samples whose ranges calibration sees, from the start of the training half:
// TFLite's representative data set, as the original system takes it.
inline constexpr int64_t kCalibrationSamples = 100;

// Fewer weights are not worth a mask or a table of what they share: zeros and
// clusters save less than the bytes that a file spends on the tensor.
inline constexpr int64_t kFewWeights = 32;

// Of a training: how many optimizer steps it has, and how messages call the
// layer ("my.toml:3: recipe "thin", layer 'dense'").
struct StepPlace {
  int64_t steps = 0;
  std::string layer;
};

struct Technique {
  const char* name;     // a step's `type`
  const char* summary;  // one line for `litesmith list techniques`
  std::span<const Parameter> parameters = {};
  // What a step has that says nothing.
  LayerSettings (*defaults)() = nullptr;
  // Its ops stay in the result of a recipe's last step, else they are folded.
  bool stays = false;
  // Frozen weights (constants) get it too.
  bool frozen = false;
  // Weights in fewer numbers than this are left as they are unless a rule of
  // the step is for them: there is nothing to gain.
  int64_t fewest_weights = 0;
  // What TrainOptions::freeze_batch_norm is by itself, and as TFMOT does it.
  float freeze_batch_norm = 1;
  float tfmot_freeze_batch_norm = 1;
  // Of schedules.h, what "auto" is by itself; as TFMOT does it, constant.
  const char* schedule = "constant";
  // Depthwise kernels are left as they are unless a rule of the step is for
  // them: a channel has a few weights, of which it can spare none.
  bool spares_depthwise = false;

  // Closes what settings leave open until the training is known, and refuses
  // what would do nothing in it. Null: nothing is open.
  void (*resolve)(const Graph& graph, const WeightRef& weights,
                  const StepPlace& place, LayerSettings* settings) = nullptr;
  // Ops onto the weights of a layer, behind the outputs of a node that has a
  // range of its own (HasOwnRange), and onto the graph's inputs once anything
  // is inserted. Null: none.
  void (*insert)(Graph* graph, const WeightRef& weights,
                 const LayerSettings& settings) = nullptr;
  void (*insert_output)(Graph* graph, NodeId node,
                        const LayerSettings& settings) = nullptr;
  void (*insert_input)(Graph* graph) = nullptr;
  // What follows from the data before the first step, unless it is to start as
  // TFMOT's; `plain` is the graph before the ops were inserted, whose tensors
  // keep their ids. Null: nothing.
  void (*start)(const Graph& plain, const Dataset& data,
                const LayerSettings& settings, Graph* graph) = nullptr;
  // What is done to the graph after the last step. Null: nothing.
  Graph (*finish)(const Graph& trained) = nullptr;
  // What holds of the weights after the step, out of what held before it. Null:
  // nothing does.
  void (*promise)(const Graph& graph, const WeightRef& weights,
                  const LayerSettings& settings, int64_t steps,
                  std::vector<Promise>* promises) = nullptr;

  // Whether it changes the graph and does not only train it.
  bool inserts() const { return insert != nullptr || insert_output != nullptr; }
};

#define LITESMITH_TECHNIQUE(name) extern const Technique name;
#include "src/optimize/techniques.inc"
#undef LITESMITH_TECHNIQUE

// All of them, in the order of techniques.inc.
std::span<const Technique* const> Techniques();

// "sparsity=0.8 schedule=polynomial ...": every parameter.
std::string SettingsText(const Technique& technique,
                         const LayerSettings& settings);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_TECHNIQUE_H_
