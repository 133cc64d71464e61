// Views of a range of samples.
#include "src/data/decorators.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "src/base/error.h"

namespace litesmith {
namespace {

class SliceDataset : public Dataset {
 public:
  SliceDataset(DatasetPtr whole, int64_t begin, int64_t end)
      : whole_(std::move(whole)), begin_(begin), size_(end - begin) {}

  int64_t size() const override { return size_; }
  Shape sample_shape() const override { return whole_->sample_shape(); }
  int classes() const override { return whole_->classes(); }
  int32_t label(int64_t index) const override {
    return whole_->label(begin_ + index);
  }
  std::string Origin(int64_t index) const override {
    return whole_->Origin(begin_ + index);
  }
  void Read(int64_t index, float* out) const override {
    whole_->Read(begin_ + index, out);
  }
  void Prefetch(int64_t index) const override {
    whole_->Prefetch(begin_ + index);
  }

 private:
  DatasetPtr whole_;
  int64_t begin_;
  int64_t size_;
};

}  // namespace

DatasetPtr Slice(DatasetPtr dataset, int64_t begin, int64_t end) {
  const int64_t size = dataset->size();
  if (begin < 0 || begin > end || end > size) {
    Fail(ErrorKind::kInvalidArgument,
         "cannot take samples {} to {} of a data set of {}", begin, end, size);
  }
  if (begin == 0 && end == size) return dataset;
  return std::make_shared<const SliceDataset>(std::move(dataset), begin, end);
}

DatasetPtr Take(DatasetPtr dataset, int64_t count) {
  if (count < 0) {
    Fail(ErrorKind::kInvalidArgument,
         "cannot take {} samples; 0 or more are wanted", count);
  }
  const int64_t end = std::min(count, dataset->size());
  return Slice(std::move(dataset), 0, end);
}

TrainValidation Split(const DatasetPtr& dataset, double fraction) {
  // Written so that NaN fails too.
  if (!(fraction >= 0.0 && fraction < 1.0)) {
    Fail(ErrorKind::kInvalidArgument,
         "the validation fraction is {}; at least 0 and below 1 is wanted",
         fraction);
  }
  const int64_t size = dataset->size();
  // Keras's formula in the same double arithmetic; positive, so the cast is
  // the floor.
  const auto at =
      static_cast<int64_t>(static_cast<double>(size) * (1.0 - fraction));
  if (fraction > 0.0 && (at == 0 || at == size)) {
    Fail(ErrorKind::kInvalidArgument,
         "a validation fraction of {} of {} samples leaves {} for training and "
         "{} for validation; at least one each is wanted",
         fraction, size, at, size - at);
  }
  return {Slice(dataset, 0, at), Slice(dataset, at, size)};
}

}  // namespace litesmith
