// Built-in models by name, and models from files by their ending.
#ifndef LITESMITH_STUDY_MODELS_H_
#define LITESMITH_STUDY_MODELS_H_

#include <cstdint>
#include <span>
#include <string>

#include "src/graph/graph.h"

namespace litesmith {

struct BuiltinModel {
  const char* name;
  const char* summary;
  // Untrained: Glorot-uniform kernels and zero biases from `seed`.
  Graph (*make)(uint64_t seed);
};

std::span<const BuiltinModel> BuiltinModels();

// A built-in name, or a file ending in .h5 or .tflite.
Graph LoadModel(const std::string& model, uint64_t seed);
// By ending: .h5 or .tflite. Atomically. A graph with training ops goes into an
// .h5 as what remains once they are stripped, with the whole beside it.
void SaveModel(const Graph& graph, const std::string& path);

// The same graph with its float weights and biases as parameters: a .tflite
// file holds them as constants. Throws Error{unsupported} if there are none.
Graph MakeTrainable(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_MODELS_H_
