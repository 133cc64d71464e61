// The study: recipes x methods on one model and one data set. Every cell is a
// written file, read back, run, timed and weighed; results are kept, so that a
// second call does only what is missing.
#ifndef LITESMITH_STUDY_STUDY_H_
#define LITESMITH_STUDY_STUDY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/progress.h"
#include "src/study/invariants.h"
#include "src/study/recipes.h"

namespace litesmith {

struct StudyOptions {
  std::string model = "mnist-cnn";   // built-in, .h5 or .tflite
  std::string data = "digits";       // a SPEC of data/sources.h
  RecipeTable table;                 // what recipes there are
  std::vector<std::string> recipes;  // empty: all of the table
  std::vector<std::string> methods;  // empty: those of the table
  int epochs = 5;                    // of every step that says no other
  uint64_t seed = 1;                 // of start weights and shuffles
  int threads = 0;                   // 0: all; never changes a result
  int64_t limit = 0;                 // samples of either half, 0: all
  std::string out;                   // the run directory
  bool force = false;                // compute all anew
  std::string version;               // of the program: part of every key
};

// One cell of the table.
struct StudyRow {
  std::string recipe;
  std::string method;
  double accuracy = 0;  // top-1 on the test set, a fraction
  int64_t correct = 0;
  int64_t samples = 0;
  double total_ms = 0;  // the test set one image at a time on one thread
  double latency_us_p50 = 0;
  double latency_us_p99 = 0;
  int64_t file_bytes = 0;
  int64_t gzip_bytes = 0;  // at level 9
  double sparsity = 0;     // zeros' share of the weights
  double train_s = 0;      // of the recipe, its parents not included
  double convert_s = 0;    // calibration included
  std::string path;        // relative to the run directory
  std::string isa;
  uint64_t seed = 0;
  std::vector<Invariant> invariants;
};

// Runs what is missing and returns every row, recipe by recipe. Writes
// OUT/<recipe>/model.h5, OUT/<recipe>/<method>.tflite, OUT/table.md and
// OUT/results.json. Throws Error; what was finished before is kept.
std::vector<StudyRow> RunStudy(const StudyOptions& options, Progress* progress);

// Throws Error{invariant} naming every broken promise of the rows.
void RequireInvariants(const std::vector<StudyRow>& rows);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_STUDY_H_
