// Views of a range of samples.
#include "src/data/views.h"

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
  std::span<const Field> inputs() const override { return whole_->inputs(); }
  std::span<const Field> targets() const override { return whole_->targets(); }
  int classes() const override { return whole_->classes(); }
  std::span<const std::string> class_names() const override {
    return whole_->class_names();
  }
  std::string Origin(int64_t index) const override {
    return whole_->Origin(begin_ + index);
  }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    whole_->Read(begin_ + index, draw, fields);
  }
  std::span<const std::byte> Stored(size_t f) const override {
    const std::span<const std::byte> all = whole_->Stored(f);
    if (all.empty()) return all;
    const size_t bytes = FieldAt(*whole_, f).bytes();
    return all.subspan(static_cast<size_t>(begin_) * bytes,
                       static_cast<size_t>(size_) * bytes);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Word(static_cast<uint64_t>(begin_));
    digest->Word(static_cast<uint64_t>(size_));
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

}  // namespace litesmith
