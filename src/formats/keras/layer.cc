// What the rows of several files of layers share, in both directions.
#include "src/formats/keras/layer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/formats/keras/config.h"
#include "src/formats/keras/quantized.h"
#include "src/formats/keras/regularizers.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

const Variable& VariableOf(const LayerRow& row, std::string_view name) {
  for (const Variable& variable : row.variables) {
    if (name == variable.name) return variable;
  }
  LS_CHECK(false);  // the row does not list what it reads
}

// The layer's next variable; null if the file has none.
const H5Dataset* FindNext(LayerIn* in, const Variable& variable) {
  VariablePlace place;
  place.part = in->part;
  place.index = in->num_variables++;
  place.name = variable.name;
  if (variable.keras3_name != nullptr) place.keras3_name = variable.keras3_name;
  place.earlier = in->tensors->of_name[variable.name]++;
  return in->variables->Find(in->layer, place);
}

std::string NameOfVariable(const LayerIn& in, const char* name) {
  return in.label + "/" + name;
}

// A variable as Keras has it and as the graph does.
struct Wanted {
  const Variable& variable;
  const std::vector<int32_t>& dims;
  Shape shape;
  size_t inputs = 0;  // of a matrix: dimensions that are summed over
  bool is_matrix = false;
};

// That of the graph which the layer is compared with.
TensorId TakeFromGraph(LayerIn* in, const Wanted& wanted) {
  const std::string name = NameOfVariable(*in, wanted.variable.name);
  const Graph& from = in->rebuilt->graph;
  for (size_t t = 0; t < from.tensors.size(); ++t) {
    const Tensor& tensor = from.tensors[t];
    if (tensor.name != name || !tensor.has_data()) continue;
    if (!(tensor.shape == wanted.shape)) break;
    in->rebuilt->taken->push_back(
        {static_cast<TensorId>(t), in->part, &wanted.variable,
         wanted.is_matrix ? wanted.dims : std::vector<int32_t>()});
    return in->graph->AddTensor(tensor);
  }
  Fail(ErrorKind::kUnsupported, "there is no weight '{}'", name);
}

void CheckDims(const char* name, const std::vector<int32_t>& dims) {
  if (std::any_of(dims.begin(), dims.end(), [](int32_t d) { return d < 1; })) {
    Fail(ErrorKind::kCorrupt, "its {} would have the shape ({})", name,
         fmt::join(dims, ", "));
  }
}

// The values in the graph's order.
void Arrange(const Wanted& wanted, std::span<const float> keras,
             Tensor* tensor) {
  const Layout layout = wanted.variable.layout;
  if (wanted.is_matrix) {
    if (wanted.inputs > 0)
      FromKerasLayout(Layout::kOutputLast, {tensor->shape[1], tensor->shape[0]},
                      keras, tensor->MutableAs<float>());
  } else if (!IsCopied(layout)) {
    FromKerasLayout(layout, wanted.dims, keras, tensor->MutableAs<float>());
  }
}

// The layer's first variable, stored as integers; what belongs to it lies
// behind the others.
std::vector<float> DequantizedFirst(int bits, const H5Dataset& stored,
                                    const std::vector<int32_t>& dims,
                                    LayerIn* in) {
  const bool table = std::string_view(in->row.class_name) == "Embedding";
  const Json* axes = JsonFind(in->config, "bias_axes");
  const bool einsum = std::string_view(in->row.class_name) == "EinsumDense";
  const bool bias = einsum ? axes != nullptr && !axes->is_null()
                           : !table && JsonBool(in->config, "use_bias", true);
  const Variable of_kernel[] = {{"kernel_scale", Layout::kPlain},
                                {"kernel_zero", Layout::kPlain},
                                {"g_idx", Layout::kPlain}};
  const Variable of_table[] = {{"embeddings_scale", Layout::kPlain},
                               {"embeddings_zero", Layout::kPlain},
                               {"g_idx", Layout::kPlain}};
  std::set<int> found;
  const size_t next = in->num_variables;
  std::vector<float> floats =
      Dequantized(bits, stored, dims, table, [&](int which) {
        const auto i = static_cast<size_t>(which);
        const Variable& variable = table ? of_table[i] : of_kernel[i];
        in->num_variables = (bias ? 2 : 1) + i;
        in->tensors->of_name[variable.name] = 0;
        const H5Dataset* data = FindNext(in, variable);
        if (data != nullptr && found.insert(which).second) ++in->tensors->found;
        return data;
      });
  in->num_variables = next;
  return floats;
}

TensorId Take(LayerIn* in, const Wanted& wanted) {
  const char* name = wanted.variable.name;
  const std::vector<int32_t>& dims = wanted.dims;
  const std::string key = in->part + "/" + name;
  if (const auto it = in->tensors->variables.find(key);
      it != in->tensors->variables.end()) {
    if (!(in->graph->tensor(it->second).shape == wanted.shape)) {
      Fail(ErrorKind::kCorrupt,
           "its weight '{}' has another shape than this call's ({})", name,
           fmt::join(dims, ", "));
    }
    return it->second;
  }
  if (in->rebuilt != nullptr)
    return in->tensors->variables[key] = TakeFromGraph(in, wanted);
  const H5Dataset* data = FindNext(in, wanted.variable);
  const int bits = in->num_variables == 1 ? BitsOf(in->config) : 0;
  if (data == nullptr) {
    Fail(ErrorKind::kCorrupt, "the file holds no weight '{}' for it", name);
  }
  std::vector<float> floats;
  if (bits > 0) {
    floats = DequantizedFirst(bits, *data, dims, in);
  } else if (data->dims != std::vector<int64_t>(dims.begin(), dims.end())) {
    Fail(ErrorKind::kCorrupt,
         "its weight '{}' has the shape ({}); ({}) is wanted", name,
         fmt::join(data->dims, ", "), fmt::join(dims, ", "));
  }
  ++in->tensors->found;
  Tensor tensor;
  tensor.name = NameOfVariable(*in, name);
  tensor.kind = in->trainable ? TensorKind::kParameter : TensorKind::kConstant;
  tensor.regularizer = RegularizerOf(in->config, name);
  tensor.shape = wanted.shape;
  tensor.data = bits > 0 ? TensorData(std::as_bytes(std::span(floats)))
                         : TensorData(data->bytes);
  const TensorData keras = tensor.data;
  Arrange(wanted,
          {reinterpret_cast<const float*>(keras.data()),
           keras.size() / sizeof(float)},
          &tensor);
  return in->tensors->variables[key] = in->graph->AddTensor(std::move(tensor));
}

}  // namespace

TensorId LayerIn::input() const {
  if (inputs.size() != 1) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 1 wanted", inputs.size());
  }
  return inputs[0];
}

std::string PartOf(const std::string& part, const std::string& below) {
  if (part.empty() || below.empty()) return part + below;
  return part + "/" + below;
}

LayerIn LayerInside(const LayerIn& in, const std::string& part,
                    const LayerRow& row, const Json& config, std::string name,
                    std::string label, std::vector<TensorId> inputs) {
  LayerIn inner{
      row,      config,    std::move(name), std::move(label), std::move(inputs),
      in.graph, in.tensors};
  inner.variables = in.variables;
  inner.rebuilt = in.rebuilt;
  inner.layer = in.layer;
  inner.part = PartOf(in.part, part);
  inner.generation = in.generation;
  inner.trainable = in.trainable;
  inner.steps_first = in.steps_first;
  return inner;
}

TensorId AddVariable(LayerIn* in, const char* name,
                     const std::vector<int32_t>& dims) {
  CheckDims(name, dims);
  const Variable& variable = VariableOf(in->row, name);
  return Take(in, {variable, dims, FromKerasDims(variable.layout, dims)});
}

TensorId AddMatrix(LayerIn* in, const char* name,
                   const std::vector<int32_t>& dims, size_t inputs) {
  CheckDims(name, dims);
  int64_t rows = 1, columns = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t& of = d < inputs ? columns : rows;
    // Not yet compared with what the file has.
    of = std::min<int64_t>(of * dims[d], INT32_MAX);
  }
  const Shape shape = inputs == 0 ? Shape{static_cast<int32_t>(rows)}
                                  : Shape{static_cast<int32_t>(rows),
                                          static_cast<int32_t>(columns)};
  return Take(in, {VariableOf(in->row, name), dims, shape, inputs, true});
}

void AddBias(LayerIn* in, int32_t n, std::vector<TensorId>* inputs) {
  if (JsonBool(in->config, "use_bias", true))
    inputs->push_back(AddVariable(in, "bias", {n}));
}

void SkipVariable(LayerIn* in, const char* name) {
  if (in->rebuilt != nullptr ||
      !in->tensors->made.emplace(name, kNoTensor).second)
    return;
  if (FindNext(in, VariableOf(in->row, name)) != nullptr) ++in->tensors->found;
}

const Json* Argument(LayerIn* in, size_t place, const char* keyword) {
  in->literals_read = true;
  if (in->args != nullptr && place < in->args->size() &&
      !(*in->args)[place].is_null())
    return &(*in->args)[place];
  if (keyword == nullptr || in->kwargs == nullptr) return nullptr;
  in->keywords_read.insert(keyword);
  return JsonFind(*in->kwargs, keyword);
}

TensorId TensorOf(const LayerIn& in, const Json& argument) {
  const std::optional<size_t> place = TensorPlace(argument);
  return place && *place < in.all.size() ? in.all[*place] : kNoTensor;
}

std::vector<TensorId> TensorsOf(LayerIn* in, const char* keyword) {
  std::vector<TensorId> tensors;
  if (in->kwargs == nullptr) return tensors;
  in->keywords_read.insert(keyword);
  const Json* value = JsonFind(*in->kwargs, keyword);
  if (value == nullptr) return tensors;
  const auto add = [&](const Json& item) {
    const TensorId id = TensorOf(*in, item);
    if (id == kNoTensor) {
      Fail(ErrorKind::kUnsupported, "its {} is {}, which is no tensor", keyword,
           JsonShown(item));
    }
    tensors.push_back(id);
  };
  if (value->is_array()) {
    for (const Json& item : *value) add(item);
  } else {
    add(*value);
  }
  return tensors;
}

std::vector<TensorId> InferLast(Graph* graph) {
  const Node& node = graph->nodes.back();
  node.op->infer(graph, node);
  return node.outputs;
}

void CheckChannelsLast(const Json& config) {
  const std::string format = JsonString(config, "data_format", "channels_last");
  if (format != "channels_last") {
    Fail(ErrorKind::kUnsupported,
         "its data_format is {}; channels_last is supported", format);
  }
}

void OutLayer::Set(std::string key, ConfigValue value) {
  config.emplace_back(std::move(key), std::move(value));
}

bool OutLayer::Says(std::string_view key) const {
  return std::any_of(config.begin(), config.end(),
                     [&](const auto& entry) { return key == entry.first; });
}

const Node* NodeGroup::Find(std::string_view step) const {
  const std::string wanted = name + "/" + std::string(step);
  for (const Node* node : nodes) {
    if (node->name == wanted) return node;
  }
  return nullptr;
}

namespace {

const Tensor* ConstantOf(const NodeGroup& group, std::string_view step) {
  const std::string wanted = group.name + "/" + std::string(step);
  for (const Node* node : group.nodes) {
    for (const TensorId id : node->inputs) {
      if (id == kNoTensor) continue;
      const Tensor& tensor = group.graph.tensor(id);
      if (tensor.name == wanted && tensor.has_data()) return &tensor;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<float> NodeGroup::Floats(std::string_view step) const {
  const Tensor* tensor = ConstantOf(*this, step);
  if (tensor == nullptr || tensor->dtype != DType::kFloat32) return {};
  const auto values = tensor->As<float>();
  return {values.begin(), values.end()};
}

std::vector<int32_t> NodeGroup::Ints(std::string_view step) const {
  const Tensor* tensor = ConstantOf(*this, step);
  if (tensor == nullptr || tensor->dtype != DType::kInt32) return {};
  const auto values = tensor->As<int32_t>();
  return {values.begin(), values.end()};
}

bool NodeGroup::Are(std::initializer_list<const OpDef*> ops) const {
  return std::equal(
      ops.begin(), ops.end(), nodes.begin(), nodes.end(),
      [](const OpDef* op, const Node* node) { return node->op == op; });
}

double Decimal(float value) { return std::stod(fmt::format("{}", value)); }

std::vector<int32_t> SampleDims(const Shape& shape) {
  const auto dims = shape.dims();
  return dims.empty() ? std::vector<int32_t>()
                      : std::vector<int32_t>(dims.begin() + 1, dims.end());
}

std::span<const LayerRow> LayerRows() {
  static const std::vector<LayerRow> rows = [] {
    std::vector<LayerRow> all;
#define LITESMITH_LAYERS(name) \
  for (const LayerRow& row : name##Layers()) all.push_back(row);
#include "src/formats/keras/layers.inc"
#undef LITESMITH_LAYERS
    return all;
  }();
  return rows;
}

// Two patterns of Keras's: a capital that begins a capital and small letters,
// and one behind a small letter.
std::string SnakeCase(std::string_view class_name) {
  const auto is = [&](size_t i, char low, char high) {
    return i < class_name.size() && class_name[i] >= low &&
           class_name[i] <= high;
  };
  std::string snake;
  for (size_t i = 0; i < class_name.size(); ++i) {
    const bool capital = is(i, 'A', 'Z');
    if (i > 0 && capital && (is(i + 1, 'a', 'z') || is(i - 1, 'a', 'z')))
      snake += '_';
    snake +=
        static_cast<char>(capital ? class_name[i] - 'A' + 'a' : class_name[i]);
  }
  return snake;
}

std::string GroupNameOf(std::string_view class_name) {
  // Called otherwise in configs than in Python.
  if (class_name == "GroupQueryAttention") class_name = "GroupedQueryAttention";
  if (class_name == "Model") class_name = "Functional";
  return SnakeCase(class_name);
}

const LayerRow* FindLayerRow(const std::string& class_name) {
  for (const LayerRow& row : LayerRows()) {
    if (class_name == row.class_name) return &row;
  }
  return nullptr;
}

}  // namespace litesmith
