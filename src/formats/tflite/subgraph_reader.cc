// Tensors, operators, inputs and outputs of a subgraph.
#include "src/formats/tflite/subgraph_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "src/base/error.h"
#include "src/formats/tflite/operators.h"
#include "src/formats/tflite/sparse.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

constexpr int kInt4Type = 17;  // TensorType
// Loops in loops; TensorFlow makes one or two.
constexpr size_t kMaxNesting = 8;

std::string TensorName(size_t id, const std::string& name) {
  return fmt::format("tensor {} '{}'", id, name);
}

class SubgraphReader {
 public:
  // `path`: the subgraphs that this one is run by.
  SubgraphReader(TfliteFile* file, int64_t index, Reading reading,
                 std::vector<int64_t> path)
      : file_(file),
        reading_(reading),
        path_(std::move(path)),
        subgraph_(&file->Subgraph(index, "an operator")) {
    path_.push_back(index);
  }

  Graph Read();

 private:
  void ReadTensor(size_t id, const fb::Tensor& t);
  void ReadData(const fb::Tensor& t, const std::string& where, Tensor* tensor);
  Quantization ReadQuantization(const fb::QuantizationParameters& q,
                                const Tensor& tensor);
  Shape ReadShape(const fb::Tensor& t, const std::string& where);
  void ReadSparse(const fb::SparsityParameters& sparsity, Tensor* tensor);
  std::vector<int32_t> ReadIndexVector(uint8_t type, const fb::Opaque* vector);
  void ReadNodes();
  Node ReadNode(const fb::Operator& op, const OpDef& def);
  void ReadIntermediates(const fb::Operator& op, Node* node);
  Graph ReadInner(int64_t index);
  void Inline(const fb::Operator& op);
  void CheckId(TensorId id, const char* where) const;
  void SetKinds();

  TfliteFile* file_;
  Reading reading_;
  std::vector<int64_t> path_;
  const fb::SubGraph* subgraph_;
  Graph graph_;
};

// ---- Tensors --------------------------------------------------------------

// The shape with kDynamic where the signature has -1.
Shape SubgraphReader::ReadShape(const fb::Tensor& t, const std::string& where) {
  if (SizeOrZero(t.shape()) > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "{} is of rank {}; at most {} is supported",
         where, t.shape()->size(), Shape::kMaxRank);
  }
  Shape shape(file_->Copy(t.shape()));
  for (const int32_t dim : shape.dims()) {
    if (dim < 0)
      Fail(ErrorKind::kCorrupt, "{} has the dimension {}", where, dim);
  }
  const size_t signature = SizeOrZero(t.shape_signature());
  if (signature == 0) return shape;
  if (signature != static_cast<size_t>(shape.rank())) {
    Fail(ErrorKind::kCorrupt, "{} of rank {} has a shape signature of rank {}",
         where, shape.rank(), signature);
  }
  for (int i = 0; i < shape.rank(); ++i) {
    const int32_t dim =
        t.shape_signature()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (dim != kDynamic && dim != shape[i]) {
      Fail(ErrorKind::kCorrupt,
           "{} of shape {} has {} as dimension {} of its signature", where,
           shape.ToString(), dim, i);
    }
    shape[i] = dim;
  }
  return shape;
}

bool IsZero(const TensorData& data) {
  return !data.empty() &&
         std::all_of(data.data(), data.data() + data.size(),
                     [](std::byte b) { return b == std::byte{0}; });
}

Quantization SubgraphReader::ReadQuantization(
    const fb::QuantizationParameters& q, const Tensor& tensor) {
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
  result.scale = file_->Copy(q.scale());
  result.zero_point = file_->Copy(q.zero_point());
  result.axis = axis;
  // In TensorFlow's int16x8 files values that are all zero have no good scale:
  // a layer's kernel has infinity, its bias infinity, NaN or 0, an activation
  // 0. Any scale makes them 0; a small one makes no sum large.
  constexpr float kScaleOfZeros = 1e-30f;
  const bool zero_range = tensor.dtype == DType::kInt16 && !tensor.has_data();
  for (float& scale : result.scale) {
    if ((IsZero(tensor.data) && !(std::isfinite(scale) && scale > 0)) ||
        (zero_range && scale == 0))
      scale = kScaleOfZeros;
  }
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

std::vector<int32_t> SubgraphReader::ReadIndexVector(uint8_t type,
                                                     const fb::Opaque* vector) {
  if (vector == nullptr) return {};
  const auto& table = *reinterpret_cast<const flatbuffers::Table*>(vector);
  const auto widened = [](const auto& values) {
    return std::vector<int32_t>(values.begin(), values.end());
  };
  switch (type) {
    case 1:
      return file_->ReadVector<int32_t>(table, 0, "indices");
    case 2:
      return widened(file_->ReadVector<uint16_t>(table, 0, "indices"));
    case 3:
      return widened(file_->ReadVector<uint8_t>(table, 0, "indices"));
    default:
      Fail(ErrorKind::kUnsupported, "its indices are of kind {}", type);
  }
}

void SubgraphReader::ReadSparse(const fb::SparsityParameters& sparsity,
                                Tensor* tensor) {
  Storage& how = tensor->stored_as;
  how.traversal_order = file_->Copy(sparsity.traversal_order());
  how.block_map = file_->Copy(sparsity.block_map());
  std::vector<SparseLevel> levels;
  for (size_t l = 0; l < SizeOrZero(sparsity.dim_metadata()); ++l) {
    const fb::DimensionMetadata& from =
        *sparsity.dim_metadata()->Get(static_cast<flatbuffers::uoffset_t>(l));
    SparseLevel& level = levels.emplace_back();
    if (from.format() != 0 && from.format() != 1) {
      Fail(ErrorKind::kUnsupported, "a level of its sparse form has format {}",
           from.format());
    }
    level.compressed = from.format() == 1;
    level.segments =
        ReadIndexVector(from.array_segments_type(), from.array_segments());
    level.indices =
        ReadIndexVector(from.array_indices_type(), from.array_indices());
    // A compressed level need not say its size: it is the dimension's.
    level.dense_size = from.dense_size();
    const size_t dim = l < how.traversal_order.size()
                           ? static_cast<size_t>(how.traversal_order[l])
                           : how.traversal_order.size();
    const auto rank = static_cast<size_t>(tensor->shape.rank());
    if (level.compressed && dim < rank) {
      level.dense_size = tensor->shape[static_cast<int>(dim)];
      for (size_t b = 0; b < how.block_map.size(); ++b) {
        if (how.block_map[b] != static_cast<int32_t>(dim)) continue;
        for (size_t m = 0; m < SizeOrZero(sparsity.dim_metadata()) &&
                           m < how.traversal_order.size();
             ++m) {
          if (how.traversal_order[m] != static_cast<int32_t>(rank + b))
            continue;
          const int32_t block =
              sparsity.dim_metadata()
                  ->Get(static_cast<flatbuffers::uoffset_t>(m))
                  ->dense_size();
          if (block > 0) level.dense_size /= block;
        }
      }
    }
    how.compressed.push_back(level.compressed ? 1 : 0);
    how.dense_size.push_back(level.dense_size);
  }
  const size_t bytes = tensor->Bytes();
  // Only zeros are more than what the file holds; no file needs many.
  file_->Spend(bytes / 64);
  tensor->data =
      Densify(how, levels, tensor->shape, SizeOf(tensor->dtype), tensor->data);
}

// int4 values as int8.
TensorData Unpacked(const TensorData& packed, int64_t count) {
  TensorData values(static_cast<size_t>(count));
  auto* to = reinterpret_cast<int8_t*>(values.MutableData());
  for (int64_t i = 0; i < count; ++i) {
    const auto byte = static_cast<uint8_t>(packed.data()[i / 2]);
    const int nibble = i % 2 == 0 ? byte & 15 : byte >> 4;
    to[i] = static_cast<int8_t>(nibble >= 8 ? nibble - 16 : nibble);
  }
  return values;
}

void SubgraphReader::ReadData(const fb::Tensor& t, const std::string& where,
                              Tensor* tensor) {
  tensor->data = t.external_buffer() != 0
                     ? file_->ExternalBuffer(t.external_buffer(), where)
                     : file_->Buffer(t.buffer(), where);
  // What a variable is to begin with, runtimes do not look at.
  if (tensor->kind == TensorKind::kVariable) tensor->data = {};
  if (!tensor->has_data()) return;
  tensor->kind = TensorKind::kConstant;
  if (!tensor->shape.IsStatic()) tensor->shape = Shape(file_->Copy(t.shape()));
  const int64_t count = tensor->shape.NumElements();
  if (t.sparsity() != nullptr) {
    try {
      ReadSparse(*t.sparsity(), tensor);
    } catch (const Error& error) {
      Fail(error.kind(), "{}: {}", where, error.what());
    }
  } else if (tensor->stored_as.int4 &&
             tensor->data.size() == static_cast<size_t>((count + 1) / 2)) {
    tensor->data = Unpacked(tensor->data, count);
  }
  const size_t wanted = tensor->Bytes();
  if (tensor->data.size() != wanted) {
    Fail(ErrorKind::kCorrupt,
         "{} of shape {} and type {} has {} bytes of data, {} wanted", where,
         tensor->shape.ToString(), Name(tensor->dtype), tensor->data.size(),
         wanted);
  }
  if (tensor->dtype == DType::kBool &&
      std::any_of(tensor->data.data(),
                  tensor->data.data() + tensor->data.size(),
                  [](std::byte b) { return b > std::byte{1}; })) {
    Fail(ErrorKind::kCorrupt, "{} has a bool that is neither 0 nor 1", where);
  }
}

void SubgraphReader::ReadTensor(size_t id, const fb::Tensor& t) {
  Tensor tensor;
  tensor.name = file_->Copy(t.name());
  const std::string where = TensorName(id, tensor.name);
  std::optional<DType> dtype = DTypeFromTflite(t.type());
  if (t.type() == kInt4Type) {
    tensor.stored_as.int4 = true;
    dtype = DType::kInt8;
  }
  if (!dtype && reading_ == Reading::kToRun) {
    Fail(ErrorKind::kUnsupported, "{} is of the element type {}", where,
         t.type());
  }
  tensor.dtype = dtype.value_or(DType::kResource);
  if (t.is_variable()) tensor.kind = TensorKind::kVariable;
  tensor.shape = ReadShape(t, where);
  if (tensor.dtype != DType::kResource) ReadData(t, where, &tensor);
  if (tensor.kind == TensorKind::kVariable && !tensor.shape.IsStatic()) {
    tensor.shape = tensor.shape.Bind(1);
  }
  if (t.quantization() != nullptr)
    tensor.quant = ReadQuantization(*t.quantization(), tensor);
  graph_.AddTensor(std::move(tensor));
}

// ---- Operators ------------------------------------------------------------

Graph SubgraphReader::ReadInner(int64_t index) {
  if (std::find(path_.begin(), path_.end(), index) != path_.end()) {
    Fail(ErrorKind::kUnsupported, "subgraph {} runs itself", index);
  }
  if (path_.size() >= kMaxNesting) {
    Fail(ErrorKind::kUnsupported, "subgraphs run each other {} deep",
         path_.size());
  }
  return SubgraphReader(file_, index, reading_, path_).Read();
}

// An op's operands called "intermediate ..." are the operator's intermediates,
// which are no inputs in the file: tensors of which the quantization counts.
void SubgraphReader::ReadIntermediates(const fb::Operator& op, Node* node) {
  const int first = FirstIntermediate(*node->op);
  if (first < 0) return;
  std::vector<TensorId> ids = file_->Copy(op.intermediates());
  const auto most = static_cast<size_t>(node->op->MaxInputs() - first);
  if (node->inputs.size() > static_cast<size_t>(first) || ids.size() > most) {
    Fail(ErrorKind::kCorrupt, "it has {} inputs and {} intermediates",
         node->inputs.size(), ids.size());
  }
  if (ids.empty()) return;
  for (const TensorId id : ids) {
    if (id == kNoTensor) continue;
    CheckId(id, "the list of intermediates");
    Tensor& tensor = graph_.tensor(id);
    if (tensor.kind != TensorKind::kActivation) continue;
    tensor.kind = TensorKind::kConstant;
    tensor.shape = Shape{0};
  }
  node->inputs.resize(static_cast<size_t>(first), kNoTensor);
  node->inputs.insert(node->inputs.end(), ids.begin(), ids.end());
}

Node SubgraphReader::ReadNode(const fb::Operator& op, const OpDef& def) {
  Node node;
  node.op = &def;
  node.attrs = DefaultAttrs(def);
  node.inputs = file_->Copy(op.inputs());
  node.outputs = file_->Copy(op.outputs());
  for (const TensorId id : node.outputs) CheckId(id, "its list of outputs");
  file_->ReadOptions(op, &node);
  ReadIntermediates(op, &node);
  for (size_t a = 0; a < node.attrs.size(); ++a) {
    if (def.attrs[a].type != AttrType::kSubgraph) continue;
    graph_.subgraphs.push_back(ReadInner(node.attrs[a].i));
    node.attrs[a].i = std::ssize(graph_.subgraphs) - 1;
  }
  return node;
}

// Puts what the composite is composed of in its place.
void SubgraphReader::Inline(const fb::Operator& op) {
  if (op.builtin_options_2() == nullptr ||
      op.builtin_options_2_type() != composite::kOptions) {
    Fail(ErrorKind::kCorrupt, "it does not say what it is composed of");
  }
  const auto& options =
      *reinterpret_cast<const flatbuffers::Table*>(op.builtin_options_2());
  Graph inner = ReadInner(
      file_->ReadField(options, composite::kDecomposition, int32_t{0}));
  const std::vector<TensorId> inputs = file_->Copy(op.inputs());
  const std::vector<TensorId> outputs = file_->Copy(op.outputs());
  if (inputs.size() != inner.inputs.size() ||
      outputs.size() != inner.outputs.size()) {
    Fail(ErrorKind::kCorrupt,
         "it has {} inputs and {} outputs, its decomposition {} and {}",
         inputs.size(), outputs.size(), inner.inputs.size(),
         inner.outputs.size());
  }
  std::vector<TensorId> place(inner.tensors.size(), kNoTensor);
  for (size_t i = 0; i < inputs.size(); ++i) {
    CheckId(inputs[i], "an operator's inputs");
    place[static_cast<size_t>(inner.inputs[i])] = inputs[i];
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    TensorId& id = place[static_cast<size_t>(inner.outputs[o])];
    CheckId(outputs[o], "an operator's outputs");
    if (id != kNoTensor) {
      Fail(ErrorKind::kUnsupported,
           "an output of its decomposition is an input, or is there twice");
    }
    id = outputs[o];
  }
  for (size_t t = 0; t < place.size(); ++t) {
    if (place[t] == kNoTensor)
      place[t] = graph_.AddTensor(std::move(inner.tensors[t]));
  }
  const auto subgraphs = std::ssize(graph_.subgraphs);
  for (Graph& subgraph : inner.subgraphs)
    graph_.subgraphs.push_back(std::move(subgraph));
  for (Node& node : inner.nodes) {
    for (std::vector<TensorId>* ids : {&node.inputs, &node.outputs}) {
      for (TensorId& id : *ids) {
        if (id != kNoTensor) id = place[static_cast<size_t>(id)];
      }
    }
    for (size_t a = 0; a < node.attrs.size(); ++a) {
      if (node.op->attrs[a].type == AttrType::kSubgraph)
        node.attrs[a].i += subgraphs;
    }
    graph_.nodes.push_back(std::move(node));
  }
}

void SubgraphReader::ReadNodes() {
  for (size_t n = 0; n < SizeOrZero(subgraph_->operators()); ++n) {
    const fb::Operator& op =
        *subgraph_->operators()->Get(static_cast<flatbuffers::uoffset_t>(n));
    const OpDef& def = OpOf(file_->model(), op);
    const bool is_composite =
        BuiltinCode(file_->model(), op) == composite::kCode;
    try {
      if (is_composite) {
        Inline(op);
      } else {
        graph_.nodes.push_back(ReadNode(op, def));
      }
    } catch (const Error& error) {
      Fail(error.kind(), "operator {} ({}): {}", n, def.name, error.what());
    }
  }
}

// ---- The subgraph ---------------------------------------------------------

void SubgraphReader::CheckId(TensorId id, const char* where) const {
  if (id >= 0 && static_cast<size_t>(id) < graph_.tensors.size()) return;
  Fail(ErrorKind::kCorrupt, "{} names tensor {}; there are {}", where, id,
       graph_.tensors.size());
}

// Inputs and the constants without a single element, which no buffer shows;
// checks ids as far as that needs (VerifyStructure does the rest).
void SubgraphReader::SetKinds() {
  graph_.inputs = file_->Copy(subgraph_->inputs());
  graph_.outputs = file_->Copy(subgraph_->outputs());
  for (const TensorId id : graph_.outputs) CheckId(id, "the list of outputs");
  for (const TensorId id : graph_.inputs) {
    CheckId(id, "the list of inputs");
    Tensor& tensor = graph_.tensor(id);
    const std::string where = TensorName(static_cast<size_t>(id), tensor.name);
    if (tensor.kind != TensorKind::kActivation) {
      Fail(ErrorKind::kCorrupt, "the input {} {}", where,
           tensor.kind == TensorKind::kInput ? "is listed twice" : "has data");
    }
    tensor.kind = TensorKind::kInput;
    for (int i = 1; reading_ == Reading::kToRun && i < tensor.shape.rank();
         ++i) {
      if (tensor.shape[i] == kDynamic && path_.size() == 1) {
        Fail(ErrorKind::kUnsupported,
             "the input {} has the shape {}; only the batch may be dynamic",
             where, tensor.shape.ToString());
      }
    }
  }
}

void MarkEmptyConstants(Graph* graph) {
  std::vector<char> produced(graph->tensors.size(), 0);
  for (const Node& node : graph->nodes) {
    for (const TensorId id : node.outputs)
      produced[static_cast<size_t>(id)] = 1;
  }
  for (size_t t = 0; t < produced.size(); ++t) {
    Tensor& tensor = graph->tensors[t];
    const auto dims = tensor.shape.dims();
    if (tensor.kind == TensorKind::kActivation && !produced[t] &&
        tensor.shape.IsStatic() &&
        std::find(dims.begin(), dims.end(), 0) != dims.end())
      tensor.kind = TensorKind::kConstant;
  }
}

// TensorFlow's conversion to float16 makes a DEQUANTIZE of zeros, the one op
// that reads this type, which writes an LSTM's states: what variables are at
// first anyway.
void DropInitialStates(Graph* graph) {
  std::erase_if(graph->nodes, [&](const Node& node) {
    if (node.inputs.size() != 1 || node.outputs.size() != 1) return false;
    const auto known = [&](TensorId id) {
      return id >= 0 && id < std::ssize(graph->tensors);
    };
    if (!known(node.inputs[0]) || !known(node.outputs[0])) return false;
    const Tensor& zeros = graph->tensor(node.inputs[0]);
    return graph->tensor(node.outputs[0]).kind == TensorKind::kVariable &&
           zeros.has_data() && zeros.dtype == DType::kFloat16 &&
           IsZero(zeros.data);
  });
}

Graph SubgraphReader::Read() {
  // What is missing is first of all an operator.
  if (path_.size() == 1 && reading_ == Reading::kToRun)
    RequireOps(file_, path_[0]);
  for (size_t id = 0; id < SizeOrZero(subgraph_->tensors()); ++id) {
    ReadTensor(id, *subgraph_->tensors()->Get(
                       static_cast<flatbuffers::uoffset_t>(id)));
  }
  SetKinds();
  ReadNodes();
  DropInitialStates(&graph_);
  MarkEmptyConstants(&graph_);
  if (path_.size() > 1) VerifyStructure(graph_);
  return std::move(graph_);
}

}  // namespace

Graph ReadSubgraph(TfliteFile* file, int64_t index, Reading reading) {
  return SubgraphReader(file, index, reading, {}).Read();
}

}  // namespace litesmith
