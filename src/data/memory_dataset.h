// Samples in memory as they are stored: bytes stay bytes, four times smaller
// than the floats that they stand for. Not a file format; sources fill it.
#ifndef LITESMITH_DATA_MEMORY_DATASET_H_
#define LITESMITH_DATA_MEMORY_DATASET_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/data/dataset.h"

namespace litesmith {

// A field with the values of all samples, one sample after another.
class Column {
 public:
  // Keeps the values, of whatever type they are: their bytes count.
  template <typename T>
  Column(Field field, std::vector<T> values) : field_(std::move(field)) {
    const auto owner =
        std::make_shared<const std::vector<T>>(std::move(values));
    bytes_ = std::as_bytes(std::span(*owner));
    owner_ = owner;
  }

  const Field& field() const { return field_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  Field field_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

class MemoryDataset : public Dataset {
 public:
  // Every column has as many samples. With `classes`, the first target is a
  // label below it; `further_classes` says the same of the targets behind it,
  // and `further_names` what theirs are called.
  // `origin` is the file that the targets were read from, if they were.
  MemoryDataset(const std::vector<Column>& inputs,
                const std::vector<Column>& targets, int classes = 0,
                std::string origin = "",
                std::vector<std::string> class_names = {},
                std::vector<int> further_classes = {},
                std::vector<std::vector<std::string>> further_names = {});

  int64_t size() const override { return size_; }
  std::span<const Field> inputs() const override { return inputs_; }
  std::span<const Field> targets() const override { return targets_; }
  int classes() const override { return classes_; }
  int ClassesOf(size_t target) const override {
    if (target == 0) return classes_;
    return target <= further_classes_.size() ? further_classes_[target - 1] : 0;
  }
  std::span<const std::string> class_names() const override {
    return class_names_;
  }
  std::span<const std::string> ClassNamesOf(size_t target) const override {
    if (target == 0) return class_names_;
    return target <= further_names_.size()
               ? std::span<const std::string>(further_names_[target - 1])
               : std::span<const std::string>();
  }
  std::string Origin(int64_t index) const override;
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override;
  std::span<const std::byte> Stored(size_t f) const override {
    return columns_[f].bytes();
  }
  void AddTo(Digest* digest) const override;

 private:
  std::vector<Column> columns_;
  std::vector<Field> inputs_;
  std::vector<Field> targets_;
  int classes_;
  std::string origin_;
  std::vector<std::string> class_names_;
  std::vector<int> further_classes_;
  std::vector<std::vector<std::string>> further_names_;
  int64_t size_ = 0;
};

// Bytes from 0 for 0 to 255 for 1, as pixels are, with a label each: an input
// "image" and a target "label". `pixels` are labels.size() samples of
// `sample_shape`.
DatasetPtr LabelledBytes(const Shape& sample_shape, int classes,
                         std::vector<uint8_t> pixels,
                         std::vector<uint8_t> labels, std::string origin = "",
                         std::vector<std::string> class_names = {});

}  // namespace litesmith

#endif  // LITESMITH_DATA_MEMORY_DATASET_H_
