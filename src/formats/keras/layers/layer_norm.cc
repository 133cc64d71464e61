// Normalizations of each sample by itself (specs/keras.md 3.7), in the fewest
// ops that TFLite has for them.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

float EpsilonOf(const LayerIn& in, double initial) {
  return static_cast<float>(JsonNumber(in.config, "epsilon", initial));
}

// The config's axes as they count in x, from small to large.
std::vector<int32_t> AxesOf(const Json& config, int rank) {
  std::vector<int32_t> axes = {-1};
  if (const Json* axis = JsonFind(config, "axis")) {
    axes = IsWholeNumber(*axis) ? std::vector<int32_t>{JsonInt(*axis, "axis")}
                                : JsonDims(*axis, "axis");
  }
  for (int32_t& axis : axes) {
    const int32_t given = axis;
    if (axis < 0) axis += rank;
    if (axis >= 1 && axis < rank) continue;
    Fail(ErrorKind::kUnsupported,
         "its axis is {}, and its input has {} dimensions, of which the first "
         "is the batch",
         given, rank);
  }
  if (!std::is_sorted(axes.begin(), axes.end()) ||
      std::adjacent_find(axes.begin(), axes.end()) != axes.end() ||
      axes.empty()) {
    Fail(ErrorKind::kUnsupported,
         "its axes are {}; axes from small to large are supported",
         JsonShown(JsonAt(config, "axis")));
  }
  return axes;
}

// 1 / sqrt(mean of x^2 over the axes + epsilon), with dimensions of 1 there.
TensorId InverseRoot(TensorId x, const std::vector<int32_t>& axes,
                     float epsilon, Nodes* nodes) {
  const TensorId square = nodes->Add(kMul, "square", {x, x});
  const TensorId variance = nodes->Add(
      kMean, "variance", {square, nodes->Ints("variance/axes", axes)},
      ReduceAttrs{.keep_dims = true});
  return nodes->Add(
      kRsqrt, "inverse",
      {nodes->WithFloat(kAdd, "safe", variance, "epsilon", epsilon)});
}

// x less its mean over the axes.
TensorId Centered(TensorId x, const std::vector<int32_t>& axes, Nodes* nodes) {
  const TensorId mean =
      nodes->Add(kMean, "mean", {x, nodes->Ints("mean/axes", axes)},
                 ReduceAttrs{.keep_dims = true});
  return nodes->Add(kSub, "centered", {x, mean});
}

// The layer's variable of these axes of x, in a shape that broadcasts to x.
TensorId Along(const char* name, const Shape& x,
               const std::vector<int32_t>& axes, Nodes* nodes, LayerIn* in) {
  std::vector<int32_t> dims;
  for (const int32_t axis : axes) dims.push_back(x[axis]);
  const TensorId id = AddVariable(in, name, dims);
  const bool last =
      axes.front() + static_cast<int32_t>(axes.size()) == x.rank();
  if (last) return id;
  std::vector<int32_t> whole(static_cast<size_t>(x.rank()), 1);
  for (const int32_t axis : axes) whole[static_cast<size_t>(axis)] = x[axis];
  return nodes->Reshape(std::string(name) + "/whole", id, whole);
}

// y * gamma + beta, as far as the layer has them; the last node has the layer's
// name. `multiply(step)` adds what comes before.
template <class F>
TensorId Scaled(const Shape& x, const std::vector<int32_t>& axes, bool scale,
                bool center, Nodes* nodes, LayerIn* in, const F& multiply) {
  TensorId y = multiply(scale || center ? "normalized" : "");
  if (scale) {
    y = nodes->Add(kMul, center ? "scaled" : "",
                   {y, Along("gamma", x, axes, nodes, in)});
  }
  if (center) y = nodes->Add(kAdd, "", {y, Along("beta", x, axes, nodes, in)});
  return y;
}

std::vector<TensorId> BuildLayerNormalization(LayerIn* in) {
  const TensorId x = in->input();
  const Shape shape = in->input_shape();
  const std::vector<int32_t> axes = AxesOf(in->config, shape.rank());
  // x by its deviation, though not less its mean, times gamma (Keras 3).
  const bool rms = JsonBool(in->config, "rms_scaling", false);
  Nodes nodes(in->name, in->graph);
  const TensorId centered = Centered(x, axes, &nodes);
  const TensorId inverse =
      InverseRoot(centered, axes, EpsilonOf(*in, 1e-3), &nodes);
  return {Scaled(shape, axes, rms || JsonBool(in->config, "scale", true),
                 !rms && JsonBool(in->config, "center", true), &nodes, in,
                 [&](const char* step) {
                   return nodes.Add(kMul, step, {rms ? x : centered, inverse});
                 })};
}

void SayAxes(const NodeGroup& group, const std::vector<int32_t>& axes,
             LayerConfig* config) {
  if (axes.size() == 1 && axes[0] + 1 == group.input_shape().rank()) {
    config->emplace_back("axis", int64_t{-1});
  } else {
    config->emplace_back("axis", axes);
  }
}

bool GuessLayerNormalization(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> epsilon = group.Floats("safe/epsilon");
  const std::vector<int32_t> axes = group.Ints("mean/axes");
  if (epsilon.size() != 1 || axes.empty()) return false;
  SayAxes(group, axes, config);
  config->emplace_back("epsilon", Decimal(epsilon[0]));
  const bool center = group.last().op == &kAdd;
  const Node* normalized = group.Find("normalized");
  config->emplace_back("center", center);
  config->emplace_back("scale", group.Find("scaled") != nullptr ||
                                    (!center && normalized != nullptr));
  return true;
}

// Channels in groups that are one behind the other.
std::vector<TensorId> BuildGroupNormalization(LayerIn* in) {
  const Shape x = in->input_shape();
  const int rank = x.rank();
  const std::vector<int32_t> axis = AxesOf(in->config, rank);
  if (axis != std::vector<int32_t>{rank - 1} || rank < 2) {
    Fail(ErrorKind::kUnsupported,
         "its axis is not the last one of its input {}, which is supported",
         x.ToString());
  }
  const int32_t channels = x[rank - 1];
  int32_t groups = 32;
  if (const Json* given = JsonFind(in->config, "groups"))
    groups = JsonInt(*given, "groups");
  if (groups == -1) groups = channels;
  if (groups < 1 || channels % groups != 0) {
    Fail(ErrorKind::kCorrupt, "{} channels do not make {} groups", channels,
         groups);
  }
  const auto places = static_cast<int32_t>(x.NumElementsPerSample() / channels);
  Nodes nodes(in->name, in->graph);
  const std::vector<int32_t> axes = {1, 3};
  const TensorId split = nodes.Reshape("groups", in->input(),
                                       {-1, places, groups, channels / groups});
  const TensorId centered = Centered(split, axes, &nodes);
  const TensorId inverse =
      InverseRoot(centered, axes, EpsilonOf(*in, 1e-3), &nodes);
  const TensorId divided = nodes.Add(kMul, "divided", {centered, inverse});
  return {Scaled(
      x, axis, JsonBool(in->config, "scale", true),
      JsonBool(in->config, "center", true), &nodes, in, [&](const char* step) {
        return nodes.Reshape(step, divided, WithBatch(SampleDims(x)));
      })};
}

bool GuessGroupNormalization(const NodeGroup& group, LayerConfig* config) {
  const std::vector<int32_t> split = group.Ints("groups/shape");
  const std::vector<float> epsilon = group.Floats("safe/epsilon");
  if (split.size() != 4 || epsilon.size() != 1) return false;
  config->emplace_back("groups", int64_t{split[2]});
  config->emplace_back("axis", int64_t{-1});
  config->emplace_back("epsilon", Decimal(epsilon[0]));
  const bool center = group.last().op == &kAdd;
  config->emplace_back("center", center);
  config->emplace_back(
      "scale", group.Find("scaled") != nullptr || group.last().op == &kMul);
  return true;
}

bool GuessRmsNormalization(const NodeGroup& group, LayerConfig* config) {
  const std::vector<float> epsilon = group.Floats("safe/epsilon");
  const Node* variance = group.Find("variance");
  if (epsilon.size() != 1 || variance == nullptr ||
      group.Find("centered") != nullptr)
    return false;
  SayAxes(group, group.Ints("variance/axes"), config);
  config->emplace_back("epsilon", Decimal(epsilon[0]));
  return true;
}

std::vector<TensorId> BuildRmsNormalization(LayerIn* in) {
  const TensorId x = in->input();
  const Shape shape = in->input_shape();
  const std::vector<int32_t> axes = AxesOf(in->config, shape.rank());
  Nodes nodes(in->name, in->graph);
  const TensorId inverse = InverseRoot(x, axes, EpsilonOf(*in, 1e-6), &nodes);
  const TensorId y = nodes.Add(kMul, "normalized", {x, inverse});
  return {nodes.Add(kMul, "", {y, Along("scale", shape, axes, &nodes, in)})};
}

// Its epsilon is one of the norm, 1e-6, in both.
// Along the last axis, or along others that are brought there and one.
std::vector<TensorId> BuildUnitNormalization(LayerIn* in) {
  const Shape x = in->input_shape();
  const int rank = x.rank();
  const std::vector<int32_t> axes = AxesOf(in->config, rank);
  Nodes nodes(in->name, in->graph);
  if (axes == std::vector<int32_t>{rank - 1})
    return {nodes.Add(kL2Normalization, "", {in->input()})};
  std::vector<int32_t> order, dims = {-1}, back(static_cast<size_t>(rank));
  int32_t together = 1;
  for (int32_t d = 0; d < rank; ++d) {
    const bool summed = std::find(axes.begin(), axes.end(), d) != axes.end();
    if (!summed) order.push_back(d);
    if (!summed && d > 0) dims.push_back(x[d]);
    if (summed) together *= x[d];
  }
  dims.push_back(together);
  order.insert(order.end(), axes.begin(), axes.end());
  for (size_t d = 0; d < order.size(); ++d)
    back[static_cast<size_t>(order[d])] = static_cast<int32_t>(d);
  TensorId y = nodes.Transpose("last", in->input(), order);
  std::vector<int32_t> apart = nodes.ShapeOf(y).ToVector();
  apart[0] = -1;
  if (axes.size() > 1) y = nodes.Reshape("together", y, dims);
  y = nodes.Add(kL2Normalization, "normalized", {y});
  if (axes.size() > 1) y = nodes.Reshape("apart", y, apart);
  return {nodes.Transpose("", y, back)};
}

bool GuessUnitNormalization(const NodeGroup& group, LayerConfig* config) {
  const Node* normalized = group.Find("normalized");
  const std::vector<int32_t> order = group.Ints("last/axes");
  if (normalized == nullptr || order.empty()) return false;
  const auto outer = static_cast<ptrdiff_t>(
      group.graph.tensor(normalized->inputs[0]).shape.rank() - 1);
  config->emplace_back(
      "axis", std::vector<int32_t>(order.begin() + outer, order.end()));
  return true;
}

bool WriteUnitNormalization(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kL2Normalization) return false;
  layers->Add("UnitNormalization", out.node.name, out.inputs).Set("axis", -1);
  return true;
}

constexpr Variable kLayerNormVariables[] = {{"gamma", Layout::kPlain},
                                            {"beta", Layout::kPlain}};
constexpr Variable kScale[] = {{"scale", Layout::kPlain}};

constexpr LayerRow kLayerNormRows[] = {
    {"LayerNormalization",
     "over one axis or several; epsilon, center, scale, rms_scaling",
     kLayerNormVariables, BuildLayerNormalization, nullptr,
     GuessLayerNormalization},
    {"GroupNormalization", "of the last axis; groups, epsilon, center, scale",
     kLayerNormVariables, BuildGroupNormalization, nullptr,
     GuessGroupNormalization},
    {"RMSNormalization", "over one axis or several; epsilon", kScale,
     BuildRmsNormalization, nullptr, GuessRmsNormalization},
    {"UnitNormalization",
     "over one axis or several",
     {},
     BuildUnitNormalization,
     WriteUnitNormalization,
     GuessUnitNormalization},
};

}  // namespace

std::span<const LayerRow> LayerNormLayers() { return kLayerNormRows; }

}  // namespace litesmith
