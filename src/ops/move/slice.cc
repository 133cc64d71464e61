// SLICE and STRIDED_SLICE: every so-manieth element of some dimensions. Follow
// specs/ops.md 8.2.
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// What is taken of one dimension of the input: begin, begin + stride, ... Or a
// new dimension of one.
struct Cut {
  int dim = -1;  // of the input; -1: a new one
  int64_t begin = 0;
  int64_t stride = 1;
  int64_t count = 1;     // kDynamic: of an open batch
  bool dropped = false;  // one index, whose dimension goes away
};

// The operand's values, so small that nothing overflows.
std::vector<int64_t> Indices(const Graph& graph, const Node& node, size_t i,
                             const char* what) {
  constexpr int64_t kFar = int64_t{1} << 40;
  const Tensor& tensor = graph.tensor(node.inputs[i]);
  if (tensor.shape.rank() != 1) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; rank 1 is wanted",
         what, tensor.name, tensor.shape.ToString());
  }
  std::vector<int64_t> values = ConstantIndices(tensor, what);
  for (int64_t& value : values) value = std::clamp(value, -kFar, kFar);
  return values;
}

void InferCuts(Graph* graph, const Node& node,
               std::vector<Cut> (*cuts_of)(const Graph&, const Node&)) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  std::vector<int32_t> dims;
  for (const Cut& cut : cuts_of(*graph, node)) {
    if (!cut.dropped) dims.push_back(static_cast<int32_t>(cut.count));
  }
  out.shape = Shape(dims);
}

template <std::vector<Cut> (*kCutsOf)(const Graph&, const Node&)>
void Infer(Graph* graph, const Node& node) {
  InferCuts(graph, node, kCutsOf);
}

template <std::vector<Cut> (*kCutsOf)(const Graph&, const Node&)>
Moves MovesOf(const PrepareContext& context) {
  const std::vector<int64_t> from = Strides(context.input(0).shape);
  const std::vector<int64_t> to = Strides(context.output().shape);
  kernels::Block block;
  size_t out = 0;
  for (const Cut& cut : kCutsOf(context.graph, context.node)) {
    const int64_t step = cut.dim < 0 ? 0 : from[static_cast<size_t>(cut.dim)];
    block.from += cut.begin * step;
    if (!cut.dropped)
      block.dims.push_back({cut.count, cut.stride * step, to[out++]});
  }
  return {{block}};
}

// ---- SLICE ----------------------------------------------------------------

std::vector<Cut> SliceCuts(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const std::vector<int64_t> begin = Indices(graph, node, 1, "begin");
  const std::vector<int64_t> size = Indices(graph, node, 2, "size");
  const auto rank = static_cast<size_t>(x.shape.rank());
  if (begin.size() != rank || size.size() != rank) {
    Fail(ErrorKind::kCorrupt,
         "begin and size have {} and {} elements for '{}' of shape {}",
         begin.size(), size.size(), x.name, x.shape.ToString());
  }
  std::vector<Cut> cuts;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t dim = x.shape[static_cast<int>(d)];
    Cut cut{.dim = static_cast<int>(d), .begin = begin[d], .count = size[d]};
    const bool open = dim == kDynamic;
    if (size[d] == -1) cut.count = open ? kDynamic : dim - begin[d];
    if (begin[d] < 0 || size[d] < -1 ||
        (!open && (cut.count < 0 || begin[d] + cut.count > dim))) {
      Fail(ErrorKind::kCorrupt,
           "{} elements from {} on do not lie in dimension {} of '{}' of shape "
           "{}",
           size[d], begin[d], d, x.name, x.shape.ToString());
    }
    if (open && cut.count != kDynamic) CheckedDimension(cut.count, x);
    cuts.push_back(cut);
  }
  return cuts;
}

int SliceVersion(const Graph& graph, const Node& node) {
  return MoveVersion(graph.tensor(node.inputs[0]), 4, 5);
}

constexpr Operand kSliceOperands[] = {
    {.name = "x"},
    {.name = "begin", .role = Role::kShape},
    {.name = "size", .role = Role::kShape},
};

// ---- STRIDED_SLICE --------------------------------------------------------

bool HasBit(int32_t mask, size_t i) { return (mask >> i & 1) != 0; }

// Entry `i` of begin, end and strides, on a dimension of the input.
Cut StridedCut(const StridedSliceAttrs& attrs, size_t i, const Tensor& x,
               int dim, int64_t begin, int64_t end, int64_t stride) {
  const int64_t size = x.shape[dim];
  Cut cut{.dim = dim, .stride = stride};
  cut.dropped = HasBit(attrs.shrink_axis_mask, i);
  // How many, or whether any, is known when a plan binds the batch.
  if (size == kDynamic) {
    cut.count = kDynamic;
    return cut;
  }
  const int64_t lowest = stride > 0 ? 0 : -1;
  const int64_t highest = stride > 0 ? size : size - 1;
  const auto place = [&](int64_t index) {
    return std::clamp(index < 0 ? index + size : index, lowest, highest);
  };
  cut.begin =
      HasBit(attrs.begin_mask, i) ? (stride > 0 ? 0 : size - 1) : place(begin);
  if (cut.dropped) {
    const int64_t index = begin < 0 ? begin + size : begin;
    const bool inside = HasBit(attrs.begin_mask, i)
                            ? size > 0
                            : index == cut.begin && index < size;
    if (inside) return cut;
    Fail(ErrorKind::kCorrupt,
         "the index {} is outside of dimension {} of '{}'"
         " of shape {}",
         begin, dim, x.name, x.shape.ToString());
  }
  if (attrs.offset) end += cut.begin;
  const int64_t stop =
      HasBit(attrs.end_mask, i) ? (stride > 0 ? size : -1) : place(end);
  // Rounded up, away from begin.
  const int64_t span = stride > 0 ? stop - cut.begin : cut.begin - stop;
  const int64_t step = stride > 0 ? stride : -stride;
  cut.count = span <= 0 ? 0 : (span + step - 1) / step;
  return cut;
}

// How many dimensions of the input the entries name, and where the ellipsis is
// (at the end, if there is none).
struct Entries {
  int named = 0;
  size_t ellipsis = 0;
};
Entries Count(const StridedSliceAttrs& attrs, size_t count) {
  Entries entries{.ellipsis = count};
  for (size_t i = 0; i < count; ++i) {
    if (HasBit(attrs.ellipsis_mask, i)) {
      if (entries.ellipsis < count)
        Fail(ErrorKind::kCorrupt, "the ellipsis_mask {} has several bits",
             attrs.ellipsis_mask);
      entries.ellipsis = i;
    } else if (!HasBit(attrs.new_axis_mask, i)) {
      ++entries.named;
    }
  }
  return entries;
}

std::vector<Cut> StridedCuts(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const std::vector<int64_t> begin = Indices(graph, node, 1, "begin");
  const std::vector<int64_t> end = Indices(graph, node, 2, "end");
  const std::vector<int64_t> strides = Indices(graph, node, 3, "strides");
  const size_t count = begin.size();
  const auto attrs = Get<StridedSliceAttrs>(node);
  if (count != end.size() || count != strides.size() ||
      count > 2 * Shape::kMaxRank ||
      Count(attrs, count).named > x.shape.rank()) {
    Fail(ErrorKind::kCorrupt,
         "begin, end and strides have {}, {} and {} elements for the input "
         "'{}' of shape {}",
         count, end.size(), strides.size(), x.name, x.shape.ToString());
  }
  const Entries entries = Count(attrs, count);
  std::vector<Cut> cuts;
  int dim = 0;
  const auto take_whole = [&](int dims) {
    for (; dims > 0; --dims, ++dim)
      cuts.push_back({.dim = dim, .count = x.shape[dim]});
  };
  for (size_t i = 0; i < count; ++i) {
    if (i == entries.ellipsis) {
      take_whole(x.shape.rank() - entries.named);
    } else if (HasBit(attrs.new_axis_mask, i)) {
      cuts.push_back({});
    } else if (strides[i] == 0) {
      Fail(ErrorKind::kCorrupt, "the stride of entry {} is 0", i);
    } else {
      cuts.push_back(
          StridedCut(attrs, i, x, dim++, begin[i], end[i], strides[i]));
    }
  }
  take_whole(x.shape.rank() - dim);
  return cuts;
}

int StridedSliceVersion(const Graph& graph, const Node& node) {
  const auto attrs = Get<StridedSliceAttrs>(node);
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (attrs.offset) return 8;
  if (attrs.ellipsis_mask != 0 || attrs.new_axis_mask != 0) return 6;
  if (x.shape.rank() > 4) return 4;
  return x.dtype == DType::kBool ? 3 : x.dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kStridedSliceOperands[] = {
    {.name = "x"},
    {.name = "begin", .role = Role::kShape},
    {.name = "end", .role = Role::kShape},
    {.name = "strides", .role = Role::kShape},
};

}  // namespace

const OpDef kSlice = {
    .name = "SLICE",
    .summary = "a part of each dimension",
    .tflite = {.code = 65, .options = 48, .version = SliceVersion},
    .operands = kSliceOperands,
    .infer = Infer<SliceCuts>,
    .rows = kMoveRows<MovesOf<SliceCuts>>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

const OpDef kStridedSlice = {
    .name = "STRIDED_SLICE",
    .summary =
        "a part of each dimension, in steps, with dimensions dropped "
        "or added",
    .tflite = {.code = 45, .options = 32, .version = StridedSliceVersion},
    .attrs = kAttrs<StridedSliceAttrs>,
    .operands = kStridedSliceOperands,
    .infer = Infer<StridedCuts>,
    .rows = kMoveRows<MovesOf<StridedCuts>>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

}  // namespace litesmith
