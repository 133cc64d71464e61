// Tables and recordings as text.
#ifndef LITESMITH_DATA_SOURCES_CSV_H_
#define LITESMITH_DATA_SOURCES_CSV_H_

#include "src/data/sources.h"

namespace litesmith {

// A file: a row a sample of the columns' numbers, [columns]; `target` is what
// is to be answered with: texts are classes in the order of their bytes, whole
// numbers from 0 to 999 are classes themselves, other numbers are values.
// Without it there are no targets. A folder: a file a recording, by class
// (folder.h), its rows steps in time, its samples windows [window, columns];
// halves are split by recording, so that no window is in both. Everything is
// read here. Throws Error with file, line and column.
DataSplits LoadCsv(const DataRequest& request);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_CSV_H_
