// mse and mae: how far the outputs are from as many values.
#include <cmath>
#include <vector>

#include "src/data/values.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

// The mean over the values of a sample of `kSquared` ? d^2 : |d|; the mean over
// samples of as many values each is that of all values.
template <bool kSquared>
class MeanError : public Scorer {
 public:
  MeanError(const Field& target, const Tensor& output)
      : target_(target), output_(output) {}

  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    const size_t bytes = SizeOf(target_.dtype);
    const size_t channels = target_.real.a.size();
    double sum = 0;
    for (size_t i = 0; i < output_.size(); ++i) {
      const double wanted =
          RealValue(target_.real, i % channels,
                    StoredNumber(target_.dtype, target + i * bytes));
      const double d = output_(output, i) - wanted;
      sum += kSquared ? d * d : std::fabs(d);
    }
    *part = sum / static_cast<double>(output_.size());
  }
  double Value(std::span<const double> parts) const override {
    return MeanOf(parts);
  }

 private:
  Field target_;
  OutputValues output_;
};

}  // namespace

std::unique_ptr<Scorer> MakeMse(const Field& target, const Tensor& output) {
  return std::make_unique<MeanError<true>>(target, output);
}

std::unique_ptr<Scorer> MakeMae(const Field& target, const Tensor& output) {
  return std::make_unique<MeanError<false>>(target, output);
}

}  // namespace litesmith
