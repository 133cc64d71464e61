// Building and editing a graph.
#include "src/graph/graph.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "src/base/error.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

constexpr size_t kAlignment = 64;

// On huge pages where there is room for some and the system has them on demand:
// what trains walks through its memory from one end to the other.
std::shared_ptr<std::byte> Allocate(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const std::align_val_t alignment{bytes >= 2 * kHugePage ? kHugePage
                                                          : kAlignment};
  auto* p = static_cast<std::byte*>(::operator new(bytes, alignment));
#ifdef MADV_HUGEPAGE
  if (bytes >= 2 * kHugePage)
    madvise(p, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {p, [alignment](std::byte* q) { ::operator delete(q, alignment); }};
}

}  // namespace

TensorData::TensorData(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  bytes_ = Allocate(bytes);
  std::memset(bytes_.get(), 0, bytes);
}

TensorData::TensorData(std::span<const std::byte> bytes) : size_(bytes.size()) {
  if (bytes.empty()) return;
  bytes_ = Allocate(size_);
  std::memcpy(bytes_.get(), bytes.data(), size_);
}

std::byte* TensorData::MutableData() {
  if (bytes_.use_count() > 1) {
    std::shared_ptr<std::byte> copy = Allocate(size_);
    std::memcpy(copy.get(), bytes_.get(), size_);
    bytes_ = std::move(copy);
  }
  return bytes_.get();
}

const char* Name(TensorKind kind) {
  switch (kind) {
    case TensorKind::kActivation:
      return "activation";
    case TensorKind::kInput:
      return "input";
    case TensorKind::kParameter:
      return "parameter";
    case TensorKind::kState:
      return "state";
    case TensorKind::kConstant:
      return "constant";
    case TensorKind::kVariable:
      return "variable";
  }
  return "?";
}

TensorId Graph::AddTensor(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors.size()) - 1;
}

Node& Graph::AddNode(const OpDef& op, std::string name,
                     std::vector<TensorId> node_inputs,
                     const std::vector<std::string>& output_tensor_names) {
  Node node;
  node.op = &op;
  node.name = std::move(name);
  node.inputs = std::move(node_inputs);
  node.attrs = DefaultAttrs(op);
  for (const std::string& output : output_tensor_names) {
    Tensor tensor;
    tensor.name = output;
    node.outputs.push_back(AddTensor(std::move(tensor)));
  }
  nodes.push_back(std::move(node));
  return nodes.back();
}

NodeId Graph::Producer(TensorId id) const {
  for (size_t n = 0; n < nodes.size(); ++n) {
    const auto& out = nodes[n].outputs;
    if (std::find(out.begin(), out.end(), id) != out.end()) {
      return static_cast<NodeId>(n);
    }
  }
  return -1;
}

int Graph::NumUses(TensorId id) const {
  int uses = static_cast<int>(std::count(outputs.begin(), outputs.end(), id));
  for (const Node& node : nodes) {
    uses += static_cast<int>(
        std::count(node.inputs.begin(), node.inputs.end(), id));
  }
  return uses;
}

void Graph::ReplaceUses(TensorId from, TensorId to) {
  for (Node& node : nodes) {
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  }
  std::replace(outputs.begin(), outputs.end(), from, to);
}

std::string Describe(const Graph& graph, const Node& node) {
  constexpr size_t kShown = 4;
  std::string text = fmt::format("node '{}' ({})", node.name, node.op->name);
  for (size_t i = 0; i < node.inputs.size() && i <= kShown; ++i) {
    text += i == 0 ? " of " : ", ";
    if (i == kShown) {
      text += "...";
    } else if (node.inputs[i] == kNoTensor) {
      text += "none";
    } else {
      const Tensor& t = graph.tensor(node.inputs[i]);
      text +=
          fmt::format("'{}' {} {}", t.name, Name(t.dtype), t.shape.ToString());
    }
  }
  return text;
}

void MarkParameters(Graph* graph) {
  for (const Node& node : graph->nodes) {
    for (const size_t input : TrainedInputs(node)) {
      Tensor& tensor = graph->tensor(node.inputs[input]);
      if (tensor.dtype == DType::kFloat32 &&
          tensor.kind == TensorKind::kConstant) {
        tensor.kind = TensorKind::kParameter;
      }
    }
  }
}

void RemoveTrainingOnlyNodes(Graph* graph) {
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    const Node& node = graph->nodes[n];
    if (node.op->only_in_training())
      graph->ReplaceUses(node.outputs[0], node.inputs[0]);
  }
  std::erase_if(graph->nodes,
                [](const Node& node) { return node.op->only_in_training(); });
}

Graph RemoveDeadNodes(const Graph& graph, SourceIds* source) {
  std::vector<char> used(graph.tensors.size(), 0);
  for (const TensorId id : graph.inputs) used[static_cast<size_t>(id)] = 1;
  for (const TensorId id : graph.outputs) used[static_cast<size_t>(id)] = 1;
  std::vector<char> alive(graph.nodes.size(), 0);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    alive[n] = node.op->effects;
    for (const TensorId id : node.outputs)
      alive[n] |= used[static_cast<size_t>(id)];
    if (!alive[n]) continue;
    for (const TensorId id : node.inputs) {
      if (id != kNoTensor) used[static_cast<size_t>(id)] = 1;
    }
    for (const TensorId id : node.outputs) used[static_cast<size_t>(id)] = 1;
  }
  Graph result;
  result.name = graph.name;
  result.functional = graph.functional;
  result.said_of_layers = graph.said_of_layers;
  result.input_names = graph.input_names;
  result.output_names = graph.output_names;
  result.subgraphs = graph.subgraphs;
  std::vector<TensorId> renamed(graph.tensors.size(), kNoTensor);
  SourceIds kept;
  if (source != nullptr) LS_CHECK(source->size() == graph.tensors.size());
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (!used[t]) continue;
    renamed[t] = result.AddTensor(graph.tensors[t]);
    if (source != nullptr) kept.push_back((*source)[t]);
  }
  if (source != nullptr) *source = std::move(kept);
  const auto rename = [&](std::vector<TensorId> ids) {
    for (TensorId& id : ids) {
      if (id != kNoTensor) id = renamed[static_cast<size_t>(id)];
    }
    return ids;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!alive[n]) continue;
    Node node = graph.nodes[n];
    node.inputs = rename(std::move(node.inputs));
    node.outputs = rename(std::move(node.outputs));
    result.nodes.push_back(std::move(node));
  }
  result.inputs = rename(graph.inputs);
  result.outputs = rename(graph.outputs);
  return result;
}

}  // namespace litesmith
