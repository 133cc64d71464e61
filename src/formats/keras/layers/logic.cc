// Functions of truth values: comparisons, and what Keras 3 makes masks with.
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/operations.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// A stored number in the type of what it is compared with.
TensorId Like(const std::string& step, TensorId other, TensorId id,
              LayerIn* in) {
  Graph* graph = in->graph;
  const Tensor& constant = graph->tensor(id);
  if (!constant.has_data() || constant.dtype != DType::kFloat32 ||
      graph->tensor(other).dtype != DType::kInt32)
    return id;
  std::vector<int32_t> whole;
  for (const float value : constant.As<float>()) {
    if (value != std::round(value) || std::fabs(value) > 1e6f) {
      Fail(ErrorKind::kUnsupported, "it compares integers with {}", value);
    }
    whole.push_back(static_cast<int32_t>(value));
  }
  const Shape shape = constant.shape;
  return graph->AddConstant<int32_t>(in->name + "/" + step, shape, whole);
}

template <const OpDef* kOp>
std::vector<TensorId> Compare(LayerIn* in) {
  const TensorId a = OperandOf(in, 0, {"x", "x1"}, "x");
  const TensorId b = OperandOf(in, 1, {"y", "x2"}, "y");
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(*kOp, "",
                    {Like("x_whole", b, a, in), Like("y_whole", a, b, in)})};
}

// Numbers are true but 0.
TensorId Truth(const std::string& step, TensorId x, LayerIn* in) {
  const DType dtype = in->graph->tensor(x).dtype;
  Nodes nodes(in->name, in->graph);
  if (dtype == DType::kBool) return x;
  if (dtype == DType::kInt32)
    return nodes.Add(kNotEqual, step,
                     {x, nodes.Ints(Nodes::Below(step, "zero"), {0})});
  return nodes.WithFloat(kNotEqual, step, x, "zero", 0);
}

template <const OpDef* kOp>
std::vector<TensorId> Logical(LayerIn* in) {
  const TensorId a = OperandOf(in, 0, {"x", "x1"}, "x");
  const TensorId b = OperandOf(in, 1, {"y", "x2"}, "y");
  Nodes nodes(in->name, in->graph);
  return {
      nodes.Add(*kOp, "", {Truth("x_truth", a, in), Truth("y_truth", b, in)})};
}

std::vector<TensorId> BuildNot(LayerIn* in) {
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(kLogicalNot, "", {Truth("truth", FirstOperand(in), in)})};
}

template <const OpDef* kOp>
std::vector<TensorId> OfAll(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const int32_t rank = in->graph->tensor(x).shape.rank();
  const Json* axis = ParameterOf(in, {"axis"});
  std::vector<int32_t> axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (axis != nullptr) {
    axes = axis->is_array() ? JsonDims(*axis, "axis")
                            : std::vector<int32_t>{JsonInt(*axis, "axis")};
  }
  for (int32_t& a : axes) a += a < 0 ? rank : 0;
  CheckNoBatch(axes);
  const Json* keep = ParameterOf(in, {"keepdims"});
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(*kOp, "", {Truth("truth", x, in), nodes.Ints("axes", axes)},
                    ReduceAttrs{.keep_dims = keep != nullptr &&
                                             JsonBool(*keep, "keepdims")})};
}

std::vector<TensorId> BuildZerosLike(LayerIn* in) {
  (void)ParameterOf(in, {"dtype"});
  return {Nodes(in->name, in->graph).Add(kZerosLike, "", {FirstOperand(in)})};
}

std::vector<TensorId> BuildWhere(LayerIn* in) {
  const TensorId which = OperandOf(in, 0, {"condition"}, "condition");
  const TensorId a = OperandOf(in, 1, {"x1", "x"}, "x");
  const TensorId b = OperandOf(in, 2, {"x2", "y"}, "y");
  Nodes nodes(in->name, in->graph);
  return {nodes.Add(kSelectV2, "", {Truth("truth", which, in), a, b})};
}

std::vector<TensorId> BuildTensor(LayerIn* in) {
  for (const char* key : {"dtype", "sparse", "ragged"})
    (void)ParameterOf(in, {key});
  return {FirstOperand(in)};
}

#define LITESMITH_OPERATION(name, build) \
  { "operation " name, "a function", {}, build }

constexpr LayerRow kLogicRows[] = {
    LITESMITH_OPERATION("Equal", Compare<&kEqual>),
    LITESMITH_OPERATION("NotEqual", Compare<&kNotEqual>),
    LITESMITH_OPERATION("Greater", Compare<&kGreater>),
    LITESMITH_OPERATION("GreaterEqual", Compare<&kGreaterEqual>),
    LITESMITH_OPERATION("Less", Compare<&kLess>),
    LITESMITH_OPERATION("LessEqual", Compare<&kLessEqual>),
    LITESMITH_OPERATION("LogicalAnd", Logical<&kLogicalAnd>),
    LITESMITH_OPERATION("LogicalOr", Logical<&kLogicalOr>),
    LITESMITH_OPERATION("LogicalNot", BuildNot),
    LITESMITH_OPERATION("Any", OfAll<&kReduceAny>),
    LITESMITH_OPERATION("All", OfAll<&kReduceAll>),
    LITESMITH_OPERATION("Where", BuildWhere),
    LITESMITH_OPERATION("ZerosLike", BuildZerosLike),
    LITESMITH_OPERATION("ConvertToTensor", BuildTensor),
};

}  // namespace

std::span<const LayerRow> LogicLayers() { return kLogicRows; }

}  // namespace litesmith
