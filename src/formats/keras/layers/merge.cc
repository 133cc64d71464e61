// Layers that make one of several.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
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
};

}  // namespace

std::span<const LayerRow> MergeLayers() { return kRows; }

}  // namespace litesmith
