// Binding: batch, shapes, folding.
#include "src/runtime/bind.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "src/base/error.h"

namespace litesmith {
namespace {

// Runs a node whose inputs all have data; gives the data of its one output.
TensorData RunOnce(const Graph& graph, const Node& node,
                   const BindOptions& options) {
  const PrepareContext context{graph, node, options.numerics, false};
  const KernelPtr kernel =
      ChooseKernel(context, options.reference).prepare(context);
  std::vector<const void*> inputs;
  for (const TensorId id : node.inputs) {
    inputs.push_back(id == kNoTensor ? nullptr : graph.tensor(id).data.data());
  }
  inputs.resize(static_cast<size_t>(node.op->max_inputs), nullptr);
  const Tensor& out = context.output();
  TensorData result(static_cast<size_t>(out.shape.NumElements()) *
                    SizeOf(out.dtype));
  TensorData workspace(kernel->workspace_bytes + 64);
  void* outputs[] = {result.MutableData()};
  KernelArgs args{};
  args.inputs = inputs.data();
  args.outputs = outputs;
  args.workspace = workspace.MutableData();
  args.batch = out.shape.rank() > 0 ? out.shape[0] : 1;
  kernel->Run(args);
  return result;
}

bool MayFold(const Graph& graph, const Node& node, bool training) {
  if (node.outputs.size() != 1) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
    if (id == kNoTensor) return true;
    const Tensor& t = graph.tensor(id);
    return t.has_data() && (!training || t.kind == TensorKind::kConstant);
  });
}

}  // namespace

Graph BindGraph(const Graph& graph, const BindOptions& options,
                SourceIds* source) {
  Graph bound = graph;
  if (!options.training) RemoveTrainingOnlyNodes(&bound);
  for (const TensorId id : bound.inputs) {
    Shape& shape = bound.tensor(id).shape;
    if (shape.rank() == 0) {
      Fail(ErrorKind::kUnsupported,
           "input '{}' is a scalar; a batch dimension is wanted",
           bound.tensor(id).name);
    }
    shape[0] = options.batch;
  }
  for (size_t n = 0; n < bound.nodes.size(); ++n) {
    // By value: infer may add nothing, but it writes tensors of `bound`.
    const Node node = bound.nodes[n];
    try {
      node.op->infer(&bound, node);
      TensorData folded;
      if (node.op->fold_constant != nullptr)
        folded = node.op->fold_constant(bound, node);
      if (folded.empty() && MayFold(bound, node, options.training)) {
        folded = RunOnce(bound, node, options);
      }
      if (!folded.empty()) {
        Tensor& out = bound.tensor(node.outputs[0]);
        out.kind = TensorKind::kConstant;
        out.data = std::move(folded);
        bound.nodes[n].outputs.clear();  // nobody computes it any more: dead
      }
    } catch (const Error& error) {
      Fail(error.kind(), "{}, at batch {}: {}", Describe(bound, node),
           options.batch, error.what());
    }
  }
  for (const TensorId id : bound.outputs) {
    const Shape& shape = bound.tensor(id).shape;
    if (shape.rank() == 0 || shape[0] != options.batch) {
      Fail(ErrorKind::kUnsupported,
           "output '{}' has shape {}: its first dimension is not the batch of "
           "{}",
           bound.tensor(id).name, shape.ToString(), options.batch);
    }
  }
  if (source != nullptr) {
    source->resize(bound.tensors.size());
    std::iota(source->begin(), source->end(), 0);
  }
  return RemoveDeadNodes(bound, source);
}

std::vector<char> BatchedTensors(const Graph& graph) {
  std::vector<char> batched(graph.tensors.size(), 0);
  for (const TensorId id : graph.inputs) batched[static_cast<size_t>(id)] = 1;
  for (const Node& node : graph.nodes) {
    const bool any =
        std::any_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
          return id != kNoTensor && batched[static_cast<size_t>(id)] != 0;
        });
    for (const TensorId id : node.outputs)
      batched[static_cast<size_t>(id)] = any;
  }
  return batched;
}

}  // namespace litesmith
