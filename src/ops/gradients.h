// What backward kernels share: how large the gradient of an input is.
#ifndef LITESMITH_OPS_GRADIENTS_H_
#define LITESMITH_OPS_GRADIENTS_H_

#include <algorithm>
#include <cstdint>

#include "src/ops/layer/layer.h"

namespace litesmith {

// The elements of an input's gradient in one call.
class GradientSize {
 public:
  GradientSize() = default;
  GradientSize(const PrepareContext& context, size_t input) {
    const int64_t n = context.input(input).shape.NumElements();
    if (context.facts.IsBatched(context.node.inputs[input])) {
      per_sample_ = PerSample(context, n);
    } else {
      fixed_ = n;
    }
  }
  int64_t operator()(int batch) const { return fixed_ + per_sample_ * batch; }
  void Zero(int batch, float* gradient) const {
    std::fill_n(gradient, (*this)(batch), 0.0f);
  }

 private:
  int64_t fixed_ = 0;       // that do not belong to a sample
  int64_t per_sample_ = 0;  // of each sample
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_GRADIENTS_H_
