// Where everything that a training step touches lies, and who writes a gradient
// and who adds to it: a pure function of the graph and of what its kernels ask
// for. It allocates nothing and knows no pointer.
//
// Nodes that do not depend on the graph's inputs (the weight edge) run once a
// step, all others once for each shard of the batch. docs/architecture.md has a
// drawing.
#ifndef LITESMITH_RUNTIME_TRAINING_LAYOUT_H_
#define LITESMITH_RUNTIME_TRAINING_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/graph/facts.h"
#include "src/graph/graph.h"

namespace litesmith {

// A block of memory of a training plan.
enum class Block : uint8_t {
  kNone,        // a null pointer
  kConstant,    // data of the tensor whose id is the offset
  kParameters,  // all parameters
  kGradients,   // of the parameters, laid out as they are
  kStates,      // all states
  kEdge,        // activations and gradients of the weight edge
  kShard,       // activations and gradients, one block for each shard
  kShardSums,   // gradients of what is the same for all samples, one block for
                // each shard
  kSums,        // their sums over the shards
  kWorker,      // what is needed for a moment, one block for each shard that is
                // being computed
};

struct Place {
  Block block = Block::kNone;
  size_t offset = 0;  // bytes
  bool operator==(const Place&) const = default;
};

// What one kernel is given and asks for. It may do the work of several nodes of
// the graph; then these are the tensors that go in and come out.
struct LayoutNode {
  std::vector<TensorId> inputs;  // kNoTensor: missing
  std::vector<TensorId> outputs;
  size_t workspace_bytes = 0;
  size_t saved_bytes = 0;  // from forward to backward
  // Its Run, which may be called again before a backward, and what it does
  // where shards meet behind its ForwardPartial read nothing but what it saved.
  bool runs_from_saved = false;
  bool meets = false;  // all shards meet at it
  bool adds = false;   // its backward can add to the gradient of input 0
};

// The times of one list of nodes that run forward in order and backward in the
// reverse order. Of the weight edge all shards run at the time of the loss.
struct Clock {
  int nodes = 0;
  int Load() const { return 0; }
  int Forward(int node) const { return 1 + node; }
  int Loss() const { return nodes + 1; }
  int Backward(int node) const { return 2 * nodes + 1 - node; }
  int End() const { return 2 * nodes + 2; }
};

// Gradients of several readers of one tensor are added: the first to come in
// backward order writes, each later one writes aside and is added, if it cannot
// add itself.
struct GradientAdd {
  Place from;
  Place to;
  size_t floats = 0;
};

// A LayoutNode's tensors; a list is as long as that node's.
struct NodePlaces {
  std::vector<Place> inputs, outputs;
  std::vector<Place> output_grads, input_grads;  // kNone: not wanted
  std::vector<GradientAdd> adds;                 // after the backward
  bool adds_itself =
      false;  // to the gradient of input 0, which has been written
  Place saved;
  bool backward = false;  // some input's gradient is wanted
  // Before its backward the node before it in the body runs again, whose output
  // was not kept.
  bool remakes = false;
};

// A sum of gradients that is a parameter's own gradient.
struct SumOfParameter {
  Place sum;
  Place gradient;
  size_t floats = 0;
};

struct TrainingLayout {
  std::vector<Place> values;      // by tensor
  std::vector<NodePlaces> nodes;  // as given
  std::vector<int> edge, body;    // which of them run once, which over samples
  std::vector<Place> head_grads;  // of each head's output

  size_t parameter_bytes = 0;  // also of the gradients
  size_t state_bytes = 0;
  size_t edge_bytes = 0;
  size_t shard_bytes = 0;  // of one shard
  size_t sum_bytes = 0;    // of the sums, and of one shard's part of them
  size_t edge_workspace = 0;
  size_t shard_workspace = 0;
  size_t worker_bytes = 0;
  // Without a weight edge all that shards share are parameters: the sums are
  // laid out as these, and the block kSums is kGradients.
  bool sums_are_gradients = false;
  std::vector<SumOfParameter> parameter_sums;  // empty if sums_are_gradients
};

// `nodes` in order of execution; `heads` are the positions of the outputs that
// have a loss, which writes their gradient. `facts` must be of those heads.
//
// Buffers of a block share memory where their lives do not overlap: a value
// lives from the node that writes it to the last that reads it, which is its
// writer's or a reader's backward if there is one; a gradient from its first
// writer to the backward of the tensor's writer. A value that its writer can
// make again, and that the next node alone reads, is not kept at all: a batch
// normalization's, which is half of all values of many networks.
TrainingLayout LayOutTraining(const Graph& graph, const GraphFacts& facts,
                              std::span<const LayoutNode> nodes,
                              std::span<const int> heads);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_TRAINING_LAYOUT_H_
