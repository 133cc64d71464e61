// The doors: built-in models by name, files by what is in them, and back to a
// file by its ending.
#ifndef LITESMITH_MODELS_MODELS_H_
#define LITESMITH_MODELS_MODELS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/dataset.h"
#include "src/data/sources.h"
#include "src/graph/graph.h"
#include "src/train/trainer.h"

namespace litesmith {

// What a model is to take and to tell apart: a sample's shape (empty: the
// model's usual one) and how many classes (0: the same).
struct ModelShape {
  std::vector<int32_t> input;
  int classes = 0;
};
// What `first` leaves open as `second` has it.
ModelShape FilledBy(ModelShape first, const ModelShape& second);
// Of the samples' first input, and of their labels.
ModelShape ShapeOfSamples(const Dataset& data);

// The same of the training half that SPEC names, for a built-in model that goes
// by its data; nothing for another model.
ModelShape ShapeOfData(const std::string& model, const std::string& spec,
                       const DataContext& context);

struct BuiltinModel {
  const char* name;
  const char* summary;
  ModelShape usual;
  bool by_data;  // takes shape and classes of the data that it is trained on
  // How it is usually trained; null: as any model.
  void (*train)(TrainOptions* options);
  // Untrained: Glorot-uniform kernels and zero biases from `seed`. Nothing of
  // the shape is left open. Throws Error{invalid argument} for an input of
  // another kind.
  Graph (*make)(const ModelShape& shape, uint64_t seed);
};
std::span<const BuiltinModel> BuiltinModels();
// Throws Error{invalid argument} with the nearest name and all of them.
const BuiltinModel& FindBuiltin(std::string_view name);
bool IsBuiltin(std::string_view name);
// What `shape` leaves open is the model's usual one.
Graph MakeBuiltin(const BuiltinModel& model, const ModelShape& shape,
                  uint64_t seed);

// A built-in name, or a Keras (HDF5 or archive) or TFLite file, whatever its
// name: as it is
// stored, whatever its numbers. Throws Error: not found; io for a folder; for a
// file that is no model one that says what it is.
// `signature` names one of a .tflite file with several (formats/tflite).
// `shape` is a built-in model's.
Graph LoadModel(const std::string& model, uint64_t seed,
                const std::string& signature = {},
                const ModelShape& shape = {});
// The same to be looked at: of a file with operators, layers or types that are
// not supported all that can be said.
Graph LookAtModel(const std::string& model, uint64_t seed);

// The same for training and conversion: finite float32 throughout, with shapes
// that leave the batch open. float16 constants are widened; of integers, with
// `dequantize`, the real values that they stand for are taken. Throws
// Error{invalid argument} that says what the file is if it is not float.
Graph LoadFloatModel(const std::string& model, uint64_t seed, bool dequantize,
                     const ModelShape& shape = {});

// Throws Error{invalid argument} naming the first weight that is not finite,
// with its place and value; `where` is the file.
void RequireFinite(const Graph& graph, const std::string& where);
// The same as a warning.
void WarnNotFinite(const Graph& graph, const std::string& where);

enum class ModelFormat : uint8_t { kKerasH5, kKerasArchive, kTflite };

// Keras's formats hold a graph that is trained on; the other one is for
// inference.
inline bool IsKeras(ModelFormat format) {
  return format != ModelFormat::kTflite;
}

// The format that a file of this name is written in, by its ending in capital
// or small letters: .h5, .hdf5, .keras, .tflite, .lite.
std::optional<ModelFormat> FormatOfEnding(const std::string& path);
// Of the formats of this one's kind: ".h5, .hdf5 or .keras".
const char* EndingsOf(ModelFormat format);

// Warns if a file of this format will hold our own graph alone, which Keras
// does not read, so that this is known before a training.
void WarnIfNoKerasForm(const Graph& graph, ModelFormat format);

// By ending. Atomically. A graph with training ops goes into a Keras file as
// what remains once they are stripped, with the whole beside it; one that has
// no Keras form goes there alone, with a warning.
void SaveModel(const Graph& graph, const std::string& path);

// The same in this format, whatever the name: for outputs that have no ending,
// such as "-" for standard output.
void SaveModelAs(ModelFormat format, const Graph& graph,
                 const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_MODELS_MODELS_H_
