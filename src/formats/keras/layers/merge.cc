// Layers that make one of several.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Keras sets a lower rank's dimensions behind the batch, an op before it.
void RequireOneRank(const Shape& a, const Shape& b) {
  if (a.rank() == b.rank()) return;
  Fail(ErrorKind::kUnsupported,
       "its inputs are {} and {}; inputs of one rank are supported",
       a.ToString(), b.ToString());
}

// One node fewer than there are inputs, from the left.
std::vector<TensorId> BuildChain(const OpDef& op, LayerIn* in) {
  Graph& graph = *in->graph;
  const size_t count = in->inputs.size();
  if (count < 2) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 2 or more wanted", count);
  }
  TensorId left = in->inputs[0];
  for (size_t i = 1; i < count; ++i) {
    const TensorId right = in->inputs[i];
    RequireOneRank(graph.tensor(left).shape, graph.tensor(right).shape);
    // The last one is the layer's output and has its name.
    const std::string name =
        i + 1 == count ? in->name : in->name + "_of_" + std::to_string(i + 1);
    graph.AddNode(op, name, {left, right}, {name});
    left = InferLast(&graph)[0];
  }
  return {left};
}

bool WriteBinary(const OpDef& op, const char* class_name, const NodeOut& out,
                 LayerWriter* layers) {
  if (out.node.op != &op) return false;
  RequireOneRank(out.input(0).shape, out.input(1).shape);
  layers->Add(class_name, out.node.name, out.inputs);
  return true;
}

std::vector<TensorId> BuildConcatenate(LayerIn* in) {
  Graph& graph = *in->graph;
  if (in->inputs.empty()) {
    Fail(ErrorKind::kCorrupt, "it reads no layers; 1 or more wanted");
  }
  const int32_t axis = JsonInt(in->config, "axis", -1);
  const int rank = graph.tensor(in->inputs[0]).shape.rank();
  if (axis == 0 || axis == -rank) {
    Fail(ErrorKind::kUnsupported, "its axis is {}, the batch: it mixes samples",
         axis);
  }
  graph.AddNode(kConcatenation, in->name, in->inputs, {in->name})
      .Set<&ConcatenationAttrs::axis>(axis < 0 ? axis + rank : axis);
  return InferLast(&graph);
}

bool WriteConcatenate(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kConcatenation) return false;
  const int rank = out.output().shape.rank();
  const int64_t axis = node.Get<&ConcatenationAttrs::axis>();
  if (axis == 0 || axis == -rank) {
    Fail(ErrorKind::kUnsupported, "it joins samples along the batch");
  }
  // Keras wants two inputs or more; one is its own result.
  if (out.inputs.size() < 2) {
    Fail(ErrorKind::kUnsupported, "it joins one input; Keras wants two");
  }
  layers->Add("Concatenate", node.name, out.inputs).Set("axis", axis);
  return true;
}

constexpr LayerRow kRows[] = {
    {"Add",
     "two inputs or more of one rank",
     {},
     [](LayerIn* in) { return BuildChain(kAdd, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary(kAdd, "Add", out, layers);
     }},
    {"Multiply",
     "two inputs or more of one rank",
     {},
     [](LayerIn* in) { return BuildChain(kMul, in); },
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary(kMul, "Multiply", out, layers);
     }},
    {"Concatenate",
     "any axis but the batch",
     {},
     BuildConcatenate,
     WriteConcatenate},
};

}  // namespace

std::span<const LayerRow> MergeLayers() { return kRows; }

}  // namespace litesmith
