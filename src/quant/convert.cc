// A conversion: decide, then edit.
#include "src/quant/convert.h"

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/ops/integer_operands.h"
#include "src/ops/verify.h"
#include "src/quant/decisions.h"
#include "src/quant/dequantize.h"
#include "src/quant/edit.h"
#include "src/transform/batch_norm.h"
#include "src/transform/expand_rnn.h"
#include "src/transform/training_ops.h"

namespace litesmith {

namespace {

// Recurrent layers as the scheme has them, once: of integers while tensors have
// the ids that ranges are known by, of floats when weights are constants.
RnnForm RnnFormOf(const Scheme& scheme, bool aware) {
  if (!MakesIntegers(scheme, aware)) return RnnForm::kFloat;
  return scheme.activation == DType::kInt16 ? RnnForm::kInt16 : RnnForm::kInt8;
}

// The graphs that nodes run, by the same scheme of float activations.
void ConvertSubgraphs(const Scheme& scheme, const ConvertOptions& options,
                      Graph* graph) {
  for (Graph& subgraph : graph->subgraphs) {
    const Decisions decisions =
        Decide(&subgraph, scheme, /*aware=*/false, {}, options);
    subgraph = RemoveDeadNodes(Edit(std::move(subgraph), decisions, {}));
    MakeNamesUnique(&subgraph);
    InferShapes(&subgraph);
    ConvertSubgraphs(scheme, options, &subgraph);
  }
}

}  // namespace

bool NeedsRanges(const Graph& graph, const Scheme& scheme) {
  const bool aware = HasFakeQuant(graph);
  if (!MakesIntegers(scheme, aware)) return false;
  const Graph split =
      ExpandRnns(SplitBatchNorms(graph), RnnFormOf(scheme, aware));
  return WantsVariableRanges(split) || !OpenRanges(split, Unite(split)).empty();
}

Graph Convert(const Graph& graph, const Scheme& scheme, const Ranges& ranges,
              const ConvertOptions& options) {
  const bool aware = HasFakeQuant(graph);
  const RnnForm rnns = RnnFormOf(scheme, aware);
  Graph result = SplitBatchNorms(WidenHalves(graph));
  RequireFloat(result, "");
  if (rnns != RnnForm::kFloat) result = ExpandRnns(result, rnns);
  result = FoldBatchNorms(FoldFakeQuant(result));
  if (rnns == RnnForm::kFloat) result = ExpandRnns(result, rnns);
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
  if (!scheme.full_integer && scheme.weight != DType::kFloat32)
    ConvertSubgraphs(scheme, options, &result);
  VerifyStructure(result);
  return result;
}

}  // namespace litesmith
