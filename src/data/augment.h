// Random changes of samples in training, by options.
#ifndef LITESMITH_DATA_AUGMENT_H_
#define LITESMITH_DATA_AUGMENT_H_

#include "src/data/sources.h"

namespace litesmith {

// Whether one of the options is given.
bool HasAugmentation(const SpecOptions& options);

// The halves with `flip`, `shift`, `crop`, `brightness`, `contrast`, `noise`
// and `timeshift` of the first input. What is drawn follows from seed, epoch
// and index alone, so it is the same on any number of threads; samples that are
// not drawn (Draw::random) are as they are, but for the window of `crop` in the
// middle. Throws Error{invalid argument} for samples that an option is not for,
// once a half is opened.
DataSplits Augmented(DataSplits splits, const SpecOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_DATA_AUGMENT_H_
