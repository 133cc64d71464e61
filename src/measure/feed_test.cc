#include "src/measure/feed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace litesmith {
namespace {

template <typename T>
std::vector<int> Quantized(DType dtype, float scale, int64_t zero,
                           const std::vector<float>& values) {
  Tensor input;
  input.dtype = dtype;
  input.quant.scale = {scale};
  input.quant.zero_point = {zero};
  std::vector<T> out(values.size());
  QuantizeInto(input, values, reinterpret_cast<std::byte*>(out.data()));
  return {out.begin(), out.end()};
}

TEST(FeedTest, RoundsHalvesAwayFromZeroAndSaturates) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {0.0f,   0.25f,  -0.25f,    0.75f,
                                     -0.75f, 0.245f, 1e30f,     -1e30f,
                                     NAN,    63.5f,  kInfinity, -kInfinity};
  EXPECT_EQ(Quantized<int8_t>(DType::kInt8, 0.5f, -3, values),
            (std::vector<int>{-3, -2, -4, -1, -5, -3, 127, -128, -3, 124, 127,
                              -128}));
  EXPECT_EQ(Quantized<uint8_t>(DType::kUInt8, 0.5f, 128, values),
            (std::vector<int>{128, 129, 127, 130, 126, 128, 255, 0, 128, 255,
                              255, 0}));
  EXPECT_EQ(Quantized<int16_t>(DType::kInt16, 0.5f, 0, values),
            (std::vector<int>{0, 1, -1, 2, -2, 0, 32767, -32768, 0, 127, 32767,
                              -32768}));
}

}  // namespace
}  // namespace litesmith
