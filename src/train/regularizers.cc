// Sums of weights that take turns, so that additions need not wait for each
// other: in one order, whatever the number of threads.
#include "src/train/regularizers.h"

#include <cmath>
#include <cstddef>

namespace litesmith {

double RegularizerLoss(const Regularizer& by, std::span<const float> weights) {
  constexpr size_t kTurns = 8;
  double absolute[kTurns] = {}, squares[kTurns] = {};
  const auto add = [&](size_t turn, float w) {
    absolute[turn] += std::abs(double{w});
    squares[turn] += double{w} * double{w};
  };
  size_t i = 0;
  for (; i + kTurns <= weights.size(); i += kTurns) {
    for (size_t t = 0; t < kTurns; ++t) add(t, weights[i + t]);
  }
  for (size_t t = 0; i < weights.size(); ++i, ++t) add(t, weights[i]);
  for (size_t t = 1; t < kTurns; ++t) {
    absolute[0] += absolute[t];
    squares[0] += squares[t];
  }
  return double{by.l1} * absolute[0] + double{by.l2} * squares[0];
}

double RegularizerLoss(const Graph& graph) {
  double loss = 0;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kParameter && !tensor.regularizer.empty())
      loss += RegularizerLoss(tensor.regularizer, tensor.As<float>());
  }
  return loss;
}

void AddRegularizerGradient(const Regularizer& by,
                            std::span<const float> weights,
                            std::span<float> gradient) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const float w = weights[i];
    const float sign = w > 0 ? 1.0f : w < 0 ? -1.0f : 0.0f;
    gradient[i] += by.l1 * sign + 2 * by.l2 * w;
  }
}

}  // namespace litesmith
