// Samples with named fields, held as they are stored. A source (sources/) makes
// a Dataset; a view (views.h) makes one out of another. Nothing here knows
// models: what a tensor takes is made of the stored bytes by runtime/feeder.h.
#ifndef LITESMITH_DATA_DATASET_H_
#define LITESMITH_DATA_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/digest.h"
#include "src/base/dtype.h"
#include "src/base/shape.h"

namespace litesmith {

// The real value that a stored number x stands for: a * x + b, computed in
// doubles and rounded once to float32.
struct Affine {
  // One, or one for each channel, which is the index along the field's last
  // dimension. As many of both.
  std::vector<double> a = {1};
  std::vector<double> b = {0};

  bool operator==(const Affine&) const = default;
};

// One part of a sample: an image, a label, a row of features.
struct Field {
  std::string name;
  Shape shape;  // of one sample, without the batch; [] for one number
  DType dtype = DType::kFloat32;
  Affine real;

  // Of one sample as it is stored: row-major, without padding.
  size_t bytes() const {
    return static_cast<size_t>(shape.NumElements()) * SizeOf(dtype);
  }
  bool operator==(const Field&) const = default;
};

// What random changes of a sample (augmentation) may follow from, beside its
// index: so they are the same on any number of threads and after a restart.
struct Draw {
  uint64_t seed = 0;
  int64_t epoch = 0;
  // Whether there are any: the batches of training (Loader) are drawn, all
  // other samples are as they are.
  bool random = false;
};

// A finite, random-access set of samples. Immutable and safe to read from
// several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  // What a model is given, a field for each of its inputs, and what it is to
  // answer. Without targets it is to answer with its inputs. Fixed for the
  // object's life.
  virtual std::span<const Field> inputs() const = 0;
  virtual std::span<const Field> targets() const = 0;
  // The number of classes if the first target is a label in [0, classes);
  // else 0.
  virtual int classes() const { return 0; }
  // The same of target `target`.
  virtual int ClassesOf(size_t target) const {
    return target == 0 ? classes() : 0;
  }
  // What the classes are called, as many as there are; none if they have no
  // names.
  virtual std::span<const std::string> class_names() const { return {}; }
  // The same of target `target`.
  virtual std::span<const std::string> ClassNamesOf(size_t target) const {
    return target == 0 ? class_names() : std::span<const std::string>();
  }
  // Which sample that is, for messages: "sample 17 of labels.gz", counted from
  // 0 in the file that it is from.
  virtual std::string Origin(int64_t index) const {
    return "sample " + std::to_string(index);
  }
  // Writes the stored bytes of all fields of sample `index`, the inputs' first,
  // fields[f] having room for as many as the field has. Throws Error if the
  // sample cannot be had: a damaged file, a disk that fails.
  virtual void Read(int64_t index, Draw draw,
                    std::byte* const* fields) const = 0;
  // All samples of field `f`, counted as in Read, one after another, if that
  // is how they are in memory; else nothing.
  virtual std::span<const std::byte> Stored(size_t f) const {
    (void)f;
    return {};
  }
  // What tells the inputs of sample `index` from those of others, where that is
  // known without reading it, as of a file; else 0.
  virtual uint64_t InputDigest(int64_t index) const {
    (void)index;
    return 0;
  }
  // Adds what tells these samples from others.
  virtual void AddTo(Digest* digest) const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// Fields counted as in Read.
inline size_t NumFields(const Dataset& data) {
  return data.inputs().size() + data.targets().size();
}
inline const Field& FieldAt(const Dataset& data, size_t f) {
  const size_t inputs = data.inputs().size();
  return f < inputs ? data.inputs()[f] : data.targets()[f - inputs];
}
// Which field target `t` is; of data without targets it is input `t`.
inline size_t TargetAt(const Dataset& data, size_t t) {
  return data.targets().empty() ? t : data.inputs().size() + t;
}

// 16 hexadecimal digits that change when any sample of either half does.
inline std::string Fingerprint(const Dataset& train, const Dataset& test) {
  Digest digest;
  train.AddTo(&digest);
  test.AddTo(&digest);
  return digest.Hex();
}

}  // namespace litesmith

#endif  // LITESMITH_DATA_DATASET_H_
