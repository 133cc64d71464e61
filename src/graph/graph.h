// The one IR: tensors and nodes by id. It serves training, optimization,
// quantization and inference, and knows no op by name (op_def.h says what an
// op is). A Graph is a value: passes take one and return one; constant data is
// shared copy-on-write.
#ifndef LITESMITH_GRAPH_GRAPH_H_
#define LITESMITH_GRAPH_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/check.h"
#include "src/base/dtype.h"
#include "src/base/shape.h"

namespace litesmith {

struct OpDef;

using TensorId = int32_t;
using NodeId = int32_t;
// An optional input that is not there (TFLite's -1).
inline constexpr TensorId kNoTensor = -1;

// Bytes of a constant, 64-byte aligned, shared until somebody writes.
class TensorData {
 public:
  TensorData() = default;
  // `bytes` zero bytes.
  explicit TensorData(size_t bytes);
  explicit TensorData(std::span<const std::byte> bytes);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const std::byte* data() const { return bytes_.get(); }
  // Makes the bytes this owner's alone (a copy if they are shared).
  std::byte* MutableData();

 private:
  std::shared_ptr<std::byte> bytes_;
  size_t size_ = 0;
};

enum class TensorKind : uint8_t {
  kActivation,  // computed by a node
  kInput,       // given from outside
  kParameter,   // trained by the optimizer
  kState,       // written by an op's update: masks, ranges
  kConstant,    // never written
  kVariable,    // what an op keeps from one call to the next: zeros at first
};

const char* Name(TensorKind kind);

// real = scale * (q - zero_point); one pair, or one a slice along `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  int axis = 0;

  bool empty() const { return scale.empty(); }
  bool per_axis() const { return scale.size() > 1; }
  bool operator==(const Quantization&) const = default;
};

// How a file spells a constant's values, where it is not one after another in
// full. `data` always holds them like that; writing goes back to this form.
struct Storage {
  bool int4 = false;  // int8 values of -8 .. 7, two in a byte
  // Sparse (specs/tflite.md 6.1): the order of dimensions, the dimensions that
  // blocks belong to, and for each dimension in that order whether it is
  // compressed. Empty: not sparse.
  std::vector<int32_t> traversal_order;
  std::vector<int32_t> block_map;
  std::vector<char> compressed;
  std::vector<int32_t> dense_size;  // by dimension in that order

  bool operator==(const Storage&) const = default;
};

// What a parameter w adds to the loss that trains it: l1 * sum |w| + l2 * sum
// w^2, Keras's regularizers of these names.
struct Regularizer {
  float l1 = 0;
  float l2 = 0;

  bool empty() const { return l1 == 0 && l2 == 0; }
  bool operator==(const Regularizer&) const = default;
};

struct Tensor {
  std::string name;
  DType dtype = DType::kFloat32;
  TensorKind kind = TensorKind::kActivation;
  Shape shape;  // dimension 0 may be kDynamic, the batch
  Quantization quant;
  Storage stored_as;
  Regularizer regularizer;  // of a parameter, frozen or not
  TensorData data;  // parameter, state, constant: NumElements * SizeOf bytes

  bool has_data() const { return !data.empty(); }
  // How many bytes its values take. The shape must be static, and not too large
  // (Shape::NumElements).
  size_t Bytes() const {
    return static_cast<size_t>(shape.NumElements()) * SizeOf(dtype);
  }
  // The data as elements; T must be the tensor's dtype.
  template <typename T>
  std::span<const T> As() const {
    LS_CHECK(DTypeOf<T>::value == dtype);
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> MutableAs() {
    LS_CHECK(DTypeOf<T>::value == dtype);
    return {reinterpret_cast<T*>(data.MutableData()), data.size() / sizeof(T)};
  }
};

// One attribute's value; the OpDef's AttrDef of the same position says which
// field counts.
struct AttrValue {
  int64_t i = 0;                   // kEnum, kInt, kBool, kSubgraph
  float f = 0;                     // kFloat
  std::vector<int32_t> ints = {};  // kInts
  std::string text = {};           // kText
  bool operator==(const AttrValue&) const = default;
};

struct Node {
  const OpDef* op = nullptr;
  std::string name;
  std::vector<TensorId> inputs;  // kNoTensor where an optional one is missing
  std::vector<TensorId> outputs;
  std::vector<AttrValue> attrs;  // as long as op->attrs

  // One attribute by its member of the op's struct: Get<&Conv2DAttrs::padding>
  // (attrs.h).
  template <auto kMember>
  auto Get() const;
  template <auto kMember, class T>
  void Set(T value);
  // The input's id, or kNoTensor beyond the end.
  TensorId input(size_t i) const {
    return i < inputs.size() ? inputs[i] : kNoTensor;
  }
};

class Graph {
 public:
  std::string name;  // of the whole model, where its file has one
  // Of a chain of layers: its file has it as a graph of layers all the same, as
  // Keras's Functional models are.
  bool functional = false;
  // What its file said of each layer, by name, in that format's own words: for
  // the file that says it again. No pass reads it; whoever writes it makes sure
  // that it is still true.
  std::map<std::string, std::string> said_of_layers;
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;  // in execution order
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  // Names of inputs and outputs in the signature; as long as them, or empty.
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  // What nodes of this graph run (AttrType::kSubgraph): branches, bodies of
  // loops. Each stands by itself; none shares tensors with this graph.
  std::vector<Graph> subgraphs;

  Tensor& tensor(TensorId id) { return tensors[static_cast<size_t>(id)]; }
  const Tensor& tensor(TensorId id) const {
    return tensors[static_cast<size_t>(id)];
  }
  Node& node(NodeId id) { return nodes[static_cast<size_t>(id)]; }
  const Node& node(NodeId id) const { return nodes[static_cast<size_t>(id)]; }

  TensorId AddTensor(Tensor tensor);
  // A tensor with data; `values` must be as many as the shape holds.
  template <typename T>
  TensorId AddConstant(std::string name, const Shape& shape,
                       std::span<const T> values,
                       TensorKind kind = TensorKind::kConstant) {
    Tensor tensor;
    tensor.name = std::move(name);
    tensor.dtype = DTypeOf<T>::value;
    tensor.kind = kind;
    tensor.shape = shape;
    tensor.data = TensorData(std::as_bytes(values));
    LS_CHECK(static_cast<int64_t>(values.size()) == shape.NumElements());
    return AddTensor(std::move(tensor));
  }
  // A node with the op's default attributes and one new output activation for
  // each name. Shapes and dtypes of the outputs come from InferShapes.
  Node& AddNode(const OpDef& op, std::string name,
                std::vector<TensorId> node_inputs,
                const std::vector<std::string>& output_tensor_names);

  // The node that writes the tensor, or -1.
  NodeId Producer(TensorId id) const;
  // How many node inputs and graph outputs read the tensor.
  int NumUses(TensorId id) const;
  // Makes every reader of `from`, graph outputs included, read `to`.
  void ReplaceUses(TensorId from, TensorId to);
};

// Structural rules that hold at every stage: ids in range, each activation
// written once and before it is read, data sizes as shapes and dtypes say,
// quantization complete, attribute lists as long as the op's. Throws
// Error{corrupt} naming node and tensor.
void VerifyStructure(const Graph& graph);

// The node and what it reads, for messages: "node 'c' (CONV_2D) of 'x' float32
// [?,5,5,3], 'w' float32 [8,3,3,3]".
std::string Describe(const Graph& graph, const Node& node);

// Runs every node's infer in order, writing shapes and dtypes of outputs.
// Throws Error naming the node and its inputs.
void InferShapes(Graph* graph);

// Takes out the nodes that do something in training only
// (TrainingFacts::only_in_training); tensors keep their ids.
void RemoveTrainingOnlyNodes(Graph* graph);

// Where each tensor of a graph made from another one has its origin: ids of
// that other graph, by tensor. Names are no way back.
using SourceIds = std::vector<TensorId>;

// A copy without nodes and tensors that no output needs; ids change. `source`,
// if given, has an entry for each tensor of `graph` and is made to fit the
// result.
Graph RemoveDeadNodes(const Graph& graph, SourceIds* source = nullptr);

// Makes the float weights and biases of layers parameters, by the ops' quant
// rules: for graphs from where trained and constant are not told apart.
void MarkParameters(Graph* graph);

// The graph in words, a line a node: for `inspect`, tests and debugging.
std::string Print(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_GRAPH_H_
