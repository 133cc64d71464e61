// Samples of bytes (pixels 0..255) with byte labels, held in memory as they
// are: four times smaller than floats, which Read() makes when they are needed.
// Not a file format; idx.cc and digits.cc fill it.
#ifndef LITESMITH_DATA_BYTE_DATASET_H_
#define LITESMITH_DATA_BYTE_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/shape.h"
#include "src/data/dataset.h"

namespace litesmith {

class ByteDataset : public Dataset {
 public:
  // `pixels` are labels.size() samples of `sample_shape`, row-major, one after
  // another; every label is below `classes`. `label_file` is where they were
  // read, if they were.
  ByteDataset(Shape sample_shape, int classes, std::vector<uint8_t> pixels,
              std::vector<uint8_t> labels, std::string label_file = "");

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return sample_shape_; }
  int classes() const override { return classes_; }
  int32_t label(int64_t index) const override {
    return labels_[static_cast<size_t>(index)];
  }
  std::string Origin(int64_t index) const override;
  // pixel / 255, the correctly rounded float32 quotient.
  void Read(int64_t index, float* out) const override;
  void Prefetch(int64_t index) const override;

  const std::vector<uint8_t>& pixels() const { return pixels_; }
  const std::vector<uint8_t>& labels() const { return labels_; }

 private:
  Shape sample_shape_;
  int classes_;
  size_t sample_size_;
  std::vector<uint8_t> pixels_;
  std::vector<uint8_t> labels_;
  std::string label_file_;
};

// 16 hexadecimal digits that change when a pixel, a label, the shape or the
// number of classes of either half does (accidents, not adversaries).
std::string Fingerprint(const ByteDataset& train, const ByteDataset& test);

}  // namespace litesmith

#endif  // LITESMITH_DATA_BYTE_DATASET_H_
