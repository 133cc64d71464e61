// Labelled samples. A source (idx.cc, digits.cc, ...) makes a Dataset; a
// decorator (decorators.h) makes one out of another. Nothing here knows models.
#ifndef LITESMITH_DATA_DATASET_H_
#define LITESMITH_DATA_DATASET_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "src/base/shape.h"

namespace litesmith {

// A finite, random-access set of samples with one class label each. Immutable
// and safe to read from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  // The shape of one sample, without the batch: [28, 28] for MNIST.
  virtual Shape sample_shape() const = 0;
  // The number of classes; labels are in [0, classes).
  virtual int classes() const = 0;
  virtual int32_t label(int64_t index) const = 0;
  // Which sample that is, for messages: "sample 17 of labels.gz", counted from
  // 0 in the file that has its label.
  virtual std::string Origin(int64_t index) const {
    return "sample " + std::to_string(index);
  }
  // Writes sample `index` as float32, row-major, sample_shape().NumElements()
  // values, already normalised (pixels / 255). Never fails, never allocates.
  virtual void Read(int64_t index, float* out) const = 0;
  // Says that this sample will be read soon. A shuffled epoch jumps through
  // more memory than the caches hold, and no processor foresees where to.
  virtual void Prefetch(int64_t index) const { (void)index; }
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// The two halves that every source gives.
struct DataSplits {
  std::string name;         // "mnist", "digits": for reports
  std::string fingerprint;  // changes when any sample or label does (hex)
  DatasetPtr train;
  DatasetPtr test;
};

}  // namespace litesmith

#endif  // LITESMITH_DATA_DATASET_H_
