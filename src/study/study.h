// The study: recipes x methods on one model and one data set. Every cell is a
// written file, read back, run, timed and weighed; results are kept, so that a
// second call does only what is missing.
#ifndef LITESMITH_STUDY_STUDY_H_
#define LITESMITH_STUDY_STUDY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/base/progress.h"
#include "src/data/sources.h"
#include "src/optimize/coverage.h"
#include "src/optimize/promises.h"
#include "src/optimize/recipes.h"
#include "src/study/study_settings.h"
#include "src/train/trainer.h"

namespace litesmith {

struct StudyOptions {
  std::string model = "mnist-cnn";  // built-in, .h5 or .tflite
  std::string data = "digits";      // a SPEC of data/sources.h
  DataContext reading;              // how it is read
  int64_t limit = 0;                // samples of either half, 0: all
  // Of measure/metrics.h, on the test half; of several outputs by commas.
  std::string metric = "top1";
  // Of every step that says no other; stage, checkpoint and label are the
  // study's own.
  TrainOptions train;
  RecipeTable table;                 // what recipes there are
  std::vector<std::string> recipes;  // empty: all of the table
  std::vector<std::string> methods;  // empty: those of the table
  std::string out;                   // the run directory
  // Which samples calibrate: drawn by it from all, of all classes alike; 0: the
  // first.
  uint64_t calibration_seed = 0;
  std::string config;  // the TOML file that recipes are from, if any is
  // The model is trained: `none` is the file as it is, not trained on.
  bool trained = false;
  bool force = false;       // compute all anew
  bool dequantize = false;  // take a model of integers too
};

// A field with an effect is one of StudySettings too, by which results are
// told apart.
template <FieldsOf<StudyOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  visit("model", o.model);
  visit("data", o.data);
  visit("reading", o.reading, kNoEffect);  // the digest says what was read
  visit("limit", o.limit);
  visit("metric", o.metric);
  visit("train", o.train);
  visit("table", o.table, kNoEffect);  // keys have the resolved steps
  visit("recipes", o.recipes, kNoEffect);
  visit("methods", o.methods, kNoEffect);
  visit("out", o.out, kNoEffect);
  visit("calibration_seed", o.calibration_seed);
  visit("config", o.config, kNoEffect);  // keys have the resolved steps
  visit("trained", o.trained);
  visit("force", o.force, kNoEffect);
  visit("dequantize", o.dequantize, kNoEffect);  // without it, an error
}

// What a file's further output, behind the first, is worth on the test set.
struct OutputScore {
  std::string name;
  std::string metric;
  double value = 0;     // a share is a fraction
  int64_t correct = 0;  // of a metric that is a share of the samples
};

template <FieldsOf<OutputScore> Score, typename Visit>
void VisitFields(Score& score, Visit&& visit) {
  visit("name", score.name);
  visit("metric", score.metric);
  visit("value", score.value);
  visit("correct", score.correct);
}

// One cell of the table.
struct StudyRow {
  std::string recipe;
  std::string method;
  double value = 0;     // of the settings' metric on the test set
  double accuracy = 0;  // the same if that is top1, a fraction; else 0
  int64_t correct = 0;  // of a metric that is a share of the samples
  int64_t samples = 0;
  std::vector<OutputScore> outputs;  // further ones that there are targets for
  double total_ms = 0;  // the test set one image at a time on one thread
  double latency_us_p50 = 0;
  double latency_us_p99 = 0;
  int64_t file_bytes = 0;
  int64_t gzip_bytes = 0;   // at level 9
  int64_t arena_bytes = 0;  // of activations for one sample; measure/memory.h
  double sparsity = 0;      // zeros' share of the weights
  double train_s = 0;       // of the recipe, its parents not included
  double convert_s = 0;     // calibration included
  std::string path;         // relative to the run directory
  std::string isa;
  std::string machine;  // MachineName() of the one that computed it
  std::string build;    // BuildId of the program that computed it
  StudySettings settings;
  std::vector<Invariant> invariants;
  std::vector<CoverageRow> coverage;     // of the recipe
  std::vector<std::string> class_names;  // of the data, if they have names
};

// The fields as they are called in results.json: a new one is a line here and
// one in docs/formats.md, which a test compares.
template <FieldsOf<StudyRow> Row, typename Visit>
void VisitFields(Row& row, Visit&& visit) {
  visit("recipe", row.recipe);
  visit("method", row.method);
  visit("value", row.value);
  visit("accuracy", row.accuracy);
  visit("correct", row.correct);
  visit("samples", row.samples);
  visit("outputs", row.outputs);
  visit("total_ms", row.total_ms);
  visit("latency_us_p50", row.latency_us_p50);
  visit("latency_us_p99", row.latency_us_p99);
  visit("file_bytes", row.file_bytes);
  visit("gzip_bytes", row.gzip_bytes);
  visit("arena_bytes", row.arena_bytes);
  visit("sparsity", row.sparsity);
  visit("train_s", row.train_s);
  visit("convert_s", row.convert_s);
  visit("path", row.path);
  visit("isa", row.isa);
  visit("machine", row.machine);
  visit("build", row.build);
  VisitFields(row.settings, visit);
  visit("invariants", row.invariants);
  visit("coverage", row.coverage);
  visit("class_names", row.class_names);
}

// Runs what is missing and returns the rows asked for, recipe by recipe.
// Results of the first settings of a folder are OUT/<recipe>/model.h5 and
// OUT/<recipe>/<method>.tflite, those of others are in folders of their own
// (study_settings.h). OUT/table.md and OUT/results.json have every result that
// is in OUT, also after an error. `done`, if given, gets each row as soon as it
// is there: what an error or a stop leaves. Throws Error; what was finished
// before is kept.
std::vector<StudyRow> RunStudy(const StudyOptions& options, Progress* progress,
                               std::vector<StudyRow>* done = nullptr);

// Every result in a run directory, of all settings and builds, without
// computing or writing anything. Throws Error{not found} if there is none.
std::vector<StudyRow> ReadStudy(const std::string& directory);

// Throws Error{invariant} naming every broken promise of the rows.
void RequirePromises(const std::vector<StudyRow>& rows);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_STUDY_H_
