// Views of a range of samples.
#include "src/data/views.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

class SliceDataset : public ViewDataset {
 public:
  SliceDataset(DatasetPtr whole, int64_t begin, int64_t end)
      : ViewDataset(std::move(whole)), begin_(begin), size_(end - begin) {}

  int64_t size() const override { return size_; }
  std::string Origin(int64_t index) const override {
    return whole_->Origin(begin_ + index);
  }
  uint64_t InputDigest(int64_t index) const override {
    return whole_->InputDigest(begin_ + index);
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
  int64_t begin_;
  int64_t size_;
};

class PickDataset : public ViewDataset {
 public:
  PickDataset(DatasetPtr whole, std::vector<int64_t> indices)
      : ViewDataset(std::move(whole)), indices_(std::move(indices)) {}
  int64_t size() const override {
    return static_cast<int64_t>(indices_.size());
  }
  std::string Origin(int64_t index) const override {
    return whole_->Origin(indices_[static_cast<size_t>(index)]);
  }
  uint64_t InputDigest(int64_t index) const override {
    return whole_->InputDigest(indices_[static_cast<size_t>(index)]);
  }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    whole_->Read(indices_[static_cast<size_t>(index)], draw, fields);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Block(std::as_bytes(std::span(indices_)));
  }

 private:
  std::vector<int64_t> indices_;
};

class RealDataset : public ViewDataset {
 public:
  RealDataset(DatasetPtr whole, const Affine& real)
      : ViewDataset(std::move(whole)),
        inputs_(whole_->inputs().begin(), whole_->inputs().end()) {
    inputs_[0].real = real;
  }
  std::span<const Field> inputs() const override { return inputs_; }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    whole_->Read(index, draw, fields);
  }
  std::span<const std::byte> Stored(size_t f) const override {
    return whole_->Stored(f);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Block(std::as_bytes(std::span(inputs_[0].real.a)));
    digest->Block(std::as_bytes(std::span(inputs_[0].real.b)));
  }

 private:
  std::vector<Field> inputs_;
};

}  // namespace

DatasetPtr Pick(DatasetPtr dataset, std::vector<int64_t> indices) {
  return std::make_shared<const PickDataset>(std::move(dataset),
                                             std::move(indices));
}

DatasetPtr WithReal(DatasetPtr dataset, const Affine& real) {
  return std::make_shared<const RealDataset>(std::move(dataset), real);
}

std::vector<int64_t> DrawOverClasses(const Dataset& data, int64_t count,
                                     uint64_t seed) {
  constexpr uint64_t kStream = 7;
  const auto classes = static_cast<size_t>(std::max(1, data.classes()));
  std::vector<std::vector<int64_t>> of(classes);
  for (int64_t i = 0; i < data.size(); ++i)
    of[data.classes() > 0 ? static_cast<size_t>(LabelOf(data, i)) : 0]
        .push_back(i);
  Rng rng(seed, kStream);
  for (std::vector<int64_t>& each : of) rng.Shuffle(std::span<int64_t>(each));
  std::vector<int64_t> drawn;
  const auto wanted =
      static_cast<size_t>(std::min<int64_t>(count, data.size()));
  for (size_t turn = 0; drawn.size() < wanted; ++turn) {
    for (const std::vector<int64_t>& each : of) {
      if (turn < each.size() && drawn.size() < wanted)
        drawn.push_back(each[turn]);
    }
  }
  return drawn;
}

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
