// A conversion: decide, then edit.
#include "src/quant/convert.h"

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/ops/verify.h"
#include "src/quant/decisions.h"
#include "src/quant/dequantize.h"
#include "src/quant/edit.h"
#include "src/transform/batch_norm.h"
#include "src/transform/training_ops.h"

namespace litesmith {

bool NeedsRanges(const Graph& graph, const Scheme& scheme) {
  const Graph split = SplitBatchNorms(graph);
  return MakesIntegers(scheme, HasFakeQuant(graph)) &&
         !OpenRanges(split, Unite(split)).empty();
}

Graph Convert(const Graph& graph, const Scheme& scheme, const Ranges& ranges,
              const ConvertOptions& options) {
  const bool aware = HasFakeQuant(graph);
  Graph result = SplitBatchNorms(WidenHalves(graph));
  RequireFloat(result, "");
  result = FoldBatchNorms(FoldFakeQuant(result));
  for (Tensor& t : result.tensors) {
    if (t.kind == TensorKind::kParameter || t.kind == TensorKind::kState) {
      t.kind = TensorKind::kConstant;
    }
  }
  if (!scheme.full_integer &&
      options.io.value_or(DType::kFloat32) != DType::kFloat32) {
    Fail(ErrorKind::kInvalidArgument,
         "{} has float32 inputs and outputs; {} was asked for", scheme.name,
         Name(*options.io));
  }
  Verify(result, Stage::kFloat);
  const Decisions decisions = Decide(&result, scheme, aware, ranges, options);
  std::optional<DType> io;
  if (MakesIntegers(scheme, aware))
    io = scheme.full_integer ? options.io.value_or(scheme.io) : DType::kFloat32;
  result = RemoveDeadNodes(Edit(std::move(result), decisions, io));
  MakeNamesUnique(&result);  // of what was added; the model's own come first
  InferShapes(&result);
  VerifyStructure(result);
  return result;
}

}  // namespace litesmith
