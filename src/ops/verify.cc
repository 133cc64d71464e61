// The rules of each stage.
#include "src/ops/verify.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/graph/differentiates.h"
#include "src/graph/facts.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

// Types that only a converted model has. Whole numbers of 32 and 64 bits are
// shapes and indices.
bool IsReduced(DType dtype) {
  return dtype != DType::kFloat32 && dtype != DType::kInt32 &&
         dtype != DType::kInt64 && dtype != DType::kBool;
}

void VerifyNothingReduced(const Graph& graph, const char* purpose) {
  const auto check = [&](TensorId id, const std::string& where) {
    if (id == kNoTensor) return;
    const Tensor& t = graph.tensor(id);
    if (!IsReduced(t.dtype)) return;
    Fail(ErrorKind::kUnsupported,
         "{} '{}' is {}: this model is converted already; a float model is "
         "wanted {}",
         where, t.name, Name(t.dtype), purpose);
  };
  for (const TensorId id : graph.inputs) check(id, "the input");
  for (const Node& node : graph.nodes) {
    const std::string where =
        fmt::format("node '{}' ({})", node.name, node.op->name);
    for (const TensorId id : node.inputs) check(id, where + " reads");
    for (const TensorId id : node.outputs) check(id, where + " writes");
  }
}

void VerifyFinite(const Tensor& tensor) {
  if (!tensor.has_data() || tensor.dtype != DType::kFloat32) return;
  const auto values = tensor.As<float>();
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return;
  Fail(ErrorKind::kInvalidArgument,
       "tensor '{}': value {} of {} is {}; finite weights are wanted",
       tensor.name, bad - values.begin(), values.size(), *bad);
}

// Parameters, and what layers read as weights and biases.
void VerifyFiniteWeights(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kParameter) VerifyFinite(tensor);
  }
  for (const Node& node : graph.nodes) {
    for (const size_t input : TrainedInputs(node))
      VerifyFinite(graph.tensor(node.inputs[input]));
  }
}

// " 'y', since no gradient flows through node 'round' (ROUND)".
std::string WhyUntrained(const Graph& graph) {
  std::string text = fmt::format(" '{}'", graph.tensor(graph.outputs[0]).name);
  const int first[] = {0};
  for (const Blocked& blocked : FindBlocked(graph, first)) {
    if (blocked.node < 0) continue;
    const Node& node = graph.node(blocked.node);
    text += fmt::format("{} node '{}' ({})",
                        text.find("gradient") == std::string::npos
                            ? ", since no gradient flows through"
                            : ",",
                        node.name, node.op->name);
  }
  return text;
}

void VerifyTraining(const Graph& graph) {
  VerifyNothingReduced(graph, "for training");
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind != TensorKind::kParameter ||
        tensor.dtype == DType::kFloat32)
      continue;
    Fail(ErrorKind::kUnsupported,
         "the parameter '{}' is {}; only float32 ones can be trained",
         tensor.name, Name(tensor.dtype));
  }
  VerifyFiniteWeights(graph);
  const GraphFacts facts = FactsOf(graph);
  const auto marked = [&](TensorId id) {
    return id != kNoTensor && facts.IsTrained(id);
  };
  if (graph.outputs.empty() || !marked(graph.outputs[0])) {
    Fail(ErrorKind::kInvalidArgument,
         "the graph has no trainable parameter before its output{}",
         graph.outputs.empty() ? "" : WhyUntrained(graph));
  }
}

void VerifyFloat(const Graph& graph) {
  VerifyNothingReduced(graph, "here");
  for (const Node& node : graph.nodes) {
    if (node.op->tflite.code >= 0) continue;
    Fail(ErrorKind::kUnsupported,
         "node '{}' ({}) is for training only and would have to be folded "
         "first",
         node.name, node.op->name);
  }
  VerifyFiniteWeights(graph);
}

void VerifyInference(const Graph& graph) {
  if (graph.outputs.empty())
    Fail(ErrorKind::kUnsupported, "the graph has no output");
  for (const TensorId id : graph.inputs) {
    const Tensor& input = graph.tensor(id);
    for (int i = 1; i < input.shape.rank(); ++i) {
      if (input.shape[i] != kDynamic) continue;
      Fail(ErrorKind::kUnsupported,
           "the input '{}' has shape {}; only its first dimension, the batch, "
           "may be open",
           input.name, input.shape.ToString());
    }
  }
  for (const Node& node : graph.nodes) {
    if (node.op->in_place || node.op->fold_constant != nullptr ||
        !node.op->rows.empty())
      continue;
    Fail(ErrorKind::kUnsupported, "node '{}' ({}) has no kernel to run",
         node.name, node.op->name);
  }
}

}  // namespace

void Verify(const Graph& graph, Stage stage) {
  VerifyStructure(graph);
  VerifyNames(graph);
  switch (stage) {
    case Stage::kTraining:
      return VerifyTraining(graph);
    case Stage::kFloat:
      return VerifyFloat(graph);
    case Stage::kInference:
      return VerifyInference(graph);
  }
}

}  // namespace litesmith
