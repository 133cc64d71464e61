// Layers that make one of several.
#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Keras sets a lower rank's dimensions behind the batch.
std::vector<TensorId> OfOneRank(LayerIn* in, Nodes* nodes) {
  int rank = 0;
  for (const TensorId id : in->inputs)
    rank = std::max(rank, nodes->ShapeOf(id).rank());
  std::vector<TensorId> inputs = in->inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<int32_t> dims = nodes->ShapeOf(inputs[i]).ToVector();
    if (static_cast<int>(dims.size()) == rank) continue;
    if (dims.empty()) {
      Fail(ErrorKind::kUnsupported, "its input {} is a scalar", i);
    }
    dims.insert(dims.begin() + 1, static_cast<size_t>(rank) - dims.size(), 1);
    dims[0] = -1;
    inputs[i] = nodes->Reshape("expand_" + std::to_string(i), inputs[i], dims);
  }
  return inputs;
}

// One node fewer than there are inputs, from the left; the last has that step.
TensorId AddChain(const OpDef& op, const std::string& step,
                  const std::vector<TensorId>& inputs, Nodes* nodes) {
  TensorId left = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) {
    left = nodes->Add(
        op, i + 1 == inputs.size() ? step : "of_" + std::to_string(i + 1),
        {left, inputs[i]});
  }
  return left;
}

// Keras 2 keeps what all masks keep that there are; Keras 3 what any keeps, and
// everything if one of them is missing.
void JoinMasks(LayerIn* in) {
  MaskPtr joined;
  for (size_t i = 0; i < in->inputs.size(); ++i) {
    const MaskPtr mask = i < in->masks.size() ? in->masks[i] : nullptr;
    if (mask == nullptr && in->generation == 3) return;
    if (joined == nullptr) joined = mask;
    if (mask == nullptr || mask == joined) continue;
    const std::string name = in->name + "/join_" + std::to_string(i);
    joined = in->generation == 3 ? EitherMask(name, joined, mask)
                                 : BothMasks(name, joined, mask);
  }
  in->handed_on = {joined};
}

// As JoinMasks along the features. Along the steps, masks are joined as their
// inputs are.
void ConcatenateMasks(int axis, int rank, LayerIn* in) {
  if (std::all_of(in->masks.begin(), in->masks.end(),
                  [](const MaskPtr& mask) { return mask == nullptr; }))
    return;
  if (axis == rank - 1) return JoinMasks(in);
  std::vector<MaskPtr> masks = in->masks;
  masks.resize(in->inputs.size());
  if (rank != 3 || std::count(masks.begin(), masks.end(), nullptr) != 0) {
    in->handed_on = {UnsupportedMask(
        "'" + in->name + "' makes of inputs with and without a mask")};
    return;
  }
  in->handed_on = {
      std::make_shared<Mask>([name = in->name, masks](Graph* graph) {
        std::vector<TensorId> ids;
        for (const MaskPtr& mask : masks) ids.push_back(mask->In(graph));
        return Nodes(name, graph)
            .Add(kConcatenation, "mask", ids, ConcatenationAttrs{.axis = 1});
      })};
}

template <const OpDef* kOp, bool kTwo = false>
std::vector<TensorId> BuildChain(LayerIn* in) {
  const size_t count = in->inputs.size();
  if (count < 2 || (kTwo && count > 2)) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 2{} wanted", count,
         kTwo ? "" : " or more");
  }
  JoinMasks(in);
  Nodes nodes(in->name, in->graph);
  return {AddChain(*kOp, "", OfOneRank(in, &nodes), &nodes)};
}

template <const OpDef* kOp>
bool GuessChain(const NodeGroup& group, LayerConfig*) {
  return group.last().op == kOp && group.nodes.size() > 1 &&
         group.inputs.size() > 1;
}

// Of one rank, which Keras broadcasts as TFLite does.
template <const OpDef* kOp>
bool WriteBinary(const char* class_name, const NodeOut& out,
                 LayerWriter* layers) {
  if (out.node.op != kOp || out.inputs.size() != 2) return false;
  const Shape& a = out.input(0).shape;
  const Shape& b = out.input(1).shape;
  if (a.rank() != b.rank()) {
    Fail(ErrorKind::kUnsupported,
         "its inputs are {} and {}; inputs of one rank are supported",
         a.ToString(), b.ToString());
  }
  layers->Add(class_name, out.node.name, out.inputs);
  return true;
}

std::vector<TensorId> BuildAverage(LayerIn* in) {
  const size_t count = in->inputs.size();
  if (count < 2) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 2 or more wanted", count);
  }
  JoinMasks(in);
  Nodes nodes(in->name, in->graph);
  const TensorId sum = AddChain(kAdd, "sum", OfOneRank(in, &nodes), &nodes);
  return {nodes.WithFloat(kMul, "", sum, "share",
                          1.0f / static_cast<float>(count))};
}

bool GuessAverage(const NodeGroup& group, LayerConfig*) {
  return group.last().op == &kMul && !group.Floats("share").empty() &&
         group.inputs.size() > 1;
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
  ConcatenateMasks(axis < 0 ? axis + rank : axis, rank, in);
  return {Nodes(in->name, in->graph)
              .Add(kConcatenation, "", in->inputs,
                   ConcatenationAttrs{.axis = axis < 0 ? axis + rank : axis})};
}

bool WriteConcatenate(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kConcatenation || out.inputs.size() != node.inputs.size())
    return false;
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

constexpr char kInputs[] = "two inputs or more, broadcast as Keras does";

constexpr LayerRow kMergeRows[] = {
    {"Add",
     kInputs,
     {},
     BuildChain<&kAdd>,
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary<&kAdd>("Add", out, layers);
     },
     GuessChain<&kAdd>},
    {"Multiply",
     kInputs,
     {},
     BuildChain<&kMul>,
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary<&kMul>("Multiply", out, layers);
     },
     GuessChain<&kMul>},
    {"Subtract",
     "two inputs, broadcast as Keras does",
     {},
     BuildChain<&kSub, true>,
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary<&kSub>("Subtract", out, layers);
     },
     GuessChain<&kSub>},
    {"Maximum",
     kInputs,
     {},
     BuildChain<&kMaximum>,
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary<&kMaximum>("Maximum", out, layers);
     },
     GuessChain<&kMaximum>},
    {"Minimum",
     kInputs,
     {},
     BuildChain<&kMinimum>,
     [](const NodeOut& out, LayerWriter* layers) {
       return WriteBinary<&kMinimum>("Minimum", out, layers);
     },
     GuessChain<&kMinimum>},
    {"Average", kInputs, {}, BuildAverage, nullptr, GuessAverage},
    {"Concatenate",
     "any axis but the batch",
     {},
     BuildConcatenate,
     WriteConcatenate},
};

}  // namespace

std::span<const LayerRow> MergeLayers() { return kMergeRows; }

}  // namespace litesmith
