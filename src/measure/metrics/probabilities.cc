// binary and crossentropy: outputs as probabilities.
#include <algorithm>
#include <cmath>
#include <vector>

#include "src/data/values.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

class Binary : public Scorer {
 public:
  Binary(const Field& target, const Tensor& output)
      : target_(target), output_(output) {}

  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    const size_t values = static_cast<size_t>(target_.shape.NumElements());
    bool right = true;
    if (values == 1 && output_.size() > 1) {
      size_t best = 0;
      for (size_t i = 1; i < output_.size(); ++i) {
        if (output_(output, i) > output_(output, best)) best = i;
      }
      right = (best != 0) == (Target(target, 0) > 0.5);
    } else {
      for (size_t i = 0; i < output_.size(); ++i)
        right &= (output_(output, i) >= 0.5) == (Target(target, i) > 0.5);
    }
    *part = right ? 1 : 0;
  }
  double Value(std::span<const double> parts) const override {
    return MeanOf(parts);
  }
  std::vector<double> Wrongness(std::span<const double> parts) const override {
    return Missed(parts);
  }

 private:
  double Target(const std::byte* target, size_t i) const {
    return RealValue(
        target_.real, i % target_.real.a.size(),
        StoredNumber(target_.dtype, target + i * SizeOf(target_.dtype)));
  }
  Field target_;
  OutputValues output_;
};

class Crossentropy : public Scorer {
 public:
  Crossentropy(const Field& target, const Tensor& output)
      : target_(target.dtype), output_(output) {}

  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    const auto label = static_cast<size_t>(StoredNumber(target_, target));
    double sum = 0;
    double largest = output_(output, 0);
    bool shares = true;
    for (size_t i = 0; i < output_.size(); ++i) {
      const double value = output_(output, i);
      sum += value;
      largest = std::max(largest, value);
      shares &= value >= 0;
    }
    // Integers' roundings may add up to some hundredths.
    if (shares && std::abs(sum - 1) < 0.05) {
      *part = -std::log(std::max(1e-7, output_(output, label) / sum));
      return;
    }
    double exponents = 0;
    for (size_t i = 0; i < output_.size(); ++i)
      exponents += std::exp(output_(output, i) - largest);
    *part = std::log(exponents) - (output_(output, label) - largest);
  }
  double Value(std::span<const double> parts) const override {
    return MeanOf(parts);
  }

 private:
  DType target_;
  OutputValues output_;
};

}  // namespace

std::unique_ptr<Scorer> MakeBinary(const Field& target, const Tensor& output) {
  return std::make_unique<Binary>(target, output);
}

std::unique_ptr<Scorer> MakeCrossentropy(const Field& target,
                                         const Tensor& output) {
  return std::make_unique<Crossentropy>(target, output);
}

}  // namespace litesmith
