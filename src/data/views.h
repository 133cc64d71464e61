// Data sets made of others, of which nothing is copied. Not here: the order of
// training, which is a permutation that the trainer owns.
#ifndef LITESMITH_DATA_VIEWS_H_
#define LITESMITH_DATA_VIEWS_H_

#include <cstdint>

#include "src/data/dataset.h"

namespace litesmith {

// Samples [begin, end) of `dataset`. Throws Error{invalid argument} unless
// 0 <= begin <= end <= size.
DatasetPtr Slice(DatasetPtr dataset, int64_t begin, int64_t end);

// The first `count` samples, or all of them if there are fewer. Throws
// Error{invalid argument} for a negative count.
DatasetPtr Take(DatasetPtr dataset, int64_t count);

}  // namespace litesmith

#endif  // LITESMITH_DATA_VIEWS_H_
