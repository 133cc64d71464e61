// Datasets made of other datasets. Views: nothing is copied. Not here: the
// order of training, which is a permutation that the trainer owns.
#ifndef LITESMITH_DATA_DECORATORS_H_
#define LITESMITH_DATA_DECORATORS_H_

#include <cstdint>

#include "src/data/dataset.h"

namespace litesmith {

// Samples [begin, end) of `dataset`. Throws Error{invalid argument} unless
// 0 <= begin <= end <= size.
DatasetPtr Slice(DatasetPtr dataset, int64_t begin, int64_t end);

// The first `count` samples, or all of them if there are fewer. Throws
// Error{invalid argument} for a negative count.
DatasetPtr Take(DatasetPtr dataset, int64_t count);

// What Split returns.
struct TrainValidation {
  DatasetPtr train;
  DatasetPtr validation;
};

// Holds out the last `fraction` of the samples, as Keras's validation_split:
// the training part is the first floor(size * (1 - fraction)). With fraction 0
// the validation part is empty. Throws Error{invalid argument} unless
// 0 <= fraction < 1, or if a fraction above 0 leaves either part empty.
TrainValidation Split(const DatasetPtr& dataset, double fraction);

}  // namespace litesmith

#endif  // LITESMITH_DATA_DECORATORS_H_
