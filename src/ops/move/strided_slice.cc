// STRIDED_SLICE of constants and shapes, as it stands in front of RESHAPE in
// TensorFlow's files: begin, end and shrink masks; no ellipsis or new axes. It
// has no kernel: the plan folds it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Indices begin, begin + stride, ... : `count` of them along one dimension.
struct Range {
  int64_t begin = 0;
  int64_t stride = 1;
  int64_t count = 0;
  bool shrink = false;
};

std::span<const int32_t> Constant(const Graph& graph, const Node& node,
                                  size_t i, const char* what) {
  const Tensor& t = graph.tensor(node.inputs[i]);
  if (t.dtype != DType::kInt32 || t.shape.rank() != 1 || !t.has_data()) {
    Fail(ErrorKind::kUnsupported,
         "the {} '{}' is not a constant int32 tensor of rank 1", what, t.name);
  }
  return t.As<int32_t>();
}

Range OneRange(const Node& node, int i, int64_t dim, int64_t begin, int64_t end,
               int64_t stride) {
  const auto attrs = Get<StridedSliceAttrs>(node);
  const auto masked = [&](int32_t mask) { return (mask >> i & 1) != 0; };
  if (stride == 0)
    Fail(ErrorKind::kCorrupt, "the stride of dimension {} is 0", i);
  Range r;
  r.stride = stride;
  r.shrink = masked(attrs.shrink_axis_mask);
  if (dim == kDynamic) {
    if (!masked(attrs.begin_mask) || !masked(attrs.end_mask) || stride != 1 ||
        r.shrink) {
      Fail(ErrorKind::kUnsupported, "a slice of the batch dimension {}", i);
    }
    r.count = kDynamic;
    return r;
  }
  if (begin < 0) begin += dim;
  if (r.shrink) {
    // One index; the dimension goes away.
    if (begin < 0 || begin >= dim) {
      Fail(ErrorKind::kCorrupt, "the index {} of dimension {} is outside of {}",
           begin, i, dim);
    }
    r.begin = begin;
    r.count = 1;
    return r;
  }
  if (end < 0) end += dim;
  const int64_t first = stride > 0 ? 0 : dim - 1;
  const int64_t last = stride > 0 ? dim : -1;
  begin = std::clamp<int64_t>(begin, std::min<int64_t>(first, 0),
                              stride > 0 ? dim : dim - 1);
  end = std::clamp<int64_t>(end, stride > 0 ? 0 : -1, dim);
  if (masked(attrs.begin_mask)) begin = first;
  if (masked(attrs.end_mask)) end = last;
  r.begin = begin;
  const int64_t span = stride > 0 ? end - begin : begin - end;
  const int64_t step = stride > 0 ? stride : -stride;
  r.count = span <= 0 ? 0 : (span + step - 1) / step;
  return r;
}

std::vector<Range> Ranges(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const auto begin = Constant(graph, node, 1, "begin");
  const auto end = Constant(graph, node, 2, "end");
  const auto strides = Constant(graph, node, 3, "strides");
  if (begin.size() != end.size() || begin.size() != strides.size() ||
      static_cast<int>(begin.size()) > x.shape.rank()) {
    Fail(ErrorKind::kCorrupt,
         "begin, end and strides have {}, {} and {} elements for the input "
         "'{}' of shape {}",
         begin.size(), end.size(), strides.size(), x.name, x.shape.ToString());
  }
  if (node.Get<&StridedSliceAttrs::ellipsis_mask>() != 0 ||
      node.Get<&StridedSliceAttrs::new_axis_mask>() != 0 ||
      node.Get<&StridedSliceAttrs::offset>()) {
    Fail(ErrorKind::kUnsupported, "ellipsis_mask, new_axis_mask or offset");
  }
  std::vector<Range> ranges;
  for (int i = 0; i < x.shape.rank(); ++i) {
    const auto s = static_cast<size_t>(i);
    if (s < begin.size()) {
      ranges.push_back(
          OneRange(node, i, x.shape[i], begin[s], end[s], strides[s]));
    } else {
      ranges.push_back({0, 1, x.shape[i], false});
    }
  }
  return ranges;
}

void Infer(Graph* graph, const Node& node) {
  std::vector<int32_t> dims;
  for (const Range& r : Ranges(*graph, node)) {
    if (!r.shrink) dims.push_back(static_cast<int32_t>(r.count));
  }
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = graph->tensor(node.inputs[0]).dtype;
  out.shape = Shape(dims);
}

TensorData Fold(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (!x.has_data()) return {};
  const std::vector<Range> ranges = Ranges(graph, node);
  const size_t size = SizeOf(x.dtype);
  int64_t count = 1;
  for (const Range& r : ranges) count *= r.count;
  TensorData result(static_cast<size_t>(count) * size);
  std::byte* out = result.MutableData();
  for (int64_t i = 0; i < count; ++i, out += size) {
    // Output element i, counted in the ranges, to an input element.
    int64_t rest = i;
    int64_t from = 0;
    int64_t pitch = 1;
    for (int d = x.shape.rank() - 1; d >= 0; --d) {
      const Range& r = ranges[static_cast<size_t>(d)];
      from += (r.begin + rest % r.count * r.stride) * pitch;
      rest /= r.count;
      pitch *= x.shape[d];
    }
    std::memcpy(out, x.data.data() + static_cast<size_t>(from) * size, size);
  }
  return result;
}

int Version(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "begin", .role = Role::kShape},
    {.name = "end", .role = Role::kShape},
    {.name = "strides", .role = Role::kShape},
};

}  // namespace

const OpDef kStridedSlice = {
    .name = "STRIDED_SLICE",
    .summary = "part of a constant or shape",
    .tflite = {.code = 45, .options = 32, .version = Version},
    .attrs = kAttrs<StridedSliceAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .fold_constant = Fold,
};

}  // namespace litesmith
