// Everything that a run directory holds for its report: rows, and what is kept
// beside them of models and files.
#ifndef LITESMITH_STUDY_REPORT_CONTENTS_H_
#define LITESMITH_STUDY_REPORT_CONTENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "src/study/details.h"
#include "src/study/results.h"
#include "src/study/study.h"

namespace litesmith {

// A recipe's trained model.
struct ModelEntry {
  std::string id;  // its folder in the directory: "prune", "seed-2/prune"
  std::string recipe;
  std::string parent;  // id, or empty
  double seconds = 0;
  bool quantization_aware = false;
  ModelDetails details;
};

struct CellEntry {
  StudyRow row;
  std::string model;  // id
  CellDetails details;
};

struct RunContents {
  std::vector<ModelEntry> models;  // parents first
  std::vector<CellEntry> cells;    // as in the table

  // Null if there is none of that id.
  const ModelEntry* Model(const std::string& id) const;
  // The first cell of a model by one of the methods, in their order; or null.
  const CellEntry* Cell(const std::string& model,
                        const std::vector<std::string>& methods) const;
};

// Details that are missing or damaged are empty. Computes and writes nothing.
RunContents ReadContents(const std::string& directory,
                         std::vector<StudyRow> rows, FileDigests* digests);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_CONTENTS_H_
