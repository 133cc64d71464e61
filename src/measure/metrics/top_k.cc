// top1 and top5: whether few outputs are larger than the label's.
#include <cstdint>
#include <vector>

#include "src/base/check.h"
#include "src/data/values.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

// How many of the values come before the label's: the larger ones, and of equal
// ones those in front. A positive scale keeps the order, so integers are
// compared as they are.
template <typename T>
int Rank(const std::byte* output, int classes, int label) {
  const T* values = reinterpret_cast<const T*>(output);
  const T own = values[label];
  int rank = 0;
  for (int c = 0; c < classes; ++c)
    rank += values[c] > own || (values[c] == own && c < label);
  return rank;
}

int RankOf(DType dtype, const std::byte* output, int classes, int label) {
  switch (dtype) {
    case DType::kFloat32:
      return Rank<float>(output, classes, label);
    case DType::kInt8:
      return Rank<int8_t>(output, classes, label);
    case DType::kUInt8:
      return Rank<uint8_t>(output, classes, label);
    case DType::kInt16:
      return Rank<int16_t>(output, classes, label);
    default:
      LS_CHECK(false);
  }
  return 0;
}

class TopK : public Scorer {
 public:
  TopK(const Field& target, const Tensor& output, int k)
      : target_(target.dtype),
        output_(output.dtype),
        classes_(static_cast<int>(output.shape.NumElementsPerSample())),
        k_(k) {}

  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    const auto label = static_cast<int>(StoredNumber(target_, target));
    *part = RankOf(output_, output, classes_, label) < k_ ? 1 : 0;
  }
  double Value(std::span<const double> parts) const override {
    return MeanOf(parts);
  }
  std::vector<double> Wrongness(std::span<const double> parts) const override {
    return Missed(parts);
  }

 private:
  DType target_;
  DType output_;
  int classes_;
  int k_;
};

}  // namespace

std::unique_ptr<Scorer> MakeTop1(const Field& target, const Tensor& output) {
  return std::make_unique<TopK>(target, output, 1);
}

std::unique_ptr<Scorer> MakeTop3(const Field& target, const Tensor& output) {
  return std::make_unique<TopK>(target, output, 3);
}

std::unique_ptr<Scorer> MakeTop5(const Field& target, const Tensor& output) {
  return std::make_unique<TopK>(target, output, 5);
}

}  // namespace litesmith
