// .tflite bytes -> Graph. Nothing in the file is trusted: the FlatBuffers
// verifier walks the outer tables, options tables are checked field by field,
// and every index, count and value is checked here before it is used. Memory
// stays proportional to the file: vectors may be shared between tables, so a
// small file could otherwise name a large one many times.
#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>

#include "schema_generated.h"
#include "src/base/error.h"
#include "src/formats/tflite/find_ops.h"
#include "src/formats/tflite/missing_bias.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/names.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

constexpr size_t kMaxBytes = size_t{1} << 31;
// Model -> vector -> SubGraph -> vector -> Tensor -> quantization is 4 tables.
constexpr flatbuffers::uoffset_t kMaxDepth = 8;
constexpr flatbuffers::uoffset_t kMaxTables = 1000000;
// Bytes of small vectors and strings that may be copied, for each of the file.
constexpr size_t kCopiesPerByte = 16;

template <typename T>
using FbVector = flatbuffers::Vector<T>;

template <typename T>
size_t SizeOrZero(const FbVector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

// What a file says about a tensor's shape; dimensions may be kDynamic.
struct Declared {
  Shape shape;
  bool known = false;  // false: of unknown rank
};

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where)
      : bytes_(bytes),
        where_(where),
        copies_left_(kCopiesPerByte * bytes.size()) {}

  Graph Read();

 private:
  // A copy of the vector's elements, which need not be aligned.
  template <typename T>
  std::vector<T> Copy(const FbVector<T>* vector) {
    std::vector<T> values(SizeOrZero(vector));
    if (values.empty()) return values;
    Spend(values.size() * sizeof(T));
    std::memcpy(values.data(), vector->Data(), values.size() * sizeof(T));
    return values;
  }
  std::string Copy(const flatbuffers::String* text) {
    if (text == nullptr) return {};
    Spend(text->size());
    return text->str();
  }
  void Spend(size_t bytes) {
    if (bytes > copies_left_) {
      Fail(ErrorKind::kCorrupt,
           "the same bytes are used as the contents of too many tables");
    }
    copies_left_ -= bytes;
  }

  void CheckModel();
  TensorData BufferData(uint32_t index, const std::string& tensor);
  void ReadTensors();
  Quantization ReadQuantization(const fb::QuantizationParameters& q,
                                const Tensor& tensor);
  void ReadShape(const fb::Tensor& t, const std::string& where, Shape* shape);
  void ReadNodes();
  void ReadOptions(const fb::Operator& op, Node* node);
  void ReadSignature();
  void ReadNames(const FbVector<flatbuffers::Offset<fb::TensorMap>>* maps,
                 const std::vector<TensorId>& ids, const char* what,
                 std::vector<std::string>* names);
  void SetKinds();
  void CheckShapes(const std::vector<Tensor>& before);

  std::span<const std::byte> bytes_;
  const std::string& where_;  // the file's name, for warnings
  size_t copies_left_;
  std::unique_ptr<flatbuffers::Verifier> verifier_;
  const fb::Model* model_ = nullptr;
  const fb::SubGraph* subgraph_ = nullptr;
  // Constant bytes by their place in the file, so that sharing stays sharing.
  std::map<const void*, TensorData> constants_;
  size_t constant_bytes_ = 0;
  std::vector<Declared> declared_;
  Graph graph_;
};

std::string TensorName(size_t id, const std::string& name) {
  return fmt::format("tensor {} '{}'", id, name);
}

void Reader::CheckModel() {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes_.data());
  if (bytes_.size() < 8 || std::memcmp(data + 4, "TFL3", 4) != 0) {
    Fail(ErrorKind::kCorrupt,
         "not a TFLite file: the identifier TFL3 is missing at byte 4");
  }
  if (bytes_.size() >= kMaxBytes - 1) {
    Fail(ErrorKind::kUnsupported,
         "{} bytes; files of less than 2 GB are supported", bytes_.size());
  }
  verifier_ = std::make_unique<flatbuffers::Verifier>(data, bytes_.size(),
                                                      kMaxDepth, kMaxTables);
  if (!fb::VerifyModelBuffer(*verifier_)) {
    Fail(ErrorKind::kCorrupt,
         "the tables do not fit into the file's {} bytes (truncated?)",
         bytes_.size());
  }
  model_ = fb::GetModel(data);
  if (model_->version() != 3) {
    Fail(ErrorKind::kUnsupported, "schema version {}; 3 is supported",
         model_->version());
  }
  if (SizeOrZero(model_->external_buffers()) != 0) {
    Fail(ErrorKind::kUnsupported,
         "the weights are in external buffers, outside the file");
  }
  if (SizeOrZero(model_->subgraphs()) == 0) {
    Fail(ErrorKind::kCorrupt, "the model has no subgraph");
  }
  // An operator that runs another subgraph is unknown to the registry, so a
  // further subgraph can only be reached through a signature.
  subgraph_ = model_->subgraphs()->Get(0);
}

TensorData Reader::BufferData(uint32_t index, const std::string& tensor) {
  if (index >= SizeOrZero(model_->buffers())) {
    Fail(ErrorKind::kCorrupt, "{} is in buffer {}; there are {}", tensor, index,
         SizeOrZero(model_->buffers()));
  }
  const fb::Buffer* buffer = model_->buffers()->Get(index);
  if (buffer->offset() != 0 || buffer->size() != 0) {
    Fail(ErrorKind::kUnsupported,
         "{} has its data after the flatbuffer, at byte {}", tensor,
         buffer->offset());
  }
  if (SizeOrZero(buffer->data()) == 0) return {};
  const auto [place, is_new] = constants_.try_emplace(buffer->data());
  if (is_new) {
    constant_bytes_ += buffer->data()->size();
    if (constant_bytes_ > bytes_.size()) {
      Fail(ErrorKind::kCorrupt, "{}: the buffers overlap", tensor);
    }
    place->second = TensorData(std::as_bytes(
        std::span(buffer->data()->Data(), buffer->data()->size())));
  }
  return place->second;
}

Quantization Reader::ReadQuantization(const fb::QuantizationParameters& q,
                                      const Tensor& tensor) {
  const std::string& name = tensor.name;
  if (q.details_type() != 0) {
    Fail(ErrorKind::kUnsupported, "'{}' is quantized by a scheme of kind {}",
         name, q.details_type());
  }
  Quantization result;
  const size_t count = SizeOrZero(q.scale());
  // Converters leave ranges, and rarely scales, on float tensors.
  if (count == 0 || !IsInteger(tensor.dtype)) return result;
  if (SizeOrZero(q.zero_point()) != count) {
    Fail(ErrorKind::kCorrupt, "'{}' has {} scales and {} zero points", name,
         count, SizeOrZero(q.zero_point()));
  }
  const int axis = q.quantized_dimension();
  const int rank = tensor.shape.rank();
  if (axis < 0 || (rank > 0 && axis >= rank)) {
    Fail(ErrorKind::kCorrupt, "'{}' of rank {} is quantized along dimension {}",
         name, rank, axis);
  }
  if (count != 1 &&
      (rank == 0 || tensor.shape[axis] != static_cast<int64_t>(count))) {
    Fail(ErrorKind::kCorrupt,
         "'{}' of shape {} has {} scales along dimension {}", name,
         tensor.shape.ToString(), count, axis);
  }
  result.scale = Copy(q.scale());
  result.zero_point = Copy(q.zero_point());
  result.axis = axis;
  for (const float scale : result.scale) {
    if (!std::isfinite(scale) || scale <= 0) {
      Fail(ErrorKind::kCorrupt,
           "'{}' has the scale {}; a positive finite number is wanted", name,
           scale);
    }
  }
  int64_t low = std::numeric_limits<int32_t>::min();
  int64_t high = std::numeric_limits<int32_t>::max();
  if (SizeOf(tensor.dtype) < 4) {
    const bool is_unsigned = tensor.dtype == DType::kUInt8;
    const int64_t range = int64_t{1} << (8 * SizeOf(tensor.dtype));
    low = is_unsigned ? 0 : -range / 2;
    high = low + range - 1;
  }
  for (const int64_t zero : result.zero_point) {
    if (zero < low || zero > high) {
      Fail(ErrorKind::kCorrupt, "'{}' has the zero point {}; {} to {} is {}'s",
           name, zero, low, high, Name(tensor.dtype));
    }
  }
  return result;
}

// The shape with kDynamic where the signature has -1.
void Reader::ReadShape(const fb::Tensor& t, const std::string& where,
                       Shape* shape) {
  if (SizeOrZero(t.shape()) > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "{} is of rank {}; at most {} is supported",
         where, t.shape()->size(), Shape::kMaxRank);
  }
  *shape = Shape(Copy(t.shape()));
  for (const int32_t dim : shape->dims()) {
    if (dim < 0) {
      Fail(ErrorKind::kCorrupt, "{} has the dimension {}", where, dim);
    }
  }
  const size_t signature = SizeOrZero(t.shape_signature());
  if (signature == 0) return;
  if (signature != static_cast<size_t>(shape->rank())) {
    Fail(ErrorKind::kCorrupt, "{} of rank {} has a shape signature of rank {}",
         where, shape->rank(), signature);
  }
  for (int i = 0; i < shape->rank(); ++i) {
    const int32_t dim =
        t.shape_signature()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (dim != kDynamic && dim != (*shape)[i]) {
      Fail(ErrorKind::kCorrupt,
           "{} of shape {} has {} as dimension {} of its signature", where,
           shape->ToString(), dim, i);
    }
    (*shape)[i] = dim;
  }
}

void Reader::ReadTensors() {
  const size_t count = SizeOrZero(subgraph_->tensors());
  for (size_t id = 0; id < count; ++id) {
    const fb::Tensor& t =
        *subgraph_->tensors()->Get(static_cast<flatbuffers::uoffset_t>(id));
    Tensor tensor;
    tensor.name = Copy(t.name());
    const std::string where = TensorName(id, tensor.name);
    const std::optional<DType> dtype = DTypeFromTflite(t.type());
    if (!dtype) {
      Fail(ErrorKind::kUnsupported, "{} is of the element type {}", where,
           t.type());
    }
    tensor.dtype = *dtype;
    if (t.is_variable()) {
      Fail(ErrorKind::kUnsupported, "{} is a variable", where);
    }
    if (t.sparsity() != nullptr) {
      Fail(ErrorKind::kUnsupported, "{} is stored sparse", where);
    }
    if (t.external_buffer() != 0) {
      Fail(ErrorKind::kUnsupported, "{} is in an external buffer", where);
    }
    ReadShape(t, where, &tensor.shape);
    tensor.data = BufferData(t.buffer(), where);
    Declared declared{tensor.shape, tensor.shape.rank() > 0 || t.has_rank()};
    if (tensor.has_data()) {
      tensor.kind = TensorKind::kConstant;
      if (!tensor.shape.IsStatic()) tensor.shape = Shape(Copy(t.shape()));
      const size_t wanted = tensor.Bytes();
      if (tensor.data.size() != wanted) {
        Fail(ErrorKind::kCorrupt,
             "{} of shape {} and type {} has {} bytes of data, {} wanted",
             where, tensor.shape.ToString(), Name(tensor.dtype),
             tensor.data.size(), wanted);
      }
      if (tensor.dtype == DType::kBool &&
          std::any_of(tensor.data.data(),
                      tensor.data.data() + tensor.data.size(),
                      [](std::byte b) { return b > std::byte{1}; })) {
        Fail(ErrorKind::kCorrupt, "{} has a bool that is neither 0 nor 1",
             where);
      }
    }
    if (t.quantization() != nullptr) {
      tensor.quant = ReadQuantization(*t.quantization(), tensor);
    }
    declared_.push_back(declared);
    graph_.AddTensor(std::move(tensor));
  }
}

// One attribute from field `id` of a table whose vtable has been verified.
// Throws if the field does not lie within the file.
template <typename T>
T ReadField(const flatbuffers::Verifier& verifier,
            const flatbuffers::Table& table, int id, T initial) {
  const auto field =
      flatbuffers::FieldIndexToOffset(static_cast<flatbuffers::voffset_t>(id));
  if (!table.VerifyField<T>(verifier, field, sizeof(T))) {
    Fail(ErrorKind::kCorrupt, "field {} of its options lies outside the file",
         id);
  }
  return table.GetField<T>(field, initial);
}

void Reader::ReadOptions(const fb::Operator& op, Node* node) {
  if (op.builtin_options() == nullptr || op.builtin_options_type() == 0 ||
      node->op->attrs.empty()) {
    return;
  }
  if (op.builtin_options_type() != node->op->tflite.options) {
    Fail(ErrorKind::kCorrupt, "{} has options of kind {}; {} is wanted",
         node->op->name, op.builtin_options_type(), node->op->tflite.options);
  }
  // The vtable was verified with the outer tables: an Opaque is a table.
  const auto& table =
      *reinterpret_cast<const flatbuffers::Table*>(op.builtin_options());
  for (size_t a = 0; a < node->attrs.size(); ++a) {
    const AttrDef& attr = node->op->attrs[a];
    AttrValue& value = node->attrs[a];
    const int id = attr.tflite_field;
    if (id < 0) continue;
    switch (attr.type) {
      case AttrType::kEnum:
        value.i =
            ReadField(*verifier_, table, id, static_cast<int8_t>(attr.initial));
        break;
      case AttrType::kBool:
        value.i = ReadField(*verifier_, table, id,
                            static_cast<uint8_t>(attr.initial)) != 0;
        break;
      case AttrType::kInt:
        value.i = ReadField(*verifier_, table, id,
                            static_cast<int32_t>(attr.initial));
        break;
      case AttrType::kFloat:
        value.f =
            ReadField(*verifier_, table, id, static_cast<float>(attr.initial));
        break;
      case AttrType::kInts: {
        const auto field = flatbuffers::FieldIndexToOffset(
            static_cast<flatbuffers::voffset_t>(id));
        const FbVector<int32_t>* ints = nullptr;
        if (table.VerifyOffset(*verifier_, field)) {
          ints = table.GetPointer<const FbVector<int32_t>*>(field);
        }
        if ((ints == nullptr && table.CheckField(field)) ||
            !verifier_->VerifyVector(ints)) {
          Fail(ErrorKind::kCorrupt,
               "'{}' in the options of {} lies outside the file", attr.name,
               node->op->name);
        }
        value.ints = Copy(ints);
        break;
      }
      case AttrType::kText: {
        const auto field = flatbuffers::FieldIndexToOffset(
            static_cast<flatbuffers::voffset_t>(id));
        const flatbuffers::String* text = nullptr;
        if (table.VerifyOffset(*verifier_, field)) {
          text = table.GetPointer<const flatbuffers::String*>(field);
        }
        if ((text == nullptr && table.CheckField(field)) ||
            !verifier_->VerifyString(text)) {
          Fail(ErrorKind::kCorrupt,
               "'{}' in the options of {} lies outside the file", attr.name,
               node->op->name);
        }
        value.text = Copy(text);
        break;
      }
      case AttrType::kSubgraph:
        value.i = ReadField(*verifier_, table, id, 0);
        break;
    }
  }
}

void Reader::ReadNodes() {
  const std::vector<const OpDef*> ops = FindOps(*model_, *subgraph_);
  for (size_t n = 0; n < ops.size(); ++n) {
    const fb::Operator& op =
        *subgraph_->operators()->Get(static_cast<flatbuffers::uoffset_t>(n));
    Node node;
    node.op = ops[n];
    node.attrs = DefaultAttrs(*node.op);
    try {
      ReadOptions(op, &node);
    } catch (const Error& error) {
      Fail(error.kind(), "operator {} ({}): {}", n, node.op->name,
           error.what());
    }
    node.inputs = Copy(op.inputs());
    node.outputs = Copy(op.outputs());
    graph_.nodes.push_back(std::move(node));
  }
}

// Inputs and the constants without a single element, which no buffer shows;
// checks ids as far as that needs (VerifyStructure does the rest).
void Reader::SetKinds() {
  const size_t count = graph_.tensors.size();
  const auto check_id = [&](TensorId id, const char* where) {
    if (id < 0 || static_cast<size_t>(id) >= count) {
      Fail(ErrorKind::kCorrupt, "{} names tensor {}; there are {}", where, id,
           count);
    }
  };
  graph_.inputs = Copy(subgraph_->inputs());
  graph_.outputs = Copy(subgraph_->outputs());
  for (const TensorId id : graph_.outputs) check_id(id, "the list of outputs");
  for (const TensorId id : graph_.inputs) {
    check_id(id, "the list of inputs");
    Tensor& tensor = graph_.tensor(id);
    const std::string where = TensorName(static_cast<size_t>(id), tensor.name);
    if (tensor.kind != TensorKind::kActivation) {
      Fail(ErrorKind::kCorrupt, "the input {} {}", where,
           tensor.kind == TensorKind::kInput ? "is listed twice" : "has data");
    }
    tensor.kind = TensorKind::kInput;
    for (int i = 1; i < tensor.shape.rank(); ++i) {
      if (tensor.shape[i] == kDynamic) {
        Fail(ErrorKind::kUnsupported,
             "the input {} has the shape {}; only the batch may be dynamic",
             where, tensor.shape.ToString());
      }
    }
  }
  std::vector<char> produced(count, 0);
  for (const Node& node : graph_.nodes) {
    for (const TensorId id : node.outputs) {
      check_id(id, "an operator's outputs");
      produced[static_cast<size_t>(id)] = 1;
    }
  }
  for (size_t t = 0; t < count; ++t) {
    Tensor& tensor = graph_.tensors[t];
    const auto dims = tensor.shape.dims();
    if (tensor.kind == TensorKind::kActivation && !produced[t] &&
        tensor.shape.IsStatic() &&
        std::find(dims.begin(), dims.end(), 0) != dims.end()) {
      tensor.kind = TensorKind::kConstant;
    }
  }
}

void Reader::ReadNames(const FbVector<flatbuffers::Offset<fb::TensorMap>>* maps,
                       const std::vector<TensorId>& ids, const char* what,
                       std::vector<std::string>* names) {
  for (const TensorId id : ids) names->push_back(graph_.tensor(id).name);
  for (size_t m = 0; m < SizeOrZero(maps); ++m) {
    const fb::TensorMap& map =
        *maps->Get(static_cast<flatbuffers::uoffset_t>(m));
    bool found = false;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (static_cast<uint32_t>(ids[i]) != map.tensor_index()) continue;
      found = true;
      if (map.name() != nullptr) (*names)[i] = Copy(map.name());
    }
    if (!found) {
      Fail(ErrorKind::kCorrupt,
           "the signature names tensor {}, which is no {} of the graph",
           map.tensor_index(), what);
    }
  }
}

void Reader::ReadSignature() {
  const fb::SignatureDef* signature = nullptr;
  for (size_t s = 0; s < SizeOrZero(model_->signature_defs()); ++s) {
    const fb::SignatureDef* candidate =
        model_->signature_defs()->Get(static_cast<flatbuffers::uoffset_t>(s));
    if (candidate->subgraph_index() != 0) {
      Fail(ErrorKind::kUnsupported,
           "a signature runs subgraph {}; models with one entry point are "
           "supported",
           candidate->subgraph_index());
    }
    const auto* key = candidate->signature_key();
    if (signature == nullptr ||
        (key != nullptr && key->string_view() == "serving_default")) {
      signature = candidate;
    }
  }
  ReadNames(signature ? signature->inputs() : nullptr, graph_.inputs, "input",
            &graph_.input_names);
  ReadNames(signature ? signature->outputs() : nullptr, graph_.outputs,
            "output", &graph_.output_names);
}

// Inferred types and shapes against the file's. Shapes behind a shape that is
// computed by the graph itself (TensorFlow's SHAPE -> PACK -> RESHAPE) are not
// known until that is folded, and where the batch is symbolic the inferred
// dimension wins.
void Reader::CheckShapes(const std::vector<Tensor>& before) {
  std::vector<char> loose(graph_.tensors.size(), 0);
  for (const Node& node : graph_.nodes) {
    bool is_loose = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoTensor) continue;
      const Tensor& input = graph_.tensor(node.inputs[i]);
      is_loose |=
          loose[static_cast<size_t>(node.inputs[i])] != 0 ||
          (i > 0 && input.kind == TensorKind::kActivation &&
           (input.dtype == DType::kInt32 || input.dtype == DType::kInt64));
    }
    for (const TensorId id : node.outputs) {
      const auto t = static_cast<size_t>(id);
      const Tensor& tensor = graph_.tensors[t];
      if (tensor.dtype != before[t].dtype) {
        Fail(ErrorKind::kCorrupt, "{} is of type {} in the file; {} gives {}",
             TensorName(t, tensor.name), Name(before[t].dtype), node.op->name,
             Name(tensor.dtype));
      }
      loose[t] = is_loose;
      if (is_loose || !declared_[t].known) continue;
      const Shape& file = declared_[t].shape;
      const Shape& inferred = tensor.shape;
      bool same = file.rank() == inferred.rank();
      for (int i = 0; same && i < file.rank(); ++i) {
        same = file[i] == inferred[i] || file[i] == kDynamic ||
               inferred[i] == kDynamic;
      }
      if (!same) {
        Fail(ErrorKind::kCorrupt,
             "{} has the shape {} in the file; {} gives {}",
             TensorName(t, tensor.name), file.ToString(), node.op->name,
             inferred.ToString());
      }
    }
  }
}

Graph Reader::Read() {
  CheckModel();
  ReadNodes();  // before tensors: what is missing is first of all an operator
  ReadTensors();
  SetKinds();
  MakeNamesUniqueAtDoor(where_, &graph_);  // nodes take their outputs'
  ReadSignature();
  VerifyStructure(graph_);
  const std::vector<Tensor> before = graph_.tensors;
  InferShapes(&graph_);
  CheckShapes(before);
  DropZeroBiases(&graph_);
  MarkParameters(&graph_);
  VerifyStructure(graph_);
  return std::move(graph_);
}

}  // namespace

Graph ReadTflite(std::span<const std::byte> bytes, const std::string& where) {
  try {
    // The verifier and the accessors want the file's start aligned.
    constexpr uintptr_t kAlignment = 16;
    if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0) {
      return Reader(bytes, where).Read();
    }
    const TensorData copy(bytes);
    return Reader(std::span(copy.data(), copy.size()), where).Read();
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", where, error.what());
  }
}

}  // namespace litesmith
