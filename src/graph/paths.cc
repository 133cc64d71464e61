// Reachability, a pass over the nodes each way.
#include "src/graph/paths.h"

#include <algorithm>

namespace litesmith {
namespace {

bool AnyMarked(const std::vector<TensorId>& ids,
               const std::vector<char>& marked) {
  return std::any_of(ids.begin(), ids.end(), [&](TensorId id) {
    return id != kNoTensor && marked[static_cast<size_t>(id)] != 0;
  });
}

void Mark(const std::vector<TensorId>& ids, std::vector<char>* marked) {
  for (const TensorId id : ids) {
    if (id != kNoTensor) (*marked)[static_cast<size_t>(id)] = 1;
  }
}

}  // namespace

std::vector<char> TrainedPath(const Graph& graph) {
  std::vector<char> trained(graph.tensors.size(), 0);
  for (size_t t = 0; t < trained.size(); ++t)
    trained[t] = graph.tensors[t].kind == TensorKind::kParameter;
  for (const Node& node : graph.nodes) {
    if (AnyMarked(node.inputs, trained)) Mark(node.outputs, &trained);
  }
  std::vector<char> read(graph.tensors.size(), 0);
  if (!graph.outputs.empty()) Mark({graph.outputs[0]}, &read);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (AnyMarked(node.outputs, read)) Mark(node.inputs, &read);
  }
  std::vector<char> result(trained.size(), 0);
  for (size_t t = 0; t < result.size(); ++t)
    result[t] = trained[t] != 0 && read[t] != 0;
  return result;
}

}  // namespace litesmith
