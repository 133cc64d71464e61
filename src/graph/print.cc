// The graph in words.
#include <fmt/format.h>

#include <string>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

std::string TensorText(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return "-";
  const Tensor& t = graph.tensor(id);
  return fmt::format("%{} {}{}", id, Name(t.dtype), t.shape.ToString());
}

}  // namespace

std::string Print(const Graph& graph) {
  std::string text;
  for (const TensorId id : graph.inputs) {
    text += fmt::format("input {} '{}'\n", TensorText(graph, id),
                        graph.tensor(id).name);
  }
  for (const Node& node : graph.nodes) {
    std::string line;
    for (const TensorId id : node.outputs) line += TensorText(graph, id) + " ";
    line += fmt::format("= {}(", node.op->name);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      line += (i ? ", " : "") + TensorText(graph, node.inputs[i]);
    }
    line += ")";
    for (size_t a = 0; a < node.attrs.size(); ++a) {
      const AttrDef& def = node.op->attrs[a];
      if (def.type == AttrType::kInts) {
        line += fmt::format(" {}=[{}]", def.name,
                            fmt::join(node.attrs[a].ints, ","));
      } else if (def.type == AttrType::kFloat) {
        line += fmt::format(" {}={}", def.name, node.attrs[a].f);
      } else if (def.type == AttrType::kText) {
        line += fmt::format(" {}='{}'", def.name, node.attrs[a].text);
      } else {
        line += fmt::format(" {}={}", def.name, node.attrs[a].i);
      }
    }
    text += line + "\n";
  }
  for (const TensorId id : graph.outputs) {
    text += fmt::format("output {}\n", TensorText(graph, id));
  }
  for (size_t s = 0; s < graph.subgraphs.size(); ++s)
    text += fmt::format("subgraph {}\n{}", s, Print(graph.subgraphs[s]));
  return text;
}

}  // namespace litesmith
