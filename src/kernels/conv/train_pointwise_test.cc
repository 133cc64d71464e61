// One matrix for each pixel against plain loops in double, on every SIMD
// target, alone and joined with what stands behind it.
#include "src/kernels/conv/train_pointwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

struct Case {
  size_t pixels, inputs, outputs;
  FloatRange range = {};
};

const Case kCases[] = {
    {1, 1, 1},
    {37, 3, 5, {.low = 0}},
    {130, 16, 32, {.low = 0}},
    {50, 33, 17, {-0.5f, 0.5f}},
    {1100, 8, 16},
    {64, 640, 128, {.low = 0}},
    {9, 256, 20},
};

struct Values {
  Floats x, w, bias, dy;
  std::vector<double> y, dx, dw, db;

  explicit Values(const Case& c)
      : x(Random(c.pixels * c.inputs, 1)),
        w(Random(c.outputs * c.inputs, 2)),
        bias(Random(c.outputs, 3)),
        dy(Random(c.pixels * c.outputs, 4)),
        y(dy.size()),
        dx(x.size()),
        dw(w.size()),
        db(bias.size()) {
    for (size_t p = 0; p < c.pixels; ++p) {
      for (size_t o = 0; o < c.outputs; ++o) {
        double sum = double{bias[o]};
        for (size_t i = 0; i < c.inputs; ++i)
          sum += double{x[p * c.inputs + i]} * double{w[o * c.inputs + i]};
        y[p * c.outputs + o] =
            std::clamp(sum, double{c.range.low}, double{c.range.high});
      }
    }
  }
  // The gradients of y as it was computed.
  void SetGradients(const Case& c, const Floats& of) {
    std::fill(dx.begin(), dx.end(), 0.0);
    std::fill(dw.begin(), dw.end(), 0.0);
    std::fill(db.begin(), db.end(), 0.0);
    for (size_t p = 0; p < c.pixels; ++p) {
      for (size_t o = 0; o < c.outputs; ++o) {
        const size_t at = p * c.outputs + o;
        if (!c.range.Passes(of[at])) continue;
        db[o] += double{dy[at]};
        for (size_t i = 0; i < c.inputs; ++i) {
          dx[p * c.inputs + i] += double{dy[at]} * double{w[o * c.inputs + i]};
          dw[o * c.inputs + i] += double{dy[at]} * double{x[p * c.inputs + i]};
        }
      }
    }
  }
};

void ExpectClose(const Floats& got, const std::vector<double>& want) {
  double largest = 1;
  for (const double v : want) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-5 * largest) << i;
}

void Check(const Case& c) {
  Values v(c);
  TrainPointwise layer(static_cast<int>(c.inputs), static_cast<int>(c.outputs),
                       c.range);
  layer.Pack(v.w.data());
  Floats workspace(layer.workspace_bytes() / sizeof(float));
  Floats y(v.dy.size()), dx(v.x.size()), dw(v.w.size()), db(v.bias.size());
  size_t seen = 0;
  layer.Forward(c.pixels, v.x.data(), v.bias.data(), y.data(), workspace.data(),
                [&](const float* made, size_t pixels) {
                  EXPECT_EQ(made, y.data() + seen * c.outputs);
                  seen += pixels;
                });
  EXPECT_EQ(seen, c.pixels);
  ExpectClose(y, v.y);
  v.SetGradients(c, y);
  layer.Backward(c.pixels, v.x.data(), y.data(), v.dy.data(), dx.data(),
                 dw.data(), db.data(), workspace.data());
  ExpectClose(dx, v.dx);
  ExpectClose(dw, v.dw);
  ExpectClose(db, v.db);
  // The same gradient from what stands behind the layer: the same bits.
  Floats again_dx(dx.size()), again_dw(dw.size()), again_db(db.size());
  layer.Backward(c.pixels, v.x.data(), nullptr, nullptr, again_dx.data(),
                 again_dw.data(), again_db.data(), workspace.data(),
                 {[&](size_t first, size_t pixels, float* g) {
                    for (size_t i = 0; i < pixels * c.outputs; ++i) {
                      const size_t at = first * c.outputs + i;
                      g[i] = c.range.Passes(y[at]) ? v.dy[at] : 0.0f;
                    }
                  },
                  {y.data(), v.dy.data()}});
  EXPECT_EQ(dx, again_dx);
  EXPECT_EQ(dw, again_dw);
  EXPECT_EQ(db, again_db);
  // Added to what is there.
  Floats added = dx;
  layer.Backward(c.pixels, v.x.data(), y.data(), v.dy.data(), added.data(),
                 nullptr, nullptr, workspace.data(), {}, true);
  for (double& sum : v.dx) sum *= 2;
  ExpectClose(added, v.dx);
}

TEST(TrainPointwiseTest, GivesTheProductsAndTheirGradients) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.pixels);
    ForEachTarget([&] { Check(c); });
  }
}

}  // namespace
}  // namespace litesmith::kernels
