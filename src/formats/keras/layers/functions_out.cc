// Functions between layers, written where no layer that both Kerases have does
// the same: the inverse of operations.cc, logic.cc and slices.cc.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/unknown_layers.h"
#include "src/ops/indices.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/map/cast.h"
#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

// What is stored in a config at most, as text.
constexpr int64_t kMostNumbers = 4096;

// Of the op's first inputs, each by Keras 2's keyword but the first.
struct FunctionRow {
  const OpDef* op;
  const char* name;  // Keras 3's
  const char* of_two;
  std::initializer_list<const char*> keywords;
  const char* of_three = "keras.src.ops.numpy";
};
const FunctionRow kOfOperands[] = {
    {&kAdd, "Add", "math.add", {"x", "y"}},
    {&kSub, "Subtract", "math.subtract", {"x", "y"}},
    {&kMul, "Multiply", "math.multiply", {"x", "y"}},
    {&kDiv, "TrueDivide", "math.truediv", {"x", "y"}},
    {&kFloorDiv, "FloorDivide", "math.floordiv", {"x", "y"}},
    {&kPow, "Power", "math.pow", {"x", "y"}},
    {&kMaximum, "Maximum", "math.maximum", {"x", "y"}},
    {&kMinimum, "Minimum", "math.minimum", {"x", "y"}},
    {&kEqual, "Equal", "math.equal", {"x", "y"}},
    {&kNotEqual, "NotEqual", "math.not_equal", {"x", "y"}},
    {&kGreater, "Greater", "math.greater", {"x", "y"}},
    {&kGreaterEqual, "GreaterEqual", "math.greater_equal", {"x", "y"}},
    {&kLess, "Less", "math.less", {"x", "y"}},
    {&kLessEqual, "LessEqual", "math.less_equal", {"x", "y"}},
    {&kLogicalAnd, "LogicalAnd", "math.logical_and", {"x", "y"}},
    {&kLogicalOr, "LogicalOr", "math.logical_or", {"x", "y"}},
    {&kLogicalNot, "LogicalNot", "math.logical_not", {"x"}},
    {&kSelectV2, "Where", "where", {"condition", "x", "y"}},
    {&kLog, "Log", "math.log", {"x"}},
    {&kSqrt, "Sqrt", "math.sqrt", {"x"}},
    {&kRsqrt, "Rsqrt", "math.rsqrt", {"x"}, "keras.src.ops.math"},
    {&kSin, "Sin", "math.sin", {"x"}},
    {&kCos, "Cos", "math.cos", {"x"}},
    {&kFloor, "Floor", "math.floor", {"x"}},
    {&kCeil, "Ceil", "math.ceil", {"x"}},
    {&kRound, "Round", "math.round", {"x"}},
    {&kSign, "Sign", "math.sign", {"x"}},
    {&kZerosLike, "ZerosLike", "zeros_like", {"x"}},
};

const FunctionRow kOverAxes[] = {
    {&kMean, "Mean", "math.reduce_mean", {}},
    {&kSum, "Sum", "math.reduce_sum", {}},
    {&kReduceMax, "Max", "math.reduce_max", {}},
    {&kReduceMin, "Min", "math.reduce_min", {}},
    {&kReduceProd, "Prod", "math.reduce_prod", {}},
    {&kReduceAny, "Any", "math.reduce_any", {}},
    {&kReduceAll, "All", "math.reduce_all", {}},
};

const FunctionRow* Find(std::span<const FunctionRow> rows, const OpDef* op) {
  const auto it = std::find_if(rows.begin(), rows.end(),
                               [&](const auto& row) { return row.op == op; });
  return it == rows.end() ? nullptr : &*it;
}

// Numbers in as many lists as the tensor has dimensions.
template <typename T>
Ordered Nested(std::span<const T> values, const Shape& shape, int dim) {
  if (dim == shape.rank()) {
    if constexpr (std::is_same_v<T, float>) return Decimal(values[0]);
    return values[0];
  }
  Ordered list = Ordered::array();
  const auto n = static_cast<size_t>(shape[dim]);
  const size_t each = values.size() / n;
  for (size_t i = 0; i < n; ++i)
    list.push_back(Nested(values.subspan(i * each, each), shape, dim + 1));
  return list;
}

// The constant as each Keras writes it; Keras 3 has lists as they are only
// where the shape of what comes out does not depend on them.
std::optional<OutFunction::Argument> Literal(const Tensor& tensor) {
  const int64_t count = tensor.shape.NumElements();
  const bool floats = tensor.dtype == DType::kFloat32;
  if (count < 1 || count > kMostNumbers ||
      (!floats && tensor.dtype != DType::kInt32))
    return std::nullopt;
  const Shape shape = count == 1 ? Shape() : tensor.shape;
  const Ordered json = floats ? Nested(tensor.As<float>(), shape, 0)
                              : Nested(tensor.As<int32_t>(), shape, 0);
  const Ordered of_three =
      shape.rank() == 0
          ? json
          : Ordered{
                {"class_name", "__numpy__"},
                {"config", {{"value", json}, {"dtype", Name(tensor.dtype)}}}};
  OutFunction::Argument argument;
  argument.two.text = json.dump();
  argument.three.text = of_three.dump();
  return argument;
}

// One call that is being put together.
class Call {
 public:
  Call(const NodeOut& out, LayerWriter* layers) : out_(out), layers_(layers) {}

  // The node's input as the next argument; false: there is no way to say it.
  bool Take(size_t input, const char* keyword) {
    const TensorId id = out_.node.inputs[input];
    OutFunction::Argument argument;
    if (out_.graph.tensor(id).has_data()) {
      const auto literal = Literal(out_.graph.tensor(id));
      if (!literal.has_value()) return false;
      argument = *literal;
    } else {
      argument.input = static_cast<int>(tensors_.size());
      tensors_.push_back(out_.inputs[TensorsBefore(input)]);
      shapes_.push_back(out_.graph.tensor(id).shape.ToVector());
    }
    argument.keyword = keyword;
    function.arguments.push_back(std::move(argument));
    return true;
  }
  // The matrices of the input, turned around by a layer of its own.
  bool TakeTurned(size_t input, const char* keyword) {
    if (out_.input(input).has_data() || !Take(input, keyword)) return false;
    std::vector<int32_t>& dims = shapes_.back();
    const auto rank = static_cast<int32_t>(dims.size());
    std::vector<int32_t> order(dims.size() - 1);
    std::iota(order.begin(), order.end(), 1);
    std::swap(order[order.size() - 2], order.back());
    if (rank < 3) return false;
    std::swap(dims[dims.size() - 2], dims.back());
    layers_->Add("Permute", out_.node.name + "_" + keyword, {tensors_.back()})
        .Set("dims", order);
    tensors_.back() = layers_->Last();
    return true;
  }
  void Named(const char* of_two, const char* of_three, ConfigValue value) {
    if (of_two != nullptr) function.named.emplace_back(of_two, value);
    if (of_three != nullptr)
      function.config.emplace_back(of_three, std::move(value));
  }
  bool Add(const char* name, const char* of_two,
           const char* of_three = "keras.src.ops.numpy") {
    function.of_two = of_two;
    function.of_three = of_three;
    OutLayer& layer = layers_->Add((kOperationClass + name).c_str(),
                                   out_.node.name, std::move(tensors_));
    for (std::vector<int32_t>& dims : shapes_) dims[0] = -1;
    layer.input_shapes = std::move(shapes_);
    layer.function = std::make_shared<const OutFunction>(std::move(function));
    return true;
  }

  OutFunction function;

 private:
  // Of the inputs in front of it, how many are no constants.
  size_t TensorsBefore(size_t input) const {
    size_t count = 0;
    for (size_t i = 0; i < input; ++i)
      count += !out_.graph.tensor(out_.node.inputs[i]).has_data();
    return count;
  }

  const NodeOut& out_;
  LayerWriter* layers_;
  std::vector<OutTensor> tensors_;
  std::vector<std::vector<int32_t>> shapes_;
};

std::vector<int32_t> IntsOf(const NodeOut& out, size_t input) {
  const std::vector<int64_t> values =
      ConstantIndices(out.input(input), "operand");
  return {values.begin(), values.end()};
}

bool WriteOfOperands(const NodeOut& out, const FunctionRow& row,
                     LayerWriter* layers) {
  Call call(out, layers);
  size_t i = 0;
  for (const char* keyword : row.keywords)
    if (!call.Take(i++, keyword)) return false;
  return call.Add(row.name, row.of_two, row.of_three);
}

bool WriteOverAxes(const NodeOut& out, const FunctionRow& row,
                   LayerWriter* layers) {
  Call call(out, layers);
  if (!call.Take(0, "x")) return false;
  std::vector<int32_t> axes = IntsOf(out, 1);
  for (int32_t& axis : axes) axis = AxisOf(out.input(0), axis);
  call.Named("axis", "axis", axes);
  call.Named("keepdims", "keepdims", out.node.Get<&ReduceAttrs::keep_dims>());
  return call.Add(row.name, row.of_two);
}

bool WriteSquaredDifference(const NodeOut& out, LayerWriter* layers) {
  if (out.inputs.size() != 2) return false;
  layers->Add("Subtract", out.node.name + "_difference", out.inputs);
  const OutTensor difference = layers->Last();
  layers->Add("Multiply", out.node.name, {difference, difference});
  return true;
}

// What is taken of each dimension, in the words of both Kerases.
class CalledKeys {
 public:
  void Add(const Ordered& key) {
    two.push_back(key);
    three.push_back(key);
  }
  void AddSlice(const Ordered& start, const Ordered& stop,
                const Ordered& step) {
    const Ordered slice = {{"start", start}, {"stop", stop}, {"step", step}};
    two.push_back(slice);
    three.push_back({{"class_name", "__slice__"}, {"config", slice}});
  }
  bool Write(const NodeOut& out, LayerWriter* layers) const {
    Call call(out, layers);
    if (!call.Take(0, "x")) return false;
    OutFunction::Argument keys;
    keys.keyword = "slice_spec";
    keys.two.text = two.dump();
    keys.three.text = three.dump();
    call.function.arguments.push_back(std::move(keys));
    return call.Add("GetItem", "__operators__.getitem");
  }

  Ordered two = Ordered::array(), three = Ordered::array();
};

bool WriteStridedSlice(const NodeOut& out, LayerWriter* layers) {
  const auto attrs = Get<StridedSliceAttrs>(out.node);
  if (attrs.ellipsis_mask != 0 || attrs.offset) return false;
  const std::vector<int32_t> begin = IntsOf(out, 1), end = IntsOf(out, 2),
                             strides = IntsOf(out, 3);
  CalledKeys keys;
  for (size_t d = 0; d < begin.size(); ++d) {
    const auto has = [&](int32_t mask) { return (mask >> d & 1) != 0; };
    if (has(attrs.new_axis_mask)) {
      keys.Add(nullptr);
    } else if (has(attrs.shrink_axis_mask)) {
      keys.Add(has(attrs.begin_mask) ? 0 : begin[d]);
    } else {
      const bool from_start =
          has(attrs.begin_mask) || (d == 0 && begin[d] == 0);
      keys.AddSlice(from_start ? Ordered() : Ordered(begin[d]),
                    has(attrs.end_mask) ? Ordered() : Ordered(end[d]),
                    strides[d] == 1 ? Ordered() : Ordered(strides[d]));
    }
  }
  return keys.Write(out, layers);
}

bool WriteSlice(const NodeOut& out, LayerWriter* layers) {
  const std::vector<int32_t> begin = IntsOf(out, 1), size = IntsOf(out, 2);
  CalledKeys keys;
  for (size_t d = 0; d < begin.size(); ++d) {
    keys.AddSlice(begin[d] == 0 ? Ordered() : Ordered(begin[d]),
                  size[d] == -1 ? Ordered() : Ordered(begin[d] + size[d]),
                  Ordered());
  }
  return keys.Write(out, layers);
}

bool WriteStack(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  call.function.of_list = true;
  if (out.inputs.size() != out.node.inputs.size()) return false;
  for (size_t i = 0; i < out.inputs.size(); ++i)
    if (!call.Take(i, "values")) return false;
  call.Named("axis", "axis", out.node.Get<&PackAttrs::axis>());
  return call.Add("Stack", "stack");
}

// Keras 2 asks for sizes, Keras 3 for where to cut.
bool WriteSplit(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  std::vector<int32_t> sizes = IntsOf(out, 1);
  const std::vector<int32_t> axes = IntsOf(out, 2);
  if (!call.Take(0, "value") || axes.size() != 1 || sizes.empty()) return false;
  const int32_t axis = AxisOf(out.input(0), axes[0]);
  if (const auto rest = std::find(sizes.begin(), sizes.end(), -1);
      rest != sizes.end()) {
    *rest = 0;
    *rest = out.input(0).shape[axis] -
            std::accumulate(sizes.begin(), sizes.end(), 0);
  }
  call.Named("num_or_size_splits", nullptr, sizes);
  std::vector<int32_t> cuts(sizes.size());
  std::partial_sum(sizes.begin(), sizes.end(), cuts.begin());
  cuts.pop_back();
  call.Named(nullptr, "indices_or_sections", cuts);
  call.Named("axis", "axis", axis);
  return call.Add("Split", "split");
}

bool WriteMatmul(const NodeOut& out, LayerWriter* layers) {
  const auto attrs = Get<BatchMatMulAttrs>(out.node);
  Call call(out, layers);
  if (!(attrs.adj_x ? call.TakeTurned(0, "a") : call.Take(0, "a")) ||
      !(attrs.adj_y ? call.TakeTurned(1, "b") : call.Take(1, "b")))
    return false;
  return call.Add("Matmul", "linalg.matmul");
}

bool WriteTile(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  if (!call.Take(0, "input")) return false;
  call.Named("multiples", "repeats", IntsOf(out, 1));
  return call.Add("Tile", "tile");
}

bool WriteReverse(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  const std::vector<int32_t> axes = IntsOf(out, 1);
  if (!call.Take(0, "tensor") || axes.size() != 1) return false;
  call.Named("axis", nullptr, axes);
  call.Named(nullptr, "axis", axes[0]);
  return call.Add("Flip", "reverse");
}

bool WritePad(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  if (!call.Take(0, "tensor")) return false;
  const std::vector<int32_t> flat = IntsOf(out, 1);
  std::vector<std::vector<int32_t>> sides;
  for (size_t i = 0; i + 1 < flat.size(); i += 2)
    sides.push_back({flat[i], flat[i + 1]});
  call.Named("paddings", "pad_width", sides);
  call.Named("mode", nullptr, "CONSTANT");
  call.Named(nullptr, "mode", "constant");
  return call.Add("Pad", "pad");
}

bool WriteCast(const NodeOut& out, LayerWriter* layers) {
  Call call(out, layers);
  if (out.output().dtype != DType::kFloat32 || !call.Take(0, "x")) return false;
  call.Named("dtype", "dtype", "float32");
  return call.Add("Cast", "cast", "keras.src.ops.core");
}

struct OwnRow {
  const OpDef* op;
  bool (*write)(const NodeOut& out, LayerWriter* layers);
};
const OwnRow kOwnRows[] = {
    {&kSquaredDifference, WriteSquaredDifference},
    {&kStridedSlice, WriteStridedSlice},
    {&kSlice, WriteSlice},
    {&kPack, WriteStack},
    {&kSplitV, WriteSplit},
    {&kBatchMatMul, WriteMatmul},
    {&kTile, WriteTile},
    {&kReverseV2, WriteReverse},
    {&kPad, WritePad},
    {&kCast, WriteCast},
};

}  // namespace

bool WriteFunction(const NodeOut& out, LayerWriter* layers) {
  const OpDef* op = out.node.op;
  if (const FunctionRow* row = Find(kOfOperands, op))
    return WriteOfOperands(out, *row, layers);
  if (const FunctionRow* row = Find(kOverAxes, op))
    return WriteOverAxes(out, *row, layers);
  for (const OwnRow& row : kOwnRows)
    if (row.op == op) return row.write(out, layers);
  return false;
}

}  // namespace litesmith
