// The fused convolution, fake quantization and pool against the kernels of
// each, on every SIMD target.
#include "src/kernels/conv/train_gray.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/train.h"
#include "src/kernels/pool/train.h"

namespace litesmith::kernels {
namespace {

using Floats = std::vector<float>;

// Multiples of 1/256 in [-1, 1]: the sums of products of two such numbers here
// are exact in any order.
Floats Random(int64_t n, uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_int_distribution<int> uniform(-256, 256);
  Floats v(static_cast<size_t>(n));
  for (float& f : v) f = static_cast<float>(uniform(rng)) / 256.0f;
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

TEST(GrayConvPoolTest, QuantizedIsItsPartsOneAfterAnother) {
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
      if (!GrayConvPool::FitsQuant(conv, relu, pool)) return;
      ++fitting;
      Floats x = Random(batch * conv.in_size(), 1);
      // Blank windows have a shorter way: below in the first image, above in
      // the second.
      std::fill_n(x.begin() + conv.in_size() / 2, conv.in_size(), 0.0f);
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

      GrayConvPool fused(conv, relu, pool);
      fused.Pack(w.data());
      Floats fused_work(fused.workspace_bytes() / sizeof(float));
      std::vector<uint8_t> routes(fused.saved_bytes(batch));
      Floats got(pooled), got_dw(w.size(), NAN), got_db(bias.size(), NAN);
      EXPECT_EQ(fused.Largest(batch, x.data(), bias.data(), fused_work.data()),
                *std::max_element(middle.begin(), middle.end()));
      fused.QuantForward(batch, MakeFakeQuantGrid(0.0f, c.max, 0, c.levels),
                         x.data(), bias.data(), got.data(), routes.data(),
                         fused_work.data());
      EXPECT_EQ(got, want);
      fused.Backward(batch, x.data(), dy.data(), routes.data(), got_dw.data(),
                     got_db.data(), fused_work.data());
      // Equal sums: every gradient went where it belongs.
      EXPECT_EQ(got_dw, dw);
      EXPECT_EQ(got_db, db);
    });
  }
  EXPECT_GT(fitting, 0) << "no target has the kernel";
}

}  // namespace
}  // namespace litesmith::kernels
