// auc and auc_reconstruction: the area under the ROC curve, exactly, by the
// ranks of the scores (Mann and Whitney); equal scores count half.
#include <algorithm>
#include <utility>
#include <vector>

#include "src/base/check.h"
#include "src/data/values.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

// Of pairs of a score and whether it is a positive's.
double AreaUnderCurve(std::span<const double> parts) {
  std::vector<std::pair<double, bool>> scores;
  for (size_t i = 0; i < parts.size(); i += 2)
    scores.emplace_back(parts[i], parts[i + 1] != 0);
  std::sort(scores.begin(), scores.end());
  double pairs = 0;  // of a positive above a negative, equal ones half
  double below = 0;  // negatives with a smaller score
  double positives = 0;
  for (size_t begin = 0; begin < scores.size();) {
    size_t end = begin;
    double equal[2] = {0, 0};
    for (; end < scores.size() && scores[end].first == scores[begin].first;
         ++end)
      ++equal[scores[end].second ? 1 : 0];
    pairs += equal[1] * (below + 0.5 * equal[0]);
    below += equal[0];
    positives += equal[1];
    begin = end;
  }
  const double all = positives * below;
  return all > 0 ? pairs / all : 0;
}

// How far a score is on the wrong side of the middle one.
std::vector<double> BeyondTheMiddle(std::span<const double> parts) {
  std::vector<double> scores;
  for (size_t i = 0; i < parts.size(); i += 2) scores.push_back(parts[i]);
  if (scores.empty()) return scores;
  std::vector<double> sorted = scores;
  const auto middle =
      sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  for (size_t i = 0; i < scores.size(); ++i) {
    const double beyond = scores[i] - *middle;
    scores[i] = parts[2 * i + 1] != 0 ? -beyond : beyond;
  }
  return scores;
}

class Auc : public Scorer {
 public:
  Auc(const Field& target, const Tensor& output)
      : target_(target.dtype), output_(output) {}

  size_t width() const override { return 2; }
  // The score: the value of class 1 beyond that of class 0, or the only value
  // that there is. Then whether the label is another than 0.
  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    part[0] = output_.size() > 1 ? output_(output, 1) - output_(output, 0)
                                 : output_(output, 0);
    part[1] = StoredNumber(target_, target) != 0;
  }
  double Value(std::span<const double> parts) const override {
    return AreaUnderCurve(parts);
  }
  std::vector<double> Wrongness(std::span<const double> parts) const override {
    return BeyondTheMiddle(parts);
  }

 private:
  DType target_;
  OutputValues output_;
};

// The score is how far the output is from the input.
class ReconstructionAuc : public Scorer {
 public:
  ReconstructionAuc(const Field& target, const Tensor& output)
      : target_(target.dtype), output_(output) {}

  size_t width() const override { return 2; }
  void SetInput(const Field& input) override { input_ = input; }
  void Part(const std::byte*, const std::byte*, double*) const override {
    LS_CHECK(false);  // PartWith is what is called
  }
  void PartWith(const std::byte* input, const std::byte* target,
                const std::byte* output, double* part) const override {
    const size_t channels = input_.real.a.size();
    const size_t bytes = SizeOf(input_.dtype);
    double sum = 0;
    for (size_t i = 0; i < output_.size(); ++i) {
      const double d =
          output_(output, i) -
          double{RealValue(input_.real, i % channels,
                           StoredNumber(input_.dtype, input + i * bytes))};
      sum += d * d;
    }
    part[0] = sum / static_cast<double>(output_.size());
    part[1] = StoredNumber(target_, target) != 0;
  }
  double Value(std::span<const double> parts) const override {
    return AreaUnderCurve(parts);
  }
  std::vector<double> Wrongness(std::span<const double> parts) const override {
    return BeyondTheMiddle(parts);
  }

 private:
  DType target_;
  OutputValues output_;
  Field input_;
};

}  // namespace

std::unique_ptr<Scorer> MakeReconstructionAuc(const Field& target,
                                              const Tensor& output) {
  return std::make_unique<ReconstructionAuc>(target, output);
}

std::unique_ptr<Scorer> MakeAuc(const Field& target, const Tensor& output) {
  return std::make_unique<Auc>(target, output);
}

}  // namespace litesmith
