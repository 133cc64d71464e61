// The numbers by channel that a batch normalization in training goes by, and
// what is done with them: for the op's own kernel, and for those that compute a
// layer and its normalization in one.
#ifndef LITESMITH_OPS_TRAIN_BATCH_NORM_NUMBERS_H_
#define LITESMITH_OPS_TRAIN_BATCH_NORM_NUMBERS_H_

#include <cstddef>
#include <span>

#include "src/graph/op_def.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/norm/batch_norm.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {

// Whether a BATCH_NORM in training goes by the moments of the batch.
bool IsOfBatch(const PrepareContext& context);

// A partial result is two sums by channel and the number of rows that they are
// of. x, y and gradients are [rows, channels]; `inputs` are those of
// BATCH_NORM; `numbers` are bytes() of memory, of a step or of fixed moments.
class BatchNormNumbers {
 public:
  explicit BatchNormNumbers(const PrepareContext& context);

  size_t channels() const { return channels_; }
  int partials() const { return static_cast<int>(2 * channels_ + 1); }
  size_t bytes() const { return kArrays * channels_ * sizeof(float); }

  // Zeros, of so many rows in all.
  void ClearPartial(size_t rows, double* partial) const;
  // What some of these rows add to it.
  void AddForward(const float* x, size_t rows, double* partial) const;
  void AddBackward(const float* x, const float* dy, size_t rows,
                   const std::byte* numbers, double* partial,
                   const kernels::FakeQuantGrid* grid = nullptr) const;
  // Makes numbers of the partial results of all shards, `size` doubles each or
  // partials(); forward the moving moments follow.
  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* numbers, size_t size = 0) const;
  // By the moving moments, which do not depend on x.
  void SetMoving(const void* const* inputs, std::byte* numbers) const;

  // With a grid what is normalized is fake-quantized to it.
  void Normalize(const float* x, size_t rows, const std::byte* numbers,
                 float* y, const kernels::FakeQuantGrid* grid = nullptr) const;
  // What a value of channel c becomes without one.
  float ValueOf(float x, size_t c, const std::byte* numbers) const;
  void GradientOfInput(const float* x, const float* dy, size_t rows,
                       const std::byte* numbers, float* dx,
                       const kernels::FakeQuantGrid* grid = nullptr) const;
  // Of gamma and beta, either may be null. What counts is the sum over all
  // shards, which is known: each gives as much of it as it has rows.
  void ShareOfGradients(size_t rows, const std::byte* numbers, float* gamma,
                        float* beta) const;
  // Those of these rows themselves; `sums` are 2 * channels of workspace.
  void GradientsOf(const float* x, const float* dy, size_t rows,
                   const std::byte* numbers, double* sums, float* gamma,
                   float* beta) const;

 private:
  // What is computed by, one array of numbers by channel each. The means are of
  // g and of g * n, where n is x normalized.
  enum Array : uint8_t {
    kScale,
    kOffset,
    kMean,
    kInverse,
    kMeanG,
    kMeanGn,
    kSlope,
    kShift,
    kArrays
  };
  const float* Of(const std::byte* numbers, Array array) const {
    return reinterpret_cast<const float*>(numbers) + array * channels_;
  }
  void Set(size_t c, double mean, double variance, const void* const* inputs,
           float* to) const;
  void SetForward(size_t c, double rows, double mean, double mean_square,
                  void* const* inputs, float* to) const;
  void SetBackward(size_t c, double mean_g, double mean_gx, float* to) const;
  void Follow(double batch, float* moving) const;
  kernels::NormGradient Gradient(const float* x, const float* dy, size_t rows,
                                 const std::byte* numbers,
                                 const kernels::FakeQuantGrid* grid) const;

  BatchNormAttrs attrs_;
  kernels::FloatRange range_;
  bool unbiased_;
  bool has_gamma_;
  bool has_beta_;
  size_t channels_;
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_BATCH_NORM_NUMBERS_H_
