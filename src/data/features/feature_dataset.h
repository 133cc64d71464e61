// Sounds as a front end makes them, of samples that change in training.
#ifndef LITESMITH_DATA_FEATURES_FEATURE_DATASET_H_
#define LITESMITH_DATA_FEATURES_FEATURE_DATASET_H_

#include "src/data/features/features.h"
#include "src/data/sources.h"

namespace litesmith {

// The halves, whose first input is sound of 16 bits, with that as features.
DataSplits WithFeatures(DataSplits splits, const FrontEnd& features);

}  // namespace litesmith

#endif  // LITESMITH_DATA_FEATURES_FEATURE_DATASET_H_
