// The training depthwise convolution against plain loops in double precision,
// on every SIMD target.
#include "src/kernels/depthwise/train.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

size_t U(int64_t n) { return static_cast<size_t>(n); }

struct Case {
  int h, w, in_c, multiplier, fh, fw, sh, sw, dh, dw;
  bool same;
};

const Case kCases[] = {
    {25, 5, 64, 1, 3, 3, 1, 1, 1, 1, true},
    {25, 5, 64, 1, 25, 5, 1, 1, 1, 1, false},
    {9, 8, 17, 1, 3, 3, 2, 2, 1, 1, true},
    {7, 6, 3, 1, 2, 3, 1, 2, 1, 1, false},
    {12, 9, 1, 8, 4, 3, 2, 2, 1, 1, true},
    {6, 7, 5, 3, 3, 3, 1, 1, 1, 1, true},
    {10, 9, 16, 1, 3, 2, 1, 1, 2, 3, true},
    {8, 7, 33, 1, 1, 2, 3, 4, 1, 1, false},
    {4, 3, 2, 2, 7, 5, 1, 1, 1, 1, true},
    {5, 5, 8, 1, 1, 1, 1, 1, 1, 1, false},
    // Several pixels in a vector, rows that are no whole vectors, and few.
    {9, 13, 8, 1, 3, 3, 1, 1, 1, 1, true},
    {6, 11, 4, 1, 3, 3, 1, 1, 1, 1, true},
    {7, 9, 1, 2, 3, 5, 1, 1, 1, 2, true},
    {8, 10, 4, 1, 3, 3, 2, 1, 1, 1, true},
    {8, 40, 2, 1, 3, 3, 1, 2, 1, 1, true},
};

Window WindowOf(const Case& c) {
  Window g;
  g.in_h = c.h, g.in_w = c.w, g.in_c = c.in_c, g.out_c = c.in_c * c.multiplier;
  g.filter_h = c.fh, g.filter_w = c.fw, g.filter_c = 1;
  g.stride_h = c.sh, g.stride_w = c.sw;
  g.dilation_h = c.dh, g.dilation_w = c.dw;
  SetOutput(c.same, &g);
  return g;
}

// Calls f(y index, x index, w index) for every product.
template <typename F>
void ForEachProduct(const Window& g, int batch, F&& f) {
  const int multiplier = g.out_c / g.in_c;
  for (int n = 0; n < batch; ++n)
    for (int oy = 0; oy < g.out_h; ++oy)
      for (int ox = 0; ox < g.out_w; ++ox)
        for (int ky = 0; ky < g.filter_h; ++ky)
          for (int kx = 0; kx < g.filter_w; ++kx) {
            const int iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
            const int ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            for (int o = 0; o < g.out_c; ++o)
              f(U(((int64_t{n} * g.out_h + oy) * g.out_w + ox) * g.out_c + o),
                U(((int64_t{n} * g.in_h + iy) * g.in_w + ix) * g.in_c +
                  o / multiplier),
                U((int64_t{ky} * g.filter_w + kx) * g.out_c + o));
          }
}

void ExpectClose(const Floats& got, const std::vector<double>& want,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 1.0;
  for (const double v : want) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 2e-6 * largest) << what << " " << i;
}

void Check(const Case& c, FloatRange range, bool with_bias) {
  constexpr int kBatch = 3;
  const Window g = WindowOf(c);
  const Floats x = Random(kBatch * g.in_size(), 1);
  const Floats w = Random(int64_t{g.filter_h} * g.filter_w * g.out_c, 2);
  const Floats bias = Random(g.out_c, 3);
  const Floats dy = Random(kBatch * g.out_size(), 4);
  std::vector<double> y(dy.size());
  ForEachProduct(g, kBatch, [&](size_t o, size_t i, size_t k) {
    y[o] += double{x[i]} * double{w[k]};
  });
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = std::clamp(y[i] + (with_bias ? bias[i % U(g.out_c)] : 0.0),
                      double{range.low}, double{range.high});
  }
  ForEachTarget([&] {
    const TrainDepthwise layer(g, range);
    // Contents of the workspace are undefined.
    Floats workspace(layer.workspace_bytes() / sizeof(float), 1e30f);
    Floats got(y.size(), 7);
    layer.Forward(kBatch, x.data(), w.data(), with_bias ? bias.data() : nullptr,
                  got.data(), workspace.data());
    ExpectClose(got, y, "y");

    std::vector<double> dx(x.size()), dw(w.size()), db(bias.size());
    const auto grad = [&](size_t i) {
      return range.Passes(got[i]) ? dy[i] : 0;
    };
    for (size_t i = 0; i < got.size(); ++i) db[i % U(g.out_c)] += grad(i);
    ForEachProduct(g, kBatch, [&](size_t o, size_t i, size_t k) {
      dx[i] += double{grad(o)} * double{w[k]};
      dw[k] += double{grad(o)} * double{x[i]};
    });
    Floats got_dx(x.size(), 7), got_dw(w.size(), 7), got_db(bias.size(), 7);
    std::fill(workspace.begin(), workspace.end(), 1e30f);
    layer.Backward(kBatch, x.data(), w.data(), got.data(), dy.data(),
                   got_dx.data(), got_dw.data(), got_db.data(),
                   workspace.data());
    ExpectClose(got_dx, dx, "dx");
    ExpectClose(got_dw, dw, "dw");
    ExpectClose(got_db, db, "db");

    // Each gradient alone is the same.
    Floats alone_dx(x.size(), 7), alone_dw(w.size(), 7);
    layer.Backward(kBatch, x.data(), w.data(), got.data(), dy.data(),
                   alone_dx.data(), nullptr, nullptr, workspace.data());
    layer.Backward(kBatch, x.data(), w.data(), got.data(), dy.data(), nullptr,
                   alone_dw.data(), nullptr, workspace.data());
    EXPECT_EQ(alone_dx, got_dx);
    EXPECT_EQ(alone_dw, got_dw);
    // Added to what is there.
    Floats added = got_dx;
    layer.Backward(kBatch, x.data(), w.data(), got.data(), dy.data(),
                   added.data(), nullptr, nullptr, workspace.data(), {}, true);
    for (double& sum : dx) sum *= 2;
    ExpectClose(added, dx, "dx, added");
  });
}

TEST(DepthwiseTrainTest, EqualsPlainLoops) {
  const FloatRange relu{0.0f, FloatRange().high};
  for (size_t i = 0; i < std::size(kCases); ++i) {
    SCOPED_TRACE(i);
    Check(kCases[i], FloatRange(), i % 2 == 0);
    Check(kCases[i], relu, true);
    Check(kCases[i], {-1, 1}, false);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace litesmith::kernels
