// The scorers of the metrics in metrics.cc's list, a file each family, and what
// they share.
#ifndef LITESMITH_MEASURE_METRICS_SCORERS_H_
#define LITESMITH_MEASURE_METRICS_SCORERS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/metrics.h"

namespace litesmith {

std::unique_ptr<Scorer> MakeTop1(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeTop5(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeTop3(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeBinary(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeCrossentropy(const Field& target,
                                         const Tensor& output);
std::unique_ptr<Scorer> MakeAuc(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeReconstructionAuc(const Field& target,
                                              const Tensor& output);
std::unique_ptr<Scorer> MakeMse(const Field& target, const Tensor& output);
std::unique_ptr<Scorer> MakeMae(const Field& target, const Tensor& output);

// One value of an output as the real number that it stands for.
class OutputValues {
 public:
  explicit OutputValues(const Tensor& output);
  size_t size() const { return size_; }
  double operator()(const std::byte* output, size_t i) const;
  // The place of the largest, the first of equal ones.
  size_t Largest(const std::byte* output) const;

 private:
  DType dtype_;
  size_t size_;
  Affine real_;
};

// 1 where a part is 0, 0 where it is 1: of shares.
std::vector<double> Missed(std::span<const double> parts);

// The mean of parts of width 1; 0 of none.
double MeanOf(std::span<const double> parts);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_METRICS_SCORERS_H_
