// Layouts of Keras's variables against the graph's.
#ifndef LITESMITH_FORMATS_KERAS_LAYOUT_H_
#define LITESMITH_FORMATS_KERAS_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/base/shape.h"

namespace litesmith {

enum class Layout : uint8_t {
  kPlain,       // the same in both
  kOutputLast,  // HWIO, [in, out]; the graph has OHWI, [out, in]
  kDepthwise,   // [kh, kw, in, m]; the graph has [1, kh, kw, in * m]
};

// HWIO -> OHWI, [in, out] -> [out, in].
inline Shape FromKerasShape(std::vector<int32_t> dims) {
  dims.insert(dims.begin(), dims.back());
  dims.pop_back();
  return Shape(std::span<const int32_t>(dims));
}
inline std::vector<int32_t> ToKerasShape(const Shape& shape) {
  std::vector<int32_t> dims = shape.ToVector();
  dims.push_back(dims.front());
  dims.erase(dims.begin());
  return dims;
}

// Of depthwise kernels, whose values lie alike in both; `multiplier` is m.
inline Shape FromKerasDepthwise(const std::vector<int32_t>& dims) {
  return {1, dims[0], dims[1], dims[2] * dims[3]};
}
inline std::vector<int32_t> ToKerasDepthwise(const Shape& shape,
                                             int32_t multiplier) {
  return {shape[1], shape[2], shape[3] / multiplier, multiplier};
}

// keras[i][o] -> ours[o][i], `out` output channels, and back.
inline void FromKerasLayout(std::span<const float> keras, int32_t out,
                            std::span<float> ours) {
  const auto outs = static_cast<size_t>(out);
  const size_t ins = keras.size() / outs;
  for (size_t o = 0; o < outs; ++o) {
    for (size_t i = 0; i < ins; ++i) ours[o * ins + i] = keras[i * outs + o];
  }
}
inline void ToKerasLayout(std::span<const float> ours, int32_t out,
                          std::span<float> keras) {
  const auto outs = static_cast<size_t>(out);
  const size_t ins = ours.size() / outs;
  for (size_t i = 0; i < ins; ++i) {
    for (size_t o = 0; o < outs; ++o) keras[i * outs + o] = ours[o * ins + i];
  }
}

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYOUT_H_
