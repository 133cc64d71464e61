// The training convolutions, alone and fused with pooling, against plain loops
// in double precision, on every SIMD target.
#include "src/kernels/conv/train.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/train_pool.h"
#include "src/kernels/conv/train_winograd.h"
#include "src/kernels/pool/train.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

size_t U(int64_t n) { return static_cast<size_t>(n); }

struct Case {
  int h, w, in_c, out_c, fh, fw, sh, sw, dh, dw;
  bool same;
};

Window WindowOf(const Case& c) {
  Window g;
  g.in_h = c.h, g.in_w = c.w, g.in_c = g.filter_c = c.in_c, g.out_c = c.out_c;
  g.filter_h = c.fh, g.filter_w = c.fw, g.stride_h = c.sh, g.stride_w = c.sw;
  g.dilation_h = c.dh, g.dilation_w = c.dw;
  SetOutput(c.same, &g);
  return g;
}

// Calls f(y index, x index, w index) for every product of the convolution.
template <typename F>
void ForEachProduct(const Window& g, int batch, F&& f) {
  for (int n = 0; n < batch; ++n)
    for (int oy = 0; oy < g.out_h; ++oy)
      for (int ox = 0; ox < g.out_w; ++ox)
        for (int ky = 0; ky < g.filter_h; ++ky)
          for (int kx = 0; kx < g.filter_w; ++kx) {
            const int iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
            const int ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            for (int o = 0; o < g.out_c; ++o)
              for (int c = 0; c < g.in_c; ++c)
                f(U(((int64_t{n} * g.out_h + oy) * g.out_w + ox) * g.out_c + o),
                  U(((int64_t{n} * g.in_h + iy) * g.in_w + ix) * g.in_c + c),
                  U(((int64_t{o} * g.filter_h + ky) * g.filter_w + kx) *
                        g.in_c +
                    c));
          }
}

Floats NaiveForward(const Window& g, FloatRange range, int batch,
                    const Floats& x, const Floats& w, const Floats& bias) {
  std::vector<double> sum(U(batch * g.out_size()), 0.0);
  ForEachProduct(g, batch, [&](size_t y, size_t i, size_t k) {
    sum[y] += double{x[i]} * double{w[k]};
  });
  Floats y(sum.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const double v = sum[i] + (bias.empty() ? 0.0 : bias[i % U(g.out_c)]);
    y[i] = std::clamp(static_cast<float>(v), range.low, range.high);
  }
  return y;
}

struct Gradients {
  std::vector<double> dx, dw, db;
};
Gradients NaiveBackward(const Window& g, FloatRange range, int batch,
                        const Floats& x, const Floats& w, const Floats& y,
                        const Floats& dy) {
  Gradients r;
  r.dx.assign(x.size(), 0.0);
  r.dw.assign(w.size(), 0.0);
  r.db.assign(U(g.out_c), 0.0);
  const auto grad = [&](size_t i) { return range.Passes(y[i]) ? dy[i] : 0.0f; };
  for (size_t i = 0; i < y.size(); ++i) r.db[i % U(g.out_c)] += grad(i);
  ForEachProduct(g, batch, [&](size_t i, size_t at, size_t k) {
    r.dx[at] += double{grad(i)} * double{w[k]};
    r.dw[k] += double{grad(i)} * double{x[at]};
  });
  return r;
}

template <typename A, typename B>
void ExpectClose(const A& got, const B& want, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 1.0;
  for (const auto v : want) largest = std::max(largest, std::abs(double{v}));
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], want[i], tolerance * largest) << what << " " << i;
  }
}

const FloatRange kRelu{0.0f, FloatRange().high};
const FloatRange kRanges[] = {FloatRange(), kRelu, {0, 6}, {-1, 1}};

const Case kCases[] = {
    {28, 28, 1, 12, 3, 3, 1, 1, 1, 1, false},
    {9, 11, 3, 16, 3, 3, 1, 1, 1, 1, true},
    {7, 9, 10, 33, 3, 3, 2, 2, 1, 1, true},
    {8, 8, 16, 12, 3, 3, 2, 1, 1, 1, true},
    {8, 8, 16, 32, 1, 1, 2, 2, 1, 1, true},
    {6, 5, 33, 3, 3, 2, 1, 2, 1, 1, false},
    {10, 12, 3, 10, 3, 3, 1, 1, 2, 2, true},
    {13, 11, 2, 5, 3, 3, 2, 3, 2, 3, true},
    {13, 9, 2, 17, 5, 5, 1, 1, 1, 1, true},
    {12, 15, 1, 6, 5, 5, 1, 1, 1, 1, true},
    {9, 12, 1, 10, 3, 3, 1, 1, 1, 1, true},
    {8, 40, 1, 33, 3, 3, 1, 1, 1, 1, false},
    {8, 9, 1, 16, 3, 3, 1, 1, 1, 1, false},
    {4, 4, 12, 64, 3, 3, 1, 1, 1, 1, true},
    {5, 40, 1, 1, 2, 7, 3, 3, 1, 1, false},
    {3, 3, 4, 70, 3, 3, 1, 1, 1, 1, false},
    {1, 1, 10, 1, 1, 1, 1, 1, 1, 1, true},
    // A stride above the filter: inputs that no output reads.
    {9, 9, 3, 4, 2, 2, 4, 4, 1, 1, false},
};

AlignedFloats Workspace(size_t bytes) {
  AlignedFloats floats;
  floats.Resize(bytes / sizeof(float));
  // Whatever was there before may not matter.
  std::fill_n(floats.data(), floats.size(),
              std::numeric_limits<float>::quiet_NaN());
  return floats;
}

// The n-th of some cases, by a layer.
template <class Layer>
void ExpectPlainLoops(const Case& of, size_t n, double tolerance) {
  constexpr int kBatch = 3;
  SCOPED_TRACE(n);
  const Window g = WindowOf(of);
  const FloatRange range = kRanges[n % 4];
  const Floats x = Random(kBatch * g.in_size(), 1);
  const Floats w = Random(g.out_c * g.taps(), 2, 0.5f);
  const Floats bias = n % 3 == 2 ? Floats() : Random(g.out_c, 3);
  const Floats dy = Random(kBatch * g.out_size(), 4);
  const Floats y = NaiveForward(g, range, kBatch, x, w, bias);
  const Gradients want = NaiveBackward(g, range, kBatch, x, w, y, dy);
  ForEachTarget([&] {
    Layer conv(g, range);
    AlignedFloats work = Workspace(conv.workspace_bytes());
    conv.Pack(w.data());
    Floats got(y.size());
    conv.Forward(kBatch, x.data(), bias.empty() ? nullptr : bias.data(),
                 got.data(), work.data());
    ExpectClose(got, y, tolerance, "y");
    Floats dx(x.size(), NAN), dw(w.size(), NAN), db(U(g.out_c), NAN);
    conv.Backward(kBatch, x.data(), y.data(), dy.data(), dx.data(), dw.data(),
                  db.data(), work.data());
    ExpectClose(dx, want.dx, tolerance, "dx");
    ExpectClose(dw, want.dw, tolerance, "dw");
    ExpectClose(db, want.db, tolerance, "db");
    // Each gradient alone is the same.
    Floats alone(w.size(), NAN);
    conv.Backward(kBatch, x.data(), y.data(), dy.data(), nullptr, alone.data(),
                  nullptr, work.data());
    EXPECT_EQ(alone, dw);
    // What stands behind it gives the gradient itself.
    if (!range.IsNone()) return;
    Floats given(x.size(), NAN);
    conv.Backward(kBatch, x.data(), nullptr, nullptr, given.data(),
                  alone.data(), nullptr, work.data(),
                  {[&](size_t first, size_t pixels, float* to) {
                     std::copy_n(dy.data() + first * U(g.out_c),
                                 pixels * U(g.out_c), to);
                   },
                   {dy.data()}});
    EXPECT_EQ(given, dx);
    EXPECT_EQ(alone, dw);
    // Added to what is there.
    Floats added = dx;
    std::vector<double> twice(dx.begin(), dx.end());
    for (double& sum : twice) sum *= 2;
    conv.Backward(kBatch, x.data(), y.data(), dy.data(), added.data(), nullptr,
                  nullptr, work.data(), {}, true);
    ExpectClose(added, twice, tolerance, "dx, added");
  });
}

TEST(TrainConvTest, MatchesPlainLoops) {
  for (size_t n = 0; n < std::size(kCases); ++n)
    ExpectPlainLoops<TrainConv>(kCases[n], n, 2e-6);
}

TEST(TrainWinogradTest, MatchesPlainLoops) {
  const Case cases[] = {
      {32, 32, 16, 16, 3, 3, 1, 1, 1, 1, true},
      {4, 4, 64, 70, 3, 3, 1, 1, 1, 1, true},
      {5, 6, 3, 33, 3, 3, 1, 1, 1, 1, true},
      {9, 7, 12, 20, 3, 3, 1, 1, 1, 1, false},
      {6, 90, 32, 9, 3, 3, 1, 1, 1, 1, true},
      {13, 4, 1, 1, 3, 3, 1, 1, 1, 1, true},
  };
  for (size_t n = 0; n < std::size(cases); ++n)
    ExpectPlainLoops<TrainWinograd>(cases[n], n, 1e-5);
}

struct PoolCase {
  int h, w;
};

Window PoolWindow(const Window& conv, PoolCase c) {
  Window p;
  p.in_h = conv.out_h, p.in_w = conv.out_w, p.in_c = p.out_c = conv.out_c;
  p.filter_h = p.stride_h = c.h, p.filter_w = p.stride_w = c.w;
  p.out_h = p.in_h / c.h, p.out_w = p.in_w / c.w;
  return p;
}

TEST(TrainConvPoolTest, EqualsUnfused) {
  constexpr int kBatch = 4;
  const PoolCase kPools[] = {{2, 2}, {3, 2}, {1, 3}};
  for (size_t n = 0; n < std::size(kCases); ++n) {
    const Window g = WindowOf(kCases[n]);
    const FloatRange range = kRanges[(n + 1) % 4];
    // 2x2 for one channel, which has a path of its own.
    const Window p = PoolWindow(g, kPools[kCases[n].in_c == 1 ? 0 : n % 3]);
    if (p.out_h == 0 || p.out_w == 0) continue;
    Floats x = Random(kBatch * g.in_size(), 1);
    // Blank below in the first image, above in the second.
    std::fill_n(x.begin() + g.in_size() / 2, g.in_size(), 0.0f);
    const Floats w = Random(g.out_c * g.taps(), 2, 0.5f);
    const Floats bias = n % 3 == 2 ? Floats() : Random(g.out_c, 3);
    const float* b = bias.empty() ? nullptr : bias.data();
    const Floats dy = Random(kBatch * p.out_size(), 4);
    ForEachTarget([&] {
      SCOPED_TRACE(n);
      TrainConvPool fused(g, range, p, /*input_gradient=*/true);
      fused.Pack(w.data());
      AlignedFloats work = Workspace(fused.workspace_bytes());
      std::vector<uint8_t> winners(fused.saved_bytes(kBatch), 77);
      Floats y(dy.size(), NAN);
      fused.Forward(kBatch, x.data(), b, y.data(), winners.data(), work.data());
      Floats dx(x.size(), NAN), dw(w.size(), NAN), db(U(g.out_c), NAN);
      fused.Backward(kBatch, x.data(), y.data(), dy.data(), winners.data(),
                     dx.data(), dw.data(), db.data(), work.data());

      TrainConv conv(g, range);
      conv.Pack(w.data());
      AlignedFloats work2 = Workspace(conv.workspace_bytes());
      Floats middle(U(kBatch * g.out_size()), NAN), want_y(y.size(), NAN);
      conv.Forward(kBatch, x.data(), b, middle.data(), work2.data());
      std::vector<uint8_t> want_winners(y.size() + kWinnerSlack);
      MaxPoolF32(p, FloatRange(), kBatch, middle.data(), want_y.data(),
                 want_winners.data());
      Floats dmiddle(middle.size(), NAN);
      MaxPoolGradF32(p, FloatRange(), kBatch, want_y.data(), dy.data(),
                     want_winners.data(), dmiddle.data());
      Floats want_dx(x.size(), NAN), want_dw(w.size(), NAN),
          want_db(U(g.out_c), NAN);
      conv.Backward(kBatch, x.data(), middle.data(), dmiddle.data(),
                    want_dx.data(), want_dw.data(), want_db.data(),
                    work2.data());
      ExpectClose(y, want_y, 1e-6, "y");
      ExpectClose(dx, want_dx, 1e-5, "dx");
      ExpectClose(dw, want_dw, 1e-5, "dw");
      ExpectClose(db, want_db, 1e-5, "db");
      // Weights alone, as in a first layer.
      TrainConvPool first(g, range, p, /*input_gradient=*/false);
      first.Pack(w.data());
      AlignedFloats work3 = Workspace(first.workspace_bytes());
      std::vector<uint8_t> saved(first.saved_bytes(kBatch), 77);
      Floats first_y(y.size(), NAN), alone(w.size(), NAN);
      first.Forward(kBatch, x.data(), b, first_y.data(), saved.data(),
                    work3.data());
      first.Backward(kBatch, x.data(), first_y.data(), dy.data(), saved.data(),
                     nullptr, alone.data(), nullptr, work3.data());
      ExpectClose(first_y, want_y, 1e-6, "y of a first layer");
      ExpectClose(alone, want_dw, 1e-5, "dw alone");
    });
  }
}

TEST(TrainPoolTest, TiesGoToTheFirst) {
  // Two channels; in the first all are equal, in the second two.
  const Floats x = {1, 0, 1, 5, 1, 5, 1, 2};
  Window p;
  p.in_h = p.in_w = 2, p.in_c = p.out_c = 2;
  p.filter_h = p.filter_w = p.stride_h = p.stride_w = 2;
  p.out_h = p.out_w = 1;
  ForEachTarget([&] {
    Floats y(2), dx(8, NAN);
    std::vector<uint8_t> winners(2 + kWinnerSlack);
    MaxPoolF32(p, FloatRange(), 1, x.data(), y.data(), winners.data());
    EXPECT_EQ(y, (Floats{1, 5}));
    EXPECT_EQ(winners[0], 0);
    EXPECT_EQ(winners[1], 1);
    const Floats dy = {3, 4};
    MaxPoolGradF32(p, FloatRange(), 1, y.data(), dy.data(), winners.data(),
                   dx.data());
    EXPECT_EQ(dx, (Floats{3, 0, 0, 4, 0, 0, 0, 0}));
  });
}

TEST(TrainPoolTest, MatchesPlainLoops) {
  const Case kPools[] = {
      {26, 26, 12, 12, 2, 2, 2, 2, 1, 1, false},
      {7, 9, 3, 3, 3, 3, 2, 2, 1, 1, true},
      {7, 5, 33, 33, 3, 2, 1, 1, 1, 1, true},
      {5, 8, 16, 16, 2, 3, 1, 2, 1, 1, false},
      {3, 3, 1, 1, 5, 5, 2, 2, 1, 1, true},
  };
  for (size_t n = 0; n < std::size(kPools); ++n) {
    const Window g = WindowOf(kPools[n]);
    const FloatRange range = kRanges[n % 4];
    constexpr int kBatch = 2;
    const Floats x = Random(kBatch * g.in_size(), 1, 3.0f);
    const Floats dy = Random(kBatch * g.out_size(), 2);
    Floats want, want_dx(x.size(), 0.0f);
    for (int b = 0; b < kBatch; ++b)
      for (int oy = 0; oy < g.out_h; ++oy)
        for (int ox = 0; ox < g.out_w; ++ox)
          for (int c = 0; c < g.in_c; ++c) {
            size_t best = SIZE_MAX;
            for (int ky = 0; ky < g.filter_h; ++ky)
              for (int kx = 0; kx < g.filter_w; ++kx) {
                const int iy = oy * g.stride_h - g.pad_top + ky;
                const int ix = ox * g.stride_w - g.pad_left + kx;
                if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
                const size_t at =
                    U(((int64_t{b} * g.in_h + iy) * g.in_w + ix) * g.in_c + c);
                if (best == SIZE_MAX || x[at] > x[best]) best = at;
              }
            const float y = std::clamp(x[best], range.low, range.high);
            if (range.Passes(y)) want_dx[best] += dy[want.size()];
            want.push_back(y);
          }
    ForEachTarget([&] {
      Floats y(want.size(), NAN), dx(x.size(), NAN);
      std::vector<uint8_t> winners(y.size() + kWinnerSlack);
      MaxPoolF32(g, range, kBatch, x.data(), y.data(), winners.data());
      EXPECT_EQ(y, want);
      MaxPoolGradF32(g, range, kBatch, y.data(), dy.data(), winners.data(),
                     dx.data());
      ExpectClose(dx, want_dx, 1e-6, "dx");
    });
  }
}

}  // namespace
}  // namespace litesmith::kernels
