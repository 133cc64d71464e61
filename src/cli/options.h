// Options that several verbs share, so that they are spelled and checked alike.
#ifndef LITESMITH_CLI_OPTIONS_H_
#define LITESMITH_CLI_OPTIONS_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "src/base/dtype.h"
#include "src/data/dataset.h"
#include "src/data/sources.h"
#include "src/graph/op_def.h"
#include "src/measure/evaluate.h"
#include "src/models/models.h"
#include "src/optimize/coverage.h"
#include "src/train/trainer.h"

namespace litesmith {

// A value that its option does not take: "--limit -5: a whole number of at
// least 0 is wanted".
class BadValue : public CLI::ParseError {
 public:
  BadValue(const std::string& option, const std::string& value,
           const std::string& problem);
  const std::string& problem() const { return problem_; }

 private:
  std::string problem_;
};

// What an option takes, for files that have types.
enum class ValueType { kText, kTexts, kWhole, kReal, kFlag };
ValueType TypeOf(const CLI::Option& option);

// Which numbers an option takes: low to high, without the ends that are open.
template <typename T>
struct Limits {
  T low = 0;
  T high = std::numeric_limits<T>::max();
  bool above_low = false;
  bool below_high = false;
};

// An option for a number (int, int64_t, uint64_t, float or double) that is
// written in decimal and within the range; anything else is a BadValue.
template <typename T>
CLI::Option* AddNumber(CLI::App* app, const std::string& name, T* value,
                       const std::string& help, Limits<T> range = {});

// An option for one of these words.
CLI::Option* AddChoice(CLI::App* app, const std::string& name,
                       std::string* value, std::vector<std::string> words,
                       const std::string& help);

// An option for names by commas; blanks around a name and names that came
// before are left out.
CLI::Option* AddNames(CLI::App* app, const std::string& name,
                      std::vector<std::string>* names, const std::string& help);

// An option for a size, "20000", "64K" or "1.5M"; anything else is a BadValue.
CLI::Option* AddBytes(CLI::App* app, const std::string& name, int64_t* bytes,
                      const std::string& help);

// How a file is run.
struct RuntimeFlags {
  int threads = 0;
  std::string numerics = "litert";
  bool reference = false;

  Numerics Contract() const;
};

// --threads N: 0 is every processor that the process may use, and more threads
// than those would only wait for each other: the value becomes 1 to so many.
void AddThreads(CLI::App* app, int* threads);
// --threads, --numerics and --reference.
void AddRuntimeFlags(CLI::App* app, RuntimeFlags* flags);
// Warns where --numerics tflm gives what litert gives.
void WarnIfNumericsUnused(const RuntimeFlags& flags, const Graph& graph);
// An option for data, which shells complete.
CLI::Option* AddDataSpec(CLI::App* app, const std::string& name,
                         std::string* data, const std::string& help);
// --data SPEC, needed, and how it is read.
void AddData(CLI::App* app, std::string* data, DataContext* context);
// --cache, --cache-size and --skip-bad.
void AddReading(CLI::App* app, DataContext* context);
// --seed N.
CLI::Option* AddSeed(CLI::App* app, uint64_t* seed, const std::string& help);

// --epochs, --batch, --loss, --optimizer, --learning-rate, --schedule,
// --validation-split, --seed, --threads and those of train/settings.h.
void AddTraining(CLI::App* app, TrainOptions* train);
// Warns where --momentum, or another setting of one optimizer or schedule, is
// given to one that has none.
void WarnIfMomentumUnused(const CLI::App& app, const TrainOptions& train);
// --metric NAME, of the test half; of several outputs a list.
void AddMetric(CLI::App* app, std::string* metric);
// --checkpoint FILE
void AddCheckpoint(CLI::App* app, TrainOptions* train);
// --limit N of either half of the data.
void AddLimit(CLI::App* app, int64_t* limit);

// --dequantize
void AddDequantize(CLI::App* app, bool* dequantize);

// The format that the ending of `out` names, which must be one of the kind of
// `usual`, else Error{invalid argument}; `usual` itself for what is no file.
// `hint` says how to come to other formats.
ModelFormat RequireEnding(const std::string& out, ModelFormat usual,
                          const std::string& hint = "");

// --input 96x96x3 and --classes 2, of a built-in model.
struct ShapeFlags {
  std::string input;
  int classes = 0;
  // Throws Error{invalid argument} for an input that is no such list.
  ModelShape Shape() const;
};
void AddShape(CLI::App* app, ShapeFlags* shape);
// A built-in model's usual training, where the options do not say another one.
void TakeUsualTraining(const CLI::App& app, const std::string& model,
                       TrainOptions* train);

// The format that the ending of `out` names, else Error{invalid argument};
// Keras's .h5 for what is no file.
ModelFormat RequireModelEnding(const std::string& out);

// Both halves of what SPEC names for this model, the first `limit` samples of
// each, all for 0. Warns where that leaves nothing out.
struct Halves {
  DatasetPtr train;
  DatasetPtr test;
};
Halves OpenData(const std::string& spec, int64_t limit, const Graph& model,
                const DataContext& context);

// What a trained graph is worth on the test half.
struct TestOutput {
  std::string name;
  std::string metric;
  Score score;
};
struct TestResult {
  double loss = 0;
  std::string metric;
  Score score;
  std::vector<TestOutput> outputs;  // further ones that there are targets for
};
// `metric` may be several, by commas.
TestResult TestOf(const Graph& graph, const Dataset& test,
                  const TrainOptions& train, const std::string& metric);
// "test loss 0.1234, accuracy 97.00 % (1940 of 2000)".
std::string TestText(const TestResult& result);
// What `train` and `optimize` say of a training with --json: one object, of the
// optimizer's steps, the median of their times (ms), all the time (s), the last
// epoch's loss, the test half, and what a recipe did to each layer if there was
// one.
std::string TrainingJson(int64_t steps, std::vector<double> step_ms,
                         double seconds, const std::vector<EpochResult>& epochs,
                         const TestResult& test, const std::string& out,
                         const std::vector<CoverageRow>* coverage = nullptr);
// "accuracy 97.00 % (1940 of 2000)", "mse 0.01234 (2000 samples)".
std::string ScoreText(const std::string& metric, const Score& score);

// What the classes of a model that is trained on the data are called: as the
// data says, else as the file that it is made of.
std::vector<std::string> NamesFor(const Dataset& data,
                                  const std::string& model);

// Warns where an untrained built-in model stands in for a trained one.
void WarnIfUntrained(const std::string& model);
// Warns where writing `out` destroys `source`.
void WarnIfOverwritten(const std::string& source, const std::string& out);

// "float", "float32", "int8", "uint8" or "int16".
DType ParseIo(const std::string& name);
std::vector<std::string> IoNames();

// min(threads > 0 ? threads : all, all) processors.
int ThreadCount(int threads);

// Says that a verb will write this file, before anything takes long: throws
// what TryOutput does, and Error{invalid argument} if two outputs are one. If
// it is standard output, what PrintOut prints goes to standard error from now
// on.
void UseOutput(const std::string& path);
// The same for --checkpoint, which must be a file that can be read back; empty
// is none. A stop will say which of the two it was.
void UseCheckpoint(const std::string& path);

// Prints to standard output; throws Error{io} if it cannot be written (a full
// disk; a closed pipe ends the process as usual).
void PrintOut(const std::string& text);
// The same of a sentence, in lines of the terminal's width.
void PrintLine(const std::string& text);

}  // namespace litesmith

#endif  // LITESMITH_CLI_OPTIONS_H_
