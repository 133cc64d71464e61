// The attributes of the training-only ops.
#ifndef LITESMITH_OPS_TRAIN_TRAIN_H_
#define LITESMITH_OPS_TRAIN_TRAIN_H_

#include <cstdint>
#include <vector>

#include "src/graph/attrs.h"

namespace litesmith {

namespace fake_quant {
// How the range follows the data in a training step.
enum RangeUpdate : int {
  kFixed,          // not at all
  kLastValue,      // symmetric, from the weights as they are now
  kMovingAverage,  // of the batches' extremes, by kRate towards each
  kAllValues,      // running extremes
};
// Outside training: as in training, or as the integer kernel that makes the
// value rounds it: halves away from zero, or from the integer 0 (averages).
enum Rounding : int { kAsTrained, kFromZero, kFromIntegerZero };
}  // namespace fake_quant

// Inputs: x, min, max (states, of x's ShapeOfSlices: [1], or one a channel),
// optional count (state, int32 [1]: the moving average is debiased by it),
// optional parts (state, float32, one per last dimension of x: to which part of
// a step the integer kernel rounds first).
struct FakeQuantAttrs {
  int32_t bits = 8;
  bool narrow_range = false;
  fake_quant::RangeUpdate range_update = fake_quant::kFixed;
  float rate = 0.001f;
  fake_quant::Rounding rounding = fake_quant::kAsTrained;
};
template <>
inline constexpr auto kAttrs<FakeQuantAttrs> = AttrList({
    Attr<&FakeQuantAttrs::bits>("bits"),
    Attr<&FakeQuantAttrs::narrow_range>("narrow_range"),
    Attr<&FakeQuantAttrs::range_update>("range_update"),
    Attr<&FakeQuantAttrs::rate>("rate"),
    Attr<&FakeQuantAttrs::rounding>("rounding"),
});

namespace prune_mask {
enum Schedule : int {
  kFixedMask,        // the mask as given: preserves sparsity
  kConstant,         // final sparsity from begin on
  kPolynomialDecay,  // from initial to final sparsity
  kZerosInGroups,    // m zeros in every n along the input channels, once
};
enum BlockPooling : int { kAverage, kMax };
}  // namespace prune_mask

// Inputs: w, mask (state of w's shape, 0 or 1).
struct PruneMaskAttrs {
  prune_mask::Schedule schedule = prune_mask::kFixedMask;
  float initial_sparsity = 0;
  float final_sparsity = 0.5f;
  int32_t begin_step = 0;
  int32_t end_step = -1;
  int32_t frequency = 100;
  float power = 3;
  int32_t block_height = 1;
  int32_t block_width = 1;
  prune_mask::BlockPooling block_pooling = prune_mask::kAverage;
  bool mask_gradient = false;
  int32_t group_zeros = 2;
  int32_t group_size = 4;
};
template <>
inline constexpr auto kAttrs<PruneMaskAttrs> = AttrList({
    Attr<&PruneMaskAttrs::schedule>("schedule"),
    Attr<&PruneMaskAttrs::initial_sparsity>("initial_sparsity"),
    Attr<&PruneMaskAttrs::final_sparsity>("final_sparsity"),
    Attr<&PruneMaskAttrs::begin_step>("begin_step"),
    Attr<&PruneMaskAttrs::end_step>("end_step"),
    Attr<&PruneMaskAttrs::frequency>("frequency"),
    Attr<&PruneMaskAttrs::power>("power"),
    Attr<&PruneMaskAttrs::block_height>("block_height"),
    Attr<&PruneMaskAttrs::block_width>("block_width"),
    Attr<&PruneMaskAttrs::block_pooling>("block_pooling"),
    Attr<&PruneMaskAttrs::mask_gradient>("mask_gradient"),
    Attr<&PruneMaskAttrs::group_zeros>("group_zeros"),
    Attr<&PruneMaskAttrs::group_size>("group_size"),
});

// Inputs: w, centroids (parameter, [k], or for each channel w's ShapeOfSlices
// and k: [channels, k], [1,1,1,channels,k]), optional mask (state of w's shape:
// sparsity is preserved).
struct ClusterLookupAttrs {
  bool average_gradient = false;
};
template <>
inline constexpr auto kAttrs<ClusterLookupAttrs> =
    AttrList({Attr<&ClusterLookupAttrs::average_gradient>("average_gradient")});

namespace dropout {
inline constexpr int kWholeDimension = -1;
// What is drawn.
enum Noise : int {
  kZeros,    // zeros at `rate`, the others scaled (DROPOUT)
  kFactors,  // factors about 1, of the variance rate / (1 - rate)
  kOffsets,  // what is added, of the standard deviation `rate`
  kLowest,   // SELU's lowest value at `rate`, mean and variance kept
  kNothing,  // nothing: a layer that has no other effect here
};
}  // namespace dropout

// Inputs: x, a batch. noise_shape is empty, or has for each dimension 1 (one
// draw for all along it), its size or kWholeDimension; of kZeros alone.
struct DropoutAttrs {
  float rate = 0.5f;
  std::vector<int32_t> noise_shape;
  bool has_seed = false;
  int64_t seed = 0;
  dropout::Noise noise = dropout::kZeros;
  // Of Keras's ActivityRegularization, which is kept, but does not act.
  float l1 = 0;
  float l2 = 0;
};
template <>
inline constexpr auto kAttrs<DropoutAttrs> = AttrList({
    Attr<&DropoutAttrs::rate>("rate"),
    Attr<&DropoutAttrs::noise_shape>("noise_shape"),
    Attr<&DropoutAttrs::has_seed>("has_seed"),
    Attr<&DropoutAttrs::seed>("seed"),
    Attr<&DropoutAttrs::noise>("noise"),
    Attr<&DropoutAttrs::l1>("l1"),
    Attr<&DropoutAttrs::l2>("l2"),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_TRAIN_H_
