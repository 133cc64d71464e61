// Steps in proportion to weights that are much smaller than a layer begins
// with.
#ifndef LITESMITH_TRAIN_STEP_SCALES_H_
#define LITESMITH_TRAIN_STEP_SCALES_H_

#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// A power of two for each tensor of the graph: what its steps are multiplied
// by, as if w / scale were trained. 1 but for weights whose root mean square is
// less than a quarter of sqrt(2 / fan_in) (He et al. 2015), and what stands for
// them in training, such as their centroids.
//
// A layer has such weights where its batch normalization was folded into them
// and its inputs are large, as the first of a network that takes pixels from 0
// to 255: they are a hundredth of what they were when they were trained, and
// Adam, whose steps are as long as the learning rate whatever the gradient,
// replaces them within ten steps. Graphs that have batch normalizations are
// trained as they are: all ones.
std::vector<float> StepScales(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_STEP_SCALES_H_
