// What an op is, as plain data. `ops` fills one OpDef a file and lists them in
// ops.inc; formats, plans, passes and the quantizer read the tables and know
// no op by name.
#ifndef LITESMITH_GRAPH_OP_DEF_H_
#define LITESMITH_GRAPH_OP_DEF_H_

#include <algorithm>
#include <cstdint>
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
namespace activation {
enum Activation : int64_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3 };
}  // namespace activation
using activation::Activation;
using activation::kNone;

// ---- Kernels --------------------------------------------------------------

// Which runtime's integer results are reproduced (specs/tflite.md 3.3): they
// differ in how a fully connected layer requantizes.
enum class Numerics : uint8_t { kLiteRt, kTflm };

// A tensor's values where its shape may depend on values: what goes into a
// subgraph and comes out of it.
struct Value {
  DType dtype = DType::kFloat32;
  Shape shape;
  TensorData data;
};

// What a plan offers to kernels that run other graphs, or that keep something
// by name from call to call: one for a model and all its subgraphs.
class Session {
 public:
  virtual ~Session() = default;
  // The variable of this name; empty data until something is assigned to it.
  virtual Value* Variable(const std::string& name) = 0;
  // Whether this is asked for the first time since the variables were reset.
  virtual bool FirstTime(const Graph& subgraph) = 0;
  // Runs a subgraph on these values and gives those of its outputs. Throws
  // Error: shapes are known, and checked, only now.
  virtual std::vector<Value> Run(const Graph& subgraph,
                                 std::vector<Value> inputs) = 0;
};

// What a kernel is prepared from. All shapes are bound: the graph's batch
// dimension is the largest batch that Run will see.
struct PrepareContext {
  const Graph& graph;
  const Node& node;
  const GraphFacts& facts;  // of the graph
  Numerics numerics = Numerics::kLiteRt;
  Session* session = nullptr;  // of inference plans; outlives the kernel

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
  const std::byte* shared = nullptr;  // of this step (TrainKernel)

  template <typename T>
  const T* in(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(size_t i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
  // An input that is a variable, which the kernel writes.
  template <typename T>
  T* state(size_t i) const {
    return static_cast<T*>(const_cast<void*>(inputs[i]));
  }
};

// A kernel prepared for one node: weights packed, multipliers computed. Run
// never fails and never allocates (but where it runs a subgraph, which depends
// on values); the same object may run on several threads
// at once with different args.
class Kernel {
 public:
  virtual ~Kernel() = default;
  size_t workspace_bytes = 0;

  virtual void Run(const KernelArgs& args) const = 0;
};

// One call of a backward. Gradients are float32 and are overwritten, but for
// what `adds` says. A null output gradient counts as zeros: nothing that the
// loss depends on reads that output. At least one output gradient is not null
// (a node of one output always has its own), and at least one input gradient.
struct BackwardArgs {
  const void* const* inputs;         // as in forward
  const void* const* outputs;        // forward's results
  const float* const* output_grads;  // null: zeros
  float* const* input_grads;         // null where not wanted
  std::byte* workspace;
  const std::byte* saved;
  int batch;
  const std::byte* shared = nullptr;  // of this step
  // The gradient of input 0 is added to what is there. Asked only of a
  // TrainKernel that can.
  bool adds = false;
};

// When all shards of a step meet, if an op asks for it.
enum class Phase : uint8_t { kForward, kBackward };

// A kernel of a training plan.
class TrainKernel : public Kernel {
 public:
  // Bytes kept from forward to backward for a full batch.
  size_t saved_bytes = 0;
  // Run, BackwardPartial and Backward's own part read what it saved and shares,
  // not its outputs, which need not be kept: Run may be called again before the
  // backward of what reads these, until its own backward.
  bool runs_from_saved = false;
  // Backward can do what BackwardArgs::adds says.
  bool adds = false;

  // Gradient of the inputs.
  virtual void Backward(const BackwardArgs& args) const = 0;

  // Parameters may have changed: repack. Called once per training step, on one
  // thread, before any shard runs. `inputs` holds the node's unbatched inputs.
  virtual void Repack(const void* const* inputs) { (void)inputs; }

  // Statistics of the whole batch: before Run (kForward) or before Backward
  // (kBackward) all shards meet. Each gives a partial result of so many
  // doubles, with its number of samples among them where that matters, as
  // shards differ; 0: no such phase.
  int forward_partials = 0;
  int backward_partials = 0;
  // Memory of one step that Combine writes and that every shard's Run and
  // Backward read; its contents are undefined before.
  size_t shared_bytes = 0;
  virtual void ForwardPartial(const KernelArgs& args, double* partial) const;
  virtual void BackwardPartial(const BackwardArgs& args, double* partial) const;
  // `partials` are those of the shards that have samples, in order. May write
  // states, which are among the node's inputs.
  virtual void Combine(Phase phase, std::span<const double> partials,
                       void* const* inputs, std::byte* shared) const;
};

using KernelPtr = std::unique_ptr<Kernel>;

// What a kernel row is for. A plan takes the first row that fits: a training
// plan of the kTrain rows, a reference plan of the kReference rows, any other
// plan of the kFast rows, then of the kReference rows.
enum class Purpose : uint8_t { kTrain, kFast, kReference };

// The element types that a row computes on; kAnyType where it does not matter.
inline constexpr DType kAnyType = static_cast<DType>(255);
struct Types {
  DType input = kAnyType;   // of input 0
  DType weight = kAnyType;  // of the first operand that is a weight
  DType output = kAnyType;  // of output 0
};

// One implementation for one combination of types.
struct KernelRow {
  const char* name;  // by the grammar of DESIGN section 7: "Conv2DS8S8c"
  Purpose purpose;
  Types types;
  KernelPtr (*prepare)(const PrepareContext& context);
  // What the row wants beyond its types; null: nothing.
  bool (*fits)(const PrepareContext& context) = nullptr;
};

// A kernel of type K, which is made from the context.
template <class K>
KernelPtr MakeKernel(const PrepareContext& context) {
  return std::make_unique<K>(context);
}

// ---- Operands -------------------------------------------------------------

enum class Role : uint8_t {
  kData,       // what flows through the network
  kWeight,     // trained, pruned, clustered, stored as int8
  kBias,       // trained; its scale is that of the input times the weight's
  kParameter,  // trained, and nothing else: a normalization's scale
  kShape,      // integers that are known when a plan is made: axes, sizes
  kState,      // what an op keeps from one training step to the next
};

// One input of an op.
struct Operand {
  const char* name;  // "filter": in messages and documentation
  Role role = Role::kData;
  bool optional = false;
  // Of a weight: the dimension that has one scale for each of its slices, the
  // output channels; -1: one scale.
  int8_t channel_axis = -1;
  // Of a weight: the dimension that is summed over, along which blocks and m:n
  // groups of zeros run; -1: none.
  int8_t input_axis = -1;
  // Of a weight: each of its filters sees one input channel. There are few
  // weights in it, and a layer can spare none of them: recipes leave it as it
  // is where a user did not ask.
  bool depthwise = false;
};

// ---- Quantization rules ---------------------------------------------------

struct FixedScale {
  float scale = 0;
  int32_t zero_point = 0;
};

// How the quantizer treats an op.
struct QuantRule {
  enum Output : uint8_t {
    kFloatOnly,      // no integer form
    kOwn,            // a range of its own, calibrated or learned
    kLikeInput,      // scale and zero point of input 0
    kLikeAllInputs,  // one scale for all data inputs and outputs
    kFixed,          // what fixed8 and fixed16 say
  } output = kFloatOnly;
  FixedScale fixed8{};   // int8 outputs: {1/256, -128} for probabilities
  FixedScale fixed16{};  // int16 outputs
  bool hybrid = false;   // runs float activations with int8 weights
  // Weights have a scale for each output channel whatever is asked for; else
  // that is the default, and clusters or training may share one.
  bool per_channel = true;
  // Gives a node the attributes of float activations, with int8 weights if
  // `hybrid`. Null: none depend on it.
  void (*set_float)(Node* node, bool hybrid) = nullptr;
};

// ---- Ops of training ------------------------------------------------------

// One call of an update before the forward of a training step: schedules,
// masks, re-association, weight ranges. Inputs are whole tensors, writable.
struct UpdateArgs {
  const Graph& graph;
  const Node& node;
  void* const* inputs;
  int64_t step;  // 1 in the first training step of this run
};

// What an op that exists for training adds; ops of inference have none.
struct TrainingFacts {
  // A Keras file has it as a layer: stripping leaves it.
  bool in_keras = false;
  // Outside training the output is input 0: plans and .tflite files go without
  // the node.
  bool only_in_training = false;
  // Gives float values the grid of integers: stripping drops the node and keeps
  // the floats, folding for the quantizer applies it.
  bool simulates_integers = false;
  // Before a training step; null: nothing to do.
  void (*update)(const UpdateArgs& args) = nullptr;
  // Strips the node: writes what it computed into its input 0's data or
  // quantization (the caller then reroutes the output's readers to input 0).
  void (*fold)(Graph* graph, const Node& node) = nullptr;
};

// ---- The op ---------------------------------------------------------------

// What a .tflite file says about an op (specs/tflite.md 1.4, 1.5).
struct TfliteFacts {
  int code = -1;    // BuiltinOperator; -1: never stored in a file
  int options = 0;  // number in the BuiltinOptions union, 0: none
  // The version that a file states for this node; null: 1.
  int (*version)(const Graph& graph, const Node& node) = nullptr;
  // A float layer must have a bias in a file: one of zeros stands there for a
  // missing one.
  bool needs_bias = false;
};

// What an op makes of its input, if that is probabilities: losses that compare
// these go to what it reads, where no gradient is lost (train/losses.h).
enum class Probabilities : uint8_t {
  kNone,
  kOfClasses,  // softmax over the last axis: they add up to 1
  kOfEach,     // the logistic function of each value
};

// Of an op whose nodes differ in how many outputs they have.
inline constexpr int kAnyOutputs = -1;

struct OpDef {
  const char* name;     // TFLite's builtin name, or a training-only op's own
  const char* summary;  // one line for `litesmith list ops`

  TfliteFacts tflite = {};
  std::span<const AttrDef> attrs = {};
  std::span<const Operand> operands = {};
  bool variadic = false;  // the last operand repeats
  int outputs = 1;        // or kAnyOutputs

  // Shapes and dtypes of the outputs, and all validation of inputs and
  // attributes. Throws Error without naming the node (the caller adds it).
  void (*infer)(Graph* graph, const Node& node) = nullptr;
  std::span<const KernelRow> rows = {};
  QuantRule quant = {};
  // Null: no probabilities.
  Probabilities (*probabilities)(const Node& node) = nullptr;
  // Multiply-accumulates for one sample; null: none.
  int64_t (*macs)(const Graph& graph, const Node& node) = nullptr;
  // Only renames the bytes of input 0: the plan aliases output to input.
  bool in_place = false;
  // Does more than to compute its outputs: nodes stay, in their order, though
  // nobody reads them, and are never folded.
  bool effects = false;
  // Of control flow: runs the node on values whose shapes may depend on values,
  // as a kernel could not; throws Error. `graph` of the context is as it is in
  // the file. Its kernel row is made by ops/control.
  std::vector<Value> (*run)(const PrepareContext& context,
                            std::vector<Value> inputs) = nullptr;
  // Computes shapes or constants: the plan folds it when inputs are known.
  // Gives the output's data.
  TensorData (*fold_constant)(const Graph& graph, const Node& node) = nullptr;
  const TrainingFacts* training = nullptr;  // null: an op of inference

  // How many inputs a node has at least and at most.
  int MinInputs() const;
  int MaxInputs() const;
  // The operand that an input is.
  const Operand& OperandOf(size_t input) const {
    return operands[std::min(input, operands.size() - 1)];
  }
  // The first operand with the role, or -1.
  int Find(Role role) const;
  // Whether a training plan can run it and take its gradient.
  bool differentiable() const;

  bool in_keras() const { return training != nullptr && training->in_keras; }
  bool only_in_training() const {
    return training != nullptr && training->only_in_training;
  }
  bool simulates_integers() const {
    return training != nullptr && training->simulates_integers;
  }
};

// The inputs of a node that training is for, frozen or not: weights, biases and
// other parameters.
std::vector<size_t> TrainedInputs(const Node& node);

// The node's fused activation, or null where its op has none.
const AttrValue* FusedActivation(const Node& node);
AttrValue* FusedActivation(Node* node);

// The default value of each of the op's attributes.
std::vector<AttrValue> DefaultAttrs(const OpDef& op);

// The first row for the purpose that fits (see Purpose). Throws
// Error{unsupported} naming op and dtypes if none.
const KernelRow& ChooseKernel(const PrepareContext& context, Purpose purpose);
// What a kTrain row or fusion made.
std::unique_ptr<TrainKernel> ForTraining(KernelPtr kernel);
// A kernel of the first kTrain row that fits.
std::unique_ptr<TrainKernel> PrepareTraining(const PrepareContext& context);
// Whether the row computes on the node's types and fits otherwise.
bool Fits(const KernelRow& row, const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_OP_DEF_H_
