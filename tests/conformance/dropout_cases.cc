// LITESMITH_DROPOUT: all rates, draws of their own for all elements or shared
// along dimensions, behind and before layers.
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  float rate;
  std::vector<int32_t> noise;
};

// Scales of 1, 4/3, 2 and 4: of those that gradients are checked with, powers
// of two.
const Row kRows[] = {
    {"rate_0", 0.0f, {}},
    {"rate_quarter", 0.25f, {}},
    {"rate_half", 0.5f, {}},
    {"rate_three_quarters", 0.75f, {}},
    {"channels", 0.5f, {-1, 1, 1, 5}},
    {"rows", 0.5f, {-1, -1, 1, 1}},
    {"same_in_the_batch", 0.5f, {1, 6, 7, -1}},
};

Graph Build(const Row& row, const std::vector<int32_t>& shape, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, shape);
  Node& pool = build.Add(kMaxPool2D, "pool", {x});
  Put(Pool2DAttrs{.stride_w = 1, .stride_h = 1, .filter_w = 1, .filter_h = 1},
      &pool);
  Node& node = build.Add(kDropout, "y", {build.last()});
  node.Set<&DropoutAttrs::rate>(row.rate);
  node.Set<&DropoutAttrs::noise_shape>(row.noise);
  return build.Finish();
}

}  // namespace

std::vector<Case> DropoutCases() {
  std::vector<Case> cases;
  for (const Row& row : kRows) {
    Case& c = cases.emplace_back();
    c.name = std::string("dropout_") + row.name;
    c.build = [&row](Rng* rng) { return Build(row, {6, 7, 5}, rng); };
    if (row.rate == 0.25f) continue;
    // Far apart, for the pool.
    c.fill = DistinctFill();
    c.gradient = Gradient();
  }
  Case& timed = cases.emplace_back();
  timed.name = "dropout_ds_cnn";
  timed.build = [](Rng* rng) { return Build(kRows[1], {25, 5, 64}, rng); };
  timed.timed = true;
  return cases;
}

}  // namespace litesmith
