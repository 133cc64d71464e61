// Options that several verbs share, so that they are spelled alike.
#ifndef LITESMITH_CLI_OPTIONS_H_
#define LITESMITH_CLI_OPTIONS_H_

#include <cstdint>
#include <string>

#include "src/base/dtype.h"
#include "src/graph/op_def.h"
#include "src/study/models.h"
#include "src/train/trainer.h"

namespace CLI {
class App;
}  // namespace CLI

namespace litesmith {

// How a file is run.
struct RuntimeFlags {
  int threads = 0;
  std::string numerics = "litert";
  bool reference = false;

  Numerics Contract() const;
};

// --threads N: 0 is every processor that the process may use.
void AddThreads(CLI::App* app, int* threads);
// --threads, --numerics and --reference.
void AddRuntimeFlags(CLI::App* app, RuntimeFlags* flags);
// --data SPEC, needed.
void AddData(CLI::App* app, std::string* data);

// --epochs, --batch, --learning-rate, --validation-split, --seed and --threads.
void AddTraining(CLI::App* app, TrainOptions* train);
// --checkpoint FILE
void AddCheckpoint(CLI::App* app, TrainOptions* train);
// --limit N of either half of the data.
void AddLimit(CLI::App* app, int64_t* limit);

// --dequantize
void AddDequantize(CLI::App* app, bool* dequantize);

// Throws Error{invalid argument} unless the ending of `out` is the format's.
// `hint` says how to come to other formats.
void RequireEnding(const std::string& out, ModelFormat format,
                   const std::string& hint = "");

// "float", "float32", "int8", "uint8" or "int16". Throws
// Error{invalid argument}.
DType ParseIo(const std::string& name);

// threads > 0 ? threads : every processor.
int ThreadCount(int threads);

// Prints to standard output; throws Error{io} if it cannot be written (a full
// disk; a closed pipe ends the process as usual).
void PrintOut(const std::string& text);

}  // namespace litesmith

#endif  // LITESMITH_CLI_OPTIONS_H_
