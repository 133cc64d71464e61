// From the stored bytes of a sample to what a tensor takes. How is chosen once:
// a copy, a table of 256 values, or a conversion.
#ifndef LITESMITH_RUNTIME_FEEDER_H_
#define LITESMITH_RUNTIME_FEEDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/data/batch.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/runtime/interpreter.h"

namespace litesmith {

// The bytes of one sample of a tensor whose first dimension is the batch.
size_t SampleBytes(const Tensor& tensor);

// What a tensor's numbers stand for, by its scale and zero point; the numbers
// themselves where it has none, or one for each channel.
Affine RealOf(const Tensor& tensor);

class Feeder {
 public:
  // Floats become the field's real values (NaN stays NaN); integers with one
  // scale clamp(round(real / scale) + zero point), with the quotient in float32
  // and halves away from zero, and NaN becomes the zero point; integers without
  // a scale take whole numbers as they are. Throws Error{invalid argument} if
  // the field has another number of values than a sample of the tensor,
  // Error{unsupported} if the tensor cannot take real values, both naming it.
  Feeder(const Field& from, const Tensor& to);

  // Of one sample as the tensor takes it.
  size_t bytes() const { return count_ * element_; }
  // One sample. Safe to call from several threads.
  void operator()(const std::byte* sample, std::byte* out) const {
    run_(*this, sample, out);
  }
  // Samples [first, first + count) of a batch's field `f`, side by side.
  void operator()(const Batch& batch, size_t f, int first, int count,
                  std::byte* out) const;

 private:
  using Run = void (*)(const Feeder&, const std::byte*, std::byte*);

  static void Copy(const Feeder& feeder, const std::byte* sample,
                   std::byte* out);
  static void Scale(const Feeder& feeder, const std::byte* sample,
                    std::byte* out);
  template <typename T>
  static void LookUp(const Feeder& feeder, const std::byte* sample,
                     std::byte* out);
  static void Convert(const Feeder& feeder, const std::byte* sample,
                      std::byte* out);

  void MakeTable();
  bool ScaleIsExact();

  Run run_ = nullptr;
  size_t count_;    // values of a sample
  size_t element_;  // bytes of one in the tensor
  Field from_;
  DType to_;
  float scale_ = 0;  // of an integer tensor; 0: none
  int32_t zero_ = 0;
  // [channels][256] values as the tensor takes them, by the stored byte.
  std::vector<std::byte> table_;
  float high_ = 0;  // real = byte * high_ + byte * low_
  float low_ = 0;
};

// Feeds the fields of samples to a model's inputs, each to that of its place.
class InputFeeder {
 public:
  // Throws Error{invalid argument} unless there is a field for every input, and
  // what Feeder throws.
  InputFeeder(std::span<const Field> fields, const Graph& to);
  InputFeeder(std::span<const Field> fields, const Interpreter& to);

  // Samples [first, first + count) of a batch, to memory of each input.
  void operator()(const Batch& batch, int first, int count,
                  std::span<std::byte* const> inputs) const;
  // The whole batch to the first samples of an interpreter's inputs.
  void operator()(const Batch& batch, Interpreter* to) const;
  const Feeder& input(size_t i) const { return feeders_[i]; }
  size_t num_inputs() const { return feeders_.size(); }

 private:
  InputFeeder(std::span<const Field> fields,
              const std::vector<const Tensor*>& inputs);

  std::vector<Feeder> feeders_;
};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_FEEDER_H_
