// Small graphs in few words.
#ifndef LITESMITH_TESTS_CONFORMANCE_GRAPH_BUILDER_H_
#define LITESMITH_TESTS_CONFORMANCE_GRAPH_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

Quantization PerTensor(float scale, int64_t zero_point = 0);
// Different scales around `scale`, zero points 0.
Quantization PerAxis(int channels, float scale, int axis = 0);

class GraphBuilder {
 public:
  explicit GraphBuilder(Rng* rng) : rng_(rng) {}

  Rng* rng() { return rng_; }
  Tensor& tensor(TensorId id) { return graph_.tensor(id); }

  // An input of the graph; `shape` without the batch.
  TensorId Input(const std::string& name, DType dtype,
                 const std::vector<int32_t>& shape,
                 const Quantization& quant = {});
  // An input of exactly this shape: the graph runs as it is written.
  TensorId Fixed(const std::string& name, DType dtype, const Shape& shape,
                 const Quantization& quant = {});
  // What an op keeps from call to call.
  TensorId Variable(const std::string& name, DType dtype, const Shape& shape,
                    const Quantization& quant = {});
  TensorId Random(const std::string& name, DType dtype, const Shape& shape,
                  const Quantization& quant = {},
                  TensorKind kind = TensorKind::kConstant);
  template <typename T>
  TensorId Values(const std::string& name, const Shape& shape,
                  const std::vector<T>& values, const Quantization& quant = {},
                  TensorKind kind = TensorKind::kConstant) {
    const TensorId id = graph_.AddConstant<T>(name, shape, values, kind);
    graph_.tensor(id).quant = quant;
    return id;
  }
  // Integers in [-largest, largest] as floats, plus `offset`.
  TensorId Grid(const std::string& name, const Shape& shape, int largest,
                float offset = 0, TensorKind kind = TensorKind::kParameter);

  // A node whose one output has this name. The dtype and quantization count
  // where infer does not set them; a copy, since adding tensors moves theirs.
  Node& Add(const OpDef& op, const std::string& name,
            std::vector<TensorId> inputs, Quantization quant = {},
            DType dtype = DType::kFloat32);
  // A node of several outputs, alike in quantization and dtype.
  Node& AddMany(const OpDef& op, const std::vector<std::string>& names,
                std::vector<TensorId> inputs, Quantization quant = {},
                DType dtype = DType::kFloat32);
  // A node without outputs.
  Node& AddNone(const OpDef& op, const std::string& name,
                std::vector<TensorId> inputs) {
    return graph_.AddNode(op, name, std::move(inputs), {});
  }
  // What nodes of this graph may run; its number.
  SubgraphIndex Subgraph(Graph subgraph) {
    graph_.subgraphs.push_back(std::move(subgraph));
    return {static_cast<int32_t>(graph_.subgraphs.size()) - 1};
  }
  // The output of the node added last.
  TensorId last() const { return graph_.nodes.back().outputs[0]; }

  // RESHAPE to [-1, shape...].
  TensorId Reshape(const std::string& name, TensorId x,
                   std::vector<int32_t> shape);

  // The graph with these outputs, shapes inferred.
  Graph Finish(const std::vector<TensorId>& outputs);
  Graph Finish() { return Finish({last()}); }

 private:
  Rng* rng_;
  Graph graph_;
};

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_GRAPH_BUILDER_H_
