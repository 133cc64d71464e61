// What a file said of its layers and a graph does not hold: the class, where
// others mean the same, and what only Keras reads, as initializers and
// constraints. Kept in Graph::said_of_layers and said again where it is still
// true. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_SAID_H_
#define LITESMITH_FORMATS_KERAS_SAID_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/formats/json.h"
#include "src/formats/keras/config.h"
#include "src/formats/keras/layer.h"
#include "src/graph/graph.h"

namespace litesmith {

// By labels, for Graph::said_of_layers.
std::map<std::string, std::string> SaidOfLayers(const KerasModel& model);

// A layer's class and config.
struct SaidForm;

class Memory {
 public:
  explicit Memory(const Graph& graph);

  // Says in the layer, which reads `inputs` of the graph, what the file said of
  // it, where it means the same nodes: the layer is built as it was written and
  // as the file had it, and what comes out is compared. Sets its label.
  void Recall(const std::vector<TensorId>& inputs, OutLayer* layer) const;

 private:
  struct Said {
    std::string label;
    std::shared_ptr<const Json> layer;
  };

  // Whether the layer means the same as it is joined; then it is said so.
  bool Means(const std::vector<TensorId>& inputs, const SaidForm& joined,
             const SaidForm& written, OutLayer* layer) const;

  const Graph& graph_;
  std::map<std::string, Said> said_;  // by the name of a call
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_SAID_H_
