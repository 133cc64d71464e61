// A Keras layer class as one row that reads and writes: the class, its
// variables, the nodes it becomes and the nodes it can express.
#ifndef LITESMITH_FORMATS_KERAS_LAYER_H_
#define LITESMITH_FORMATS_KERAS_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/formats/json.h"
#include "src/formats/keras/layout.h"
#include "src/formats/keras/masks.h"
#include "src/formats/keras/variables.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

struct Variable {
  const char* name;  // Keras 2's
  Layout layout;
  const char* keras3_name = nullptr;  // in an .h5 of Keras 3; null: the same
  bool trained = true;                // else Keras has it as a state
};

struct LayerIn;
struct NodeOut;
struct NodeGroup;
struct OutLayer;
struct OutModel;
class LayerWriter;

// A value of a config, held as its JSON; -1 in a list of integers is null.
struct JsonText {
  std::string text;
};
class ConfigValue {
 public:
  ConfigValue() : json_("null") {}
  // NOLINTBEGIN: values become JSON where they stand
  ConfigValue(JsonText json) : json_(std::move(json.text)) {}
  ConfigValue(bool value) : json_(value ? "true" : "false") {}
  ConfigValue(int32_t value) : json_(std::to_string(value)) {}
  ConfigValue(int64_t value) : json_(std::to_string(value)) {}
  ConfigValue(double value);
  ConfigValue(const std::string& value);
  ConfigValue(const char* value) : ConfigValue(std::string(value)) {}
  ConfigValue(const std::vector<int32_t>& values);
  ConfigValue(const std::vector<std::vector<int32_t>>& values);
  ConfigValue(const std::vector<double>& values);
  // NOLINTEND
  const std::string& json() const { return json_; }
  bool operator==(const ConfigValue&) const = default;

 private:
  std::string json_;
};
using LayerConfig = std::vector<std::pair<std::string, ConfigValue>>;

struct LayerRow {
  const char* class_name;
  const char* summary;                  // one line for `litesmith list layers`
  std::span<const Variable> variables;  // in Keras's order
  // Adds the nodes of a call and gives its outputs, which may be its inputs.
  // The node that gives the only output has the layer's name, others are called
  // "<name>/...". Throws Error without naming the layer (the caller adds it).
  std::vector<TensorId> (*build)(LayerIn* in);
  // Adds the layer that does what the node does, the last one if it takes
  // several; false, with nothing added, if this class does not express it.
  // Null: the class is only read. Throws Error{unsupported} for what no class
  // can say.
  bool (*write)(const NodeOut& node, LayerWriter* out) = nullptr;
  // Of a layer of several nodes, or that has no `write`: guesses the config of
  // the layer that these nodes were; false: they are none of it. Whoever asks
  // builds that layer and compares, so a wrong guess does no harm.
  bool (*guess)(const NodeGroup& nodes, LayerConfig* config) = nullptr;
};

// ---- Keras to graph -------------------------------------------------------

// What is kept of a layer from its first call to the others: they share its
// variables.
struct LayerTensors {
  std::map<std::string, TensorId> variables;  // by "<part>/<name>"
  std::map<std::string, TensorId> made;       // what rows made of them
  std::map<std::string, size_t> of_name;      // how many were read, by name
  size_t found = 0;                           // datasets of the file
};

// A layer of a graph that is built again, to be compared with its nodes there:
// its variables are that graph's.
struct Rebuilt {
  const Graph& graph;
  // Those that were taken, as OutLayer has them.
  std::vector<struct OutVariable>* taken;
};

// One call of a layer that is to be built.
struct LayerIn {
  const LayerRow& row;
  const Json& config;
  std::string name;              // of the node to add, and the way to others
  std::string label;             // of the layer, which its variables are below
  std::vector<TensorId> inputs;  // the tensors of its positional arguments
  Graph* graph;
  LayerTensors* tensors;
  const Variables* variables = nullptr;
  const Rebuilt* rebuilt = nullptr;  // then there are no `variables`
  size_t layer = 0;                  // in `variables`
  std::string part = {};      // of a layer in the layer: "forward_layer/cell"
  int generation = 2;         // of Keras: what "hard_sigmoid" means
  bool trainable = true;      // its variables are parameters, else constants
  bool input_shared = false;  // something else reads the first input, too
  // Keras has the first input as [steps, batch, features] (time_major); in the
  // graph the batch is in front of all that is called so.
  bool steps_first = false;
  // The call: see KerasCall. Null: there are but tensors.
  const Json* args = nullptr;
  const Json* kwargs = nullptr;
  std::vector<TensorId> all = {};   // that arguments number
  std::vector<MaskPtr> masks = {};  // of `all`
  // The masks of the outputs, where HandsMaskOn is not what it does.
  std::optional<std::vector<MaskPtr>> handed_on = {};
  // What was asked for; the caller refuses a call that passes anything else.
  std::set<std::string> keywords_read = {};
  bool literals_read = false;
  bool gives_steps_first = false;  // likewise, of outputs that have steps
  size_t num_variables = 0;        // that were taken so far, of this part

  // The only input. Throws Error{corrupt} unless there is exactly one.
  TensorId input() const;
  const Shape& input_shape() const { return graph->tensor(input()).shape; }
};

// A part of a part: "forward_layer/cell".
std::string PartOf(const std::string& part, const std::string& below);

// A layer in the layer, which has its variables below `part` of the layer's.
LayerIn LayerInside(const LayerIn& in, const std::string& part,
                    const LayerRow& row, const Json& config, std::string name,
                    std::string label, std::vector<TensorId> inputs);

// The argument of the call that has this place or this keyword (null: it has
// none), or null.
const Json* Argument(LayerIn* in, size_t place, const char* keyword);
// The tensor that an argument is, or kNoTensor for a literal.
TensorId TensorOf(const LayerIn& in, const Json& argument);
// The tensors of a keyword's argument, which may be a list; none if it is not
// given.
std::vector<TensorId> TensorsOf(LayerIn* in, const char* keyword);

// Takes the layer's next variable, one of the row's, which must have the Keras
// shape `dims`, as the tensor '<layer>/<name>' in the graph's layout.
TensorId AddVariable(LayerIn* in, const char* name,
                     const std::vector<int32_t>& dims);
// Likewise a variable of Layout::kMatrix, whose first `inputs` dimensions are
// summed over: [out, in] in the graph. Of none it is one row, [out].
TensorId AddMatrix(LayerIn* in, const char* name,
                   const std::vector<int32_t>& dims, size_t inputs);
// Likewise its 'bias' of `n` numbers, appended to the node's inputs, unless the
// layer has none (use_bias: false).
void AddBias(LayerIn* in, int32_t n, std::vector<TensorId>* inputs);

// Takes the layer's next variable, if the file has it, and leaves it.
void SkipVariable(LayerIn* in, const char* name);

// Infers the last node's outputs and gives them.
std::vector<TensorId> InferLast(Graph* graph);

// The config's "activation" behind `y`, which the layer's nodes give: in the
// node `into` (that of `y` if it is null) where that takes it, else as nodes
// behind, called "<name>/softmax". Gives what comes out.
std::vector<TensorId> WithActivation(LayerIn* in, TensorId y,
                                     const Node* into = nullptr);
// What the node of a layer's own is called: "dense/softmax".
std::string ActivationNodeName(const std::string& layer,
                               const std::string& activation);

// Throws Error{unsupported} for channels_first.
void CheckChannelsLast(const Json& config);

// ---- Graph to Keras -------------------------------------------------------

// An output of a layer that was written, by its place among them.
struct OutTensor {
  int layer = -1;
  int output = 0;
  int call = 0;  // of a layer with several
  bool operator==(const OutTensor&) const = default;
};

inline std::vector<int32_t> Pair(int32_t height, int32_t width) {
  return {height, width};
}

// A variable of a layer that is written.
struct OutVariable {
  TensorId id;
  std::string part;  // see LayerIn
  const Variable* variable;
  std::vector<int32_t> dims = {};  // in Keras, of a matrix; else by the layout
};

// A function that a model calls between its layers, in the forms of both
// Kerases: neither reads the other's.
struct OutFunction {
  // One of the layer's inputs, or what is written in its place.
  struct Argument {
    int input = -1;
    std::string keyword = {};  // in Keras 2, but for the first
    JsonText two = {}, three = {};
  };
  std::string of_two;    // of TensorFlow: "math.truediv"
  std::string of_three;  // its module: "keras.src.ops.numpy"
  std::vector<Argument> arguments;
  bool of_list = false;     // the arguments are one list
  LayerConfig named = {};   // in Keras 2, further arguments
  LayerConfig config = {};  // in Keras 3
};

struct OutLayer {
  std::string class_name;
  std::string name;
  std::string label;  // of the layer that this is a call of, if that is known
  std::vector<OutTensor> inputs;
  LayerConfig config;
  const LayerRow* row = nullptr;
  std::vector<OutVariable> weights;  // in Keras's order
  int32_t depth_multiplier = 1;      // of a variable that is Layout::kDepthwise
  bool trainable = true;
  std::vector<std::vector<OutTensor>> more_calls;  // of their inputs
  int generation = 0;  // the one Keras that means this by it; 0: both do
  std::vector<std::vector<int32_t>> input_shapes;  // -1: the batch
  std::string call;             // which call in Keras this was, by its path
  std::vector<TensorId> gives;  // tensors that its outputs are like, by output
  std::string read_as;          // the label that readers give it
  // Of a model in the model: `class_name` says which kind.
  std::shared_ptr<OutModel> model;
  std::optional<bool> training;  // what it is called with
  // Of a function; `class_name` is "operation <Keras 3's>".
  std::shared_ptr<const OutFunction> function;

  void Set(std::string key, ConfigValue value);
  bool Says(std::string_view key) const;
};

// Nodes that may be a layer: the last one has its name, the names of others
// begin with that.
struct NodeGroup {
  const Graph& graph;
  std::string name;
  std::vector<const Node*> nodes;  // in the graph's order
  std::vector<TensorId> inputs;    // what they read from outside

  const Node& last() const { return *nodes.back(); }
  const Shape& input_shape() const { return graph.tensor(inputs[0]).shape; }
  const Shape& output_shape() const {
    return graph.tensor(last().outputs[0]).shape;
  }
  // The node "<name>/<step>", or null.
  const Node* Find(std::string_view step) const;
  // The values of the constant "<name>/<step>"; empty: there is none.
  std::vector<float> Floats(std::string_view step) const;
  std::vector<int32_t> Ints(std::string_view step) const;
  // Of the last node, or what it is made of where that gives something else.
  const Node& main(std::string_view step) const {
    const Node* node = Find(step);
    return node != nullptr ? *node : last();
  }
  // Whether these are the ops of the nodes, in order.
  bool Are(std::initializer_list<const OpDef*> ops) const;
};

// A node that is to be written.
struct NodeOut {
  const Graph& graph;
  const Node& node;
  std::vector<OutTensor> inputs;  // of the node those whose role is data
  // What a layer that has an option for it says; of another one, or where a
  // layer by itself has been fused, a layer behind it says the rest.
  std::string activation = "linear";

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

// The name that Keras has for what these nodes do if they are an activation
// function and nothing else; empty: they are none.
std::string ActivationNameOf(const NodeGroup& nodes);
// Whether a Keras has an activation function of that name.
bool IsActivationName(const std::string& name);
// The one Keras that has it; 0: both or none.
int KerasOfActivation(const std::string& name);

// Adds the function that the node is, where no layer is; false: there is none.
bool WriteFunction(const NodeOut& out, LayerWriter* layers);

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
// The group that an archive has for the class: that name, but for a few.
std::string GroupNameOf(std::string_view class_name);
// "operation Add" for the function of TensorFlow that Keras 2 calls
// "math.add"; "TFOpLambda <function>" if there is no row for it.
std::string OperationOf(const std::string& function);

// The row, or null.
const LayerRow* FindLayerRow(const std::string& class_name);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYER_H_
