// Puts training-only ops on a float graph and takes them off again: pruning,
// clustering and fake quantization are nodes on the weight edge,
// conv(x, fake_quant(cluster_lookup(prune_mask(w)))), and fake quants on
// activations. Which layers get what is the caller's choice.
#ifndef LITESMITH_TRANSFORM_TRAINING_OPS_H_
#define LITESMITH_TRANSFORM_TRAINING_OPS_H_

#include <cstdint>
#include <functional>
#include <span>

#include "src/graph/graph.h"
#include "src/graph/weights.h"
#include "src/ops/train/train.h"

namespace litesmith {

// Rows and columns of a dense kernel [in, out] that are pruned together.
struct PruneBlock {
  int height = 1;
  int width = 1;
  bool operator==(const PruneBlock&) const = default;
};

// `zeros` of every `size` neighbours along the input channels; size 0: no
// groups.
struct PrunePattern {
  int zeros = 0;
  int size = 0;
  bool operator==(const PrunePattern&) const = default;
};

// Magnitude pruning of one weight tensor (specs/tfmot.md 1).
struct PruneOptions {
  int schedule = prune_mask::kPolynomialDecay;
  float initial_sparsity = 0.5f;
  float final_sparsity = 0.8f;
  int64_t begin_step = 0;
  int64_t end_step = -1;  // -1: no end (constant sparsity only)
  int64_t frequency = 100;
  float power = 3.0f;
  PruneBlock block = {};
  int block_pooling = prune_mask::kAverage;
  PrunePattern pattern = {};  // set: once, instead of a schedule
};

enum class CentroidInit : uint8_t {
  kLinear,
  kRandom,
  kDensityBased,
  kKmeansPlusPlus
};

// Which layers get centroids for each output channel instead of one set.
enum class CentroidsPerChannel : uint8_t { kNone, kConvolutions, kAll };

// Weight clustering of one weight tensor (specs/tfmot.md 2).
struct ClusterOptions {
  int clusters = 8;
  CentroidInit init = CentroidInit::kKmeansPlusPlus;
  CentroidsPerChannel per_channel = CentroidsPerChannel::kNone;
  bool average_gradient = false;
  bool preserve_sparsity = false;
  uint64_t seed = 9;  // of random and k-means++ initialisation
};

// Whether these weights get centroids for each output channel.
bool HasCentroidsPerChannel(const Graph& graph, const WeightRef& weights,
                            const ClusterOptions& options);

// Quantization-aware training of one layer (specs/tfmot.md 3, 4, 5).
struct QatOptions {
  bool preserve_sparsity = false;
  bool preserve_clusters = false;
  // Convolutions' weights have a range for each output channel, else one each;
  // dense weights always have one.
  bool per_channel = true;
  double decay = 0.999;  // of the activations' moving average
  bool debias = false;   // it forgets the range that it started from
  // Activation ranges start from samples', all layers' or none's: it takes data
  // (techniques/qat.cc), and changes nothing here.
  bool calibrate = true;
};

// Whether these weights get a range for each output channel.
bool HasRangePerChannel(const Graph& graph, const WeightRef& weights,
                        const QatOptions& options);

// Each puts its ops on float weights, behind what is there. Node indices from
// the weights' layer on grow; shapes and unique names are the caller's
// (InsertOps). Throws Error{invalid argument, unsupported} for options that the
// weights cannot have.
void InsertPruning(Graph* graph, WeightRef weights,
                   const PruneOptions& options);
void InsertClustering(Graph* graph, WeightRef weights,
                      const ClusterOptions& options);
void InsertFakeQuant(Graph* graph, WeightRef weights,
                     const QatOptions& options);
// Behind each output of a node, which is that of its fused activation: a range
// that follows the batches.
void InsertOutputFakeQuant(Graph* graph, NodeId node,
                           const QatOptions& options);
// Grids that no training learns: behind averages, whose integers have their
// input's scale and are rounded to it once more, and behind ops of a fixed
// scale (LOGISTIC) inside of the network. After all other fake quants.
void InsertRoundings(Graph* graph);
// The fake quant whose range a tensor has, behind ops that only move values;
// null if there is none.
const Node* RangeBefore(const Graph& graph, TensorId id);
// A trained graph whose fake quants round as the kernels of integers will
// (LiteRT's reference), and whose biases, or the offsets that batch
// normalizations make of them, lie on the grid that an int8 file holds them by:
// outside training it gives what the file gives, but for roundings of floats.
Graph ComputeAsIntegers(const Graph& graph);
// Behind each input of the graph: the range of all values that come in.
void InsertInputFakeQuant(Graph* graph);

// Whether integers give the node's output a range of its own, which training
// can learn (ADD), and not that of an input (pooling), a fixed one, or that of
// a batch normalization that goes into the layer. What is joined
// (CONCATENATION) has the one range of the result: it is learned there, and not
// at what that alone reads. What is inverted (RSQRT) is calibrated when
// integers are made: training on a grid would divide by zero.
bool HasOwnRange(const Graph& graph, const Node& node);

// What InsertOps calls. Null: not called.
struct OpInserts {
  // For each node that HasOwnRange. Returns whether it inserted anything.
  std::function<bool(Graph*, NodeId)> output = {};
  // For each layer's float weights.
  std::function<bool(Graph*, const WeightRef&)> weights = {};
  // Once, if anything was inserted.
  std::function<void(Graph*)> input = {};
};

// A copy of the graph with ops inserted, from the last node back, so that the
// ids that the calls are given hold. Gives names of their own to what is new.
Graph InsertOps(const Graph& graph, const OpInserts& inserts);

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
