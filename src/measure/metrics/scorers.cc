// What the scorers share.
#include "src/measure/metrics/scorers.h"

#include <algorithm>

#include "src/data/values.h"
#include "src/runtime/feeder.h"

namespace litesmith {

OutputValues::OutputValues(const Tensor& output)
    : dtype_(output.dtype),
      size_(static_cast<size_t>(output.shape.NumElementsPerSample())),
      real_(RealOf(output)) {}

double OutputValues::operator()(const std::byte* output, size_t i) const {
  return real_.a[0] * StoredNumber(dtype_, output + i * SizeOf(dtype_)) +
         real_.b[0];
}

size_t OutputValues::Largest(const std::byte* output) const {
  size_t best = 0;
  for (size_t i = 1; i < size_; ++i) {
    if ((*this)(output, i) > (*this)(output, best)) best = i;
  }
  return best;
}

std::vector<double> Missed(std::span<const double> parts) {
  std::vector<double> missed;
  for (const double part : parts) missed.push_back(1 - part);
  return missed;
}

double MeanOf(std::span<const double> parts) {
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum / static_cast<double>(std::max<size_t>(1, parts.size()));
}

}  // namespace litesmith
