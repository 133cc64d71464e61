// A graph as Keras layers, before any of it is written: the inverse of
// layers.h.
#ifndef LITESMITH_FORMATS_KERAS_KERAS_LAYERS_H_
#define LITESMITH_FORMATS_KERAS_KERAS_LAYERS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

struct OutLayer {
  std::string class_name;
  std::string name;
  nlohmann::ordered_json config;
  int input = -1;  // position of the layer that it reads, -1: none
  // Graph tensors in the order of Keras's variables; kNoTensor: there is none.
  TensorId kernel = kNoTensor;
  TensorId bias = kNoTensor;
};

struct OutModel {
  std::vector<OutLayer> layers;
  std::vector<int> inputs;   // positions
  std::vector<int> outputs;  // positions
  bool is_chain = false;     // one input, one output, each reads the one before
};

// Throws Error{unsupported} naming the node that no Keras layer can express.
OutModel LayersFromGraph(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_KERAS_LAYERS_H_
