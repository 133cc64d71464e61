// Keras layers as nodes: one row a layer class. Dialects of model_config are
// reader.cc's; here a layer's own config, which differs little between them.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_H_

#include <span>
#include <string>

#include "src/formats/hdf5/h5_contents.h"
#include "src/formats/keras/keras_json.h"
#include "src/graph/graph.h"

namespace litesmith {

struct LayerContext {
  const Json& config;
  const std::string& name;
  const H5Tree& weights;  // the file's, by "<layer>/<weight>"
  Graph* graph;
  TensorId input;     // kNoTensor for an InputLayer
  bool input_shared;  // something else reads the input too
  bool trainable;     // its weights are parameters, else constants
};

struct LayerRow {
  const char* class_name;
  const char* summary;  // one line for `litesmith list layers`
  // Adds the layer's nodes and gives its output, which may be its input.
  // Throws Error without naming the layer (the caller adds it).
  TensorId (*build)(const LayerContext& layer);
};

std::span<const LayerRow> LayerRows();
// The row, or null.
const LayerRow* FindLayerRow(const std::string& class_name);

// Adds an input of `dims` (the first is the batch, which becomes kDynamic).
TensorId AddKerasInput(const std::vector<int32_t>& dims,
                       const std::string& name, Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_H_
