// Functions that a model calls between its layers: keras.ops of Keras 3, and
// the functions of TensorFlow that Keras 2 makes layers of (TFOpLambda). Rows
// are called after the former.
#include "src/formats/keras/layers/operations.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/functions.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/map/activations.h"
#include "src/ops/map/binary.h"
#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr size_t kNotGiven = static_cast<size_t>(-1);

bool IsConstant(const LayerIn& in, TensorId id) {
  return in.graph->tensor(id).has_data();
}

template <const OpDef* kOp>
std::vector<TensorId> Binary(LayerIn* in) {
  const TensorId a = OperandOf(in, 0, {"x", "x1", "a"}, "x");
  const TensorId b = OperandOf(in, 1, {"y", "x2", "b"}, "y");
  Nodes nodes(in->name, in->graph);
  const Shape& x = nodes.ShapeOf(a);
  const Shape& y = nodes.ShapeOf(b);
  if (IsConstant(*in, a) && IsConstant(*in, b))
    Fail(ErrorKind::kUnsupported, "it reads no tensor");
  // Their batches would meet other dimensions.
  const bool low = x.rank() < y.rank()
                       ? !IsConstant(*in, a)
                       : y.rank() < x.rank() && !IsConstant(*in, b);
  const bool high = (IsConstant(*in, a) && x.rank() > y.rank()) ||
                    (IsConstant(*in, b) && y.rank() > x.rank());
  if (low || high) {
    Fail(ErrorKind::kUnsupported,
         "its operands are {} and {}; tensors of one rank are supported",
         x.ToString(), y.ToString());
  }
  return {nodes.Add(*kOp, "", {a, b})};
}

std::vector<TensorId> Power(LayerIn* in) {
  const Json* exponent = GivenTo(in, 1, {"y", "x2"});
  const double power = exponent != nullptr && exponent->is_number()
                           ? exponent->get<double>()
                           : NAN;
  const OpDef* op = power == 2 ? &kSquare : power == 0.5 ? &kSqrt : nullptr;
  if (op == nullptr) return Binary<&kPow>(in);
  return {Nodes(in->name, in->graph)
              .Add(*op, "", {OperandOf(in, 0, {"x", "x1"}, "x")})};
}

template <const OpDef* kOp>
std::vector<TensorId> Unary(LayerIn* in) {
  return {Nodes(in->name, in->graph).Add(*kOp, "", {FirstOperand(in)})};
}

std::vector<TensorId> Reciprocal(LayerIn* in) {
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(kDiv, "", {nodes.Float("one", 1), FirstOperand(in)})};
}

std::vector<TensorId> Identity(LayerIn* in) { return {FirstOperand(in)}; }

// An activation function of that name.
std::vector<TensorId> Function(const char* name, LayerIn* in) {
  const ActivationFunction* row = FindActivation(name, 3);
  return {row->build(Nodes(in->name, in->graph), FirstOperand(in))};
}

float NumberOf(LayerIn* in, Keys keys, float initial) {
  const Json* value = ParameterOf(in, keys);
  if (value == nullptr) return initial;
  if (!value->is_number()) {
    Fail(ErrorKind::kUnsupported, "its {} is {}; a number is wanted",
         *keys.begin(), JsonShown(*value));
  }
  return static_cast<float>(value->get<double>());
}

bool FlagOf(LayerIn* in, Keys keys, bool initial) {
  const Json* value = ParameterOf(in, keys);
  return value == nullptr ? initial : JsonBool(*value, *keys.begin());
}

std::vector<TensorId> BuildGelu(LayerIn* in) {
  const bool by_tanh =
      FlagOf(in, {"approximate"}, /*initial=*/in->generation == 3);
  return {Nodes(in->name, in->graph)
              .Add(kGelu, "", {FirstOperand(in)},
                   GeluAttrs{.approximate = by_tanh})};
}

std::vector<TensorId> BuildLeakyRelu(LayerIn* in) {
  const float slope = NumberOf(in, {"negative_slope", "alpha"}, 0.2f);
  return {Nodes(in->name, in->graph)
              .Add(kLeakyRelu, "", {FirstOperand(in)},
                   LeakyReluAttrs{.alpha = slope})};
}

std::vector<TensorId> BuildElu(LayerIn* in) {
  return {AddElu(Nodes(in->name, in->graph), FirstOperand(in),
                 NumberOf(in, {"alpha"}, 1), 1)};
}

// Dimensions of the tensor from 0 on; `initial` if none are given.
std::vector<int32_t> AxesOf(LayerIn* in, const Shape& shape,
                            std::vector<int32_t> initial,
                            size_t place = kNotGiven) {
  const Json* axis = GivenTo(in, place, {"axis", "axes", "dim"});
  if (axis != nullptr) {
    initial = axis->is_array() ? JsonDims(*axis, "axis")
                               : std::vector<int32_t>{JsonInt(*axis, "axis")};
  }
  for (int32_t& a : initial) {
    if (a < -shape.rank() || a >= shape.rank()) {
      Fail(ErrorKind::kCorrupt, "its axis is {} of {}", a, shape.ToString());
    }
    if (a < 0) a += shape.rank();
  }
  return initial;
}

std::vector<TensorId> BuildSoftmaxOperation(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  return {AddSoftmax(Nodes(in->name, in->graph), x,
                     AxesOf(in, in->graph->tensor(x).shape, {-1}))};
}

std::vector<TensorId> BuildNormalize(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Shape& shape = in->graph->tensor(x).shape;
  const bool last = AxesOf(in, shape, {-1}) == std::vector{shape.rank() - 1};
  if (!last || NumberOf(in, {"order"}, 2) != 2) {
    Fail(ErrorKind::kUnsupported,
         "it does not normalize by squares along the last axis");
  }
  (void)ParameterOf(in, {"epsilon"});  // TFLite's own is as small
  return {Nodes(in->name, in->graph).Add(kL2Normalization, "", {x})};
}

template <const OpDef* kOp>
std::vector<TensorId> Reduce(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Shape& shape = in->graph->tensor(x).shape;
  std::vector<int32_t> all(static_cast<size_t>(shape.rank()));
  std::iota(all.begin(), all.end(), 0);
  const std::vector<int32_t> axes = AxesOf(in, shape, all);
  CheckNoBatch(axes);
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(
      *kOp, "", {x, nodes.Ints("axes", axes)},
      ReduceAttrs{.keep_dims = FlagOf(in, {"keepdims", "keep_dims"}, false)})};
}

std::vector<TensorId> BuildClip(LayerIn* in) {
  TensorId x = FirstOperand(in);
  Nodes nodes(in->name, in->graph);
  const TensorId min = OperandOf(in, 1, {"x_min", "clip_value_min"}, "min");
  const TensorId max = OperandOf(in, 2, {"x_max", "clip_value_max"}, "max");
  return {
      nodes.Add(kMinimum, "", {nodes.Add(kMaximum, "above", {x, min}), max})};
}

std::vector<TensorId> BuildMatmul(LayerIn* in) {
  const TensorId a = OperandOf(in, 0, {"x1", "a"}, "x");
  const TensorId b = OperandOf(in, 1, {"x2", "b"}, "y");
  Nodes nodes(in->name, in->graph);
  if (nodes.ShapeOf(a).rank() < 3 || nodes.ShapeOf(b).rank() < 2) {
    Fail(ErrorKind::kUnsupported,
         "it multiplies {} by {}; matrices of each sample are supported",
         nodes.ShapeOf(a).ToString(), nodes.ShapeOf(b).ToString());
  }
  return {
      nodes.Add(kBatchMatMul, "", {a, b},
                BatchMatMulAttrs{.adj_x = FlagOf(in, {"transpose_a"}, false),
                                 .adj_y = FlagOf(in, {"transpose_b"}, false)})};
}

std::vector<TensorId> BuildConcatenateOperation(LayerIn* in) {
  if (in->inputs.empty()) Fail(ErrorKind::kCorrupt, "it reads no tensors");
  in->literals_read = true;
  const std::vector<int32_t> axes =
      AxesOf(in, in->graph->tensor(in->inputs[0]).shape,
             {in->generation == 3 ? -1 : 0});
  CheckNoBatch(axes);
  if (axes.size() != 1) Fail(ErrorKind::kCorrupt, "it has no one axis");
  return {Nodes(in->name, in->graph)
              .Add(kConcatenation, "", in->inputs,
                   ConcatenationAttrs{.axis = axes[0]})};
}

std::vector<TensorId> BuildStack(LayerIn* in) {
  if (in->inputs.empty()) Fail(ErrorKind::kCorrupt, "it reads no tensors");
  in->literals_read = true;
  const int32_t rank = in->graph->tensor(in->inputs[0]).shape.rank() + 1;
  const Json* given = ParameterOf(in, {"axis"});
  int32_t axis = given == nullptr ? 0 : JsonInt(*given, "axis");
  if (axis < 0) axis += rank;
  CheckNoBatch({axis});
  return {Nodes(in->name, in->graph)
              .Add(kPack, "", in->inputs,
                   PackAttrs{
                       .values_count = static_cast<int32_t>(in->inputs.size()),
                       .axis = axis})};
}

// A node of several outputs.
std::vector<TensorId> BuildSplit(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Shape shape = in->graph->tensor(x).shape;
  const std::vector<int32_t> axes = AxesOf(in, shape, {0});
  CheckNoBatch(axes);
  if (axes.size() != 1) Fail(ErrorKind::kCorrupt, "it has no one axis");
  const Json* parts =
      GivenTo(in, 1, {"indices_or_sections", "num_or_size_splits"});
  if (parts == nullptr) Fail(ErrorKind::kCorrupt, "it has no parts");
  const int32_t size = shape[axes[0]];
  std::vector<int32_t> sizes;
  if (parts->is_array()) {
    sizes = JsonDims(*parts, "parts");
    if (in->generation == 3) {  // where to cut
      sizes.push_back(size);
      std::adjacent_difference(sizes.begin(), sizes.end(), sizes.begin());
    }
  } else {
    const int32_t count = JsonInt(*parts, "parts");
    if (count < 1 || count > 1000 || size % count != 0)
      Fail(ErrorKind::kCorrupt, "it splits {} in {}", size, count);
    sizes.assign(static_cast<size_t>(count), size / count);
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < sizes.size(); ++i)
    names.push_back(i == 0 ? in->name : in->name + ":" + std::to_string(i));
  Nodes nodes(in->name, in->graph);
  const TensorId lengths = nodes.Ints("sizes", sizes);
  const TensorId axis = in->graph->AddConstant<int32_t>(
      nodes.Name("axis"), Shape(), std::span<const int32_t>(axes));
  Node& node = in->graph->AddNode(kSplitV, in->name, {x, lengths, axis}, names);
  node.Set<&SplitVAttrs::num_splits>(static_cast<int32_t>(sizes.size()));
  return InferLast(in->graph);
}

std::vector<TensorId> BuildReshapeOperation(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* shape = GivenTo(in, 1, {"newshape", "shape"});
  if (shape == nullptr) Fail(ErrorKind::kCorrupt, "it has no shape");
  std::vector<int32_t> dims = JsonDims(*shape, "shape");
  // An open batch may be written as an open dimension, beside another one.
  if (!dims.empty() && std::count(dims.begin(), dims.end(), -1) == 2 &&
      dims[0] == -1) {
    const int64_t sample = in->graph->tensor(x).shape.NumElementsPerSample();
    int64_t known = 1;
    for (size_t d = 1; d < dims.size(); ++d) {
      if (dims[d] < 1 && dims[d] != -1)
        Fail(ErrorKind::kCorrupt, "its shape has the dimension {}", dims[d]);
      if (dims[d] != -1 && known <= sample) known *= dims[d];
    }
    for (size_t d = 1; d < dims.size(); ++d)
      if (dims[d] == -1) dims[d] = static_cast<int32_t>(sample / known);
  }
  return KeepsBatch(in, Nodes(in->name, in->graph).Reshape("", x, dims));
}

std::vector<TensorId> BuildTranspose(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* order = GivenTo(in, 1, {"axes", "perm"});
  std::vector<int32_t> axes;
  if (order != nullptr) axes = JsonDims(*order, "axes");
  const int32_t rank = in->graph->tensor(x).shape.rank();
  for (int32_t& axis : axes) axis += axis < 0 ? rank : 0;
  // Steps and batch change places: in the graph they stay where they are.
  if (axes == std::vector<int32_t>{1, 0, 2}) {
    in->gives_steps_first = !in->steps_first;
    std::vector<int32_t> dims = in->graph->tensor(x).shape.ToVector();
    dims[0] = -1;
    return {Nodes(in->name, in->graph).Reshape("", x, dims)};
  }
  if (axes.empty() || axes[0] != 0 || in->steps_first)
    Fail(ErrorKind::kUnsupported, "it moves the batch");
  return {Nodes(in->name, in->graph).Transpose("", x, axes)};
}

// So many times in each dimension, of which those in front may be left out.
std::vector<TensorId> BuildTile(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* given = GivenTo(in, 1, {"repeats", "multiples"});
  if (given == nullptr) Fail(ErrorKind::kCorrupt, "it has no repeats");
  std::vector<int32_t> times =
      IsWholeNumber(*given) ? std::vector<int32_t>{JsonInt(*given, "repeats")}
                            : JsonDims(*given, "repeats");
  const Shape shape = in->graph->tensor(x).shape;
  const auto rank = static_cast<size_t>(shape.rank());
  if (times.size() < rank) times.insert(times.begin(), rank - times.size(), 1);
  if (times.size() > rank || times[0] != 1 ||
      std::any_of(times.begin(), times.end(), [](int32_t n) { return n < 1; }))
    Fail(ErrorKind::kUnsupported,
         "its repeats are {} of the input {}; a sample's, at least 1, are "
         "supported",
         JsonShown(*given), shape.ToString());
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(kTile, "", {x, nodes.Ints("multiples", times)})};
}

std::vector<TensorId> BuildFlip(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const std::vector<int32_t> axes =
      AxesOf(in, in->graph->tensor(x).shape, {0}, 1);
  CheckNoBatch(axes);
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(kReverseV2, "", {x, nodes.Ints("axes", axes)})};
}

// With the sample's dimensions as `edit` leaves them.
template <typename Edit>
std::vector<TensorId> WithDims(LayerIn* in, const Edit& edit) {
  const TensorId x = FirstOperand(in);
  const Shape shape = in->graph->tensor(x).shape;
  std::vector<int32_t> dims = shape.ToVector();
  if (dims.empty() || dims[0] != kDynamic)
    Fail(ErrorKind::kUnsupported, "its input {} has no batch",
         shape.ToString());
  edit(shape, &dims);
  return KeepsBatch(in, Nodes(in->name, in->graph).Reshape("", x, dims));
}

std::vector<TensorId> BuildExpandDims(LayerIn* in) {
  return WithDims(in, [&](const Shape& shape, std::vector<int32_t>* dims) {
    const Json* given = GivenTo(in, 1, {"axis", "dim"});
    int32_t axis = given == nullptr ? 0
                   : given->is_array() && given->size() == 1
                       ? JsonInt((*given)[0], "axis")
                       : JsonInt(*given, "axis");
    if (axis < 0) axis += shape.rank() + 1;
    if (axis < 1 || axis > shape.rank())
      Fail(ErrorKind::kUnsupported, "its axis is {}", axis);
    dims->insert(dims->begin() + axis, 1);
  });
}

std::vector<TensorId> BuildSqueeze(LayerIn* in) {
  return WithDims(in, [&](const Shape& shape, std::vector<int32_t>* dims) {
    std::vector<int32_t> ones;
    for (int d = 1; d < shape.rank(); ++d)
      if (shape[d] == 1) ones.push_back(d);
    std::vector<int32_t> axes = AxesOf(in, shape, ones);
    std::sort(axes.rbegin(), axes.rend());
    for (const int32_t axis : axes) {
      if (axis == 0 || shape[axis] != 1)
        Fail(ErrorKind::kUnsupported, "its axis {} is of {}", axis,
             shape.ToString());
      dims->erase(dims->begin() + axis);
    }
  });
}

std::vector<TensorId> BuildPad(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* mode = ParameterOf(in, {"mode"});
  const Json* value = ParameterOf(in, {"constant_values"});
  const bool zeros =
      (mode == nullptr || *mode == "constant" || *mode == "CONSTANT") &&
      (value == nullptr || (value->is_number() && value->get<double>() == 0));
  if (!zeros) Fail(ErrorKind::kUnsupported, "it pads with other than zeros");
  const Json* given = GivenTo(in, 1, {"pad_width", "paddings"});
  if (given == nullptr) Fail(ErrorKind::kCorrupt, "it has no pad_width");
  std::vector<int32_t> sides;
  for (const Json& pair : JsonArray(*given, "pad_width")) {
    const std::vector<int32_t> side = JsonDims(pair, "pad_width");
    if (side.size() != 2)
      Fail(ErrorKind::kUnsupported, "its pad_width is {}", JsonShown(*given));
    sides.insert(sides.end(), side.begin(), side.end());
  }
  if (sides.empty() || sides[0] != 0 || sides[1] != 0)
    Fail(ErrorKind::kUnsupported, "it pads the batch");
  const TensorId paddings = in->graph->AddConstant<int32_t>(
      in->name + "/paddings", {static_cast<int32_t>(sides.size() / 2), 2},
      sides);
  return {Nodes(in->name, in->graph).Add(kPad, "", {x, paddings})};
}

std::vector<TensorId> BuildCast(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* type = GivenTo(in, 1, {"dtype"});
  const DType from = in->graph->tensor(x).dtype;
  const bool known =
      from == DType::kFloat32 || from == DType::kInt32 || from == DType::kBool;
  if (type == nullptr || !type->is_string() || !known || *type != "float32") {
    Fail(ErrorKind::kUnsupported, "it makes other numbers than float32");
  }
  if (from == DType::kFloat32) return {x};
  return {Nodes(in->name, in->graph).Cast("", x, DType::kFloat32)};
}

std::vector<TensorId> BuildResize(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* size = GivenTo(in, 1, {"size"});
  const Json* method = ParameterOf(in, {"interpolation", "method"});
  const std::string how =
      method == nullptr ? "bilinear" : JsonString(*method, "method");
  if (size == nullptr || (how != "bilinear" && how != "nearest"))
    Fail(ErrorKind::kUnsupported, "it resizes by {}", how);
  if (FlagOf(in, {"antialias"}, false) ||
      FlagOf(in, {"preserve_aspect_ratio"}, false) ||
      FlagOf(in, {"crop_to_aspect_ratio"}, false))
    Fail(ErrorKind::kUnsupported, "it resizes with more than a size");
  (void)ParameterOf(in, {"data_format"});
  Nodes nodes(in->name, in->graph);
  const TensorId wanted = nodes.Ints("size", JsonDims(*size, "size"));
  if (how == "bilinear")
    return {nodes.Add(kResizeBilinear, "", {x, wanted},
                      ResizeBilinearAttrs{.half_pixel_centers = true})};
  return {nodes.Add(kResizeNearestNeighbor, "", {x, wanted},
                    ResizeNearestAttrs{.half_pixel_centers = true})};
}

#define LITESMITH_OPERATION(name, build) \
  { "operation " name, "a function", {}, build }

// Builds an activation function.
template <size_t kLength>
struct Text {
  constexpr Text(const char (&from)[kLength]) {  // NOLINT: implicit
    std::copy_n(from, kLength, text);
  }
  char text[kLength];
};
template <Text kName>
std::vector<TensorId> As(LayerIn* in) {
  return Function(kName.text, in);
}

constexpr LayerRow kOperationsRows[] = {
    LITESMITH_OPERATION("Add", Binary<&kAdd>),
    LITESMITH_OPERATION("Subtract", Binary<&kSub>),
    LITESMITH_OPERATION("Multiply", Binary<&kMul>),
    LITESMITH_OPERATION("Divide", Binary<&kDiv>),
    LITESMITH_OPERATION("TrueDivide", Binary<&kDiv>),
    LITESMITH_OPERATION("FloorDivide", Binary<&kFloorDiv>),
    LITESMITH_OPERATION("Maximum", Binary<&kMaximum>),
    LITESMITH_OPERATION("Minimum", Binary<&kMinimum>),
    LITESMITH_OPERATION("SquaredDifference", Binary<&kSquaredDifference>),
    LITESMITH_OPERATION("Power", Power),
    LITESMITH_OPERATION("Matmul", BuildMatmul),
    LITESMITH_OPERATION("Negative", Unary<&kNeg>),
    LITESMITH_OPERATION("Absolute", Unary<&kAbs>),
    LITESMITH_OPERATION("Abs", Unary<&kAbs>),
    LITESMITH_OPERATION("Sqrt", Unary<&kSqrt>),
    LITESMITH_OPERATION("Rsqrt", Unary<&kRsqrt>),
    LITESMITH_OPERATION("Square", Unary<&kSquare>),
    LITESMITH_OPERATION("Exp", Unary<&kExp>),
    LITESMITH_OPERATION("Log", Unary<&kLog>),
    LITESMITH_OPERATION("Sin", Unary<&kSin>),
    LITESMITH_OPERATION("Cos", Unary<&kCos>),
    LITESMITH_OPERATION("Floor", Unary<&kFloor>),
    LITESMITH_OPERATION("Ceil", Unary<&kCeil>),
    LITESMITH_OPERATION("Round", Unary<&kRound>),
    LITESMITH_OPERATION("Sign", Unary<&kSign>),
    LITESMITH_OPERATION("Reciprocal", Reciprocal),
    LITESMITH_OPERATION("Identity", Identity),
    LITESMITH_OPERATION("StopGradient", Identity),
    LITESMITH_OPERATION("Tanh", Unary<&kTanh>),
    LITESMITH_OPERATION("Sigmoid", Unary<&kLogistic>),
    LITESMITH_OPERATION("Relu", Unary<&kRelu>),
    LITESMITH_OPERATION("Relu6", Unary<&kRelu6>),
    LITESMITH_OPERATION("LeakyRelu", BuildLeakyRelu),
    LITESMITH_OPERATION("Elu", BuildElu),
    LITESMITH_OPERATION("Selu", As<"selu">),
    LITESMITH_OPERATION("Gelu", BuildGelu),
    LITESMITH_OPERATION("Silu", As<"silu">),
    LITESMITH_OPERATION("Softmax", BuildSoftmaxOperation),
    LITESMITH_OPERATION("LogSoftmax", Unary<&kLogSoftmax>),
    LITESMITH_OPERATION("Softplus", As<"softplus">),
    LITESMITH_OPERATION("Softsign", As<"softsign">),
    LITESMITH_OPERATION("HardSigmoid", As<"hard_sigmoid">),
    LITESMITH_OPERATION("HardSilu", As<"hard_silu">),
    LITESMITH_OPERATION("HardTanh", As<"hard_tanh">),
    LITESMITH_OPERATION("LogSigmoid", As<"log_sigmoid">),
    LITESMITH_OPERATION("Normalize", BuildNormalize),
    LITESMITH_OPERATION("Mean", Reduce<&kMean>),
    LITESMITH_OPERATION("Sum", Reduce<&kSum>),
    LITESMITH_OPERATION("Max", Reduce<&kReduceMax>),
    LITESMITH_OPERATION("Min", Reduce<&kReduceMin>),
    LITESMITH_OPERATION("Prod", Reduce<&kReduceProd>),
    LITESMITH_OPERATION("Clip", BuildClip),
    LITESMITH_OPERATION("Concatenate", BuildConcatenateOperation),
    LITESMITH_OPERATION("Stack", BuildStack),
    LITESMITH_OPERATION("Split", BuildSplit),
    LITESMITH_OPERATION("Reshape", BuildReshapeOperation),
    LITESMITH_OPERATION("Transpose", BuildTranspose),
    LITESMITH_OPERATION("Tile", BuildTile),
    LITESMITH_OPERATION("Flip", BuildFlip),
    LITESMITH_OPERATION("ExpandDims", BuildExpandDims),
    LITESMITH_OPERATION("Squeeze", BuildSqueeze),
    LITESMITH_OPERATION("Pad", BuildPad),
    LITESMITH_OPERATION("Cast", BuildCast),
    LITESMITH_OPERATION("Resize", BuildResize),
};

}  // namespace

std::span<const LayerRow> OperationsLayers() { return kOperationsRows; }

}  // namespace litesmith
