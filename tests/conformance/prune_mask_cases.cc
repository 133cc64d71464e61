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
Graph Build(const Shape& shape, bool mask_gradient, Rng* rng) {
  GraphBuilder build(rng);
  const bool convolution = shape.rank() == 4;
  const TensorId x = convolution
                         ? build.Input("x", DType::kFloat32, {5, 6, shape[3]})
                         : build.Input("x", DType::kFloat32, {shape[1]});
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

const Shape kDense = {5, 14};
const Shape kConvolution = {4, 3, 3, 2};

Case MakeCase(const char* name, const Shape& shape, bool mask_gradient) {
  Case c;
  c.name = name;
  c.build = [=](Rng* rng) { return Build(shape, mask_gradient, rng); };
  c.fill = GridFill(2);
  c.gradient = Gradient{.straight_through = !mask_gradient};
  return c;
}

Case MakeTimed() {
  Case c = MakeCase("prune_mask_mnist_cnn", {10, 2028}, false);
  c.gradient.reset();
  c.timed = true;
  return c;
}

}  // namespace

std::vector<Case> PruneMaskCases() {
  return {
      MakeCase("prune_mask_dense", kDense, false),
      MakeCase("prune_mask_dense_masked_gradient", kDense, true),
      MakeCase("prune_mask_convolution", kConvolution, false),
      MakeCase("prune_mask_convolution_masked_gradient", kConvolution, true),
      MakeTimed(),
  };
}

}  // namespace litesmith
