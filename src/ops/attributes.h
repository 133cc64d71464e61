// Positions of each op's attributes in Node::attrs, in the order of the op's
// AttrDef table.
#ifndef LITESMITH_OPS_ATTRIBUTES_H_
#define LITESMITH_OPS_ATTRIBUTES_H_

namespace litesmith {

namespace conv_2d {
// Inputs: x [N,H,W,I], filter [O,kh,kw,I], bias [O]. Output [N,H',W',O].
enum : int {
  kPadding,
  kStrideW,
  kStrideH,
  kActivation,
  kDilationW,
  kDilationH,
  kQuantizedBiasType
};
}  // namespace conv_2d

namespace fully_connected {
// Inputs: x [..., I] (flattened to [n / I, I]), weights [O,I], optional bias
// [O]. Output [n / I, O].
enum : int {
  kActivation,
  kWeightsFormat,
  kKeepNumDims,
  kAsymmetricQuantizeInputs,
  kQuantizedBiasType
};
}  // namespace fully_connected

namespace pool_2d {
// Input: x [N,H,W,C].
enum : int { kPadding, kStrideW, kStrideH, kFilterW, kFilterH, kActivation };
}  // namespace pool_2d

namespace reshape {
// Inputs: x, optional new shape int32 [rank] (wins over the attribute).
enum : int { kNewShape };
}  // namespace reshape

namespace shape_op {
enum : int { kOutType };
}  // namespace shape_op

namespace strided_slice {
// Inputs: x, begin, end, strides.
enum : int {
  kBeginMask,
  kEndMask,
  kEllipsisMask,
  kNewAxisMask,
  kShrinkAxisMask,
  kOffset
};
}  // namespace strided_slice

namespace pack {
enum : int { kValuesCount, kAxis };
}  // namespace pack

// ---- Training-only ops ----------------------------------------------------

namespace fake_quant {
// Inputs: x, min, max (states, [1] or [channels along dimension 0]), optional
// count (state, int32 [1]: the moving average is debiased by it).
enum : int { kBits, kNarrowRange, kRangeUpdate, kRate };
// How the range follows the data in a training step.
enum RangeUpdate : int {
  kFixed,          // not at all
  kLastValue,      // symmetric, from the weights as they are now
  kMovingAverage,  // of the batches' extremes, by kRate towards each
  kAllValues,      // running extremes
};
}  // namespace fake_quant

namespace prune_mask {
// Inputs: w, mask (state of w's shape, 0 or 1).
enum : int {
  kSchedule,
  kInitialSparsity,
  kFinalSparsity,
  kBeginStep,
  kEndStep,
  kFrequency,
  kPower,
  kBlockHeight,
  kBlockWidth,
  kBlockPooling,
  kMaskGradient,
  kGroupZeros,
  kGroupSize
};
enum Schedule : int {
  kFixedMask,        // the mask as given: preserves sparsity
  kConstant,         // final sparsity from begin on
  kPolynomialDecay,  // from initial to final sparsity
  kZerosInGroups,    // m zeros in every n along the input channels, once
};
enum BlockPooling : int { kAverage, kMax };
}  // namespace prune_mask

namespace dropout {
// Inputs: x, a batch. noise_shape is empty, or has for each dimension 1 (one
// draw for all along it), its size or kWholeDimension.
enum : int { kRate, kNoiseShape, kHasSeed, kSeed };
inline constexpr int kWholeDimension = -1;
}  // namespace dropout

namespace cluster_lookup {
// Inputs: w, centroids (parameter, [k] or [channels, k]), optional mask (state
// of w's shape: sparsity is preserved).
enum : int { kAverageGradient };
}  // namespace cluster_lookup

}  // namespace litesmith

#endif  // LITESMITH_OPS_ATTRIBUTES_H_
