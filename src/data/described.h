// What options of every source make of its samples: what numbers stand for,
// what is to be answered with, and random changes in training.
#ifndef LITESMITH_DATA_DESCRIBED_H_
#define LITESMITH_DATA_DESCRIBED_H_

#include "src/data/sources.h"

namespace litesmith {

// The same halves by `scale`, `mean`, `std`, `labels` and the options of
// augmentation, which change the training half alone. Pictures of bytes, which
// stand for 0 to 1 by themselves, stand for 0 to 255 where the model takes
// bytes and no option says otherwise. Throws Error{invalid argument} where the
// options contradict each other here, or the samples once a half is opened.
DataSplits Described(DataSplits splits, const SpecOptions& options,
                     const DataContext& context);

}  // namespace litesmith

#endif  // LITESMITH_DATA_DESCRIBED_H_
