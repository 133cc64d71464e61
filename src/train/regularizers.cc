// Sums in the order of the weights: the same on any number of threads.
#include "src/train/regularizers.h"

#include <cmath>
#include <cstddef>

namespace litesmith {

double RegularizerLoss(const Regularizer& by, std::span<const float> weights) {
  double absolute = 0;
  double squares = 0;
  for (const float w : weights) {
    absolute += std::abs(double{w});
    squares += double{w} * double{w};
  }
  return double{by.l1} * absolute + double{by.l2} * squares;
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
