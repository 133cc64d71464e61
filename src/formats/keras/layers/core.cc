// Layers that stand for themselves: inputs and Dense.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

DType InputTypeOf(const Json& config) {
  const Json* type = JsonFind(config, "dtype");
  if (type == nullptr) return DType::kFloat32;
  std::string name = IsString(*type) ? JsonString(*type, "dtype") : "";
  if (const Json* policy = JsonFind(*type, "config"))
    name = JsonString(*policy, "name", "");
  for (const char* floating : {"float32", "float16", "bfloat16", "float64",
                               "mixed_float16", "mixed_bfloat16"}) {
    if (name == floating) return DType::kFloat32;
  }
  for (const char* integer :
       {"int32", "int64", "int16", "int8", "uint8", "uint16", "uint32"}) {
    if (name == integer) return DType::kInt32;
  }
  Fail(ErrorKind::kUnsupported,
       "its dtype is '{}'; floats and integers are supported", name);
}

// Its batch becomes kDynamic. Integers are int32, whatever Keras has; that of a
// model in the model is what that model is called with.
std::vector<TensorId> BuildInput(LayerIn* in) {
  if (in->inputs.size() == 1) return in->inputs;
  if (!in->inputs.empty()) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 0 wanted",
         in->inputs.size());
  }
  const Json* shape = JsonFind(in->config, "batch_shape");  // Keras 3
  if (shape == nullptr) shape = &JsonAt(in->config, "batch_input_shape");
  const std::vector<int32_t> dims = JsonDims(*shape, "batch_shape");
  if (dims.empty() || dims.size() > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its shape has {} dimensions", dims.size());
  }
  Tensor tensor;
  tensor.name = in->name;
  tensor.kind = TensorKind::kInput;
  tensor.dtype = InputTypeOf(in->config);
  tensor.shape = Shape(std::span<const int32_t>(dims));
  tensor.shape[0] = kDynamic;
  for (int d = 1; d < tensor.shape.rank(); ++d) {
    if (tensor.shape[d] < 1) {
      Fail(ErrorKind::kUnsupported,
           "its shape {} leaves more than the batch open",
           tensor.shape.ToString());
    }
  }
  tensor.shape.NumElementsPerSample();  // throws if too large
  const TensorId id = in->graph->AddTensor(std::move(tensor));
  in->graph->inputs.push_back(id);
  return {id};
}

std::vector<TensorId> BuildDense(LayerIn* in) {
  const int32_t units = JsonInt(JsonAt(in->config, "units"), "units");
  const Shape x = in->input_shape();
  if (x.rank() < 2) {
    Fail(ErrorKind::kCorrupt, "its input is {}; [batch, ..., in] is wanted",
         x.ToString());
  }
  const TensorId kernel = AddVariable(in, "kernel", {x[x.rank() - 1], units});
  std::vector<TensorId> inputs = {in->input(), kernel};
  AddBias(in, units, &inputs);
  FullyConnectedAttrs attrs;
  attrs.keep_num_dims = x.rank() > 2;
  return WithActivation(
      in, Nodes(in->name, in->graph).Add(kFullyConnected, "", inputs, attrs));
}

bool WriteDense(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kFullyConnected) return false;
  const Shape& x = out.input(0).shape;
  const Shape& weights = out.input(1).shape;
  std::vector<OutTensor> inputs = out.inputs;
  if (x.rank() != 2 && !node.Get<&FullyConnectedAttrs::keep_num_dims>()) {
    // TFLite flattens here by itself; Keras would map the last dimension.
    if (x.rank() < 2 || x.NumElementsPerSample() != weights[1]) {
      Fail(ErrorKind::kUnsupported,
           "its input {} does not keep the batch in front", x.ToString());
    }
    inputs = {AddFlatten(node.name + "_flatten", inputs, layers)};
  }
  OutLayer& layer = layers->Add("Dense", node.name, std::move(inputs));
  layer.Set("units", weights[0]);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

constexpr Variable kDenseVariables[] = {{"kernel", Layout::kOutputLast},
                                        {"bias", Layout::kPlain}};

constexpr LayerRow kCoreRows[] = {
    {"InputLayer",
     "float32, or integers as int32; its batch may be fixed or open",
     {},
     BuildInput,
     nullptr},
    {"Dense", "on the last dimension; use_bias", kDenseVariables, BuildDense,
     WriteDense},
};

}  // namespace

std::span<const LayerRow> CoreLayers() { return kCoreRows; }

}  // namespace litesmith
