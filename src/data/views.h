// Data sets made of others, of which nothing is copied. Not here: the order of
// training, which is a permutation that the trainer owns.
#ifndef LITESMITH_DATA_VIEWS_H_
#define LITESMITH_DATA_VIEWS_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/data/dataset.h"

namespace litesmith {

// What passes most on to another data set: a view says what it changes.
class ViewDataset : public Dataset {
 public:
  explicit ViewDataset(DatasetPtr whole) : whole_(std::move(whole)) {}
  int64_t size() const override { return whole_->size(); }
  std::span<const Field> inputs() const override { return whole_->inputs(); }
  std::span<const Field> targets() const override { return whole_->targets(); }
  int classes() const override { return whole_->classes(); }
  int ClassesOf(size_t target) const override {
    return whole_->ClassesOf(target);
  }
  std::span<const std::string> class_names() const override {
    return whole_->class_names();
  }
  std::span<const std::string> ClassNamesOf(size_t target) const override {
    return whole_->ClassNamesOf(target);
  }
  std::string Origin(int64_t index) const override {
    return whole_->Origin(index);
  }
  uint64_t InputDigest(int64_t index) const override {
    return whole_->InputDigest(index);
  }

 protected:
  DatasetPtr whole_;
};

// Samples [begin, end) of `dataset`. Throws Error{invalid argument} unless
// 0 <= begin <= end <= size.
DatasetPtr Slice(DatasetPtr dataset, int64_t begin, int64_t end);

// The first `count` samples, or all of them if there are fewer. Throws
// Error{invalid argument} for a negative count.
DatasetPtr Take(DatasetPtr dataset, int64_t count);

// Samples of these indices, in their order.
DatasetPtr Pick(DatasetPtr dataset, std::vector<int64_t> indices);

// The same samples, whose first input's numbers stand for others.
DatasetPtr WithReal(DatasetPtr dataset, const Affine& real);

// `count` indices, or all if there are fewer, drawn by the seed: of each class
// in turn, so that all are there as often as can be; of data without labels
// any.
std::vector<int64_t> DrawOverClasses(const Dataset& data, int64_t count,
                                     uint64_t seed);

}  // namespace litesmith

#endif  // LITESMITH_DATA_VIEWS_H_
