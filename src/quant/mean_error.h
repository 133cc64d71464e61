// What rounding the weights of a layer does to the mean of its outputs, which
// its bias can take back (Nagel et al. 2019, "Data-Free Quantization Through
// Weight Equalization and Bias Correction").
#ifndef LITESMITH_QUANT_MEAN_ERROR_H_
#define LITESMITH_QUANT_MEAN_ERROR_H_

#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// By output channel, how much less a float layer gives for the mean of its data
// when its stored weights are rounded to int8 by `weights`: the mean over all
// positions, borders with their padding included. `mean` is by channel of the
// data. Empty where one sample's shape, or what else the layer reads, is not
// known.
std::vector<float> LostMean(const Graph& graph, const Node& layer,
                            const Quantization& weights,
                            std::span<const float> mean);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_MEAN_ERROR_H_
