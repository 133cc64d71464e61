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

}  // namespace litesmith

#endif  // LITESMITH_OPS_ATTRIBUTES_H_
