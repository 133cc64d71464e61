// One written file judged: the figures of its row, and what the report draws.
#ifndef LITESMITH_STUDY_MEASURE_CELL_H_
#define LITESMITH_STUDY_MEASURE_CELL_H_

#include <cstddef>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/optimize/promises.h"
#include "src/study/details.h"
#include "src/study/study.h"

namespace litesmith {

struct WrittenFile {
  const std::vector<std::byte>& bytes;
  const Graph& graph;  // as it was read from them
  const Graph& model;  // the trained model that it was made of
  const Promises& promises;
};

// Runs the file on the test set, times and weighs it, checks its promises.
// Writes the row's figures; those of training and conversion are the caller's.
CellDetails MeasureCell(const WrittenFile& file, const Dataset& test,
                        const StudyOptions& options, StudyRow* row);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_MEASURE_CELL_H_
