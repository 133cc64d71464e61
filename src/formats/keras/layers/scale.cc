// Rescaling and Normalization: x * scale + offset with numbers that are not
// trained.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/map/binary.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Numbers that may be one, in lists, or wrapped in an object.
void Collect(const Json& value, const char* key, int depth,
             std::vector<float>* values) {
  if (depth > 8) Fail(ErrorKind::kCorrupt, "its {} nests too deep", key);
  if (const Json* config = JsonFind(value, "config")) {
    Collect(*config, key, depth + 1, values);
  } else if (const Json* inner = JsonFind(value, "value")) {
    Collect(*inner, key, depth + 1, values);
  } else if (value.is_array()) {
    for (const Json& item : value) Collect(item, key, depth + 1, values);
  } else if (value.is_number()) {
    values->push_back(static_cast<float>(value.get<double>()));
  } else {
    Fail(ErrorKind::kCorrupt, "its {} is {}; numbers are wanted", key,
         JsonShown(value));
  }
}

std::vector<float> NumbersOf(const Json& config, const char* key,
                             float initial) {
  std::vector<float> values;
  const Json* value = JsonFind(config, key);
  if (value == nullptr) return {initial};
  Collect(*value, key, 0, &values);
  if (values.empty()) Fail(ErrorKind::kCorrupt, "its {} is empty", key);
  return values;
}

// One number, or one for each of the last dimension.
TensorId Numbers(Nodes* nodes, const std::string& step, const Shape& x,
                 const std::vector<float>& values) {
  if (values.size() == 1) return nodes->Float(step, values[0]);
  if (x.rank() < 1 || static_cast<int64_t>(values.size()) != x[x.rank() - 1]) {
    Fail(ErrorKind::kUnsupported,
         "it has {} numbers for its input {}; one, or one a channel, is "
         "supported",
         values.size(), x.ToString());
  }
  return nodes->Floats(step, {static_cast<int32_t>(values.size())}, values);
}

TensorId AsFloat(Nodes* nodes, TensorId x, DType dtype) {
  if (dtype == DType::kFloat32) return x;
  return nodes->Cast("float", x, DType::kFloat32);
}

// MUL and ADD, of which one goes where it would change nothing.
std::vector<TensorId> BuildRescaling(LayerIn* in) {
  const Shape x = in->input_shape();
  const std::vector<float> scale = NumbersOf(in->config, "scale", 1);
  const std::vector<float> offset = NumbersOf(in->config, "offset", 0);
  Nodes nodes(in->name, in->graph);
  const bool adds = offset != std::vector<float>{0};
  const bool scales = scale != std::vector<float>{1} || !adds;
  TensorId y =
      AsFloat(&nodes, in->input(), in->graph->tensor(in->input()).dtype);
  if (scales) {
    const std::string step = adds ? "scaled" : "";
    y = nodes.Add(kMul, step,
                  {y, Numbers(&nodes, Nodes::Below(step, "scale"), x, scale)});
  }
  if (adds) y = nodes.Add(kAdd, "", {y, Numbers(&nodes, "offset", x, offset)});
  return {y};
}

ConfigValue ListOf(const std::vector<float>& values) {
  if (values.size() == 1) return Decimal(values[0]);
  std::vector<double> list;
  for (const float value : values) list.push_back(Decimal(value));
  return list;
}

bool GuessRescaling(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> scale = group.Floats("scaled/scale");
  const std::vector<float> offset = group.Floats("offset");
  if (scale.empty() || offset.empty()) return false;
  config->emplace_back("scale", ListOf(scale));
  config->emplace_back("offset", ListOf(offset));
  return true;
}

// The numbers of a node's constant: one, or one of each of the last dimension.
std::vector<float> ConstantNumbers(const NodeOut& out, size_t i) {
  const Tensor& constant = out.input(i);
  if (!constant.has_data() || constant.dtype != DType::kFloat32 ||
      constant.shape.rank() > out.input(1 - i).shape.rank())
    return {};
  const auto values = constant.As<float>();
  const int rank = constant.shape.rank();
  const bool last = rank > 0 && static_cast<int64_t>(values.size()) ==
                                    constant.shape[rank - 1];
  if (values.size() != 1 && !last) return {};
  return {values.begin(), values.end()};
}

// One node that multiplies by, adds or takes away constants.
bool WriteRescaling(const NodeOut& out, LayerWriter* layers) {
  const OpDef* op = out.node.op;
  if ((op != &kMul && op != &kAdd && op != &kSub && op != &kDiv) ||
      out.inputs.size() != 1 || out.node.inputs.size() != 2)
    return false;
  const size_t at = out.input(1).has_data() ? 1 : 0;
  std::vector<float> values = ConstantNumbers(out, at);
  if (values.empty() || (op == &kDiv && at == 0)) return false;
  OutLayer& layer = layers->Add("Rescaling", out.node.name, out.inputs);
  if (op == &kMul || op == &kDiv) {
    if (op == &kDiv) {
      for (float& value : values) value = 1 / value;
    }
    layer.Set("scale", ListOf(values));
    layer.Set("offset", 0.0);  // Keras 3 wants both
    return true;
  }
  if (op == &kSub && at == 1) {
    for (float& value : values) value = -value;
  }
  layer.Set("scale", op == &kSub && at == 0 ? -1.0 : 1.0);
  layer.Set("offset", ListOf(values));
  return true;
}

// The sizes of the axes that have numbers of their own.
std::vector<int32_t> KeptAxes(const Json& config, const Shape& x,
                              std::vector<int32_t>* dims) {
  std::vector<int32_t> axes = {-1};
  if (config.contains("axis")) {
    const Json* axis = JsonFind(config, "axis");
    axes = axis == nullptr        ? std::vector<int32_t>()
           : IsWholeNumber(*axis) ? std::vector<int32_t>{JsonInt(*axis, "axis")}
                                  : JsonDims(*axis, "axis");
  }
  for (int32_t& axis : axes) {
    if (axis < 0) axis += x.rank();
    if (axis < 1 || axis >= x.rank()) {
      Fail(ErrorKind::kUnsupported, "its axis is {} of {}", axis, x.ToString());
    }
  }
  std::sort(axes.begin(), axes.end());
  for (const int32_t axis : axes) dims->push_back(x[axis]);
  return axes;
}

// The number that nodes have for a variance.
float NumberFor(float variance, bool inverts) {
  const float deviation = std::max(std::sqrt(variance), 1e-7f);
  return inverts ? deviation : 1 / deviation;
}

std::vector<TensorId> BuildNormalization(LayerIn* in) {
  const Shape x = in->input_shape();
  std::vector<int32_t> dims;
  const std::vector<int32_t> axes = KeptAxes(in->config, x, &dims);
  int64_t count = 1;
  for (const int32_t dim : dims) count *= dim;
  std::vector<float> mean, variance;
  if (JsonFind(in->config, "mean") != nullptr) {
    mean = NumbersOf(in->config, "mean", 0);
    variance = NumbersOf(in->config, "variance", 1);
  } else {
    for (const auto& [name, values] :
         {std::pair{"mean", &mean}, std::pair{"variance", &variance}}) {
      const TensorId id = AddVariable(in, name, dims);
      in->graph->tensor(id).kind = TensorKind::kConstant;
      const auto data = in->graph->tensor(id).As<float>();
      values->assign(data.begin(), data.end());
    }
    SkipVariable(in, "count");
  }
  for (std::vector<float>* values : {&mean, &variance}) {
    if (values->size() == 1)
      values->assign(static_cast<size_t>(count), values->front());
    if (static_cast<int64_t>(values->size()) != count) {
      Fail(ErrorKind::kCorrupt, "it has {} numbers for its input {}",
           values->size(), x.ToString());
    }
  }
  // Of the rank that the kept axes have together.
  std::vector<int32_t> shape;
  for (int32_t d = axes.empty() ? x.rank() : axes[0]; d < x.rank(); ++d) {
    const bool kept = std::find(axes.begin(), axes.end(), d) != axes.end();
    shape.push_back(kept ? x[d] : 1);
  }
  const bool inverts = JsonBool(in->config, "invert", false);
  for (float& value : variance) value = NumberFor(value, inverts);
  Nodes nodes(in->name, in->graph);
  const Shape of_numbers{std::span<const int32_t>(shape)};
  const TensorId y =
      AsFloat(&nodes, in->input(), in->graph->tensor(in->input()).dtype);
  if (inverts) {
    const TensorId wide =
        nodes.Add(kMul, "wide",
                  {y, nodes.Floats("wide/deviation", of_numbers, variance)});
    return {
        nodes.Add(kAdd, "", {wide, nodes.Floats("mean_of", of_numbers, mean)})};
  }
  const TensorId centred = nodes.Add(
      kSub, "centred", {y, nodes.Floats("centred/mean", of_numbers, mean)});
  return {nodes.Add(kMul, "",
                    {centred, nodes.Floats("share", of_numbers, variance)})};
}

// A variance that nodes have this number for.
double VarianceFor(float number, bool inverts) {
  const double deviation = inverts ? double{number} : 1 / double{number};
  const auto near = static_cast<float>(deviation * deviation);
  float low = near, high = near;
  for (int i = 0; i < 8; ++i) {
    if (NumberFor(low, inverts) == number) return low;
    if (NumberFor(high, inverts) == number) return high;
    low = std::nextafter(low, 0.0f);
    high = std::nextafter(high, INFINITY);
  }
  return near;
}

// Written with its numbers in the config.
bool GuessNormalization(const NodeGroup& group, LayerConfig* config) {
  const bool inverts = group.Find("wide") != nullptr;
  const std::vector<float> mean =
      group.Floats(inverts ? "mean_of" : "centred/mean");
  std::vector<float> deviation =
      group.Floats(inverts ? "wide/deviation" : "share");
  if (mean.empty() || mean.size() != deviation.size()) return false;
  const Node& first = *group.nodes.front();
  const Shape& numbers = group.graph.tensor(first.inputs[1]).shape;
  std::vector<int32_t> axes;
  for (int d = 0; d < numbers.rank(); ++d) {
    if (numbers[d] != 1)
      axes.push_back(d + group.input_shape().rank() - numbers.rank());
  }
  if (axes.empty() && numbers.rank() > 0)
    axes.push_back(group.input_shape().rank() - 1);
  config->emplace_back("axis",
                       axes.empty() ? ConfigValue() : ConfigValue(axes));
  std::vector<double> means, variances;
  for (size_t i = 0; i < mean.size(); ++i) {
    means.push_back(double{mean[i]});
    variances.push_back(VarianceFor(deviation[i], inverts));
  }
  config->emplace_back("mean", means);
  config->emplace_back("variance", variances);
  if (inverts) config->emplace_back("invert", true);
  return true;
}

constexpr Variable kScaleVariables[] = {{"mean", Layout::kPlain},
                                        {"variance", Layout::kPlain},
                                        {"count", Layout::kPlain}};

constexpr LayerRow kScaleRows[] = {
    {"Rescaling",
     "scale and offset, of all or of each channel",
     {},
     BuildRescaling,
     WriteRescaling,
     GuessRescaling},
    {"Normalization", "axis, mean and variance, invert", kScaleVariables,
     BuildNormalization, nullptr, GuessNormalization},
};

}  // namespace

std::span<const LayerRow> ScaleLayers() { return kScaleRows; }

}  // namespace litesmith
