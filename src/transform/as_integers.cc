// A trained quantization-aware graph made to compute what its integer file
// will. Training does not simulate the last bits of it: a bias is rounded to
// steps of the input's scale times the weights', far below a step of the
// output, and products are rounded twice on their way there. But that moves one
// value in a thousand across a rounding, and each layer behind multiplies it:
// ResNet-8 and its file disagreed on 1.5 % of images.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "src/graph/names.h"
#include "src/kernels/common/fixed_point.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"
#include "src/ops/train/train.h"
#include "src/transform/batch_norm.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// The batch normalization that goes into the node, or null.
const Node* NormBehind(const Graph& graph, const Node& layer) {
  for (const Node& node : graph.nodes) {
    if (node.inputs[0] == layer.outputs[0] && GoesIntoLayerBefore(graph, node))
      return &node;
  }
  return nullptr;
}

// The fake quant that reads the tensor, behind what acts in training only; or
// null.
const Node* FakeQuantBehind(const Graph& graph, TensorId id) {
  for (const Node& node : graph.nodes) {
    if (node.inputs[0] != id) continue;
    if (node.op == &kFakeQuant) return &node;
    if (node.op->only_in_training())
      return FakeQuantBehind(graph, node.outputs[0]);
  }
  return nullptr;
}

// A layer of the graph with fake quants on its input and weights, as the file
// will have it.
struct FileLayer {
  float input_scale = 0;
  std::vector<float> weight_scales;
  TensorId bias = kNoTensor;  // of the file's graph

  float weight_scale(size_t c) const {
    return weight_scales[weight_scales.size() > 1 ? c : 0];
  }
};

class Follower {
 public:
  explicit Follower(const Graph& graph)
      : graph_(graph),
        result_(graph),
        file_(FoldBatchNorms(FoldFakeQuant(SplitBatchNorms(graph)))) {}

  Graph Run() {
    for (const Node& node : graph_.nodes) {
      // What is rounded once by its integer kernel.
      if (node.op == &kFakeQuant && IsActivation(node))
        SetRounding(node, fake_quant::kFromZero);
    }
    for (const Node& node : graph_.nodes) {
      if (node.op != &kAveragePool2D) continue;
      if (const Node* range = FakeQuantBehind(graph_, node.outputs[0]))
        SetRounding(*range, fake_quant::kFromIntegerZero);
    }
    for (const Node& node : graph_.nodes) {
      if (node.op == &kMul) SetPartsOfProduct(node);
    }
    for (const WeightRef& weights : FloatWeights(graph_)) {
      const Node& layer = graph_.node(weights.node);
      const FileLayer file = FileLayerOf(weights, layer);
      if (file.weight_scales.empty() || file.bias == kNoTensor) continue;
      const Node* norm = NormBehind(graph_, layer);
      MoveBias(file, layer, norm);
      // Dense layers round their products once (specs/tflite.md 3.3).
      if (layer.op->quant.per_channel)
        SetParts(file, norm != nullptr ? *norm : layer);
    }
    InferShapes(&result_);
    return std::move(result_);
  }

 private:
  bool IsActivation(const Node& fake) const {
    return !graph_.tensor(fake.inputs[0]).has_data() &&
           graph_.tensor(fake.inputs[1]).shape.NumElements() == 1 &&
           fake.Get<&FakeQuantAttrs::range_update>() != fake_quant::kLastValue;
  }
  Node* Mine(const Node& node) {
    return &result_.nodes[static_cast<size_t>(&node - graph_.nodes.data())];
  }
  void SetRounding(const Node& fake, fake_quant::Rounding rounding) {
    Mine(fake)->Set<&FakeQuantAttrs::rounding>(rounding);
  }

  // The scale that the file has for an activation; 0 if it has none.
  float ScaleBefore(TensorId id) const {
    const Node* range = RangeBefore(graph_, id);
    return range == nullptr ? 0 : ScaleOf(range->inputs[0]);
  }
  float ScaleOf(TensorId id) const {
    const Quantization& q = file_.tensor(id).quant;
    return q.empty() ? 0 : q.scale[0];
  }

  FileLayer FileLayerOf(const WeightRef& weights, const Node& layer) const {
    FileLayer result;
    const int bias = layer.op->Find(Role::kBias);
    result.input_scale = ScaleBefore(
        layer.inputs[static_cast<size_t>(layer.op->Find(Role::kData))]);
    if (bias < 0 || result.input_scale == 0) return result;
    for (const Node& node : file_.nodes) {
      if (node.input(static_cast<size_t>(weights.input)) != weights.parameter ||
          node.op != layer.op)
        continue;
      result.bias = node.input(static_cast<size_t>(bias));
    }
    result.weight_scales = file_.tensor(weights.parameter).quant.scale;
    return result;
  }

  // The trained values that make the file's bias are moved so that it lies on
  // its grid: the layer's own, or those of the batch normalization.
  void MoveBias(const FileLayer& layer, const Node& node, const Node* norm) {
    const TensorId id =
        norm != nullptr
            ? norm->input(batch_norm::kBeta)
            : node.input(static_cast<size_t>(node.op->Find(Role::kBias)));
    if (id == kNoTensor || graph_.tensor(id).kind != TensorKind::kParameter)
      return;
    const auto bias = file_.tensor(layer.bias).As<float>();
    const auto values = result_.tensor(id).MutableAs<float>();
    for (size_t c = 0; c < values.size(); ++c) {
      // A product of floats, as the file states it.
      const double step{layer.input_scale * layer.weight_scale(c)};
      const double moved = std::round(double{bias[c]} / step) * step;
      values[c] =
          static_cast<float>(double{values[c]} + moved - double{bias[c]});
    }
  }

  // What the layer's products are rounded to before they are shifted.
  void SetParts(const FileLayer& layer, const Node& last) {
    const auto channels = file_.tensor(layer.bias).As<float>().size();
    SetParts(last, channels, [&](size_t c, float output) {
      return double{layer.input_scale} * double{layer.weight_scale(c)} /
             double{output};
    });
  }

  // Of two activations: MUL rounds as a convolution does.
  void SetPartsOfProduct(const Node& mul) {
    const float product =
        ScaleBefore(mul.inputs[0]) * ScaleBefore(mul.inputs[1]);
    const Shape& shape = graph_.tensor(mul.outputs[0]).shape;
    // A file that computes its shapes may leave the channels open.
    if (product == 0 || shape.rank() < 1 || shape[shape.rank() - 1] < 1) return;
    SetParts(mul, static_cast<size_t>(shape[shape.rank() - 1]),
             [&](size_t, float output) { return double{product / output}; });
  }

  // `multiplier` is that of a channel, by the scale of the node's output.
  template <typename Multiplier>
  void SetParts(const Node& node, size_t channels,
                const Multiplier& multiplier) {
    const Node* fake = FakeQuantBehind(graph_, node.outputs[0]);
    if (fake == nullptr) return;
    const float output = ScaleOf(fake->inputs[0]);
    if (output == 0) return;
    std::vector<float> parts;
    for (size_t c = 0; c < channels; ++c) {
      const int shift = QuantizeMultiplier(multiplier(c, output)).shift;
      // Behind 2^20 parts floats know of no more.
      parts.push_back(std::ldexp(1.0f, std::clamp(-shift, 0, 20)));
    }
    Node* mine = Mine(*fake);
    mine->inputs.resize(5, kNoTensor);
    mine->inputs[4] = result_.AddConstant<float>(
        UniqueTensorName(result_, mine->name + "/parts"),
        {static_cast<int32_t>(parts.size())}, parts, TensorKind::kState);
  }

  const Graph& graph_;
  Graph result_;
  const Graph file_;
};

}  // namespace

Graph ComputeAsIntegers(const Graph& graph) { return Follower(graph).Run(); }

}  // namespace litesmith
