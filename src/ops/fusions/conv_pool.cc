// CONV_2D followed by a 2x2 MAX_POOL_2D of stride 2, in inference: the
// convolution's output never exists. Bit-identical in integers, because
// requantization is monotone (kernels/conv/simd.h).
#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr const OpDef* kChain[] = {&kConv2D, &kMaxPool2D};

// A 2x2 pool of stride 2 whose windows all lie inside the image, without an
// activation of its own, on the convolution's very scale: scales may differ by
// what the pool tolerates.
bool Fits(const ChainContext& c) {
  const auto pool = Get<Pool2DAttrs>(c.node(1));
  const Tensor& x = c.at(1).input(0);
  const Tensor& y = c.at(1).output();
  const bool inside =
      pool.padding == kValid || (x.shape[1] % 2 == 0 && x.shape[2] % 2 == 0);
  return inside && pool.filter_h == 2 && pool.filter_w == 2 &&
         pool.stride_h == 2 && pool.stride_w == 2 && pool.activation == kNone &&
         x.dtype == y.dtype && x.quant.scale == y.quant.scale;
}

KernelPtr Prepare(const ChainContext& c) {
  return TryPrepareConv2DSimd(c.at(0), /*pool_2x2=*/true);
}

}  // namespace

const Fusion kConvPool = {
    .name = "CONV_2D + MAX_POOL_2D",
    .summary = "convolution and 2x2 max pool in one kernel",
    .purpose = Purpose::kFast,
    .chain = kChain,
    .fits = Fits,
    .prepare = Prepare,
};

}  // namespace litesmith
