// The checks and the plan of ops on rows.
#include "src/ops/map/rows.h"

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"

namespace litesmith {

Rows::Rows(const PrepareContext& context) {
  const Shape& x = context.input(0).shape;
  if (x.rank() == 1 && context.facts.IsBatched(context.node) &&
      !context.facts.as_written) {
    Fail(ErrorKind::kUnsupported,
         "node '{}': the only dimension of its input '{}' is the batch: it "
         "mixes samples",
         context.node.name, context.input(0).name);
  }
  depth = x[x.rank() - 1];
  per_sample = PerSample(context, x.NumElements() / depth);
}

void CheckDepth(const Tensor& x, int64_t most) {
  const int32_t depth = x.shape[x.shape.rank() - 1];
  if (depth <= most) return;
  Fail(ErrorKind::kUnsupported,
       "the {} input '{}' of shape {} has {} values in a row; at most {} fit "
       "the sum",
       Name(x.dtype), x.name, x.shape.ToString(), depth, most);
}

void InferRows(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckKernelDType(x, "input", *node.op);
  const int rank = x.shape.rank();
  if (rank < 1 || x.shape[rank - 1] < 1) {
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has shape {}; a last dimension of known size is "
         "wanted, which is not the batch",
         x.name, x.shape.ToString());
  }
  out.dtype = x.dtype;
  out.shape = x.shape;
  if (x.dtype == DType::kFloat32) return;
  CheckPerTensorQuant(x, "input");
  CheckFixedQuant(out, *node.op);
}

}  // namespace litesmith
