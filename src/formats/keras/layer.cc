// What the rows of several files of layers share, in both directions.
#include "src/formats/keras/layer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "src/base/check.h"
#include "src/base/error.h"
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
  const size_t index = in->num_variables++;
  const H5Dataset* data = in->variables.Find(in->layer, index, variable.name);
  return data != nullptr || variable.keras3_name == nullptr
             ? data
             : in->variables.Find(in->layer, index, variable.keras3_name);
}

}  // namespace

TensorId LayerIn::input() const {
  if (inputs.size() != 1) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 1 wanted", inputs.size());
  }
  return inputs[0];
}

TensorId AddVariable(LayerIn* in, const char* name,
                     const std::vector<int32_t>& dims) {
  if (std::any_of(dims.begin(), dims.end(), [](int32_t d) { return d < 1; })) {
    Fail(ErrorKind::kCorrupt, "its {} would have the shape ({})", name,
         fmt::join(dims, ", "));
  }
  const Variable& variable = VariableOf(in->row, name);
  const H5Dataset* data = FindNext(in, variable);
  if (data == nullptr) {
    Fail(ErrorKind::kCorrupt, "the file holds no weight '{}' for it", name);
  }
  if (data->dims != std::vector<int64_t>(dims.begin(), dims.end())) {
    Fail(ErrorKind::kCorrupt,
         "its weight '{}' has the shape ({}); ({}) is wanted", name,
         fmt::join(data->dims, ", "), fmt::join(dims, ", "));
  }
  Tensor tensor;
  tensor.name = in->name + "/" + name;
  tensor.kind = in->trainable ? TensorKind::kParameter : TensorKind::kConstant;
  tensor.shape = Shape(std::span<const int32_t>(dims));
  tensor.data = TensorData(data->bytes);
  if (variable.layout == Layout::kDepthwise)
    tensor.shape = FromKerasDepthwise(dims);
  if (variable.layout == Layout::kOutputLast) {
    tensor.shape = FromKerasShape(dims);
    FromKerasLayout({reinterpret_cast<const float*>(data->bytes.data()),
                     data->bytes.size() / sizeof(float)},
                    dims.back(), tensor.MutableAs<float>());
  }
  return in->graph->AddTensor(std::move(tensor));
}

void AddBias(LayerIn* in, int32_t n, std::vector<TensorId>* inputs) {
  if (JsonBool(in->config, "use_bias", true))
    inputs->push_back(AddVariable(in, "bias", {n}));
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

void OutLayer::Set(const char* key, ConfigValue value) {
  config.emplace_back(key, std::move(value));
}

bool OutLayer::Says(std::string_view key) const {
  return std::any_of(config.begin(), config.end(),
                     [&](const auto& entry) { return key == entry.first; });
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

const LayerRow* FindLayerRow(const std::string& class_name) {
  for (const LayerRow& row : LayerRows()) {
    if (class_name == row.class_name) return &row;
  }
  return nullptr;
}

}  // namespace litesmith
