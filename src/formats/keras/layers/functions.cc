// Activation functions, each as few nodes of TFLite's ops. Formulas are those
// of tf_keras 2.18 and Keras 3.15.
#include "src/formats/keras/layers/functions.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/ops/map/activations.h"
#include "src/ops/map/binary.h"
#include "src/ops/map/softmax.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr float kSeluAlpha = 1.67326324f, kSeluScale = 1.05070098f;

TensorId WithRelu(Nodes* nodes, const std::string& step, TensorId x,
                  float offset, Activation activation = activation::kRelu) {
  return nodes->Add(kAdd, step,
                    {x, nodes->Float(Nodes::Below(step, "offset"), offset)},
                    AddAttrs{.activation = activation});
}

// relu6(factor * x + 3) / 6: from 0 to 1 in a straight line.
TensorId HardSigmoid(Nodes nodes, TensorId x, float factor) {
  if (factor != 1) x = nodes.WithFloat(kMul, "steep", x, "factor", factor);
  x = WithRelu(&nodes, "line", x, 3, activation::kRelu6);
  return nodes.WithFloat(kMul, "", x, "sixth", 1.0f / 6);
}

TensorId Silu(Nodes nodes, TensorId x) {
  return nodes.Add(kMul, "", {x, nodes.Add(kLogistic, "sigmoid", {x})});
}

TensorId Softsign(Nodes nodes, TensorId x) {
  const TensorId size = nodes.Add(kAbs, "abs", {x});
  return nodes.Add(kDiv, "",
                   {x, nodes.WithFloat(kAdd, "below", size, "one", 1)});
}

TensorId Mish(Nodes nodes, TensorId x) {
  const TensorId soft = AddSoftplus(&nodes, "softplus", x);
  return nodes.Add(kMul, "", {x, nodes.Add(kTanh, "tanh", {soft})});
}

// log(sigmoid(x)) = min(x, 0) + log(sigmoid(|x|)).
TensorId LogSigmoid(Nodes nodes, TensorId x) {
  const TensorId low = nodes.WithFloat(kMinimum, "low", x, "zero", 0);
  const TensorId share =
      nodes.Add(kLogistic, "sigmoid", {nodes.Add(kAbs, "abs", {x})});
  return nodes.Add(kAdd, "", {low, nodes.Add(kLog, "log", {share})});
}

TensorId HardShrink(Nodes nodes, TensorId x) {
  const TensorId far = nodes.WithFloat(
      kGreater, "far", nodes.Add(kAbs, "abs", {x}), "half", 0.5f);
  const TensorId factor = nodes.Cast("factor", far, DType::kFloat32);
  return nodes.Add(kMul, "", {x, factor});
}

TensorId SoftShrink(Nodes nodes, TensorId x) {
  const TensorId above = WithRelu(&nodes, "above", x, -0.5f);
  const TensorId below =
      nodes.Add(kSub, "below", {nodes.Float("half", -0.5f), x},
                AddAttrs{.activation = activation::kRelu});
  return nodes.Add(kSub, "", {above, below});
}

TensorId Squareplus(Nodes nodes, TensorId x) {
  TensorId root = nodes.Add(kSquare, "square", {x});
  root = nodes.WithFloat(kAdd, "sum", root, "four", 4);
  root = nodes.Add(kSqrt, "root", {root});
  return nodes.WithFloat(kMul, "", nodes.Add(kAdd, "both", {x, root}), "half",
                         0.5f);
}

// min(max(x + 1, 0), 2)^2 / 4 + max(x - 1, 0).
TensorId SparsePlus(Nodes nodes, TensorId x) {
  TensorId bend = WithRelu(&nodes, "above", x, 1);
  bend = nodes.WithFloat(kMinimum, "bend", bend, "two", 2);
  bend = nodes.Add(kSquare, "square", {bend});
  bend = nodes.WithFloat(kMul, "quarter", bend, "factor", 0.25f);
  return nodes.Add(kAdd, "", {bend, WithRelu(&nodes, "line", x, -1)});
}

TensorId SparseSigmoid(Nodes nodes, TensorId x) {
  x = nodes.Add(kReluN1To1, "clip", {x});
  x = nodes.WithFloat(kAdd, "above", x, "one", 1);
  return nodes.WithFloat(kMul, "", x, "half", 0.5f);
}

template <const OpDef* kOp>
TensorId One(Nodes nodes, TensorId x) {
  return nodes.Add(*kOp, "", {x});
}

TensorId Gelu(Nodes nodes, TensorId x) {
  return nodes.Add(kGelu, "", {x}, GeluAttrs{.approximate = false});
}

TensorId LeakyRelu(Nodes nodes, TensorId x) {
  return nodes.Add(kLeakyRelu, "", {x}, LeakyReluAttrs{.alpha = 0.2f});
}

const ActivationFunction kFunctions[] = {
    {"linear", nullptr},
    {"relu", One<&kRelu>, activation::kRelu},
    {"relu6", One<&kRelu6>, activation::kRelu6},
    {"softmax",
     [](Nodes nodes, TensorId x) {
       return AddSoftmax(std::move(nodes), x, {-1});
     }},
    {"sigmoid", One<&kLogistic>},
    {"tanh", One<&kTanh>},
    {"elu", One<&kElu>},
    {"selu",
     [](Nodes nodes, TensorId x) {
       return AddElu(std::move(nodes), x, kSeluAlpha, kSeluScale);
     }},
    {"softplus",
     [](Nodes nodes, TensorId x) { return AddSoftplus(&nodes, "", x); }},
    {"softsign", Softsign},
    {"swish", Silu},
    {"silu", Silu},
    {"gelu", Gelu},
    {"mish", Mish},
    {"exponential", One<&kExp>},
    {"leaky_relu", LeakyRelu},
    {"log_softmax", One<&kLogSoftmax>},
    {"hard_sigmoid",
     [](Nodes nodes, TensorId x) {
       return HardSigmoid(std::move(nodes), x, 1.2f);
     },
     kNone, 2},
    {"hard_sigmoid",
     [](Nodes nodes, TensorId x) {
       return HardSigmoid(std::move(nodes), x, 1);
     },
     kNone, 3},
    {"hard_silu", One<&kHardSwish>, kNone, 3},
    {"hard_swish", One<&kHardSwish>, kNone, 3},
    {"celu", One<&kElu>, kNone, 3},
    {"hard_tanh", One<&kReluN1To1>, activation::kReluN1To1, 3},
    {"hard_shrink", HardShrink, kNone, 3},
    {"soft_shrink", SoftShrink, kNone, 3},
    {"tanh_shrink",
     [](Nodes nodes, TensorId x) {
       return nodes.Add(kSub, "", {x, nodes.Add(kTanh, "tanh", {x})});
     },
     kNone, 3},
    {"log_sigmoid", LogSigmoid, kNone, 3},
    {"squareplus", Squareplus, kNone, 3},
    {"sparse_plus", SparsePlus, kNone, 3},
    {"sparse_sigmoid", SparseSigmoid, kNone, 3},
};

}  // namespace

std::span<const ActivationFunction> ActivationFunctions() { return kFunctions; }

const ActivationFunction* FindActivation(const std::string& name,
                                         int generation) {
  for (const ActivationFunction& row : kFunctions) {
    if (name == row.name &&
        (row.generation == 0 || row.generation == generation))
      return &row;
  }
  return nullptr;
}

// = scale * alpha * elu(x) + scale * (1 - alpha) * relu(x): above zero both are
// x.
TensorId AddElu(Nodes nodes, TensorId x, float alpha, float scale) {
  if (alpha == 1 && scale == 1) return nodes.Add(kElu, "", {x});
  const TensorId low = nodes.WithFloat(kMul, "low", nodes.Add(kElu, "elu", {x}),
                                       "alpha", scale * alpha);
  const TensorId high = nodes.WithFloat(
      kMul, "high", nodes.Add(kRelu, "relu", {x}), "rest", scale * (1 - alpha));
  return nodes.Add(kAdd, "", {low, high});
}

// log(1 + e^-|x|) = -log(sigmoid(|x|)).
TensorId AddSoftplus(Nodes* nodes, const std::string& step, TensorId x) {
  const auto at = [&](const char* name) { return Nodes::Below(step, name); };
  const TensorId size = nodes->Add(kAbs, at("abs"), {x});
  const TensorId share = nodes->Add(kLogistic, at("sigmoid"), {size});
  const TensorId log = nodes->Add(kLog, at("log"), {share});
  return nodes->Add(kSub, step, {nodes->Add(kRelu, at("relu"), {x}), log});
}

TensorId AddSoftmax(Nodes nodes, TensorId x, std::vector<int32_t> axes) {
  const Shape shape = nodes.ShapeOf(x);
  const int32_t rank = shape.rank();
  for (int32_t& axis : axes) {
    if (axis < 0) axis += rank;
    if (axis < 1 || axis >= rank) {
      Fail(ErrorKind::kUnsupported,
           "its axis is {} of the input {}; one of a sample's is supported",
           axis, shape.ToString());
    }
  }
  std::sort(axes.begin(), axes.end());
  const SoftmaxAttrs attrs{.beta = 1};
  if (axes.size() == 1 && axes[0] == rank - 1)
    return nodes.Add(kSoftmax, "", {x}, attrs);
  if (axes.size() == 1) {
    // The axis last, and back.
    std::vector<int32_t> order, back(static_cast<size_t>(rank));
    for (int32_t d = 0; d < rank; ++d)
      if (d != axes[0]) order.push_back(d);
    order.push_back(axes[0]);
    for (int32_t d = 0; d < rank; ++d)
      back[static_cast<size_t>(order[static_cast<size_t>(d)])] = d;
    x = nodes.Transpose("last", x, order);
    x = nodes.Add(kSoftmax, "softmax", {x}, attrs);
    return nodes.Transpose("", x, back);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != rank - static_cast<int32_t>(axes.size() - i)) {
      Fail(ErrorKind::kUnsupported,
           "its axes are several that are not the last ones of its input {}",
           shape.ToString());
    }
  }
  std::vector<int32_t> dims = shape.ToVector();
  dims[0] = -1;
  const std::vector<int32_t> whole = dims;
  int32_t joined = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    joined *= dims.back();
    dims.pop_back();
  }
  dims.push_back(joined);
  x = nodes.Reshape("joined", x, dims);
  x = nodes.Add(kSoftmax, "softmax", {x}, attrs);
  return nodes.Reshape("", x, whole);
}

}  // namespace litesmith
