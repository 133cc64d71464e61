// A conversion: decide, then edit.
#include "src/quant/convert.h"

#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/graph/infer.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/integer_operands.h"
#include "src/ops/verify.h"
#include "src/quant/conversion.h"
#include "src/quant/decisions.h"
#include "src/quant/dequantize.h"
#include "src/quant/edit.h"
#include "src/quant/float_nodes.h"
#include "src/quant/prepare.h"
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
        Decide(&subgraph, scheme, /*aware=*/false, {}, options, {});
    subgraph = RemoveDeadNodes(Edit(std::move(subgraph), decisions, {}));
    MakeNamesUnique(&subgraph);
    InferShapes(&subgraph);
    ConvertSubgraphs(scheme, options, &subgraph);
  }
}

// The model's values in float32, with nothing left of training; tensors that
// were trained on integers carry their scales.
Graph FloatGraph(const Graph& graph, RnnForm rnns) {
  RequireFloat(WidenHalves(graph), "");
  Graph result = Prepare(graph);
  if (rnns != RnnForm::kFloat) result = ExpandRnns(result, rnns);
  if (rnns == RnnForm::kInt16) result = SplitCostlyBatchNorms(result);
  result = FoldBatchNorms(FoldFakeQuant(result));
  if (rnns == RnnForm::kFloat) result = ExpandRnns(result, rnns);
  for (Tensor& t : result.tensors) {
    if (t.kind == TensorKind::kParameter || t.kind == TensorKind::kState) {
      t.kind = TensorKind::kConstant;
    }
  }
  return result;
}

// Finds the first node of `result` whose op refuses its integers (a scale that
// its arithmetic cannot take), and has it stay float. False if there is none
// that could.
bool FloatInstead(const Graph& ready, Graph result, FloatNodes* float_nodes) {
  const std::vector<char> loose = LooseTensors(result);
  for (const Node& node : result.nodes) {
    try {
      node.op->infer(&result, node);
    } catch (const Error& error) {
      if (!node.outputs.empty() &&
          loose[static_cast<size_t>(node.outputs[0])] != 0)
        continue;
      for (size_t n = 0; n < ready.nodes.size(); ++n) {
        if (ready.nodes[n].name != node.name || ready.nodes[n].op != node.op)
          continue;
        if (float_nodes->Stays(n)) return false;
        StayFloat(ready, n, error.what(), float_nodes);
        return true;
      }
      return false;
    }
  }
  return false;
}

void ReportFloatNodes(const Graph& ready, const FloatNodes& float_nodes,
                      const Scheme& scheme, bool strict) {
  const std::vector<std::string> lines = Describe(ready, float_nodes);
  if (lines.empty()) return;
  const std::string text = fmt::format("{}", fmt::join(lines, "; "));
  if (strict) {
    Fail(ErrorKind::kUnsupported, "{} of {} nodes have no form in {}: {}",
         lines.size(), ready.nodes.size(), scheme.name, text);
  }
  Warn("{}: {} of {} nodes stay float between DEQUANTIZE and QUANTIZE: {}",
       scheme.name, lines.size(), ready.nodes.size(), text);
}

}  // namespace

bool NeedsRanges(const Graph& graph, const Scheme& scheme) {
  const bool aware = HasFakeQuant(graph);
  if (!MakesIntegers(scheme, aware)) return false;
  const RnnForm form = RnnFormOf(scheme, aware);
  Graph split = ExpandRnns(Prepare(graph), form);
  if (form == RnnForm::kInt16) split = SplitCostlyBatchNorms(split);
  return WantsVariableRanges(split) || !OpenRanges(split, Unite(split)).empty();
}

Conversion MakeConversion(const Graph& graph, const Scheme& scheme,
                          const Ranges& ranges, const ConvertOptions& options) {
  const bool aware = HasFakeQuant(graph);
  const Graph ready = FloatGraph(graph, RnnFormOf(scheme, aware));
  if (!scheme.full_integer &&
      options.io.value_or(DType::kFloat32) != DType::kFloat32) {
    Fail(ErrorKind::kInvalidArgument,
         "{} has float32 inputs and outputs; {} was asked for", scheme.name,
         Name(*options.io));
  }
  Verify(ready, Stage::kFloat);
  std::optional<DType> io;
  FloatNodes float_nodes;
  if (MakesIntegers(scheme, aware)) {
    io = scheme.full_integer ? options.io.value_or(scheme.io) : DType::kFloat32;
    float_nodes = FindFloatNodes(ready, SchemeInside(scheme, aware));
  }
  for (;;) {
    Graph result = ready;
    Decisions decisions =
        Decide(&result, scheme, aware, ranges, options, float_nodes);
    if (decisions.refused) {
      const auto& [node, why] = *decisions.refused;
      StayFloat(ready, static_cast<size_t>(node), why, &float_nodes);
      continue;
    }
    Graph decided = result;
    result = RemoveDeadNodes(Edit(std::move(result), decisions, io));
    MakeNamesUnique(&result);  // of what was added; the model's own come first
    try {
      InferShapes(&result);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported || !io ||
          !FloatInstead(ready, result, &float_nodes))
        throw;
      continue;
    }
    if (!scheme.full_integer && scheme.weight != DType::kFloat32)
      ConvertSubgraphs(scheme, options, &result);
    VerifyStructure(result);
    ReportFloatNodes(ready, float_nodes, scheme, options.strict);
    return {std::move(decided), std::move(float_nodes), std::move(decisions),
            std::move(result)};
  }
}

Graph Convert(const Graph& graph, const Scheme& scheme, const Ranges& ranges,
              const ConvertOptions& options) {
  return MakeConversion(graph, scheme, ranges, options).result;
}

}  // namespace litesmith
