// The file's outer tables, buffers and options.
#include "src/formats/tflite/file.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;
namespace fs = std::filesystem;

constexpr size_t kMaxBytes = size_t{1} << 31;
// Model -> vector -> SubGraph -> vector -> Tensor -> sparsity -> vector ->
// level -> indices is 6 tables.
constexpr flatbuffers::uoffset_t kMaxTableDepth = 8;
constexpr flatbuffers::uoffset_t kMaxTables = 1000000;
// Bytes of small vectors and strings that may be copied, for each of the file.
constexpr size_t kCopiesPerByte = 16;

flatbuffers::voffset_t Field(int id) {
  return flatbuffers::FieldIndexToOffset(
      static_cast<flatbuffers::voffset_t>(id));
}

}  // namespace

TfliteFile::TfliteFile(std::span<const std::byte> bytes, std::string path)
    : bytes_(bytes),
      path_(std::move(path)),
      copies_left_(kCopiesPerByte * bytes.size()) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes_.data());
  if (bytes_.size() < 8 || std::memcmp(data + 4, "TFL3", 4) != 0) {
    Fail(ErrorKind::kCorrupt,
         "not a TFLite file: the identifier TFL3 is missing at byte 4");
  }
  if (bytes_.size() >= kMaxBytes - 1) {
    Fail(ErrorKind::kUnsupported,
         "{} bytes; files of less than 2 GB are supported", bytes_.size());
  }
  verifier_ = std::make_unique<flatbuffers::Verifier>(
      data, bytes_.size(), kMaxTableDepth, kMaxTables);
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
  if (SizeOrZero(model_->subgraphs()) == 0) {
    Fail(ErrorKind::kCorrupt, "the model has no subgraph");
  }
}

const fb::SubGraph& TfliteFile::Subgraph(int64_t index,
                                         const std::string& what) const {
  const auto count = static_cast<int64_t>(SizeOrZero(model_->subgraphs()));
  if (index < 0 || index >= count) {
    Fail(ErrorKind::kCorrupt, "{} runs subgraph {}; there are {}", what, index,
         count);
  }
  return *model_->subgraphs()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

std::string TfliteFile::Copy(const flatbuffers::String* text) {
  if (text == nullptr) return {};
  Spend(text->size());
  return text->str();
}

void TfliteFile::Spend(size_t bytes) {
  if (bytes > copies_left_) {
    Fail(ErrorKind::kCorrupt,
         "the same bytes are used as the contents of too many tables");
  }
  copies_left_ -= bytes;
}

TensorData TfliteFile::Buffer(uint32_t index, const std::string& tensor) {
  if (index >= SizeOrZero(model_->buffers())) {
    Fail(ErrorKind::kCorrupt, "{} is in buffer {}; there are {}", tensor, index,
         SizeOrZero(model_->buffers()));
  }
  const fb::Buffer* buffer = model_->buffers()->Get(index);
  std::span<const std::byte> data;
  // Large files keep the data behind the tables.
  if (buffer->offset() > 1) {
    if (buffer->offset() > bytes_.size() ||
        buffer->size() > bytes_.size() - buffer->offset()) {
      Fail(ErrorKind::kCorrupt,
           "{} has its {} bytes of data at byte {}; the file has {}", tensor,
           buffer->size(), buffer->offset(), bytes_.size());
    }
    data = bytes_.subspan(buffer->offset(), buffer->size());
  } else if (SizeOrZero(buffer->data()) != 0) {
    data = std::as_bytes(
        std::span(buffer->data()->Data(), buffer->data()->size()));
  }
  if (data.empty()) return {};
  const auto [place, is_new] = constants_.try_emplace(data.data());
  if (is_new) {
    constant_bytes_ += data.size();
    if (constant_bytes_ > bytes_.size()) {
      Fail(ErrorKind::kCorrupt, "{}: the buffers overlap", tensor);
    }
    place->second = TensorData(data);
  }
  if (place->second.size() != data.size()) {
    Fail(ErrorKind::kCorrupt, "{}: the buffers overlap", tensor);
  }
  return place->second;
}

const std::vector<std::byte>& TfliteFile::External(uint32_t group,
                                                   const std::string& tensor) {
  const auto* groups = model_->external_buffer_groups();
  if (group >= SizeOrZero(groups)) {
    Fail(ErrorKind::kCorrupt,
         "{} is in the group {} of external buffers; "
         "there are {}",
         tensor, group, SizeOrZero(groups));
  }
  const std::string name = Copy(groups->Get(group)->name());
  // A model is not to make anybody read a file that is elsewhere.
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
    Fail(ErrorKind::kCorrupt,
         "{} is in the file '{}'; the plain name of a file in the model's own "
         "folder is wanted",
         tensor, name);
  }
  const auto [place, is_new] = externals_.try_emplace(name);
  if (is_new) {
    const fs::path folder = fs::path(path_).parent_path();
    const fs::path file = folder / name;
    std::error_code code;
    if (fs::is_symlink(file, code)) {
      Fail(ErrorKind::kUnsupported,
           "{} is in '{}', which is a link; the file itself is wanted beside "
           "the model",
           tensor, file.string());
    }
    place->second = ReadFile(file.string());
  }
  return place->second;
}

TensorData TfliteFile::ExternalBuffer(uint32_t id, const std::string& tensor) {
  const auto known = external_constants_.find(id);
  if (known != external_constants_.end()) return known->second;
  const fb::ExternalBuffer* found = nullptr;
  for (size_t i = 0; i < SizeOrZero(model_->external_buffers()); ++i) {
    const fb::ExternalBuffer* each =
        model_->external_buffers()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (each->id() == id) found = each;
  }
  if (found == nullptr) {
    Fail(ErrorKind::kCorrupt,
         "{} is in the external buffer {}, which is not "
         "there",
         tensor, id);
  }
  if (found->packing() != nullptr && found->packing()->size() > 0) {
    Fail(ErrorKind::kUnsupported,
         "{} is in an external buffer packed as '{}'; plain ones are supported",
         tensor, found->packing()->string_view());
  }
  const std::vector<std::byte>& file = External(found->group(), tensor);
  if (found->offset() > file.size() ||
      found->length() > file.size() - found->offset()) {
    Fail(ErrorKind::kCorrupt,
         "{} has its {} bytes of data at byte {} of an external file of {} "
         "bytes",
         tensor, found->length(), found->offset(), file.size());
  }
  const std::span<const std::byte> all = file;
  TensorData data(all.subspan(found->offset(), found->length()));
  // Many buffers may name the same part of one file.
  external_bytes_ += data.size();
  if (external_bytes_ > kMaxBytes) {
    Fail(ErrorKind::kUnsupported,
         "{}: external buffers of more than 2 GB in all", tensor);
  }
  return external_constants_.emplace(id, std::move(data)).first->second;
}

template <typename T>
T TfliteFile::ReadField(const flatbuffers::Table& table, int id,
                        T initial) const {
  if (!table.VerifyField<T>(*verifier_, Field(id), sizeof(T))) {
    Fail(ErrorKind::kCorrupt, "field {} of its options lies outside the file",
         id);
  }
  return table.GetField<T>(Field(id), initial);
}
template int32_t TfliteFile::ReadField(const flatbuffers::Table&, int,
                                       int32_t) const;

template <typename T, typename Verify>
const T* TfliteFile::ReadOffset(const flatbuffers::Table& table, int id,
                                const char* attribute,
                                const Verify& verify) const {
  const T* value = nullptr;
  if (table.VerifyOffset(*verifier_, Field(id)))
    value = table.GetPointer<const T*>(Field(id));
  if ((value == nullptr && table.CheckField(Field(id))) || !verify(value)) {
    Fail(ErrorKind::kCorrupt, "'{}' in its options lies outside the file",
         attribute);
  }
  return value;
}

template <typename T>
std::vector<T> TfliteFile::ReadVector(const flatbuffers::Table& table, int id,
                                      const char* what) {
  return Copy(ReadOffset<FbVector<T>>(table, id, what,
                                      [this](const FbVector<T>* values) {
                                        return verifier_->VerifyVector(values);
                                      }));
}
template std::vector<int32_t> TfliteFile::ReadVector(const flatbuffers::Table&,
                                                     int, const char*);
template std::vector<uint16_t> TfliteFile::ReadVector(const flatbuffers::Table&,
                                                      int, const char*);
template std::vector<uint8_t> TfliteFile::ReadVector(const flatbuffers::Table&,
                                                     int, const char*);

void TfliteFile::ReadOptions(const fb::Operator& op, Node* node) {
  if (op.builtin_options() == nullptr || op.builtin_options_type() == 0 ||
      node->op->attrs.empty())
    return;
  if (op.builtin_options_type() != node->op->tflite.options) {
    Fail(ErrorKind::kCorrupt, "it has options of kind {}; {} is wanted",
         op.builtin_options_type(), node->op->tflite.options);
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
        value.i = ReadField(table, id, static_cast<int8_t>(attr.initial));
        break;
      case AttrType::kBool:
        value.i = ReadField(table, id, static_cast<uint8_t>(attr.initial)) != 0;
        break;
      case AttrType::kInt:
        value.i = ReadField(table, id, static_cast<int32_t>(attr.initial));
        break;
      case AttrType::kFloat:
        value.f = ReadField(table, id, static_cast<float>(attr.initial));
        break;
      case AttrType::kInts:
        value.ints = ReadVector<int32_t>(table, id, attr.name);
        break;
      case AttrType::kText:
        value.text = Copy(ReadOffset<flatbuffers::String>(
            table, id, attr.name, [this](const flatbuffers::String* text) {
              return verifier_->VerifyString(text);
            }));
        break;
      case AttrType::kSubgraph:
        value.i = ReadField(table, id, int32_t{0});
        break;
    }
  }
}

}  // namespace litesmith
