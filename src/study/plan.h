// What a study would do, without doing it.
#ifndef LITESMITH_STUDY_PLAN_H_
#define LITESMITH_STUDY_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/study/study.h"

namespace litesmith {

struct PlannedRecipe {
  std::string recipe;
  std::string parent;
  // "kept": trained before; "train"; "idle": nobody asks for what is missing.
  const char* state = "train";
  int64_t epochs = 0;  // of its own training
  double seconds = 0;  // of training: measured if kept, else a guess
};

struct PlannedCell {
  std::string recipe;
  std::string method;
  std::string path;   // in the run directory
  bool kept = false;  // there from before
};

struct StudyPlan {
  std::string folder;  // where the results of these settings are
  std::vector<PlannedRecipe> recipes;
  std::vector<PlannedCell> cells;
  int64_t missing = 0;  // cells to compute
  double seconds = 0;   // a guess of all that is left
  // Where that comes from: "kept" (recipes trained here before) or "probe" (a
  // few steps of training and some inferences, now).
  const char* basis = "probe";
};

// Reads what is there and tries what a study tries before it starts; writes
// nothing. Throws what RunStudy throws before it trains.
StudyPlan PlanStudy(const StudyOptions& options);

// Fills in the seconds by trials on the untrained model: of each step of a
// recipe a few batches of `train` with its ops in place, of each method a
// conversion that is measured on a few samples of `test`. Where recipes were
// trained before, what they took says how far such trials are off.
void GuessSeconds(const Graph& model, const DatasetPtr& train,
                  const Dataset& test, const StudyOptions& options,
                  StudyPlan* plan);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_PLAN_H_
