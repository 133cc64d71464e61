// SHAPE, as it stands in TensorFlow's files: SHAPE -> STRIDED_SLICE -> PACK in
// front of a RESHAPE.
#include <fmt/core.h>

#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  int dimension;           // that is taken from the shape and put first
  std::vector<int32_t> rest;
  std::vector<int32_t> y;  // without the batch
};

const Row kRows[] = {
    {"batch", {3, 4}, 0, {12}, {12}},
    {"batch_rank_1", {6}, 0, {2, 3}, {2, 3}},
    {"batch_wildcard", {3, 4, 2}, 0, {-1, 6}, {4, 6}},
};

// Element `dimension` of x's shape, as a scalar.
TensorId Dimension(const char* name, TensorId x, int dimension, DType dtype,
                   GraphBuilder* build) {
  Node& shape = build->Add(kShape, std::string(name) + "_shape", {x});
  shape.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(dtype));
  const TensorId of = build->last();
  const std::string prefix = name;
  const TensorId begin =
      build->Values<int32_t>(prefix + "_begin", {1}, {dimension});
  const TensorId end =
      build->Values<int32_t>(prefix + "_end", {1}, {dimension + 1});
  const TensorId stride = build->Values<int32_t>(prefix + "_stride", {1}, {1});
  build->Add(kStridedSlice, prefix, {of, begin, end, stride})
      .Set<&StridedSliceAttrs::shrink_axis_mask>(1);
  return build->last();
}

Graph Build(const Row& row, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, row.x);
  std::vector<TensorId> parts = {
      Dimension("n", x, row.dimension, DType::kInt32, &build)};
  for (size_t i = 0; i < row.rest.size(); ++i) {
    parts.push_back(build.Values<int32_t>(fmt::format("dimension_{}", i),
                                          Shape(), {row.rest[i]}));
  }
  Node& pack = build.Add(kPack, "packed", parts);
  pack.Set<&PackAttrs::values_count>(static_cast<int64_t>(parts.size()));
  build.Add(kReshape, "y", {x, build.last()});
  // Not inferred until the batch is bound: files say it.
  std::vector<int32_t> dims = row.y;
  dims.insert(dims.begin(), kDynamic);
  build.tensor(build.last()).shape = Shape(dims);
  return build.Finish();
}

// int64 dimensions can shape nothing: they are computed beside the result.
Graph BuildInt64(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {3, 4});
  Dimension("n", x, 0, DType::kInt64, &build);
  return build.Finish({build.Reshape("y", x, {12})});
}

// A number has no dimensions, and what takes this shape is one.
Graph BuildNumber(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Fixed("x", DType::kFloat32, Shape());
  const TensorId v = build.Fixed("v", DType::kFloat32, {1, 1});
  build.Add(kShape, "shape", {x})
      .Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
  build.Add(kReshape, "y", {v, build.last()});
  return build.Finish();
}

}  // namespace

std::vector<Case> ShapeCases() {
  std::vector<Case> cases;
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("shape_{}", row.name);
    c.build = [&row](Rng* rng) { return Build(row, rng); };
    cases.push_back(std::move(c));
  }
  Case c;
  c.name = "shape_s64";
  c.build = BuildInt64;
  c.tflm_fails = "its SHAPE has no int64";
  cases.push_back(std::move(c));
  Case number;
  number.name = "shape_of_number";
  number.build = BuildNumber;
  cases.push_back(std::move(number));
  return cases;
}

}  // namespace litesmith
