// LITESMITH_PRUNE_MASK: masked weights in front of a dense layer, with the
// mask on the gradient or not.
#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

// Every third weight stays.
Graph Build(bool convolution, bool mask_gradient, Rng* rng) {
  GraphBuilder build(rng);
  const Shape shape = convolution ? Shape{4, 3, 3, 2} : Shape{5, 14};
  const TensorId x = convolution ? build.Input("x", DType::kFloat32, {5, 6, 2})
                                 : build.Input("x", DType::kFloat32, {14});
  const TensorId w = build.Grid("w", shape, 4);
  std::vector<float> mask(static_cast<size_t>(shape.NumElements()));
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 1 ? 1.0f : 0.0f;
  const TensorId m =
      build.Values<float>("mask", shape, mask, {}, TensorKind::kState);
  build.Add(kPruneMask, "pruned", {w, m})
      .Set<&PruneMaskAttrs::mask_gradient>(mask_gradient);
  if (!convolution) {
    build.Add(kFullyConnected, "y", {x, build.last()});
    return build.Finish();
  }
  Node& node = build.Add(kConv2D, "y", {x, build.last()});
  node.Set<&Conv2DAttrs::stride_h>(1);
  node.Set<&Conv2DAttrs::stride_w>(1);
  return build.Finish();
}

Case MakeCase(const char* name, bool convolution, bool mask_gradient) {
  Case c;
  c.name = name;
  c.build = [=](Rng* rng) { return Build(convolution, mask_gradient, rng); };
  c.fill = GridFill(2);
  c.gradient = Gradient{.straight_through = !mask_gradient};
  return c;
}

}  // namespace

std::vector<Case> PruneMaskCases() {
  return {
      MakeCase("prune_mask_dense", false, false),
      MakeCase("prune_mask_dense_masked_gradient", false, true),
      MakeCase("prune_mask_convolution", true, false),
      MakeCase("prune_mask_convolution_masked_gradient", true, true),
  };
}

}  // namespace litesmith
