// The hybrid product: rows of x become integers one at a time.
#include "src/kernels/matmul/reference.h"

namespace litesmith {

void MatMulF32S8Ref(const MatMulShape& s, const float* x, const int8_t* y,
                    std::span<const float> scales, bool asymmetric,
                    int8_t* quantized, float* out) {
  auto* row = reinterpret_cast<float*>(quantized + (s.depth + 3) / 4 * 4);
  for (int i = 0; i < s.rows; ++i) {
    for (int k = 0; k < s.depth; ++k) row[k] = x[s.X(i, k)];
    const DynamicScale q = asymmetric
                               ? QuantizeAsymmetric(row, s.depth, quantized)
                               : QuantizeSymmetric(row, s.depth, quantized);
    for (int column = 0; column < s.columns; ++column) {
      // |q * y| <= 128 * 128: 131,071 of them fit an int32, and more wrap.
      uint32_t sum = 0;
      int32_t column_sum = 0;
      for (int k = 0; k < s.depth; ++k) {
        const int8_t w = y[s.Y(k, column)];
        sum += static_cast<uint32_t>(quantized[k] * w);
        column_sum += w;
      }
      // The zero point's share is taken off in float32, as the reference does.
      const auto acc = static_cast<float>(static_cast<int32_t>(
          static_cast<float>(static_cast<int32_t>(sum)) -
          static_cast<float>(column_sum) * static_cast<float>(q.zero_point)));
      *out++ = (q.scale * scales[static_cast<size_t>(column)]) * acc;
    }
  }
}

}  // namespace litesmith
