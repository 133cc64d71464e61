// PACK of constants along every axis: what is packed becomes a layer's
// weights, so that every element of it reaches the output.
#include <fmt/core.h>

#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> of;  // each part's shape
  int count;
  int axis;
};

const Row kRows[] = {
    {"axis_0", {6}, 4, 0},
    {"axis_1", {6}, 4, 1},
    {"axis_minus_1", {6}, 4, -1},
    {"axis_minus_2", {6}, 4, -2},
    {"one_part", {6}, 1, 0},
    {"matrices_axis_0", {4, 3}, 2, 0},
    {"matrices_axis_1", {4, 3}, 2, 1},
    {"matrices_axis_2", {4, 3}, 2, 2},
};

Graph Build(const Row& row, DType dtype, Rng* rng) {
  const bool integer = dtype == DType::kInt8;
  const auto quant = [&](float scale, int64_t zero) {
    return integer ? PerTensor(scale, zero) : Quantization();
  };
  // [outputs, depth] of the weights: what is packed, or of matrices all but
  // the first dimension in one.
  std::vector<int32_t> packed = row.of;
  const auto rank = static_cast<int>(row.of.size());
  packed.insert(
      packed.begin() + (row.axis < 0 ? row.axis + rank + 1 : row.axis),
      row.count);
  int32_t depth = 1;
  for (int i = 1; i <= rank; ++i) depth *= packed[static_cast<size_t>(i)];

  GraphBuilder build(rng);
  const TensorId x = build.Input("x", dtype, {depth}, quant(0.05f, 3));
  std::vector<TensorId> parts;
  for (int i = 0; i < row.count; ++i) {
    parts.push_back(build.Random(fmt::format("part_{}", i), dtype,
                                 Shape(row.of), quant(0.01f, 0)));
  }
  Node& node = build.Add(kPack, "packed", parts, quant(0.01f, 0), dtype);
  node.Set<&PackAttrs::values_count>(row.count);
  node.Set<&PackAttrs::axis>(row.axis);
  TensorId weights = build.last();
  if (rank > 1) weights = build.Reshape("weights", weights, {depth});
  build.Add(kFullyConnected, "y", {x, weights}, quant(0.1f, -4), dtype);
  return build.Finish();
}

}  // namespace

std::vector<Case> PackCases() {
  std::vector<Case> cases;
  for (const DType dtype : {DType::kFloat32, DType::kInt8}) {
    for (const Row& row : kRows) {
      Case c;
      c.name = fmt::format("pack_{}_{}", Name(dtype), row.name);
      c.build = [&row, dtype](Rng* rng) { return Build(row, dtype, rng); };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace litesmith
