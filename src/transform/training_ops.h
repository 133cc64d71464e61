// Puts training-only ops on a float graph and takes them off again: pruning,
// clustering and fake quantization are nodes on the weight edge,
// conv(x, fake_quant(cluster_lookup(prune_mask(w)))), and fake quants on
// activations. Which layers get what is the caller's choice, by weight tensor.
#ifndef LITESMITH_TRANSFORM_TRAINING_OPS_H_
#define LITESMITH_TRANSFORM_TRAINING_OPS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "src/base/fields.h"
#include "src/graph/graph.h"
#include "src/ops/train/train.h"

namespace litesmith {

// Magnitude pruning of one weight tensor (specs/tfmot.md 1).
struct PruneOptions {
  int schedule = prune_mask::kPolynomialDecay;
  float initial_sparsity = 0.5f;
  float final_sparsity = 0.8f;
  int64_t begin_step = 0;
  int64_t end_step = -1;  // -1: no end (constant sparsity only)
  int64_t frequency = 100;
  float power = 3.0f;
  int block_height = 1;
  int block_width = 1;
  int block_pooling = prune_mask::kAverage;
  int group_zeros = 2;  // of kZerosInGroups: m zeros
  int group_size = 4;   // in every n
};

template <FieldsOf<PruneOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  visit("schedule", o.schedule);
  visit("initial_sparsity", o.initial_sparsity);
  visit("final_sparsity", o.final_sparsity);
  visit("begin_step", o.begin_step);
  visit("end_step", o.end_step);
  visit("frequency", o.frequency);
  visit("power", o.power);
  visit("block_height", o.block_height);
  visit("block_width", o.block_width);
  visit("block_pooling", o.block_pooling);
  visit("group_zeros", o.group_zeros);
  visit("group_size", o.group_size);
}

enum class CentroidInit : uint8_t {
  kLinear,
  kRandom,
  kDensityBased,
  kKmeansPlusPlus
};

// Weight clustering of one weight tensor (specs/tfmot.md 2).
struct ClusterOptions {
  int clusters = 8;
  CentroidInit init = CentroidInit::kKmeansPlusPlus;
  bool per_channel = false;  // centroids of their own for each output channel
  bool average_gradient = false;
  bool preserve_sparsity = false;
  uint64_t seed = 9;  // of random and k-means++ initialisation
};

template <FieldsOf<ClusterOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  visit("clusters", o.clusters);
  visit("init", o.init);
  visit("per_channel", o.per_channel);
  visit("average_gradient", o.average_gradient);
  visit("preserve_sparsity", o.preserve_sparsity);
  visit("seed", o.seed);
}

// Quantization-aware training of one layer (specs/tfmot.md 3, 4, 5).
struct QatOptions {
  bool preserve_sparsity = false;
  bool preserve_clusters = false;
  // Convolutions' weights have a range for each output channel, else one each;
  // dense weights always have one.
  bool per_channel = true;
  double decay = 0.999;  // of the activations' moving average
  bool debias = false;   // it forgets the range that it started from
};

template <FieldsOf<QatOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  visit("preserve_sparsity", o.preserve_sparsity);
  visit("preserve_clusters", o.preserve_clusters);
  visit("per_channel", o.per_channel);
  visit("decay", o.decay);
  visit("debias", o.debias);
}

// What a layer gets; nothing leaves it as it is. Called with the layer's node
// and its weights.
template <typename Options>
using LayerChoice =
    std::function<std::optional<Options>(const Node&, const Tensor&)>;

// Each returns a copy of the graph with the ops inserted. Frozen weights
// (constants) are neither pruned nor clustered; they are fake-quantized, since
// they will be integers like the others. Throws Error{invalid argument} for
// options that a tensor cannot have.
Graph InsertPruning(const Graph& graph,
                    const LayerChoice<PruneOptions>& choice);
Graph InsertClustering(const Graph& graph,
                       const LayerChoice<ClusterOptions>& choice);
Graph InsertFakeQuant(const Graph& graph,
                      const LayerChoice<QatOptions>& choice);

// Folds pruning and clustering into their weights and drops fake quants: a
// plain float graph, as Keras's strip functions give it. Layers that act in
// training only (dropout) stay, as they do there.
Graph StripTrainingOps(const Graph& graph);

// Folds everything and drops what acts in training only: weights take their
// snapped values and carry their scales; activations that were fake-quantized
// carry scale and zero point (in int8 terms) though they stay float. What the
// quantizer converts from. Tensors keep their ids; what the folded nodes alone
// read stays behind, unread.
Graph FoldFakeQuant(const Graph& graph);

// Whether any fake quant, or anything that StripTrainingOps takes off, is in
// the graph.
bool HasFakeQuant(const Graph& graph);
bool HasTrainingOps(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_TRAINING_OPS_H_
