// Adds the nodes of a layer, inferring each: "<layer>/<step>", and the layer's
// own name for the one that gives its output. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_NODES_H_
#define LITESMITH_FORMATS_KERAS_NODES_H_

#include <string>
#include <utility>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

class Nodes {
 public:
  Nodes(std::string layer, Graph* graph)
      : layer_(std::move(layer)), graph_(graph) {}

  // "" is the step that has the layer's name. Gives the first output.
  TensorId Add(const OpDef& op, const std::string& step,
               std::vector<TensorId> inputs) {
    return Infer(New(op, step, std::move(inputs)));
  }
  template <class Attrs>
  TensorId Add(const OpDef& op, const std::string& step,
               std::vector<TensorId> inputs, const Attrs& attrs) {
    Node& node = New(op, step, std::move(inputs));
    Put(attrs, &node);
    return Infer(node);
  }

  TensorId Float(const std::string& step, float value);
  TensorId Floats(const std::string& step, const Shape& shape,
                  const std::vector<float>& values);
  TensorId Ints(const std::string& step, const std::vector<int32_t>& values);

  // Constants of these nodes are called "<step>/shape" and so on, without the
  // slash for the layer's own.
  TensorId Reshape(const std::string& step, TensorId x,
                   const std::vector<int32_t>& dims);  // the batch may be -1
  TensorId Transpose(const std::string& step, TensorId x,
                     const std::vector<int32_t>& axes);
  TensorId Cast(const std::string& step, TensorId x, DType to);
  // x op value, a constant called "<step>/<name>".
  TensorId WithFloat(const OpDef& op, const std::string& step, TensorId x,
                     const char* name, float value);

  const Shape& ShapeOf(TensorId id) const { return graph_->tensor(id).shape; }
  std::string Name(const std::string& step) const {
    return step.empty() ? layer_ : layer_ + "/" + step;
  }
  // "shape" of the layer's own step, "expand/shape" of another.
  static std::string Below(const std::string& step, const char* name) {
    return step.empty() ? std::string(name) : step + "/" + name;
  }

 private:
  Node& New(const OpDef& op, const std::string& step,
            std::vector<TensorId> inputs) {
    return graph_->AddNode(op, Name(step), std::move(inputs), {Name(step)});
  }
  TensorId Infer(const Node& node) {
    node.op->infer(graph_, node);
    return node.outputs[0];
  }

  std::string layer_;
  Graph* graph_;
};

// The sample's dimensions behind an open batch: what RESHAPE takes.
std::vector<int32_t> WithBatch(std::vector<int32_t> sample);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_NODES_H_
