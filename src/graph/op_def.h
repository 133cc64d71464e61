// What an op is, as plain data. `ops` fills one OpDef a file and lists them in
// ops.inc; formats, plans, passes and the quantizer read the tables and know
// no op by name.
#ifndef LITESMITH_GRAPH_OP_DEF_H_
#define LITESMITH_GRAPH_OP_DEF_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/graph/attrs.h"
#include "src/graph/facts.h"
#include "src/graph/graph.h"

namespace litesmith {

// ---- Attributes -----------------------------------------------------------

// Values that several ops share; the numbers are TFLite's.
enum Padding : int64_t { kSame = 0, kValid = 1 };
enum Activation : int64_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3 };

// ---- Kernels --------------------------------------------------------------

// Which runtime's integer results are reproduced (specs/tflite.md 3.3): they
// differ in how a fully connected layer requantizes.
enum class Numerics : uint8_t { kLiteRt, kTflm };

// What a kernel is prepared from. All shapes are bound: the graph's batch
// dimension is the largest batch that Run will see.
struct PrepareContext {
  const Graph& graph;
  const Node& node;
  const GraphFacts& facts;  // of the graph
  Numerics numerics = Numerics::kLiteRt;
  bool training = false;  // a backward pass will follow: save what it needs

  const Tensor& input(size_t i) const { return graph.tensor(node.inputs[i]); }
  bool has_input(size_t i) const { return node.input(i) != kNoTensor; }
  const Tensor& output(size_t i = 0) const {
    return graph.tensor(node.outputs[i]);
  }
};

// What random numbers of a training step follow from, beside the node.
struct DrawKey {
  uint64_t seed = 0;         // of this training
  int64_t step = 0;          // 1 in its first step
  int64_t first_sample = 0;  // the call's first sample's place in the batch
};

// One call of a prepared kernel. Pointers are to whole tensors, or for a
// batched tensor to the first of `batch` samples; a missing optional input is
// null.
struct KernelArgs {
  const void* const* inputs;
  void* const* outputs;
  std::byte* workspace;  // workspace_bytes, 64-byte aligned, contents undefined
  std::byte* saved;      // saved_bytes kept from forward to backward (training)
  int batch;             // samples in this call, 1 .. the bound batch
  DrawKey draw = {};     // in training

  template <typename T>
  const T* in(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(size_t i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
};

// One call of a backward. Gradients are float32 and are overwritten, never
// added to. A null output gradient counts as zeros: nothing that the loss
// depends on reads that output. At least one output gradient is not null (a
// node of one output always has its own), and at least one input gradient.
struct BackwardArgs {
  const void* const* inputs;         // as in forward
  const void* const* outputs;        // forward's results
  const float* const* output_grads;  // null: zeros
  float* const* input_grads;         // null where not wanted
  std::byte* workspace;
  const std::byte* saved;
  int batch;
};

// A kernel prepared for one node: weights packed, multipliers computed. Run
// never fails and never allocates; the same object may run on several threads
// at once with different args.
class Kernel {
 public:
  virtual ~Kernel() = default;
  size_t workspace_bytes = 0;
  // Bytes kept from forward to backward for a full batch.
  size_t saved_bytes = 0;

  virtual void Run(const KernelArgs& args) const = 0;
  // Gradient of the inputs. Only kernels prepared for training have it.
  virtual void Backward(const BackwardArgs& args) const;

  // Parameters may have changed: repack. Called once a training step, on one
  // thread, before any shard runs. `inputs` holds the node's unbatched inputs.
  virtual void Repack(const void* const* inputs) { (void)inputs; }

  // A statistics phase before Run (ranges of activations): how many floats one
  // shard's partial result has; 0 if the op has no such phase.
  int statistics_floats = 0;
  // One shard's partial result.
  virtual void Statistics(const KernelArgs& args, float* partial) const;
  // Combines the shards' partials in a fixed order and updates the states,
  // which are the node's inputs. `partials` is [shards][statistics_floats].
  virtual void Combine(const float* partials, int shards,
                       void* const* inputs) const;
};

using KernelPtr = std::unique_ptr<Kernel>;

// One implementation for one combination of types.
struct KernelRow {
  const char* name;  // by the grammar of DESIGN section 7: "Conv2DS8S8c"
  bool reference;    // the reference twin; listed last
  bool (*matches)(const PrepareContext& context);
  KernelPtr (*prepare)(const PrepareContext& context);
};

// ---- Training-only ops ----------------------------------------------------

// One call of an update before the forward of a training step: schedules,
// masks, re-association, weight ranges. Inputs are whole tensors, writable.
struct UpdateArgs {
  const Graph& graph;
  const Node& node;
  void* const* inputs;
  int64_t step;  // 1 in the first training step of this run
};

// ---- Quantization rules ---------------------------------------------------

struct QuantRule {
  bool quantizable = false;      // has integer kernels
  int weight_input = -1;         // which input holds weights
  int per_axis_dim = 0;          // the weights' output-channel dimension
  bool per_axis_default = true;  // per channel unless asked otherwise
  int bias_input = -1;           // scale = input scale * weight scale
  bool same_scale = false;       // output has the input's scale and zero point
  bool hybrid = false;           // runs float activations with int8 weights
};

// ---- The op ---------------------------------------------------------------

struct OpDef {
  const char* name;     // TFLite's builtin name, or a training-only op's own
  const char* summary;  // one line for `litesmith list ops`

  int tflite_code = -1;    // BuiltinOperator; -1: never stored in a file
  int tflite_options = 0;  // number in the BuiltinOptions union, 0: none
  // A float layer must have a bias in a file: one of zeros stands there for a
  // missing one.
  bool bias_in_files = false;
  std::span<const AttrDef> attrs = {};
  int min_inputs = 1;
  int max_inputs = 1;
  int num_outputs = 1;

  // Shapes and dtypes of the outputs, and all validation of inputs and
  // attributes. Throws Error without naming the node (the caller adds it).
  void (*infer)(Graph* graph, const Node& node) = nullptr;
  std::span<const KernelRow> kernels = {};
  // The version a file states for this node (specs/tflite.md 1.5).
  int (*version)(const Graph& graph, const Node& node) = nullptr;
  // Multiply-accumulates for one sample; null: none.
  int64_t (*macs)(const Graph& graph, const Node& node) = nullptr;
  QuantRule quant = {};

  bool differentiable = false;  // its training kernels have Backward
  // Only moves or renames bytes of input 0: the plan aliases output to input.
  bool in_place = false;
  // Computes shapes or constants: the plan folds it when inputs are known.
  // Gives the output's data.
  TensorData (*fold_constant)(const Graph& graph, const Node& node) = nullptr;

  // A training-only op that a Keras file has as a layer: stripping leaves it.
  bool in_keras = false;
  // Outside training the output is input 0: plans and .tflite files go without
  // the node.
  bool only_in_training = false;

  // Training-only ops: the update before a step, and the fold that strips the
  // node: writes what it computed into its input 0's data or quantization (the
  // caller then reroutes the output's readers to input 0).
  void (*update)(const UpdateArgs& args) = nullptr;
  void (*fold)(Graph* graph, const Node& node) = nullptr;
};

// The node's fused activation, or null where its op has none.
const AttrValue* FusedActivation(const Node& node);
AttrValue* FusedActivation(Node* node);

// The default value of each of the op's attributes.
std::vector<AttrValue> DefaultAttrs(const OpDef& op);

// The first row that matches, skipping rows that are not reference if
// `reference_only`. Throws Error{unsupported} naming op and dtypes if none.
const KernelRow& ChooseKernel(const PrepareContext& context,
                              bool reference_only);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_OP_DEF_H_
