// Graph -> .tflite bytes. Deterministic and small: equal vectors, strings and
// quantization tables are written once, fields at their default are left out.
// Constants are written first and so lie at the end of the file (FlatBuffers
// grows downward), each at a multiple of 16.
#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <tuple>

#include "schema_generated.h"
#include "src/base/error.h"
#include "src/formats/tflite/missing_bias.h"
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
// A Buffer with data: where its vtable is, and where its data is.
constexpr size_t kBufferTableBytes = 8;

class Writer {
 public:
  explicit Writer(const Graph& graph)
      : graph_(graph), builder_(InitialBytes(graph)) {}

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

  void CheckNodes() const;
  void BindOneSample();
  void NumberTensors();
  std::vector<int32_t> FileIds(const std::vector<TensorId>& ids) const;
  uint32_t AddBuffer(std::span<const std::byte> bytes);
  void WriteBufferTable() {
    buffers_.push_back(
        fb::CreateBuffer(builder_, buffer_data_[buffers_.size()]));
  }
  void WriteConstants();
  Offset<fb::QuantizationParameters> WriteQuantization(const Quantization& q);
  Offset<fb::Tensor> WriteTensor(TensorId id, uint32_t buffer,
                                 bool is_boundary);
  Offset<fb::Opaque> WriteOptions(const Node& node);
  void CollectCodes();
  std::vector<Offset<fb::OperatorCode>> WriteCodes();
  void WriteOperators();
  Offset<fb::SignatureDef> WriteSignature();
  std::vector<Offset<fb::TensorMap>> WriteMaps(
      const std::vector<TensorId>& ids, const std::vector<std::string>& names,
      const char* fallback);

  const Graph& graph_;
  // The same tensors with the shapes they have at a batch of one, which some
  // runtimes take for the only ones.
  Graph one_sample_;
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<int32_t> file_ids_;  // by TensorId; -1: not in the file
  std::vector<uint32_t> buffer_of_;
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
  std::vector<uint32_t> code_of_;  // by node
  std::vector<Offset<fb::Operator>> operators_;
};

int VersionOf(const Graph& graph, const Node& node) {
  return node.op->tflite.version == nullptr
             ? 1
             : node.op->tflite.version(graph, node);
}

size_t Writer::InitialBytes(const Graph& graph) {
  size_t bytes = 16384;
  for (const Tensor& tensor : graph.tensors) bytes += tensor.data.size() + 64;
  if (bytes > kMaxConstantBytes) {
    Fail(ErrorKind::kUnsupported,
         "{} bytes of constants; a file holds less than 2 GB", bytes);
  }
  return bytes;
}

void Writer::CheckNodes() const {
  for (const Node& node : graph_.nodes) {
    if (node.op->tflite.code < 0) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': no TFLite file holds a {}; strip it first", node.name,
           node.op->name);
    }
  }
}

void Writer::BindOneSample() {
  one_sample_ = graph_;
  for (const TensorId id : graph_.inputs) {
    Shape& shape = one_sample_.tensor(id).shape;
    if (shape.rank() > 0 && shape[0] == kDynamic) shape[0] = 1;
  }
  InferShapes(&one_sample_);
}

// Only what a node, an input or an output names goes into the file.
void Writer::NumberTensors() {
  std::vector<char> used(graph_.tensors.size(), 0);
  const auto mark = [&](const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) {
      if (id != kNoTensor) used[static_cast<size_t>(id)] = 1;
    }
  };
  mark(graph_.inputs);
  mark(graph_.outputs);
  for (const Node& node : graph_.nodes) {
    mark(node.inputs);
    mark(node.outputs);
  }
  int32_t next = 0;
  for (const char is_used : used) file_ids_.push_back(is_used ? next++ : -1);
}

std::vector<int32_t> Writer::FileIds(const std::vector<TensorId>& ids) const {
  std::vector<int32_t> result;
  for (const TensorId id : ids) {
    result.push_back(id == kNoTensor ? kNoTensor
                                     : file_ids_[static_cast<size_t>(id)]);
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

void Writer::WriteConstants() {
  buffer_data_.push_back(0);  // 0 is the empty buffer
  buffer_of_.assign(graph_.tensors.size(), 0);
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    const TensorData& data = graph_.tensors[t].data;
    if (file_ids_[t] < 0 || data.empty()) continue;
    buffer_of_[t] = AddBuffer({data.data(), data.size()});
  }
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

Offset<fb::Tensor> Writer::WriteTensor(TensorId id, uint32_t buffer,
                                       bool is_boundary) {
  const Tensor& tensor = graph_.tensor(id);
  const Shape& bound = one_sample_.tensor(id).shape;
  std::vector<int32_t> shape = tensor.shape.ToVector();
  std::vector<int32_t> signature;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != kDynamic) continue;
    if (i != 0) {
      Fail(ErrorKind::kUnsupported,
           "tensor '{}' has the shape {}; only the batch may be dynamic",
           tensor.name, tensor.shape.ToString());
    }
    signature = shape;
    shape[i] = bound.rank() > 0 && bound[0] != kDynamic ? bound[0] : 1;
  }
  const auto name = Text(tensor.name);
  const auto quantization = WriteQuantization(tensor.quant);
  const auto shape_offset = Ints(shape);
  // Runtimes resize inputs and outputs by their signature; the rest follows.
  const auto signature_offset = is_boundary ? Ints(signature) : 0;
  // An empty shape without has_rank means an unknown rank.
  const bool has_rank = shape.empty();
  return fb::CreateTensor(builder_, shape_offset,
                          static_cast<int8_t>(tensor.dtype), buffer, name,
                          quantization, /*is_variable=*/false, /*sparsity=*/0,
                          signature_offset, has_rank);
}

Offset<fb::Opaque> Writer::WriteOptions(const Node& node) {
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
          builder_.AddElement(field, static_cast<int32_t>(value.i), 0);
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
void Writer::CollectCodes() {
  for (const Node& node : graph_.nodes) {
    const int builtin = node.op->tflite.code;
    size_t c = 0;
    while (c < codes_.size() && codes_[c].builtin != builtin) ++c;
    if (c == codes_.size()) codes_.push_back({builtin, 1});
    codes_[c].version = std::max(codes_[c].version, VersionOf(graph_, node));
    code_of_.push_back(static_cast<uint32_t>(c));
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

void Writer::WriteOperators() {
  std::vector<Offset<fb::Opaque>> written;  // by node; equal ones are shared
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    Offset<fb::Opaque> options = 0;
    for (size_t m = n - std::min(n, kMaxSharingDistance);
         m < n && options.IsNull(); ++m) {
      const Node& other = graph_.nodes[m];
      if (other.op == node.op && other.attrs == node.attrs)
        options = written[m];
    }
    if (options.IsNull() && HasOptions(node)) options = WriteOptions(node);
    written.push_back(options);
    const auto inputs = Ints(FileIds(node.inputs));
    const auto outputs = Ints(FileIds(node.outputs));
    operators_.push_back(fb::CreateOperator(
        builder_, code_of_[n], inputs, outputs,
        static_cast<uint8_t>(options.IsNull() ? 0 : node.op->tflite.options),
        options));
  }
}

std::vector<Offset<fb::TensorMap>> Writer::WriteMaps(
    const std::vector<TensorId>& ids, const std::vector<std::string>& names,
    const char* fallback) {
  std::vector<Offset<fb::TensorMap>> maps;
  std::vector<std::string> taken;
  for (size_t i = 0; i < ids.size(); ++i) {
    // Runtimes look tensors up by these names: each once, none empty.
    std::string base = i < names.size() ? names[i] : graph_.tensor(ids[i]).name;
    if (base.empty()) base = fallback;
    std::string name = base;
    for (int k = 1; std::find(taken.begin(), taken.end(), name) != taken.end();
         ++k) {
      name = fmt::format("{}_{}", base, k);
    }
    taken.push_back(name);
    maps.push_back(fb::CreateTensorMap(
        builder_, Text(name),
        static_cast<uint32_t>(file_ids_[static_cast<size_t>(ids[i])])));
  }
  return maps;
}

Offset<fb::SignatureDef> Writer::WriteSignature() {
  const auto inputs = builder_.CreateVector(
      WriteMaps(graph_.inputs, graph_.input_names, "input"));
  const auto outputs = builder_.CreateVector(
      WriteMaps(graph_.outputs, graph_.output_names, "output"));
  return fb::CreateSignatureDef(builder_, inputs, outputs,
                                Text("serving_default"));
}

std::vector<std::byte> Writer::Write() {
  CheckNodes();
  BindOneSample();
  NumberTensors();
  CollectCodes();
  WriteConstants();
  while (buffers_.size() < buffer_data_.size()) WriteBufferTable();
  WriteOperators();

  std::vector<char> is_boundary(graph_.tensors.size(), 0);
  for (const auto* ids : {&graph_.inputs, &graph_.outputs}) {
    for (const TensorId id : *ids) is_boundary[static_cast<size_t>(id)] = 1;
  }
  std::vector<Offset<fb::Tensor>> tensors;
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    if (file_ids_[t] < 0) continue;
    tensors.push_back(WriteTensor(static_cast<TensorId>(t), buffer_of_[t],
                                  is_boundary[t] != 0));
  }
  const auto tensor_list = builder_.CreateVector(tensors);
  const auto inputs = Ints(FileIds(graph_.inputs));
  const auto outputs = Ints(FileIds(graph_.outputs));
  const auto operator_list = builder_.CreateVector(operators_);
  const auto subgraph =
      fb::CreateSubGraph(builder_, tensor_list, inputs, outputs, operator_list);
  const auto signature = WriteSignature();

  const auto code_list = builder_.CreateVector(WriteCodes());
  const auto subgraph_list = builder_.CreateVector(&subgraph, 1);
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
