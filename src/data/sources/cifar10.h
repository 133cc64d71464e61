// CIFAR-10 as its makers publish it for C programs, or as a folder of pictures.
// Follows https://www.cs.toronto.edu/~kriz/cifar.html.
#ifndef LITESMITH_DATA_SOURCES_CIFAR10_H_
#define LITESMITH_DATA_SOURCES_CIFAR10_H_

#include "src/data/sources.h"

namespace litesmith {

// A folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin (or one
// that holds cifar-10-batches-bin), each 10,000 records of a label and 32 x 32
// pixels in planes; samples are [32, 32, 3], bytes that stand for 0 to 1. Names
// are those of batches.meta.txt if it is there. Any other folder is one of
// pictures. Throws Error{not found, corrupt, io} naming file and record.
DataSplits LoadCifar10(const DataRequest& request);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_CIFAR10_H_
