// Widening, folding, cleaning up.
#include "src/quant/prepare.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "src/base/error.h"
#include "src/quant/dequantize.h"
#include "src/runtime/bind.h"
#include "src/transform/batch_norm.h"
#include "src/transform/clean_up.h"
#include "src/transform/known.h"

namespace litesmith {
namespace {

// The graph at a batch, as a plan binds it; none if it does not fit that batch:
// nothing is known of it then.
std::optional<AtBatch> Bound(const Graph& graph, int32_t batch) {
  Graph written = graph;
  for (const TensorId id : written.inputs)
    written.tensor(id).shape = written.tensor(id).shape.Bind(batch);
  BindOptions options;
  options.batch = kAsWritten;
  options.reference = true;
  options.inner_outputs = true;
  try {
    const BoundGraph bound = BindGraph(written, options);
    AtBatch tensors(graph.tensors.size());
    for (size_t t = 0; t < bound.graph.tensors.size(); ++t) {
      const TensorId source = bound.facts.source[t];
      if (source != kNoTensor)
        tensors[static_cast<size_t>(source)] = bound.graph.tensors[t];
    }
    return tensors;
  } catch (const Error&) {
    return std::nullopt;  // it does not fit this batch: nothing is known of it
  }
}

Graph FoldKnown(const Graph& graph) {
  const auto two = Bound(graph, 2);
  const auto three = two ? Bound(graph, 3) : std::nullopt;
  return three ? FoldKnown(graph, *two, *three) : graph;
}

bool IsOpenInside(const Tensor& tensor) {
  const auto dims = tensor.shape.dims();
  return !dims.empty() &&
         std::find(dims.begin() + 1, dims.end(), kDynamic) != dims.end();
}

}  // namespace

Graph Prepare(const Graph& graph) {
  return SplitBatchNorms(CleanUp(FoldKnown(WidenHalves(graph))));
}

Graph WithInnerShapes(const Graph& graph) {
  if (std::none_of(graph.tensors.begin(), graph.tensors.end(), IsOpenInside) ||
      std::any_of(graph.inputs.begin(), graph.inputs.end(),
                  [&](TensorId id) { return IsOpenInside(graph.tensor(id)); }))
    return graph;
  const auto two = Bound(graph, 2);
  const auto three = two ? Bound(graph, 3) : std::nullopt;
  if (!three) return graph;
  Graph result = graph;
  for (size_t t = 0; t < result.tensors.size(); ++t) {
    Tensor& tensor = result.tensors[t];
    const auto& at_two = (*two)[t];
    const auto& at_three = (*three)[t];
    if (!IsOpenInside(tensor) || !at_two || !at_three ||
        at_two->shape.rank() != at_three->shape.rank())
      continue;
    std::vector<int32_t> dims = at_two->shape.ToVector();
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] != at_three->shape[static_cast<int>(d)]) dims[d] = kDynamic;
    }
    tensor.shape = Shape(std::span<const int32_t>(dims));
  }
  return result;
}

}  // namespace litesmith
