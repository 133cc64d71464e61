// The structural rules, which hold for every graph at every stage; what a graph
// must be to be trained, converted or run is in ops/verify.h.
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

std::string Describe(const Graph& graph, TensorId id) {
  return fmt::format("tensor {} '{}'", id, graph.tensor(id).name);
}

// The bytes of a tensor with data. Throws Error naming the tensor if its shape
// has no number of elements, or too many.
size_t BytesOf(const Graph& graph, TensorId id) {
  const Tensor& t = graph.tensor(id);
  try {
    return t.Bytes();
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", Describe(graph, id), error.what());
  }
}

void VerifyTensor(const Graph& graph, TensorId id) {
  const Tensor& t = graph.tensor(id);
  for (int i = 0; i < t.shape.rank(); ++i) {
    if (t.shape[i] < kDynamic) {
      Fail(ErrorKind::kCorrupt, "{} has the dimension {} in its shape",
           Describe(graph, id), t.shape[i]);
    }
  }
  const bool wants_data = t.kind == TensorKind::kParameter ||
                          t.kind == TensorKind::kState ||
                          t.kind == TensorKind::kConstant;
  if (wants_data) {
    const size_t bytes = BytesOf(graph, id);
    if (t.data.size() != bytes) {
      Fail(ErrorKind::kCorrupt,
           "{} of shape {} and type {} has {} bytes of data, {} wanted",
           Describe(graph, id), t.shape.ToString(), Name(t.dtype),
           t.data.size(), bytes);
    }
  } else if (t.has_data()) {
    Fail(ErrorKind::kCorrupt, "{} is an {} and has data", Describe(graph, id),
         Name(t.kind));
  }
  const Quantization& q = t.quant;
  if (q.empty()) return;
  if (q.scale.size() != q.zero_point.size()) {
    Fail(ErrorKind::kCorrupt, "{} has {} scales and {} zero points",
         Describe(graph, id), q.scale.size(), q.zero_point.size());
  }
  if (q.scale.size() > 1) {
    if (q.axis < 0 || q.axis >= t.shape.rank() ||
        t.shape[q.axis] != static_cast<int32_t>(q.scale.size())) {
      Fail(ErrorKind::kCorrupt,
           "{} of shape {} has {} scales along dimension {}",
           Describe(graph, id), t.shape.ToString(), q.scale.size(), q.axis);
    }
  }
  for (const float scale : q.scale) {
    if (!(scale > 0.0f) || scale > 3.4e38f) {
      Fail(ErrorKind::kCorrupt,
           "{} has the scale {}; a positive finite number is wanted",
           Describe(graph, id), scale);
    }
  }
}

}  // namespace

void VerifyStructure(const Graph& graph) {
  const auto count = static_cast<TensorId>(graph.tensors.size());
  const auto check_id = [&](TensorId id, const std::string& where) {
    if (id < 0 || id >= count) {
      Fail(ErrorKind::kCorrupt, "{} names tensor {}; there are {}", where, id,
           count);
    }
  };
  for (const Graph& subgraph : graph.subgraphs) VerifyStructure(subgraph);
  for (TensorId id = 0; id < count; ++id) VerifyTensor(graph, id);
  std::vector<char> known(graph.tensors.size(), 0);
  for (size_t t = 0; t < known.size(); ++t) {
    known[t] = graph.tensors[t].kind != TensorKind::kActivation;
  }
  for (const TensorId id : graph.inputs) {
    check_id(id, "the list of inputs");
    if (graph.tensor(id).kind != TensorKind::kInput) {
      Fail(ErrorKind::kCorrupt, "{} is an input of the graph but of kind {}",
           Describe(graph, id), Name(graph.tensor(id).kind));
    }
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const std::string where =
        fmt::format("node {} '{}' ({})", n, node.name, node.op->name);
    const auto inputs = static_cast<int>(node.inputs.size());
    if (inputs < node.op->MinInputs() || inputs > node.op->MaxInputs()) {
      Fail(ErrorKind::kCorrupt, "{} has {} inputs; {} to {} are wanted", where,
           inputs, node.op->MinInputs(), node.op->MaxInputs());
    }
    if (node.op->outputs != kAnyOutputs &&
        static_cast<int>(node.outputs.size()) != node.op->outputs) {
      Fail(ErrorKind::kCorrupt, "{} has {} outputs; {} wanted", where,
           node.outputs.size(), node.op->outputs);
    }
    if (node.attrs.size() != node.op->attrs.size()) {
      Fail(ErrorKind::kCorrupt, "{} has {} attributes; {} wanted", where,
           node.attrs.size(), node.op->attrs.size());
    }
    for (size_t a = 0; a < node.attrs.size(); ++a) {
      const int64_t i = node.attrs[a].i;
      if (node.op->attrs[a].type != AttrType::kSubgraph ||
          (i >= 0 && i < std::ssize(graph.subgraphs)))
        continue;
      Fail(ErrorKind::kCorrupt, "{} runs subgraph {}; there are {}", where, i,
           graph.subgraphs.size());
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      if (id == kNoTensor && node.op->OperandOf(i).optional) continue;
      check_id(id, where);
      if (!known[static_cast<size_t>(id)]) {
        Fail(ErrorKind::kCorrupt, "{} reads {} before any node writes it",
             where, Describe(graph, id));
      }
    }
    for (const TensorId id : node.outputs) {
      check_id(id, where);
      if (known[static_cast<size_t>(id)]) {
        Fail(ErrorKind::kCorrupt,
             "{} writes {}, which is an {} or was written before", where,
             Describe(graph, id), Name(graph.tensor(id).kind));
      }
      known[static_cast<size_t>(id)] = 1;
    }
  }
  for (const TensorId id : graph.outputs) {
    check_id(id, "the list of outputs");
    if (!known[static_cast<size_t>(id)]) {
      Fail(ErrorKind::kCorrupt, "the output {} is written by no node",
           Describe(graph, id));
    }
  }
}

}  // namespace litesmith
