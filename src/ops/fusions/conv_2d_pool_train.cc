#include "src/ops/fusions/conv_2d_pool_train.h"

#include <algorithm>
#include <vector>

#include "src/ops/layer/conv_2d.h"

namespace litesmith {

Window PoolBehind(const Window& conv, int height, int width) {
  Window pool;
  pool.in_h = conv.out_h, pool.in_w = conv.out_w;
  pool.in_c = pool.out_c = conv.out_c;
  pool.filter_h = pool.stride_h = height;
  pool.filter_w = pool.stride_w = width;
  pool.out_h = conv.out_h / height;
  pool.out_w = conv.out_w / width;
  return pool;
}

void InferPooled(const Window& pool, Graph* graph, const Node& node) {
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = DType::kFloat32;
  out.shape = Shape{graph->tensor(node.inputs[0]).shape[0], pool.out_h,
                    pool.out_w, pool.out_c};
}

int64_t MacsBeforePool(const Graph& graph, const Node& node) {
  const Window conv = ConvWindow({graph, node, FactsOf(graph)});
  return conv.out_size() * conv.taps();
}

bool IsPlainFloatConv(const Graph& graph, const Node& conv) {
  const Tensor& x = graph.tensor(conv.inputs[0]);
  const Tensor& weights = graph.tensor(conv.inputs[1]);
  return x.dtype == DType::kFloat32 && weights.dtype == DType::kFloat32 &&
         x.shape[3] == weights.shape[3];
}

bool IsTrained(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return false;
  if (graph.tensor(id).kind == TensorKind::kParameter) return true;
  const NodeId producer = graph.Producer(id);
  if (producer < 0) return false;
  const std::vector<TensorId>& inputs = graph.node(producer).inputs;
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](TensorId in) { return IsTrained(graph, in); });
}

}  // namespace litesmith
