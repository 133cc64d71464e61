// A graph to JSON and datasets, and back.
#include "src/formats/graph_json/graph_json.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "src/base/error.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/json.h"
#include "src/graph/op_def.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr TensorKind kKinds[] = {
    TensorKind::kActivation, TensorKind::kInput,    TensorKind::kParameter,
    TensorKind::kState,      TensorKind::kConstant, TensorKind::kVariable};

// JSON numbers hold every finite float exactly; the others go as their bits.
Ordered FromFloat(float value) {
  if (std::isfinite(value)) return static_cast<double>(value);
  return Ordered::object({{"bits", std::bit_cast<uint32_t>(value)}});
}

float ToFloat(const Json& value, const char* key) {
  if (const Json* bits = JsonFind(value, "bits")) {
    if (!bits->is_number_unsigned() || bits->get<uint64_t>() > UINT32_MAX) {
      Fail(ErrorKind::kCorrupt, "the bits of its '{}' are not 32 bits", key);
    }
    return std::bit_cast<float>(bits->get<uint32_t>());
  }
  if (!value.is_number() || !(std::abs(value.get<double>()) <= 3.5e38)) {
    Fail(ErrorKind::kCorrupt, "its '{}' is no float", key);
  }
  return static_cast<float>(value.get<double>());
}

// A tensor's data to be stored as the dataset `path` of the group.
struct GraphDataset {
  std::string path;
  const Tensor* tensor;
};

// Whether data of the type are stored as plain bytes: HDF5 has no such type.
bool HeldAsBytes(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBool;
}

bool SameData(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         a.data.size() == b.data.size() &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0;
}

Ordered FromTensor(const Tensor& tensor, const std::string& path,
                   const std::vector<StoredTensor>& stored,
                   std::vector<GraphDataset>* datasets) {
  Ordered json = {{"name", tensor.name},
                  {"dtype", Name(tensor.dtype)},
                  {"kind", Name(tensor.kind)},
                  {"shape", tensor.shape.ToVector()}};
  const Quantization& q = tensor.quant;
  if (!(q == Quantization{})) {
    Ordered scale = Ordered::array();
    for (const float s : q.scale) scale.push_back(FromFloat(s));
    json["quant"] = {{"scale", std::move(scale)},
                     {"zero_point", q.zero_point},
                     {"axis", q.axis}};
  }
  const Storage& how = tensor.stored_as;
  if (!(how == Storage{})) {
    json["stored_as"] = {
        {"int4", how.int4},
        {"traversal_order", how.traversal_order},
        {"block_map", how.block_map},
        {"compressed",
         std::vector<int32_t>(how.compressed.begin(), how.compressed.end())},
        {"dense_size", how.dense_size}};
  }
  if (const Regularizer& by = tensor.regularizer; !by.empty())
    json["regularizer"] = {{"l1", FromFloat(by.l1)}, {"l2", FromFloat(by.l2)}};
  if (!tensor.has_data()) return json;
  for (const StoredTensor& other : stored) {
    if (SameData(tensor, *other.tensor)) {
      json["same_as"] = other.name;
      return json;
    }
  }
  json["data"] = path;
  datasets->push_back({path, &tensor});
  return json;
}

Ordered FromAttr(const AttrDef& attr, const AttrValue& value) {
  if (attr.type == AttrType::kFloat) return FromFloat(value.f);
  if (attr.type == AttrType::kInts) return value.ints;
  if (attr.type == AttrType::kText) return value.text;
  return value.i;
}

void SetAttr(const AttrDef& attr, const Json& json, AttrValue* value) {
  if (attr.type == AttrType::kFloat) {
    value->f = ToFloat(json, attr.name);
  } else if (attr.type == AttrType::kInts) {
    value->ints.clear();
    for (const Json& i : JsonArray(json, attr.name))
      value->ints.push_back(JsonInt(i, attr.name));
  } else if (attr.type == AttrType::kText) {
    value->text = JsonString(json, attr.name);
  } else {
    value->i = JsonInt64(json, attr.name);
  }
}

void LoadData(const Json& json, const H5Tree& group, const Graph& plain,
              Tensor* tensor) {
  if (const Json* name = JsonFind(json, "same_as")) {
    const std::string& wanted = JsonString(*name, "same_as");
    for (const Tensor& other : plain.tensors) {
      if (other.name != wanted || !other.has_data()) continue;
      if (other.dtype != tensor->dtype || !(other.shape == tensor->shape)) {
        Fail(ErrorKind::kCorrupt, "it differs from '{}' in shape or type",
             wanted);
      }
      tensor->data = other.data;
      return;
    }
    Fail(ErrorKind::kCorrupt, "the Keras part has no weight '{}'", wanted);
  }
  const Json* path = JsonFind(json, "data");
  if (path == nullptr) return;
  const auto it = group.datasets.find(JsonString(*path, "data"));
  if (it == group.datasets.end()) {
    Fail(ErrorKind::kCorrupt, "its data are not in the file");
  }
  const H5Dataset& data = it->second;
  const bool as_bytes = HeldAsBytes(tensor->dtype);
  if (data.dtype != (as_bytes ? DType::kUInt8 : tensor->dtype)) {
    Fail(ErrorKind::kCorrupt, "its data are of type {}", Name(data.dtype));
  }
  // VerifyStructure compares the size with the shape.
  tensor->data = TensorData(data.bytes);
}

Storage ToStorage(const Json& json) {
  Storage how;
  how.int4 = JsonBool(JsonAt(json, "int4"), "int4");
  how.traversal_order =
      JsonDims(JsonAt(json, "traversal_order"), "traversal_order");
  how.block_map = JsonDims(JsonAt(json, "block_map"), "block_map");
  for (const int32_t c : JsonDims(JsonAt(json, "compressed"), "compressed"))
    how.compressed.push_back(c != 0 ? 1 : 0);
  how.dense_size = JsonDims(JsonAt(json, "dense_size"), "dense_size");
  return how;
}

Tensor ToTensor(const Json& json, const H5Tree& group, const Graph& plain) {
  Tensor tensor;
  tensor.name = JsonString(JsonAt(json, "name"), "name");
  const std::optional<DType> dtype =
      DTypeFromName(JsonString(JsonAt(json, "dtype"), "dtype"));
  if (!dtype) Fail(ErrorKind::kUnsupported, "its dtype is unknown");
  tensor.dtype = *dtype;
  const std::string& kind = JsonString(JsonAt(json, "kind"), "kind");
  bool known = false;
  for (const TensorKind k : kKinds) {
    if (kind == Name(k)) {
      tensor.kind = k;
      known = true;
    }
  }
  if (!known) Fail(ErrorKind::kUnsupported, "its kind is '{}'", kind);
  const std::vector<int32_t> dims = JsonDims(JsonAt(json, "shape"), "shape");
  if (dims.size() > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its rank is {}", dims.size());
  }
  tensor.shape = Shape(std::span<const int32_t>(dims));
  if (const Json* quant = JsonFind(json, "quant")) {
    for (const Json& scale : JsonArray(JsonAt(*quant, "scale"), "scale"))
      tensor.quant.scale.push_back(ToFloat(scale, "scale"));
    for (const Json& zero : JsonArray(JsonAt(*quant, "zero_point"), "quant"))
      tensor.quant.zero_point.push_back(JsonInt64(zero, "zero_point"));
    tensor.quant.axis = JsonInt(*quant, "axis", 0);
  }
  if (const Json* how = JsonFind(json, "stored_as")) {
    tensor.stored_as = ToStorage(*how);
  }
  if (const Json* by = JsonFind(json, "regularizer")) {
    tensor.regularizer = {ToFloat(JsonAt(*by, "l1"), "l1"),
                          ToFloat(JsonAt(*by, "l2"), "l2")};
  }
  for (int d = 1; d < tensor.shape.rank(); ++d) {
    if (tensor.kind == TensorKind::kInput && tensor.shape[d] < 1) {
      Fail(ErrorKind::kCorrupt, "its shape {} leaves more than the batch open",
           tensor.shape.ToString());
    }
  }
  LoadData(json, group, plain, &tensor);
  return tensor;
}

Node ToNode(const Json& json) {
  const std::string& name = JsonString(JsonAt(json, "op"), "op");
  Node node;
  node.op = FindOp(name);
  if (node.op == nullptr) {
    Fail(ErrorKind::kUnsupported,
         "its op '{}' is unknown; a newer Litesmith may have written it", name);
  }
  node.name = JsonString(JsonAt(json, "name"), "name");
  node.inputs = JsonDims(JsonAt(json, "inputs"), "inputs");
  node.outputs = JsonDims(JsonAt(json, "outputs"), "outputs");
  node.attrs = DefaultAttrs(*node.op);
  const Json& attrs = JsonAt(json, "attrs");
  if (!attrs.is_object()) Fail(ErrorKind::kCorrupt, "it has no attributes");
  for (const auto& [key, value] : attrs.items()) {
    size_t i = 0;
    while (i < node.attrs.size() && key != node.op->attrs[i].name) ++i;
    if (i == node.attrs.size()) {
      Fail(ErrorKind::kUnsupported, "its attribute '{}' is unknown", key);
    }
    SetAttr(node.op->attrs[i], value, &node.attrs[i]);
  }
  return node;
}

std::vector<std::string> ToNames(const Json& json, const char* key) {
  std::vector<std::string> names;
  for (const Json& name : JsonArray(JsonAt(json, key), key))
    names.push_back(JsonString(name, key));
  return names;
}

// The JSON of `graph`, and the datasets beside it (pointing into `graph`),
// whose names begin with `prefix`.
Ordered ToJson(const Graph& graph, const std::string& prefix,
               const std::vector<StoredTensor>& stored,
               std::vector<GraphDataset>* datasets) {
  Ordered tensors = Ordered::array();
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    tensors.push_back(FromTensor(
        graph.tensors[t], fmt::format("{}t{}", prefix, t), stored, datasets));
  }
  Ordered nodes = Ordered::array();
  for (const Node& node : graph.nodes) {
    Ordered attrs = Ordered::object();
    for (size_t a = 0; a < node.attrs.size(); ++a) {
      const AttrDef& attr = node.op->attrs[a];
      attrs[attr.name] = FromAttr(attr, node.attrs[a]);
    }
    nodes.push_back({{"op", node.op->name},
                     {"name", node.name},
                     {"inputs", node.inputs},
                     {"outputs", node.outputs},
                     {"attrs", std::move(attrs)}});
  }
  Ordered json = {{"version", kVersion},
                  {"tensors", std::move(tensors)},
                  {"nodes", std::move(nodes)},
                  {"inputs", graph.inputs},
                  {"outputs", graph.outputs},
                  {"input_names", graph.input_names},
                  {"output_names", graph.output_names}};
  if (!graph.name.empty()) json["name"] = graph.name;
  if (graph.functional) json["functional"] = true;
  if (!graph.said_of_layers.empty())
    json["said_of_layers"] = graph.said_of_layers;
  if (graph.subgraphs.empty()) return json;
  json["subgraphs"] = Ordered::array();
  for (size_t g = 0; g < graph.subgraphs.size(); ++g) {
    json["subgraphs"].push_back(ToJson(graph.subgraphs[g],
                                       fmt::format("{}g{}_", prefix, g), stored,
                                       datasets));
  }
  return json;
}

// Structure and all; shapes are as they stand there.
Graph FromJson(const Json& json, const H5Tree& group, const Graph& plain) {
  const int32_t version = JsonInt(JsonAt(json, "version"), "version");
  if (version != kVersion) {
    Fail(ErrorKind::kUnsupported,
         "its litesmith graph has version {}; {} is supported", version,
         kVersion);
  }
  Graph graph;
  for (const Json& tensor : JsonArray(JsonAt(json, "tensors"), "tensors")) {
    try {
      graph.AddTensor(ToTensor(tensor, group, plain));
    } catch (const Error& error) {
      Fail(error.kind(), "tensor {} of its litesmith graph: {}",
           graph.tensors.size(), error.what());
    }
  }
  for (const Json& node : JsonArray(JsonAt(json, "nodes"), "nodes")) {
    try {
      graph.nodes.push_back(ToNode(node));
    } catch (const Error& error) {
      Fail(error.kind(), "node {} of its litesmith graph: {}",
           graph.nodes.size(), error.what());
    }
  }
  graph.inputs = JsonDims(JsonAt(json, "inputs"), "inputs");
  graph.outputs = JsonDims(JsonAt(json, "outputs"), "outputs");
  graph.input_names = ToNames(json, "input_names");
  graph.output_names = ToNames(json, "output_names");
  graph.name = JsonString(json, "name", "");
  graph.functional = JsonBool(json, "functional", false);
  if (const Json* said = JsonFind(json, "said_of_layers")) {
    if (!said->is_object())
      Fail(ErrorKind::kCorrupt, "its said_of_layers are no object");
    for (const auto& [layer, text] : said->items())
      graph.said_of_layers[layer] = JsonString(text, "said_of_layers");
  }
  const auto fits = [](const auto& names, const auto& ids) {
    return names.empty() || names.size() == ids.size();
  };
  if (!fits(graph.input_names, graph.inputs) ||
      !fits(graph.output_names, graph.outputs)) {
    Fail(ErrorKind::kCorrupt,
         "its litesmith graph has other numbers of names than of inputs or "
         "outputs");
  }
  if (const Json* subgraphs = JsonFind(json, "subgraphs")) {
    for (const Json& subgraph : JsonArray(*subgraphs, "subgraphs"))
      graph.subgraphs.push_back(FromJson(subgraph, group, plain));
  }
  VerifyStructure(graph);
  return graph;
}

}  // namespace

void AddGraph(const Graph& graph, const std::vector<StoredTensor>& stored,
              H5Image* image) {
  const std::string group = std::string("/") + kGraphGroup;
  std::vector<GraphDataset> datasets;
  const std::string json =
      ToJson(graph, "", stored, &datasets)
          .dump(-1, ' ', true, Ordered::error_handler_t::replace);
  image->AddGroup(group);
  image->AddString(group, "graph", json);
  for (const GraphDataset& data : datasets) {
    const Tensor& tensor = *data.tensor;
    const std::span<const std::byte> bytes(tensor.data.data(),
                                           tensor.data.size());
    const std::string path = group + "/" + data.path;
    if (HeldAsBytes(tensor.dtype)) {
      const int32_t size = static_cast<int32_t>(bytes.size());
      image->AddDataset(path, DType::kUInt8, {&size, 1}, bytes);
    } else {
      image->AddDataset(path, tensor.dtype, tensor.shape.dims(), bytes);
    }
  }
}

bool HoldsGraph(const H5Tree& group) {
  return group.Attribute("", "graph") != nullptr;
}

Graph ReadGraph(const H5Tree& group, const Graph& plain) {
  std::string json;  // cut in pieces where it is long
  for (const std::string& piece : *group.Attribute("", "graph")) json += piece;
  Graph graph = FromJson(ParseJson(json, "litesmith graph"), group, plain);
  InferShapes(&graph);
  VerifyStructure(graph);
  return graph;
}

}  // namespace litesmith
