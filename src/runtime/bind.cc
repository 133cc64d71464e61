// Binding: batch, shapes, folding.
#include "src/runtime/bind.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "src/base/error.h"
#include "src/ops/fusions.h"
#include "src/ops/indices.h"
#include "src/runtime/session.h"

namespace litesmith {
namespace {

void SetBatch(Graph* graph, int batch) {
  for (const TensorId id : graph->inputs) {
    Shape& shape = graph->tensor(id).shape;
    if (batch == kAsWritten) {
      shape = shape.Bind(1);
      continue;
    }
    if (shape.rank() == 0) {
      Fail(ErrorKind::kUnsupported,
           "input '{}' is a scalar; a batch dimension is wanted",
           graph->tensor(id).name);
    }
    shape[0] = batch;
  }
}

// Whether the values are there; of none, too.
bool IsKnown(const Tensor& t) {
  return t.has_data() || t.kind == TensorKind::kConstant;
}

bool MayFold(const Graph& graph, const Node& node, bool training) {
  if (node.op->effects || node.op->rows.empty()) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
    if (id == kNoTensor) return true;
    const Tensor& t = graph.tensor(id);
    return IsKnown(t) && (!training || t.kind == TensorKind::kConstant);
  });
}

// Whether the node's outputs have no elements: there is nothing to compute.
bool GivesNothing(const Graph& graph, const Node& node) {
  if (node.op->effects || !AreKnown(graph, node)) return false;
  return std::all_of(node.outputs.begin(), node.outputs.end(),
                     [&](TensorId id) {
                       const Shape& shape = graph.tensor(id).shape;
                       return shape.IsStatic() && shape.NumElements() == 0;
                     });
}

// The data of the node's outputs if they do not depend on the graph's inputs.
std::vector<TensorData> Folded(const Graph& graph, const Node& node,
                               const GraphFacts& facts,
                               const BindOptions& options) {
  if (GivesNothing(graph, node))
    return std::vector<TensorData>(node.outputs.size());
  if (node.op->fold_constant != nullptr) {
    const TensorData data = node.op->fold_constant(graph, node);
    if (!data.empty()) return {data};
  }
  if (!MayFold(graph, node, options.training)) return {};
  return RunOnData({graph, node, facts, options.numerics},
                   options.reference ? Purpose::kReference : Purpose::kFast);
}

// Sizes, or conditions by which they are chosen.
bool HoldsSizes(const Tensor& tensor) {
  return tensor.dtype == DType::kInt32 || tensor.dtype == DType::kInt64 ||
         tensor.dtype == DType::kBool;
}

// Infers shapes at the batch of the inputs, and folds. `shapes_only`: folds
// only what shapes are computed of.
void InferAndFold(Graph* graph, const BindOptions& options, int batch,
                  bool shapes_only) {
  // What is folded runs once, on all that is there.
  const GraphFacts facts = FactsOf(*graph, {}, /*as_written=*/true);
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    // By value: infer may add nothing, but it writes tensors of `graph`.
    const Node node = graph->nodes[n];
    try {
      node.op->infer(graph, node);
      if (node.outputs.empty() ||
          (shapes_only && !HoldsSizes(graph->tensor(node.outputs[0]))))
        continue;
      std::vector<TensorData> folded = Folded(*graph, node, facts, options);
      if (folded.empty()) continue;
      for (size_t o = 0; o < folded.size(); ++o) {
        Tensor& out = graph->tensor(node.outputs[o]);
        out.kind = TensorKind::kConstant;
        out.data = std::move(folded[o]);
      }
      graph->nodes[n].outputs.clear();  // nobody computes it any more: dead
    } catch (const Error& error) {
      Fail(error.kind(), "{}{}: {}", Describe(*graph, node),
           batch == kAsWritten ? "" : fmt::format(", at batch {}", batch),
           error.what());
    }
  }
}

// The shapes at another batch, by tensor; nothing if the graph does not fit it.
std::optional<std::vector<Shape>> ShapesAt(const Graph& graph, int batch,
                                           const BindOptions& options) {
  Graph probe = graph;
  try {
    SetBatch(&probe, batch);
    InferAndFold(&probe, options, batch, /*shapes_only=*/true);
  } catch (const Error&) {
    return std::nullopt;
  }
  std::vector<Shape> shapes;
  for (const Tensor& tensor : probe.tensors) shapes.push_back(tensor.shape);
  return shapes;
}

// Whether the first dimension of a batched tensor is made of whole samples, by
// its shapes at one batch and at twice that.
bool GrowsWithBatch(const Shape& once, const Shape& twice) {
  return once.rank() > 0 && twice.rank() > 0 &&
         int64_t{2} * once[0] == int64_t{twice[0]};
}

// Checks what a plan relies on: that each sample has its own rows.
// `written_for` is the batch that the graph itself has, or kDynamic.
void SeparateSamples(const Graph& graph, const std::vector<Shape>& twice,
                     int32_t written_for, GraphFacts* facts) {
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (facts->batched[t] == 0 || facts->source[t] == kNoTensor) continue;
    const Tensor& tensor = graph.tensors[t];
    const Shape& shape = twice[static_cast<size_t>(facts->source[t])];
    if (!GrowsWithBatch(tensor.shape, shape)) facts->rows[t] = 0;
    // With one sample there is nothing to mix, unless there were to be several.
    if (facts->rows[t] > 0 || (facts->batch == 1 && written_for <= 1)) continue;
    Fail(ErrorKind::kUnsupported,
         "'{}' mixes samples: its shape is {} for {} of them and {} for {}",
         tensor.name, tensor.shape.ToString(), facts->batch, shape.ToString(),
         2 * facts->batch);
  }
}

void CheckOutputs(const BoundGraph& bound, const BindOptions& options) {
  for (const TensorId id : bound.graph.outputs) {
    const Tensor& output = bound.graph.tensor(id);
    const bool fits =
        output.shape.rank() > 0 &&
        (options.inner_outputs || output.shape[0] == options.batch);
    if (fits) continue;
    Fail(ErrorKind::kUnsupported,
         "output '{}' has shape {}: its first dimension is not the batch of {}",
         output.name, output.shape.ToString(), options.batch);
  }
}

}  // namespace

BoundGraph BindGraph(const Graph& graph, const BindOptions& options) {
  Graph bound = graph;
  const Shape given =
      graph.inputs.empty() ? Shape() : graph.tensor(graph.inputs[0]).shape;
  if (!options.training) RemoveTrainingOnlyNodes(&bound);
  const bool has_state = !options.training && KeepsState(graph);
  if (has_state && options.batch > 1) {
    Fail(ErrorKind::kUnsupported,
         "the graph keeps something from call to call (variables), which mixes "
         "samples: it runs them one by one, not {} at once",
         options.batch);
  }
  const bool as_written = has_state || options.batch == kAsWritten;
  const std::optional<std::vector<Shape>> twice =
      as_written ? std::nullopt : ShapesAt(bound, 2 * options.batch, options);
  SetBatch(&bound, options.batch);
  InferAndFold(&bound, options, options.batch, /*shapes_only=*/false);
  SourceIds source(bound.tensors.size());
  std::iota(source.begin(), source.end(), 0);
  BoundGraph result;
  result.graph = RemoveDeadNodes(bound, &source);
  if (!options.training && !options.reference)
    ApplyRewrites(Purpose::kFast, &result.graph, &source);
  result.facts = FactsOf(
      result.graph,
      options.training ? std::span(options.heads) : std::span<const int>(),
      as_written);
  result.facts.source = std::move(source);
  if (!as_written) CheckOutputs(result, options);
  if (twice) {
    SeparateSamples(result.graph, *twice, given.rank() > 0 ? given[0] : 1,
                    &result.facts);
  }
  return result;
}

int BatchFor(const Graph& graph, int wanted) {
  if (wanted <= 1 || KeepsState(graph)) return 1;
  BindOptions options;
  Graph one = graph;
  RemoveTrainingOnlyNodes(&one);
  const std::optional<std::vector<Shape>> twice = ShapesAt(one, 2, options);
  SetBatch(&one, 1);
  InferAndFold(&one, options, 1, /*shapes_only=*/true);
  if (!twice) return 1;
  for (const TensorId id : one.outputs) {
    const Shape& shape = one.tensor(id).shape;
    if (shape.rank() == 0 || shape[0] != 1) return 1;
  }
  SourceIds source(one.tensors.size());
  std::iota(source.begin(), source.end(), 0);
  one = RemoveDeadNodes(one, &source);
  const GraphFacts facts = FactsOf(one, {});
  for (size_t t = 0; t < one.tensors.size(); ++t) {
    const Shape& at_two = (*twice)[static_cast<size_t>(source[t])];
    if (facts.batched[t] != 0 && !GrowsWithBatch(one.tensors[t].shape, at_two))
      return 1;
  }
  // Shapes that grow as they should do not tell all: the kernel of
  // SPACE_TO_BATCH_ND sees that it moves samples among each other.
  try {
    BindOptions bind;
    bind.batch = wanted;
    const BoundGraph bound = BindGraph(graph, bind);
    PrepareKernels(bound.graph, bound.facts, Purpose::kReference, bind.numerics,
                   MakeSession(bind.numerics).get());
  } catch (const Error&) {
    return 1;
  }
  return wanted;
}

}  // namespace litesmith
