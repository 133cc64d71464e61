// MemoryDataset: columns of bytes, and what tells them apart.
#include "src/data/memory_dataset.h"

#include <cstring>

#include "src/base/check.h"

namespace litesmith {
namespace {

Affine ByteRange() { return {{1.0 / 255}, {0}}; }

// What a field's bytes stand for. Nothing of images of bytes with labels, whose
// digests are as they were when there was nothing else.
void AddMeaning(const Field& field, const Field& usual, Digest* digest) {
  if (field.dtype == usual.dtype && field.real == usual.real) return;
  digest->Word(static_cast<uint64_t>(field.dtype));
  for (const std::vector<double>* values : {&field.real.a, &field.real.b})
    digest->Block(std::as_bytes(std::span(*values)));
}

void AddShape(const Shape& shape, Digest* digest) {
  digest->Word(static_cast<uint64_t>(shape.rank()));
  for (const int32_t dim : shape.dims())
    digest->Word(static_cast<uint64_t>(dim));
}

}  // namespace

MemoryDataset::MemoryDataset(
    const std::vector<Column>& inputs, const std::vector<Column>& targets,
    int classes, std::string origin, std::vector<std::string> class_names,
    std::vector<int> further_classes,
    std::vector<std::vector<std::string>> further_names)
    : classes_(classes),
      origin_(std::move(origin)),
      class_names_(std::move(class_names)),
      further_classes_(std::move(further_classes)),
      further_names_(std::move(further_names)) {
  for (const std::vector<Column>* columns : {&inputs, &targets}) {
    for (const Column& column : *columns) {
      const size_t sample = column.field().bytes();
      LS_CHECK(sample > 0 && column.bytes().size() % sample == 0);
      const auto samples = static_cast<int64_t>(column.bytes().size() / sample);
      LS_CHECK(columns_.empty() || samples == size_);
      size_ = samples;
      columns_.push_back(column);
      (columns == &inputs ? inputs_ : targets_).push_back(column.field());
    }
  }
  LS_CHECK(!inputs_.empty());
}

std::string MemoryDataset::Origin(int64_t index) const {
  const std::string sample = Dataset::Origin(index);
  return origin_.empty() ? sample : sample + " of " + origin_;
}

void MemoryDataset::Read(int64_t index, Draw, std::byte* const* fields) const {
  for (size_t f = 0; f < columns_.size(); ++f) {
    const size_t bytes = columns_[f].field().bytes();
    std::memcpy(fields[f],
                columns_[f].bytes().data() + static_cast<size_t>(index) * bytes,
                bytes);
  }
}

void MemoryDataset::AddTo(Digest* digest) const {
  for (const Field& field : inputs_) {
    AddShape(field.shape, digest);
    AddMeaning(field, {"", {}, DType::kUInt8, ByteRange()}, digest);
  }
  digest->Word(static_cast<uint64_t>(classes_));
  for (const Field& field : targets_) {
    if (field.shape.rank() > 0) AddShape(field.shape, digest);
    AddMeaning(field, {"", {}, DType::kUInt8, {}}, digest);
  }
  for (const Column& column : columns_) digest->Block(column.bytes());
}

DatasetPtr LabelledBytes(const Shape& sample_shape, int classes,
                         std::vector<uint8_t> pixels,
                         std::vector<uint8_t> labels, std::string origin,
                         std::vector<std::string> class_names) {
  for (const uint8_t label : labels) LS_CHECK(label < classes);
  const Field image = {"image", sample_shape, DType::kUInt8, ByteRange()};
  const Field label = {"label", {}, DType::kUInt8, {}};
  return std::make_shared<const MemoryDataset>(
      std::vector<Column>{{image, std::move(pixels)}},
      std::vector<Column>{{label, std::move(labels)}}, classes,
      std::move(origin), std::move(class_names));
}

}  // namespace litesmith
