// The models of a config, as they lie in each other, before they are made one:
// the step from JSON to KerasModel. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_MODEL_TREE_H_
#define LITESMITH_FORMATS_KERAS_MODEL_TREE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/formats/keras/call.h"
#include "src/formats/keras/config.h"

namespace litesmith {

struct ModelTree;

// A layer of a model, or a model in it.
struct TreeEntry {
  std::string name;
  size_t layer = 0;  // in KerasModel::layers
  std::unique_ptr<ModelTree> model;
  std::vector<ParsedCall> calls;  // an input has one, of nothing
};

struct ModelTree {
  bool sequential = false;
  bool has_input_layer = false;  // of a Sequential: in the file
  bool trainable = true;         // as it says itself
  std::vector<TreeEntry> entries;
  std::map<std::string, size_t> places;  // of entries, by name
  std::vector<Reference> inputs;
  std::vector<Reference> outputs;
  // Keys, where they are objects in the file; else empty.
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
};

// Parses a model and all models in it; its layers go to `model`.
std::unique_ptr<ModelTree> ParseModelTree(const Json& config,
                                          const std::string& kind,
                                          KerasModel* model);

// Makes one list of calls of the models in the model: each call of one has its
// own calls of all that is in it.
void Flatten(const ModelTree& tree, KerasModel* model);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_MODEL_TREE_H_
