// Whether labelled samples and a model belong together: one check for training,
// for its validation and for the evaluation of files.
#ifndef LITESMITH_TRAIN_FIT_H_
#define LITESMITH_TRAIN_FIT_H_

#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith {

// `input` and `output` are a model's, the first dimension of each its batch.
// Throws Error{invalid argument} if a sample has another number of values than
// the input, the output is no list of values, or the data has more classes than
// the output values; then it names a sample whose label shows it.
void RequireFit(const Tensor& input, const Tensor& output, const Dataset& data);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_FIT_H_
