// Graph -> .tflite bytes. Deterministic and small: equal vectors, strings and
// quantization tables are written once, fields at their default are left out.
// Constants are written first and so lie at the end of the file (FlatBuffers
// grows downward), each at a multiple of 16.
#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <string_view>
#include <tuple>

#include "schema_generated.h"
#include "src/base/error.h"
#include "src/formats/tflite/missing_bias.h"
#include "src/formats/tflite/operators.h"
#include "src/formats/tflite/sparse.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/op_def.h"
#include "src/ops/verify.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;
using flatbuffers::Offset;
using flatbuffers::voffset_t;

constexpr size_t kDataAlignment = 16;
// FlatBuffers offsets are 31 bits; this leaves room for the tables.
constexpr size_t kMaxConstantBytes = size_t{2000} << 20;
// How many nodes back equal options are looked for.
constexpr size_t kMaxSharingDistance = 256;
constexpr int8_t kInt4Code = 17;  // TensorType
// A Buffer with data: where its vtable is, and where its data is.
constexpr size_t kBufferTableBytes = 8;

// A graph, or one that runs inside of another.
struct Subgraph {
  const Graph* graph;
  // The same tensors with the shapes they have at a batch of one, which some
  // runtimes take for the only ones.
  Graph one_sample = {};
  std::vector<int32_t> subgraphs = {};  // the file's numbers of the graph's own
  std::vector<int32_t> file_ids = {};   // by TensorId; -1: not in the file
  std::vector<uint32_t> buffer_of = {};  // by TensorId
  std::vector<uint32_t> code_of = {};    // by node
};

class Writer {
 public:
  explicit Writer(const Graph& graph) : builder_(InitialBytes(graph)) {
    Number(graph);
  }

  std::vector<std::byte> Write();

 private:
  struct Code {
    int builtin;
    int version;
  };

  static size_t InitialBytes(const Graph& graph);

  // The vector, written once however often it is asked for; 0 if empty.
  template <typename T>
  Offset<flatbuffers::Vector<T>> Shared(
      const std::vector<T>& values,
      std::map<std::vector<T>, Offset<flatbuffers::Vector<T>>>* written) {
    if (values.empty()) return 0;
    const auto [place, is_new] = written->try_emplace(values);
    if (is_new) place->second = builder_.CreateVector(values);
    return place->second;
  }
  Offset<flatbuffers::Vector<int32_t>> Ints(
      const std::vector<int32_t>& values) {
    return Shared(values, &ints_);
  }
  Offset<flatbuffers::String> Text(const std::string& text) {
    return text.empty() ? 0 : builder_.CreateSharedString(text);
  }

  // Puts the graph and all inside of it into the list; the graph's own number.
  int32_t Number(const Graph& graph);
  void CheckNodes(const Graph& graph) const;
  void BindOneSample(Subgraph* of) const;
  void NumberTensors(Subgraph* of) const;
  static std::vector<int32_t> FileIds(const Subgraph& of,
                                      const std::vector<TensorId>& ids);
  uint32_t AddBuffer(std::span<const std::byte> bytes);
  void WriteBufferTable() {
    buffers_.push_back(
        fb::CreateBuffer(builder_, buffer_data_[buffers_.size()]));
  }
  void WriteConstants(Subgraph* of);
  Offset<fb::QuantizationParameters> WriteQuantization(const Quantization& q);
  Offset<fb::SparsityParameters> WriteSparsity(const SparseValues& sparse,
                                               const Storage& how);
  Offset<fb::Opaque> WriteIndices(const std::vector<int32_t>& indices,
                                  uint8_t* type);
  Offset<fb::Tensor> WriteTensor(const Subgraph& of, TensorId id,
                                 bool keeps_signature);
  Offset<fb::Opaque> WriteOptions(const Subgraph& of, const Node& node);
  void CollectCodes(Subgraph* of);
  std::vector<Offset<fb::OperatorCode>> WriteCodes();
  std::vector<Offset<fb::Operator>> WriteOperators(const Subgraph& of);
  Offset<fb::SubGraph> WriteSubgraph(const Subgraph& of);
  Offset<fb::SignatureDef> WriteSignature();
  std::vector<Offset<fb::TensorMap>> WriteMaps(
      const std::vector<TensorId>& ids, const std::vector<std::string>& names,
      const char* fallback);

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<Subgraph> subgraphs_;  // the graph itself is the first
  // Values in another form than a tensor's data has; buffers point to them.
  std::deque<std::vector<std::byte>> stored_;
  std::map<const Tensor*, SparseValues> sparse_;
  std::vector<Offset<flatbuffers::Vector<uint8_t>>> buffer_data_;
  std::vector<Offset<fb::Buffer>> buffers_;  // may lag behind buffer_data_
  std::map<std::string_view, uint32_t> buffer_by_bytes_;
  std::map<std::vector<int32_t>, Offset<flatbuffers::Vector<int32_t>>> ints_;
  std::map<std::vector<int64_t>, Offset<flatbuffers::Vector<int64_t>>> longs_;
  std::map<std::vector<float>, Offset<flatbuffers::Vector<float>>> floats_;
  std::map<std::tuple<uint32_t, uint32_t, int>,
           Offset<fb::QuantizationParameters>>
      quantizations_;
  std::vector<Code> codes_;
};

int VersionOf(const Graph& graph, const Node& node) {
  return node.op->tflite.version == nullptr
             ? 1
             : node.op->tflite.version(graph, node);
}

size_t Writer::InitialBytes(const Graph& graph) {
  size_t bytes = 16384;
  for (const Tensor& tensor : graph.tensors) bytes += tensor.data.size() + 64;
  for (const Graph& subgraph : graph.subgraphs) bytes += InitialBytes(subgraph);
  if (bytes > kMaxConstantBytes) {
    Fail(ErrorKind::kUnsupported,
         "{} bytes of constants; a file holds less than 2 GB", bytes);
  }
  return bytes;
}

int32_t Writer::Number(const Graph& graph) {
  const auto number = static_cast<int32_t>(subgraphs_.size());
  subgraphs_.push_back({.graph = &graph});
  std::vector<int32_t> numbers;
  for (const Graph& inner : graph.subgraphs) numbers.push_back(Number(inner));
  subgraphs_[static_cast<size_t>(number)].subgraphs = std::move(numbers);
  return number;
}

void Writer::CheckNodes(const Graph& graph) const {
  for (const Node& node : graph.nodes) {
    if (node.op->tflite.code < 0) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': no TFLite file holds a {}; strip it first", node.name,
           node.op->name);
    }
  }
}

// Shapes inside of a loop may depend on values: they stay as they are.
void Writer::BindOneSample(Subgraph* of) const {
  of->one_sample = *of->graph;
  for (const TensorId id : of->graph->inputs) {
    Shape& shape = of->one_sample.tensor(id).shape;
    if (shape.rank() > 0 && shape[0] == kDynamic) shape[0] = 1;
  }
  if (of == subgraphs_.data()) InferShapes(&of->one_sample);
}

// Only what a node, an input or an output names goes into the file.
void Writer::NumberTensors(Subgraph* of) const {
  const Graph& graph = *of->graph;
  std::vector<char> used(graph.tensors.size(), 0);
  const auto mark = [&](const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) {
      if (id != kNoTensor) used[static_cast<size_t>(id)] = 1;
    }
  };
  mark(graph.inputs);
  mark(graph.outputs);
  for (const Node& node : graph.nodes) {
    mark(node.inputs);
    mark(node.outputs);
  }
  int32_t next = 0;
  for (const char is_used : used) of->file_ids.push_back(is_used ? next++ : -1);
}

std::vector<int32_t> Writer::FileIds(const Subgraph& of,
                                     const std::vector<TensorId>& ids) {
  std::vector<int32_t> result;
  for (const TensorId id : ids) {
    result.push_back(id == kNoTensor ? kNoTensor
                                     : of.file_ids[static_cast<size_t>(id)]);
  }
  return result;
}

// The number of a buffer with these bytes, which must outlive the writer.
uint32_t Writer::AddBuffer(std::span<const std::byte> bytes) {
  const std::string_view key(reinterpret_cast<const char*>(bytes.data()),
                             bytes.size());
  const auto next = static_cast<uint32_t>(buffer_data_.size());
  const auto [place, is_new] = buffer_by_bytes_.try_emplace(key, next);
  if (is_new) {
    // Tables of buffers that are already there go where padding would.
    while (buffers_.size() < buffer_data_.size() &&
           flatbuffers::PaddingBytes(builder_.GetSize() + bytes.size(),
                                     kDataAlignment) >= kBufferTableBytes) {
      WriteBufferTable();
    }
    builder_.ForceVectorAlignment(bytes.size(), 1, kDataAlignment);
    buffer_data_.push_back(builder_.CreateVector(
        reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  }
  return place->second;
}

// Whether int8 values still fit their 4 bits.
bool FitsInt4(const Tensor& tensor) {
  if (!tensor.stored_as.int4 || tensor.dtype != DType::kInt8) return false;
  const auto values = tensor.As<int8_t>();
  return std::all_of(values.begin(), values.end(),
                     [](int8_t v) { return v >= -8 && v <= 7; });
}

bool IsSparse(const Tensor& tensor) {
  return !tensor.stored_as.traversal_order.empty() && tensor.has_data();
}

std::vector<std::byte> PackInt4(std::span<const int8_t> values) {
  std::vector<std::byte> packed((values.size() + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto nibble = static_cast<uint8_t>(values[i] & 15);
    packed[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? nibble : nibble << 4);
  }
  return packed;
}

void Writer::WriteConstants(Subgraph* of) {
  of->buffer_of.assign(of->graph->tensors.size(), 0);
  for (size_t t = 0; t < of->graph->tensors.size(); ++t) {
    const Tensor& tensor = of->graph->tensors[t];
    if (of->file_ids[t] < 0 || tensor.data.empty()) continue;
    std::span<const std::byte> bytes(tensor.data.data(), tensor.data.size());
    if (IsSparse(tensor)) {
      SparseValues& sparse = sparse_[&tensor];
      sparse = Sparsify(tensor);
      bytes = sparse.values;
    } else if (FitsInt4(tensor)) {
      bytes = stored_.emplace_back(PackInt4(tensor.As<int8_t>()));
    }
    if (!bytes.empty()) of->buffer_of[t] = AddBuffer(bytes);
  }
}

// The smallest type that holds them (specs/tflite.md 6.1).
Offset<fb::Opaque> Writer::WriteIndices(const std::vector<int32_t>& indices,
                                        uint8_t* type) {
  const int32_t largest =
      indices.empty() ? 0 : *std::max_element(indices.begin(), indices.end());
  flatbuffers::uoffset_t values = 0;
  if (largest <= 255) {
    *type = 3;
    values =
        builder_
            .CreateVector(std::vector<uint8_t>(indices.begin(), indices.end()))
            .o;
  } else if (largest <= 65535) {
    *type = 2;
    values =
        builder_
            .CreateVector(std::vector<uint16_t>(indices.begin(), indices.end()))
            .o;
  } else {
    *type = 1;
    values = Ints(indices).o;
  }
  const auto start = builder_.StartTable();
  builder_.AddOffset(flatbuffers::FieldIndexToOffset(0),
                     Offset<flatbuffers::Vector<int32_t>>(values));
  return Offset<fb::Opaque>(builder_.EndTable(start));
}

Offset<fb::SparsityParameters> Writer::WriteSparsity(const SparseValues& sparse,
                                                     const Storage& how) {
  std::vector<Offset<fb::DimensionMetadata>> levels;
  for (const SparseLevel& level : sparse.levels) {
    if (!level.compressed) {
      levels.push_back(
          fb::CreateDimensionMetadata(builder_, 0, level.dense_size));
      continue;
    }
    uint8_t segments_type = 0;
    uint8_t indices_type = 0;
    const auto segments = WriteIndices(level.segments, &segments_type);
    const auto indices = WriteIndices(level.indices, &indices_type);
    levels.push_back(fb::CreateDimensionMetadata(
        builder_, 1, 0, segments_type, segments, indices_type, indices));
  }
  return fb::CreateSparsityParameters(builder_, Ints(how.traversal_order),
                                      Ints(how.block_map),
                                      builder_.CreateVector(levels));
}

Offset<fb::QuantizationParameters> Writer::WriteQuantization(
    const Quantization& q) {
  if (q.empty()) return 0;
  const auto scale = Shared(q.scale, &floats_);
  const auto zero_point = Shared(q.zero_point, &longs_);
  const auto [place, is_new] =
      quantizations_.try_emplace({scale.o, zero_point.o, q.axis});
  if (is_new) {
    place->second = fb::CreateQuantizationParameters(builder_, scale,
                                                     zero_point, 0, 0, q.axis);
  }
  return place->second;
}

Offset<fb::Tensor> Writer::WriteTensor(const Subgraph& of, TensorId id,
                                       bool keeps_signature) {
  const Tensor& tensor = of.graph->tensor(id);
  const Shape& bound = of.one_sample.tensor(id).shape;
  std::vector<int32_t> shape = tensor.shape.ToVector();
  std::vector<int32_t> signature;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != kDynamic) continue;
    if (signature.empty()) signature = shape;
    const int d = static_cast<int>(i);
    shape[i] = d < bound.rank() && bound[d] != kDynamic ? bound[d] : 1;
  }
  const auto name = Text(tensor.name);
  const auto quantization = WriteQuantization(tensor.quant);
  const auto shape_offset = Ints(shape);
  // Runtimes resize inputs and outputs by their signature; the rest follows.
  const auto signature_offset = keeps_signature ? Ints(signature) : 0;
  // An empty shape without has_rank means an unknown rank.
  const bool has_rank = shape.empty();
  const Offset<fb::SparsityParameters> sparsity =
      IsSparse(tensor) ? WriteSparsity(sparse_.at(&tensor), tensor.stored_as)
                       : Offset<fb::SparsityParameters>(0);
  const bool packed = FitsInt4(tensor) && !IsSparse(tensor);
  return fb::CreateTensor(
      builder_, shape_offset,
      packed ? kInt4Code : static_cast<int8_t>(tensor.dtype),
      of.buffer_of[static_cast<size_t>(id)], name, quantization,
      tensor.kind == TensorKind::kVariable, sparsity, signature_offset,
      has_rank);
}

Offset<fb::Opaque> Writer::WriteOptions(const Subgraph& of, const Node& node) {
  const auto attrs = node.op->attrs;
  std::vector<Offset<flatbuffers::Vector<int32_t>>> vectors(attrs.size());
  std::vector<Offset<flatbuffers::String>> texts(attrs.size());
  for (size_t a = 0; a < attrs.size(); ++a) {
    if (attrs[a].type == AttrType::kInts && attrs[a].tflite_field >= 0) {
      vectors[a] = Ints(node.attrs[a].ints);
    }
    if (attrs[a].type == AttrType::kText) texts[a] = Text(node.attrs[a].text);
  }
  const auto start = builder_.StartTable();
  // Fields of 4 bytes first, so that no padding comes between.
  for (const bool wide : {true, false}) {
    for (size_t a = 0; a < attrs.size(); ++a) {
      const AttrDef& attr = attrs[a];
      if (attr.tflite_field < 0) continue;
      const bool is_byte =
          attr.type == AttrType::kEnum || attr.type == AttrType::kBool;
      if (is_byte == wide) continue;
      const voffset_t field = flatbuffers::FieldIndexToOffset(
          static_cast<voffset_t>(attr.tflite_field));
      const AttrValue& value = node.attrs[a];
      switch (attr.type) {
        case AttrType::kEnum:
          builder_.AddElement(field, static_cast<int8_t>(value.i),
                              static_cast<int8_t>(attr.initial));
          break;
        case AttrType::kBool:
          builder_.AddElement(field, static_cast<uint8_t>(value.i != 0),
                              static_cast<uint8_t>(attr.initial));
          break;
        case AttrType::kInt:
          builder_.AddElement(field, static_cast<int32_t>(value.i),
                              static_cast<int32_t>(attr.initial));
          break;
        case AttrType::kFloat:
          builder_.AddElement(field, value.f, static_cast<float>(attr.initial));
          break;
        case AttrType::kInts:
          builder_.AddOffset(field, vectors[a]);
          break;
        case AttrType::kText:
          builder_.AddOffset(field, texts[a]);
          break;
        case AttrType::kSubgraph:
          builder_.AddElement(field, of.subgraphs[static_cast<size_t>(value.i)],
                              0);
          break;
      }
    }
  }
  return Offset<fb::Opaque>(builder_.EndTable(start));
}

// Nothing that a runtime would not assume of missing options.
bool HasOptions(const Node& node) {
  for (size_t a = 0; a < node.attrs.size(); ++a) {
    const AttrDef& attr = node.op->attrs[a];
    if (attr.tflite_field < 0) continue;
    if (attr.type != AttrType::kInts || !node.attrs[a].ints.empty())
      return true;
  }
  return false;
}

// One operator code each builtin code, in order of first use, with the highest
// version that a node needs.
void Writer::CollectCodes(Subgraph* of) {
  for (const Node& node : of->graph->nodes) {
    const int builtin = node.op->tflite.code;
    size_t c = 0;
    while (c < codes_.size() && codes_[c].builtin != builtin) ++c;
    if (c == codes_.size()) codes_.push_back({builtin, 1});
    codes_[c].version =
        std::max(codes_[c].version, VersionOf(*of->graph, node));
    of->code_of.push_back(static_cast<uint32_t>(c));
  }
}

std::vector<Offset<fb::OperatorCode>> Writer::WriteCodes() {
  std::vector<Offset<fb::OperatorCode>> result;
  for (const Code& code : codes_) {
    result.push_back(fb::CreateOperatorCode(
        builder_, static_cast<int8_t>(std::min(code.builtin, 127)), 0,
        code.version, code.builtin));
  }
  return result;
}

std::vector<Offset<fb::Operator>> Writer::WriteOperators(const Subgraph& of) {
  const Graph& graph = *of.graph;
  std::vector<Offset<fb::Operator>> operators;
  std::vector<Offset<fb::Opaque>> written;  // by node; equal ones are shared
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    Offset<fb::Opaque> options = 0;
    for (size_t m = n - std::min(n, kMaxSharingDistance);
         m < n && options.IsNull(); ++m) {
      const Node& other = graph.nodes[m];
      if (other.op == node.op && other.attrs == node.attrs)
        options = written[m];
    }
    if (options.IsNull() && HasOptions(node)) options = WriteOptions(of, node);
    written.push_back(options);
    std::vector<TensorId> inputs = node.inputs;
    std::vector<TensorId> intermediates;
    const int first = FirstIntermediate(*node.op);
    if (first >= 0 && inputs.size() > static_cast<size_t>(first)) {
      intermediates.assign(inputs.begin() + first, inputs.end());
      inputs.resize(static_cast<size_t>(first));
    }
    const auto input_list = Ints(FileIds(of, inputs));
    const auto outputs = Ints(FileIds(of, node.outputs));
    const auto intermediate_list = Ints(FileIds(of, intermediates));
    operators.push_back(fb::CreateOperator(
        builder_, of.code_of[n], input_list, outputs,
        static_cast<uint8_t>(options.IsNull() ? 0 : node.op->tflite.options),
        options, 0, 0, 0, intermediate_list));
  }
  return operators;
}

std::vector<Offset<fb::TensorMap>> Writer::WriteMaps(
    const std::vector<TensorId>& ids, const std::vector<std::string>& names,
    const char* fallback) {
  std::vector<Offset<fb::TensorMap>> maps;
  std::vector<std::string> taken;
  for (size_t i = 0; i < ids.size(); ++i) {
    // Runtimes look tensors up by these names: each once, none empty.
    const Subgraph& main = subgraphs_[0];
    std::string base =
        i < names.size() ? names[i] : main.graph->tensor(ids[i]).name;
    if (base.empty()) base = fallback;
    std::string name = base;
    for (int k = 1; std::find(taken.begin(), taken.end(), name) != taken.end();
         ++k) {
      name = fmt::format("{}_{}", base, k);
    }
    taken.push_back(name);
    maps.push_back(fb::CreateTensorMap(
        builder_, Text(name),
        static_cast<uint32_t>(main.file_ids[static_cast<size_t>(ids[i])])));
  }
  return maps;
}

Offset<fb::SignatureDef> Writer::WriteSignature() {
  const Graph& graph = *subgraphs_[0].graph;
  const auto inputs = builder_.CreateVector(
      WriteMaps(graph.inputs, graph.input_names, "input"));
  const auto outputs = builder_.CreateVector(
      WriteMaps(graph.outputs, graph.output_names, "output"));
  return fb::CreateSignatureDef(builder_, inputs, outputs,
                                Text("serving_default"));
}

Offset<fb::SubGraph> Writer::WriteSubgraph(const Subgraph& of) {
  const Graph& graph = *of.graph;
  const std::vector<Offset<fb::Operator>> operators = WriteOperators(of);
  std::vector<char> is_boundary(graph.tensors.size(), 0);
  for (const auto* ids : {&graph.inputs, &graph.outputs}) {
    for (const TensorId id : *ids) is_boundary[static_cast<size_t>(id)] = 1;
  }
  std::vector<Offset<fb::Tensor>> tensors;
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (of.file_ids[t] < 0) continue;
    // Shapes inside of a loop may depend on values; nobody infers them again.
    const bool keeps = is_boundary[t] != 0 || &of != subgraphs_.data();
    tensors.push_back(WriteTensor(of, static_cast<TensorId>(t), keeps));
  }
  const auto tensor_list = builder_.CreateVector(tensors);
  const auto inputs = Ints(FileIds(of, graph.inputs));
  const auto outputs = Ints(FileIds(of, graph.outputs));
  const auto operator_list = builder_.CreateVector(operators);
  return fb::CreateSubGraph(builder_, tensor_list, inputs, outputs,
                            operator_list);
}

std::vector<std::byte> Writer::Write() {
  buffer_data_.push_back(0);  // 0 is the empty buffer
  for (Subgraph& of : subgraphs_) {
    CheckNodes(*of.graph);
    BindOneSample(&of);
    NumberTensors(&of);
    CollectCodes(&of);
    WriteConstants(&of);
  }
  while (buffers_.size() < buffer_data_.size()) WriteBufferTable();
  std::vector<Offset<fb::SubGraph>> subgraphs;
  for (const Subgraph& of : subgraphs_) subgraphs.push_back(WriteSubgraph(of));
  const auto signature = WriteSignature();

  const auto code_list = builder_.CreateVector(WriteCodes());
  const auto subgraph_list = builder_.CreateVector(subgraphs);
  const auto description = Text("litesmith");
  const auto buffer_list = builder_.CreateVector(buffers_);
  const auto signature_list = builder_.CreateVector(&signature, 1);
  const auto model =
      fb::CreateModel(builder_, /*version=*/3, code_list, subgraph_list,
                      description, buffer_list, /*metadata=*/0, signature_list);
  fb::FinishModelBuffer(builder_, model);
  const auto* data =
      reinterpret_cast<const std::byte*>(builder_.GetBufferPointer());
  return {data, data + builder_.GetSize()};
}

}  // namespace

std::vector<std::byte> WriteTflite(const Graph& graph) {
  Verify(graph, Stage::kInference);
  Graph whole = graph;
  RemoveTrainingOnlyNodes(&whole);
  AddZeroBiases(&whole);
  return Writer(whole).Write();
}

}  // namespace litesmith
