// STRIDED_SLICE of constants: what is sliced out becomes a layer's weights, so
// that every element of it reaches the output.
#include <fmt/core.h>

#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> of;  // the constant's shape
  std::vector<int32_t> begin, end, strides;
  int begin_mask = 0, end_mask = 0, shrink_axis_mask = 0;
  int depth = 0;  // of the result [outputs, depth]
};

const Row kRows[] = {
    {"all", {5, 6}, {0, 0}, {5, 6}, {1, 1}, 0, 0, 0, 6},
    {"part", {5, 6}, {1, 2}, {4, 5}, {1, 1}, 0, 0, 0, 3},
    {"strides", {7, 9}, {0, 1}, {7, 9}, {3, 2}, 0, 0, 0, 4},
    {"negative_strides", {7, 9}, {6, 7}, {0, 0}, {-2, -3}, 0, 0, 0, 3},
    {"negative_indices", {5, 6}, {-4, -3}, {-1, 6}, {1, 1}, 0, 0, 0, 3},
    {"beyond_the_ends", {5, 6}, {-9, 2}, {99, 77}, {1, 1}, 0, 0, 0, 4},
    {"masks", {5, 6}, {3, 3}, {1, 1}, {1, 1}, 3, 3, 0, 6},
    {"masks_backwards", {5, 6}, {3, 3}, {1, 1}, {-1, -2}, 3, 3, 0, 3},
    {"begin_mask", {5, 6}, {3, 3}, {4, 5}, {1, 1}, 1, 0, 0, 2},
    {"end_mask", {5, 6}, {3, 3}, {4, 5}, {1, 1}, 0, 2, 0, 3},
    {"fewer_indices", {5, 6}, {2}, {4}, {1}, 0, 0, 0, 6},
    {"shrink_first", {3, 5, 4}, {1, 0, 0}, {2, 5, 4}, {1, 1, 1}, 0, 0, 1, 4},
    {"shrink_last", {5, 4, 3}, {0, 0, -1}, {5, 4, 9}, {1, 1, 1}, 0, 0, 4, 4},
    {"shrink_two",
     {2, 5, 4, 3},
     {1, 1, 0, 2},
     {2, 4, 4, 3},
     {1, 1, 1, 1},
     0,
     4,
     9,
     4},
};

TensorId Indices(const char* name, const std::vector<int32_t>& values,
                 GraphBuilder* build) {
  return build->Values<int32_t>(name, {static_cast<int32_t>(values.size())},
                                values);
}

Graph Build(const Row& row, DType dtype, Rng* rng) {
  const bool integer = dtype == DType::kInt8;
  const auto quant = [&](float scale, int64_t zero) {
    return integer ? PerTensor(scale, zero) : Quantization();
  };
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", dtype, {row.depth}, quant(0.05f, 3));
  const TensorId of =
      build.Random("constant", dtype, Shape(row.of), quant(0.01f, 0));
  Node& slice = build.Add(
      kStridedSlice, "weights",
      {of, Indices("begin", row.begin, &build), Indices("end", row.end, &build),
       Indices("strides", row.strides, &build)},
      quant(0.01f, 0), dtype);
  slice.Set<&StridedSliceAttrs::begin_mask>(row.begin_mask);
  slice.Set<&StridedSliceAttrs::end_mask>(row.end_mask);
  slice.Set<&StridedSliceAttrs::shrink_axis_mask>(row.shrink_axis_mask);
  build.Add(kFullyConnected, "y", {x, build.last()}, quant(0.1f, -4), dtype);
  return build.Finish();
}

}  // namespace

std::vector<Case> StridedSliceCases() {
  std::vector<Case> cases;
  for (const DType dtype : {DType::kFloat32, DType::kInt8}) {
    for (const Row& row : kRows) {
      Case c;
      c.name = fmt::format("strided_slice_{}_{}", Name(dtype), row.name);
      c.build = [&row, dtype](Rng* rng) { return Build(row, dtype, rng); };
      if (row.begin.size() < row.of.size()) {
        c.tflm_fails = "its STRIDED_SLICE wants an index a dimension";
      }
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace litesmith
