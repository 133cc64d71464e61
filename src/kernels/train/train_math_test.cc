// Optimizer, loss, sums, fake quantization and the fully connected layer,
// against plain loops, on every SIMD target.
#include "src/kernels/train/train_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "hwy/targets.h"
#include "src/kernels/dense/train.h"

namespace litesmith::kernels {
namespace {

using Floats = std::vector<float>;

Floats Random(size_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Floats v(n);
  for (float& f : v) f = uniform(rng);
  return v;
}

class TrainMathTest : public testing::Test {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
  template <typename F>
  void ForEachTarget(F&& f) {
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      hwy::SetSupportedTargetsForTest(target);
      f();
    }
    hwy::SetSupportedTargetsForTest(0);
  }
};

TEST_F(TrainMathTest, AdamIsKeras) {
  const size_t n = 37;
  const Floats g = Random(n, 1), w0 = Random(n, 2), m0 = Random(n, 3);
  Floats v0 = Random(n, 4);
  for (float& v : v0) v = std::abs(v);
  const float alpha = 3e-4f, b1 = 0.1f, b2 = 0.001f, eps = 1e-7f;
  Floats w = w0, m = m0, v = v0;
  for (size_t i = 0; i < n; ++i) {
    const float dm = (g[i] - m[i]) * b1;
    m[i] += dm;
    const float square = g[i] * g[i];
    const float dv = (square - v[i]) * b2;
    v[i] += dv;
    w[i] -= m[i] * alpha / (std::sqrt(v[i]) + eps);
  }
  ForEachTarget([&] {
    Floats w1 = w0, m1 = m0, v1 = v0;
    AdamStep(w1.data(), m1.data(), v1.data(), g.data(), n, alpha, b1, b2, eps);
    EXPECT_EQ(w1, w);
    EXPECT_EQ(m1, m);
    EXPECT_EQ(v1, v);
  });
}

TEST_F(TrainMathTest, SumsShardsInATree) {
  const size_t stride = 41;
  const Floats s = Random(stride * 8, 5);
  const auto at = [&](size_t shard, size_t i) { return s[shard * stride + i]; };
  ForEachTarget([&] {
    Floats out(stride, 9.0f);
    SumShards(s.data(), stride, 8, 3, 38, out.data());
    for (size_t i = 3; i < 38; ++i) {
      EXPECT_EQ(out[i], ((at(0, i) + at(1, i)) + (at(2, i) + at(3, i))) +
                            ((at(4, i) + at(5, i)) + (at(6, i) + at(7, i))));
    }
    EXPECT_EQ(out[2], 9.0f);
    EXPECT_EQ(out[38], 9.0f);
    SumShards(s.data(), stride, 3, 0, stride, out.data());
    EXPECT_EQ(out[7], (at(0, 7) + at(1, 7)) + at(2, 7));
    SumShards(s.data(), stride, 1, 0, stride, out.data());
    EXPECT_EQ(out[40], at(0, 40));
  });
}

TEST_F(TrainMathTest, SoftmaxCrossEntropyMatchesDoubles) {
  for (const int classes : {2, 10, 16, 33}) {
    const int batch = 7;
    const auto n = static_cast<size_t>(batch * classes);
    Floats x = Random(n, 6, 8.0f);
    std::fill_n(x.begin(), classes, 2.0f);  // a tie: the lowest wins
    x[n - 1] = 200.0f;                      // no overflow
    std::vector<int32_t> labels = {0, 1, 0, 1, 1, 0, 0};
    double want_loss = 0;
    int want_correct = 0;
    std::vector<double> want(n);
    for (int b = 0; b < batch; ++b) {
      const float* row = x.data() + b * classes;
      const float* best = std::max_element(row, row + classes);
      double sum = 0;
      for (int c = 0; c < classes; ++c) sum += std::exp(double{row[c]} - *best);
      want_loss += std::log(sum) + *best - row[labels[b]];
      want_correct += best - row == labels[b];
      for (int c = 0; c < classes; ++c) {
        want[b * classes + c] = (std::exp(double{row[c]} - *best) / sum -
                                 (c == labels[b] ? 1.0 : 0.0)) *
                                0.25;
      }
    }
    ForEachTarget([&] {
      double loss = 1e9;
      int correct = 99;
      Floats grad(n + 1, 5.0f);
      SoftmaxCrossEntropy(x.data(), labels.data(), batch, classes, 0.25f, &loss,
                          &correct, grad.data());
      EXPECT_NEAR(loss, want_loss, 1e-5 * want_loss);
      EXPECT_EQ(correct, want_correct);
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(grad[i], want[i], 1e-6);
      EXPECT_EQ(grad[n], 5.0f);
    });
  }
}

// TensorFlow's fake_quant_ops_functor.h, in plain float.
float NaiveFakeQuant(float x, float min, float max, float qmin, float qmax,
                     bool inverse) {
  const float scale = (max - min) / (qmax - qmin);
  const float from_min = qmin - min / scale;
  const float zero = std::round(std::clamp(from_min, qmin, qmax));
  const float low = (qmin - zero) * scale, high = (qmax - zero) * scale;
  const float shifted = std::max(std::min(x, high), low) - low;
  const float inv = 1.0f / scale;
  const float steps = inverse ? shifted * inv : shifted / scale;
  const float quant_zero =
      std::floor((inverse ? -low * inv : -low / scale) + 0.5f);
  return std::floor(steps - quant_zero + 0.5f) * scale;
}

TEST_F(TrainMathTest, FakeQuantIsTensorFlows) {
  const size_t n = 1003;
  const Floats x = Random(n, 7, 8.0f), dy = Random(n, 8);
  const struct {
    float min, max;
    int qmin, qmax;
  } kCases[] = {{-6, 6, 0, 255},
                {-1.27f, 1.27f, 1, 255},
                {0, 5.3f, 0, 255},
                {-0.013f, 7.9f, 0, 65535},
                {-3, 0, 0, 15}};
  for (const auto& c : kCases) {
    const auto low = static_cast<float>(c.qmin);
    const auto high = static_cast<float>(c.qmax);
    const NudgedRange r = NudgeRange(c.min, c.max, c.qmin, c.qmax);
    ForEachTarget([&] {
      Floats y(n), dx(n);
      FakeQuantF32(x.data(), n, c.min, c.max, c.qmin, c.qmax, y.data());
      FakeQuantGradF32(x.data(), dy.data(), n, c.min, c.max, c.qmin, c.qmax,
                       dx.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i], NaiveFakeQuant(x[i], c.min, c.max, low, high, false));
        ASSERT_EQ(dx[i], x[i] >= r.min && x[i] <= r.max ? dy[i] : 0.0f);
      }
      // [17, 59] with a range for each row, then for each column.
      const Floats min(59, c.min);
      Floats max(59, c.max);
      max[3] = c.max + 1.0f;
      FakeQuantF32c(x.data(), 1, 17, 59, min.data(), max.data(), c.qmin, c.qmax,
                    y.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i],
                  NaiveFakeQuant(x[i], c.min, max[i / 59], low, high, true));
      }
      FakeQuantF32c(x.data(), 17, 59, 1, min.data(), max.data(), c.qmin, c.qmax,
                    y.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i],
                  NaiveFakeQuant(x[i], c.min, max[i % 59], low, high, true));
      }
    });
  }
  ForEachTarget([&] {
    Floats y(n, 3.0f), dx(n);
    FakeQuantF32(x.data(), n, 0, 0, 0, 255, y.data());
    EXPECT_EQ(y, Floats(n, 0.0f));
    FakeQuantGradF32(x.data(), dy.data(), n, 0, 0, 0, 255, dx.data());
    EXPECT_EQ(dx, dy);
  });
}

TEST_F(TrainMathTest, MinMax) {
  for (const size_t n : {1u, 5u, 16u, 100u}) {
    const Floats x = Random(n, 9);
    ForEachTarget([&] {
      float min = 0, max = 0;
      MinMaxF32(x.data(), n, &min, &max);
      EXPECT_EQ(min, *std::min_element(x.begin(), x.end()));
      EXPECT_EQ(max, *std::max_element(x.begin(), x.end()));
    });
  }
}

TEST_F(TrainMathTest, DenseMatchesPlainLoops) {
  const struct {
    DenseSize size;
    int rows;
  } kCases[] = {{{2028, 10}, 16}, {{3, 1}, 1},    {{17, 33}, 5},
                {{640, 12}, 37},  {{300, 16}, 3}, {{16, 3}, 20}};
  const FloatRange kRelu{0.0f, FloatRange().high};
  for (const auto& c : kCases) {
    const auto in = static_cast<size_t>(c.size.in);
    const auto out = static_cast<size_t>(c.size.out);
    const auto rows = static_cast<size_t>(c.rows);
    const FloatRange range = c.rows % 2 == 0 ? FloatRange() : kRelu;
    const Floats x = Random(rows * in, 1), w = Random(out * in, 2, 0.2f);
    const Floats bias = Random(out, 3), dy = Random(rows * out, 4);
    std::vector<double> y(rows * out), dx(x.size()), dw(w.size()), db(out);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < out; ++o) {
        double sum = bias[o];
        for (size_t i = 0; i < in; ++i) {
          sum += double{x[r * in + i]} * double{w[o * in + i]};
        }
        y[r * out + o] = std::clamp<double>(sum, range.low, range.high);
      }
    }
    const Floats y_float(y.begin(), y.end());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < out; ++o) {
        const double g =
            range.Passes(y_float[r * out + o]) ? dy[r * out + o] : 0.0;
        db[o] += g;
        for (size_t i = 0; i < in; ++i) {
          dx[r * in + i] += g * w[o * in + i];
          dw[o * in + i] += g * x[r * in + i];
        }
      }
    }
    const auto expect = [](const Floats& got, const std::vector<double>& want) {
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], want[i], 2e-5) << i;
      }
    };
    ForEachTarget([&] {
      Floats work(DenseWorkspace(c.size, c.rows), NAN);
      Floats got(y.size(), NAN);
      DenseF32(c.size, range, c.rows, x.data(), w.data(), bias.data(),
               got.data(), work.data());
      expect(got, y);
      Floats gx(x.size(), NAN), gw(w.size(), NAN), gb(out, NAN);
      DenseGradF32(c.size, range, c.rows, x.data(), w.data(), y_float.data(),
                   dy.data(), gx.data(), gw.data(), gb.data(), work.data());
      expect(gx, dx);
      expect(gw, dw);
      expect(gb, db);
    });
  }
}

}  // namespace
}  // namespace litesmith::kernels
