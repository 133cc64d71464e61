// numpy's .npz archives (np.savez, np.savez_compressed) with the names that
// Keras's own data sets have. Read only. Follows numpy/lib/npyio.py.
#ifndef LITESMITH_DATA_SOURCES_NPZ_H_
#define LITESMITH_DATA_SOURCES_NPZ_H_

#include <cstdint>
#include <string>

#include "src/data/sources.h"

namespace litesmith {

// The machine's memory in bytes.
int64_t MemoryBytes();

// Arrays x_train, y_train, x_test, y_test; further inputs x_train_1, x_train_2,
// ..., further targets y_train_1, ..., and so for the test half. Their first
// dimension counts the samples, as many in all arrays of a half. Others are
// ignored. Numbers are taken as they are: bytes are 0 to 255.
//
// y of integers or bools, [n] or [n,1], holds class labels, as many classes as
// the half's largest label plus one; what is below zero is none, so then there
// are no classes, with a warning. Any other y holds values. A half may have no
// y; a half that is not there is an error once it is opened.
//
// Headers are read at once, values when a half is opened, and only those of its
// first samples; labels are read whole. No array may have more than `limit`
// bytes. Throws Error{not found, corrupt, unsupported, io} that names file and
// array.
DataSplits LoadNpz(const std::string& path, int64_t limit = MemoryBytes());

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_NPZ_H_
