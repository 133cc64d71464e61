// A Keras layer class as one row that reads and writes: the class, its
// variables, the nodes it becomes and the nodes it can express.
#ifndef LITESMITH_FORMATS_KERAS_LAYER_H_
#define LITESMITH_FORMATS_KERAS_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "src/formats/json.h"
#include "src/formats/keras/layout.h"
#include "src/formats/keras/variables.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

struct Variable {
  const char* name;  // Keras 2's
  Layout layout;
  const char* keras3_name = nullptr;  // in an .h5 of Keras 3; null: the same
};

struct LayerIn;
struct NodeOut;
struct OutLayer;
class LayerWriter;

struct LayerRow {
  const char* class_name;
  const char* summary;                  // one line for `litesmith list layers`
  std::span<const Variable> variables;  // in Keras's order
  // Adds the nodes of a call and gives its outputs, which may be its inputs.
  // Throws Error without naming the layer (the caller adds it).
  std::vector<TensorId> (*build)(LayerIn* in);
  // Adds the layer that does what the node does, the last one if it takes
  // several; false, with nothing added, if this class does not express it.
  // Null: the class is only read. Throws Error{unsupported} for what no class
  // can say.
  bool (*write)(const NodeOut& node, LayerWriter* out);
};

// ---- Keras to graph -------------------------------------------------------

// One call of a layer that is to be built.
struct LayerIn {
  const LayerRow& row;
  const Json& config;
  const std::string& name;  // of the nodes to add
  std::vector<TensorId> inputs;
  bool input_shared;  // something else reads the first input, too
  bool trainable;     // its variables are parameters, else constants
  size_t layer;       // in `variables`
  const Variables& variables;
  Graph* graph;
  size_t num_variables = 0;  // that were taken so far

  // The only input. Throws Error{corrupt} unless there is exactly one.
  TensorId input() const;
  const Shape& input_shape() const { return graph->tensor(input()).shape; }
};

// Takes the layer's next variable, one of the row's, which must have the Keras
// shape `dims`, as the tensor '<layer>/<name>' in the graph's layout.
TensorId AddVariable(LayerIn* in, const char* name,
                     const std::vector<int32_t>& dims);
// Likewise its 'bias' of `n` numbers, appended to the node's inputs, unless the
// layer has none (use_bias: false).
void AddBias(LayerIn* in, int32_t n, std::vector<TensorId>* inputs);

// Infers the last node's outputs and gives them.
std::vector<TensorId> InferLast(Graph* graph);

// An activation that no node takes as its own: what Keras calls it, and the op
// that does it.
struct ActivationOp {
  const char* name;
  const OpDef& op;
};
// That of a config's "activation"; null: linear, one that nodes take, or none.
// Whoever calls `build` adds it behind the layer.
const ActivationOp* ActivationOpOf(const Json& config);
// What the node of a layer's own is called: "dense/softmax".
std::string ActivationNodeName(const std::string& layer,
                               const char* activation);
// Adds its node, called `name` as its output is, and gives that.
std::vector<TensorId> AddActivationOp(const OpDef& op, const std::string& name,
                                      TensorId input, Graph* graph);

// Throws Error{unsupported} for channels_first.
void CheckChannelsLast(const Json& config);

// ---- Graph to Keras -------------------------------------------------------

// An output of a layer that was written, by its place among them.
struct OutTensor {
  int layer = -1;
  int output = 0;
  bool operator==(const OutTensor&) const = default;
};

// A value of a config: null, or as JSON has it; -1 in a list is null.
using ConfigValue =
    std::variant<std::nullptr_t, bool, int64_t, double, std::string,
                 std::vector<int32_t>, std::vector<std::vector<int32_t>>>;

inline std::vector<int32_t> Pair(int32_t height, int32_t width) {
  return {height, width};
}

struct OutLayer {
  std::string class_name;
  std::string name;
  std::vector<OutTensor> inputs;
  std::vector<std::pair<const char*, ConfigValue>> config;
  const LayerRow* row = nullptr;
  // Graph tensors by the row's variables; kNoTensor where there is none.
  std::vector<TensorId> weights;
  int32_t depth_multiplier = 1;  // of a variable that is Layout::kDepthwise
  bool trainable = true;

  void Set(const char* key, ConfigValue value);
  bool Says(std::string_view key) const;
};

// A node that is to be written.
struct NodeOut {
  const Graph& graph;
  const Node& node;
  std::vector<OutTensor> inputs;  // of the node those whose role is data
  // What a layer that has an option for it says; of another one, or where a
  // layer by itself has been fused, a layer behind it says the rest.
  const char* activation = "linear";

  const Tensor& input(size_t i) const { return graph.tensor(node.inputs[i]); }
  const Tensor& output() const { return graph.tensor(node.outputs[0]); }
};

class LayerWriter {
 public:
  virtual ~LayerWriter() = default;
  // Adds a layer; the reference holds until the next one. Its name follows from
  // `name`, as Keras takes names.
  virtual OutLayer& Add(const char* class_name, const std::string& name,
                        std::vector<OutTensor> inputs) = 0;
  // The output of the layer that was added last.
  virtual OutTensor Last() const = 0;
};

// Sets kernel and bias, and what the layer says of them. Throws
// Error{unsupported} unless they are float data.
void SetWeights(const NodeOut& node, TensorId kernel, TensorId bias,
                OutLayer* layer);

// Sets the layer's weights, by the row's variables (kNoTensor where it has
// none). Throws Error{unsupported} unless they are float data.
void SetVariables(const NodeOut& node, std::vector<TensorId> variables,
                  OutLayer* layer);

// The shortest decimal of the float: 0.3, and not the double beside it.
double Decimal(float value);

// Adds a layer that applies the activation, kRelu or kRelu6, to `input`.
void AddActivation(Activation activation, const std::string& name,
                   OutTensor input, LayerWriter* out);

// What Keras calls what the node does if it is an activation and nothing else,
// but for those that are fused; null: it is none, or has no name there.
const char* ActivationNameOf(const Node& node);

// The dimensions behind the batch.
std::vector<int32_t> SampleDims(const Shape& shape);

// ---- The rows -------------------------------------------------------------

// Of one file each: CoreLayers() and so on.
#define LITESMITH_LAYERS(name) std::span<const LayerRow> name##Layers();
#include "src/formats/keras/layers.inc"
#undef LITESMITH_LAYERS

// All rows, file by file.
std::span<const LayerRow> LayerRows();
// The class's name as Keras counts layers: MaxPooling2D is "max_pooling2d".
std::string SnakeCase(std::string_view class_name);

// The row, or null.
const LayerRow* FindLayerRow(const std::string& class_name);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYER_H_
