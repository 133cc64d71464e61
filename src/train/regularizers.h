// What weights add to the loss by themselves.
#ifndef LITESMITH_TRAIN_REGULARIZERS_H_
#define LITESMITH_TRAIN_REGULARIZERS_H_

#include <span>

#include "src/graph/graph.h"

namespace litesmith {

// Tensor::regularizer's sum over these weights.
double RegularizerLoss(const Regularizer& by, std::span<const float> weights);

// That of all parameters.
double RegularizerLoss(const Graph& graph);

// Adds its gradient, which of |w| at 0 is 0, as in Keras.
void AddRegularizerGradient(const Regularizer& by,
                            std::span<const float> weights,
                            std::span<float> gradient);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_REGULARIZERS_H_
