// Statistics of the whole batch, forward and backward: a normalization of each
// feature, whose gradient needs sums over all samples as well.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "src/runtime/plan_fixture_test.h"
#include "src/runtime/training_plan.h"

namespace litesmith {
namespace {

constexpr double kEpsilon = 1e-3;

// y = (x - mean) / sqrt(variance + epsilon), by feature; its one state follows
// the mean of the first feature.
class NormalizeKernel : public TrainKernel {
 public:
  explicit NormalizeKernel(const PrepareContext&) {
    // Two sums by feature, and the samples that they are of.
    forward_partials = backward_partials = 2 * kFeatures + 1;
    shared_bytes = sizeof(Shared);
  }
  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    AddUp(a.batch, partial, [&](size_t i, size_t) {
      const double x = a.in<float>(0)[i];
      return std::array{x, x * x};
    });
  }
  void BackwardPartial(const BackwardArgs& a, double* partial) const override {
    const Shared& s = *reinterpret_cast<const Shared*>(a.shared);
    AddUp(a.batch, partial, [&](size_t i, size_t f) {
      const double dy = a.output_grads[0][i];
      return std::array{dy, dy * (In(a, 0)[i] - s.mean[f]) * s.scale[f]};
    });
  }
  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* shared) const override {
    Shared& s = *reinterpret_cast<Shared*>(shared);
    double sums[2 * kFeatures + 1] = {};
    for (size_t i = 0; i < partials.size(); ++i)
      sums[i % std::size(sums)] += partials[i];
    const double n = sums[2 * kFeatures];
    for (size_t f = 0; f < kFeatures; ++f) {
      const double first = sums[2 * f] / n;
      const double second = sums[2 * f + 1] / n;
      if (phase == Phase::kForward) {
        s.mean[f] = first;
        s.scale[f] = 1 / std::sqrt(second - first * first + kEpsilon);
      } else {
        s.mean_dy[f] = first;
        s.mean_dy_y[f] = second;
      }
    }
    if (phase == Phase::kForward)
      *static_cast<float*>(inputs[1]) = static_cast<float>(s.mean[0]);
  }
  void Run(const KernelArgs& a) const override {
    const Shared& s = *reinterpret_cast<const Shared*>(a.shared);
    for (size_t i = 0; i < Count(a.batch); ++i) {
      const size_t f = i % kFeatures;
      a.out<float>()[i] =
          static_cast<float>((a.in<float>(0)[i] - s.mean[f]) * s.scale[f]);
    }
  }
  void Backward(const BackwardArgs& a) const override {
    const Shared& s = *reinterpret_cast<const Shared*>(a.shared);
    for (size_t i = 0; i < Count(a.batch); ++i) {
      const size_t f = i % kFeatures;
      const double y = (In(a, 0)[i] - s.mean[f]) * s.scale[f];
      a.input_grads[0][i] =
          static_cast<float>(s.scale[f] * (a.output_grads[0][i] - s.mean_dy[f] -
                                           y * s.mean_dy_y[f]));
    }
  }

 private:
  struct Shared {
    double mean[kFeatures], scale[kFeatures];
    double mean_dy[kFeatures], mean_dy_y[kFeatures];
  };
  static size_t Count(int batch) {
    return static_cast<size_t>(batch) * kFeatures;
  }
  template <typename Terms>
  static void AddUp(int batch, double* partial, const Terms& terms) {
    std::fill_n(partial, 2 * kFeatures + 1, 0.0);
    for (size_t i = 0; i < Count(batch); ++i) {
      const auto two = terms(i, i % kFeatures);
      partial[2 * (i % kFeatures)] += two[0];
      partial[2 * (i % kFeatures) + 1] += two[1];
    }
    partial[2 * kFeatures] = batch;
  }
};
constexpr KernelRow kRows[] = {
    {"Normalize", Purpose::kTrain, {}, MakeKernel<NormalizeKernel>}};
const OpDef kNormalize = {.name = "TEST_NORMALIZE",
                          .summary = "",
                          .operands = kOperands.first(2),
                          .infer = InferSame,
                          .rows = kRows};

// x w -> normalized -> v, twice in a row.
Graph TwoNormalizations() {
  Builder b;
  TensorId at = b.Apply(kScale, {b.x, b.Parameter("w", {2, -3, 0.5f})});
  at = b.Apply(kNormalize, {at, b.State("first", 0)});
  at = b.Apply(kTestAdd,
               {at, b.Apply(kScale, {b.x, b.Parameter("v", {1, 2, 3})})});
  at = b.Apply(kNormalize, {at, b.State("second", 0)});
  return b.Finish(b.Apply(kScale, {at, b.Parameter("u", {1, 4, -2})}));
}

double Loss(Fixture* f, int batch) {
  f->Step(batch);
  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(batch) * kFeatures; ++i)
    sum += double{f->y[i]} * double{f->dy[i]};
  return sum;
}

TEST(TrainingStatistics, GradientsAreThoseOfTheWholeBatch) {
  // Full shards, unequal ones, and shards without a sample.
  for (const int batch : {32, 29, 7, 2}) {
    SCOPED_TRACE(batch);
    Fixture f(TwoNormalizations(), 32);
    Loss(&f, batch);
    const Floats gradients(f.plan().gradients().begin(),
                           f.plan().gradients().end());
    const std::span<float> w = f.plan().parameters();
    for (const char* name : {"w", "v", "u"}) {
      for (size_t i = 0; i < kFeatures; ++i) {
        const size_t at = f.OffsetOf(name) + i;
        const float before = w[at];
        const float h = 1e-2f;
        w[at] = before + h;
        const double above = Loss(&f, batch);
        w[at] = before - h;
        const double below = Loss(&f, batch);
        w[at] = before;
        const double want = (above - below) / (2.0 * double{h});
        EXPECT_NEAR(gradients[at], want, 1e-2 * (1 + std::abs(want)))
            << name << i;
      }
    }
  }
}

TEST(TrainingStatistics, MeansAreOfTheWholeBatch) {
  Fixture f(TwoNormalizations(), 32);
  f.Step(29);
  double mean = 0;
  for (size_t s = 0; s < 29; ++s) mean += 2.0 * double{f.x[s * kFeatures]} / 29;
  EXPECT_NEAR(ValuesOf(f.plan().Export(), "first")[0], mean, 1e-5);
}

TEST(TrainingStatistics, SameBitsOnAnyNumberOfThreads) {
  Fixture one(TwoNormalizations(), 61, 1);
  for (const int threads : {2, 4, 8}) {
    Fixture many(TwoNormalizations(), 61, threads);
    for (const int batch : {61, 13, 1}) {
      one.Step(batch);
      many.Step(batch);
      EXPECT_TRUE(std::equal(one.plan().gradients().begin(),
                             one.plan().gradients().end(),
                             many.plan().gradients().begin()));
      EXPECT_EQ(0, std::memcmp(
                       one.y.data(), many.y.data(),
                       static_cast<size_t>(batch) * kFeatures * sizeof(float)));
      const auto a = one.plan().states();
      const auto b = many.plan().states();
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
    }
  }
}

}  // namespace
}  // namespace litesmith
