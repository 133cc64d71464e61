// The fused convolution, fake quantization and pool against the kernels of
// each, on every SIMD target.
#include "src/kernels/train_conv_quant_pool.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "src/kernels/simd_targets_test.h"
#include "src/kernels/train_pool.h"

namespace litesmith::kernels {
namespace {

using Floats = std::vector<float>;

Floats Random(int64_t n, uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Floats v(static_cast<size_t>(n));
  for (float& f : v) f = uniform(rng);
  return v;
}

Window Conv(int size, int filter, int out_c) {
  Window w;
  w.in_h = w.in_w = size;
  w.in_c = w.filter_c = 1;
  w.filter_h = w.filter_w = filter;
  w.out_h = w.out_w = size - filter + 1;
  w.out_c = out_c;
  return w;
}

Window PoolOf(const Window& conv) {
  Window w;
  w.in_h = conv.out_h, w.in_w = conv.out_w;
  w.in_c = w.out_c = conv.out_c;
  w.filter_h = w.filter_w = w.stride_h = w.stride_w = 2;
  w.out_h = conv.out_h / 2, w.out_w = conv.out_w / 2;
  return w;
}

TEST(TrainConvQuantPoolTest, IsItsPartsOneAfterAnother) {
  struct Case {
    Window conv;
    float max;
    int levels;  // the highest
  };
  const FloatRange relu{0.0f, FloatRange().high};
  const int batch = 2;
  int fitting = 0;
  for (const Case& c :
       {Case{Conv(28, 3, 12), 1.3f, 255}, Case{Conv(12, 5, 12), 2.0f, 15},
        Case{Conv(10, 3, 4), 0.7f, 65535}}) {
    ForEachTarget([&] {
      const Window& conv = c.conv;
      const Window pool = PoolOf(conv);
      if (!TrainConvQuantPool::Fits(conv, relu, pool)) return;
      ++fitting;
      const Floats x = Random(batch * conv.in_size(), 1);
      const Floats w = Random(conv.out_c * conv.taps(), 2);
      const Floats bias = Random(conv.out_c, 3);
      const Floats dy = Random(batch * pool.out_size(), 4);

      TrainConv plain(conv, relu);
      plain.Pack(w.data());
      Floats work(plain.workspace_bytes() / sizeof(float));
      const auto n = static_cast<size_t>(batch * conv.out_size());
      const auto pooled = static_cast<size_t>(batch * pool.out_size());
      Floats middle(n), snapped(n), want(pooled), dsnapped(n), dmiddle(n);
      std::vector<uint8_t> winners(pooled + kWinnerSlack);
      plain.Forward(batch, x.data(), bias.data(), middle.data(), work.data());
      FakeQuantF32(middle.data(), n, 0.0f, c.max, 0, c.levels, snapped.data());
      MaxPoolF32(pool, FloatRange(), batch, snapped.data(), want.data(),
                 winners.data());
      MaxPoolGradF32(pool, FloatRange(), batch, want.data(), dy.data(),
                     winners.data(), dsnapped.data());
      FakeQuantGradF32(middle.data(), dsnapped.data(), n, 0.0f, c.max, 0,
                       c.levels, dmiddle.data());
      Floats dw(w.size()), db(bias.size());
      plain.Backward(batch, x.data(), middle.data(), dmiddle.data(), nullptr,
                     dw.data(), db.data(), work.data());

      TrainConvQuantPool fused(conv, relu, pool);
      fused.Pack(w.data());
      Floats fused_work(fused.workspace_bytes() / sizeof(float));
      std::vector<uint8_t> marked(fused.saved_bytes(batch));
      Floats got(pooled), got_dw(w.size(), NAN), got_db(bias.size(), NAN);
      EXPECT_EQ(fused.Largest(batch, x.data(), bias.data(), fused_work.data()),
                *std::max_element(middle.begin(), middle.end()));
      fused.Forward(batch, MakeFakeQuantGrid(0.0f, c.max, 0, c.levels),
                    x.data(), bias.data(), got.data(), marked.data(),
                    fused_work.data());
      EXPECT_EQ(got, want);
      fused.Backward(batch, x.data(), dy.data(), marked.data(), got_dw.data(),
                     got_db.data(), fused_work.data());
      for (size_t i = 0; i < pooled; ++i) {
        // Lost gradients have no place to go: the winner does not matter then.
        if (marked[i] >= kNoGradient) continue;
        ASSERT_EQ(marked[i], winners[i]) << i;
      }
      for (size_t i = 0; i < dw.size(); ++i)
        ASSERT_NEAR(got_dw[i], dw[i], 1e-4) << i;
      for (size_t i = 0; i < db.size(); ++i)
        ASSERT_NEAR(got_db[i], db[i], 1e-4) << i;
    });
  }
  EXPECT_GT(fitting, 0) << "no target has the kernel";
}

}  // namespace
}  // namespace litesmith::kernels
