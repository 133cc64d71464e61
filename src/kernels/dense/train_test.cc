// The fully connected layer of training against plain loops of doubles, on
// every SIMD target.
#include "src/kernels/dense/train.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

TEST(DenseTrainTest, DenseMatchesPlainLoops) {
  const struct {
    DenseShape size;
    int rows;
  } kCases[] = {{{2028, 10}, 16}, {{3, 1}, 1},    {{17, 33}, 5},
                {{640, 12}, 37},  {{300, 16}, 3}, {{16, 3}, 20}};
  const FloatRange kRelu{0.0f, FloatRange().high};
  for (const auto& c : kCases) {
    const auto in = static_cast<size_t>(c.size.depth);
    const auto out = static_cast<size_t>(c.size.outputs);
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
