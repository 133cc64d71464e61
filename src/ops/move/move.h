// The attributes of the ops that only move or name values.
#ifndef LITESMITH_OPS_MOVE_MOVE_H_
#define LITESMITH_OPS_MOVE_MOVE_H_

#include <cstdint>
#include <vector>

#include "src/base/dtype.h"
#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Inputs: x, optional new shape int32 [rank] (wins over the attribute).
struct ReshapeAttrs {
  std::vector<int32_t> new_shape;
};
template <>
inline constexpr auto kAttrs<ReshapeAttrs> =
    AttrList({Attr<&ReshapeAttrs::new_shape>("new_shape", 0)});

// Input: x. Empty: all dimensions of 1.
struct SqueezeAttrs {
  std::vector<int32_t> squeeze_dims;
};
template <>
inline constexpr auto kAttrs<SqueezeAttrs> =
    AttrList({Attr<&SqueezeAttrs::squeeze_dims>("squeeze_dims", 0)});

// Input: x. Output: its dimensions.
struct ShapeAttrs {
  DType out_type = DType::kFloat32;
};
template <>
inline constexpr auto kAttrs<ShapeAttrs> =
    AttrList({Attr<&ShapeAttrs::out_type>("out_type", 0)});

// Inputs: x, begin, end, strides. Masks have a bit for each dimension.
struct StridedSliceAttrs {
  int32_t begin_mask = 0;
  int32_t end_mask = 0;
  int32_t ellipsis_mask = 0;
  int32_t new_axis_mask = 0;
  int32_t shrink_axis_mask = 0;
  bool offset = false;
};
template <>
inline constexpr auto kAttrs<StridedSliceAttrs> = AttrList({
    Attr<&StridedSliceAttrs::begin_mask>("begin_mask", 0),
    Attr<&StridedSliceAttrs::end_mask>("end_mask", 1),
    Attr<&StridedSliceAttrs::ellipsis_mask>("ellipsis_mask", 2),
    Attr<&StridedSliceAttrs::new_axis_mask>("new_axis_mask", 3),
    Attr<&StridedSliceAttrs::shrink_axis_mask>("shrink_axis_mask", 4),
    Attr<&StridedSliceAttrs::offset>("offset", 5),
});

// Inputs: `values_count` tensors of one shape, stacked along `axis`.
struct PackAttrs {
  int32_t values_count = 0;
  int32_t axis = 0;
};
template <>
inline constexpr auto kAttrs<PackAttrs> = AttrList({
    Attr<&PackAttrs::values_count>("values_count", 0),
    Attr<&PackAttrs::axis>("axis", 1),
});

// Input: x; `num` outputs, its slices along `axis`.
struct UnpackAttrs {
  int32_t num = 0;
  int32_t axis = 0;
};
template <>
inline constexpr auto kAttrs<UnpackAttrs> = AttrList({
    Attr<&UnpackAttrs::num>("num", 0),
    Attr<&UnpackAttrs::axis>("axis", 1),
});

// Inputs: axis, x.
struct SplitAttrs {
  int32_t num_splits = 0;
};
template <>
inline constexpr auto kAttrs<SplitAttrs> =
    AttrList({Attr<&SplitAttrs::num_splits>("num_splits", 0)});

// Inputs: x, the sizes of the parts, axis.
struct SplitVAttrs {
  int32_t num_splits = 0;
};
template <>
inline constexpr auto kAttrs<SplitVAttrs> =
    AttrList({Attr<&SplitVAttrs::num_splits>("num_splits", 0)});

// Inputs: x, paddings [rank, 2].
enum MirrorMode : int64_t { kReflect = 0, kSymmetric = 1 };
struct MirrorPadAttrs {
  MirrorMode mode = kReflect;
};
template <>
inline constexpr auto kAttrs<MirrorPadAttrs> =
    AttrList({Attr<&MirrorPadAttrs::mode>("mode", 0)});

// Input: x [n, h, w, c].
struct SpaceToDepthAttrs {
  int32_t block_size = 0;
};
template <>
inline constexpr auto kAttrs<SpaceToDepthAttrs> =
    AttrList({Attr<&SpaceToDepthAttrs::block_size>("block_size", 0)});
struct DepthToSpaceAttrs {
  int32_t block_size = 0;
};
template <>
inline constexpr auto kAttrs<DepthToSpaceAttrs> =
    AttrList({Attr<&DepthToSpaceAttrs::block_size>("block_size", 0)});

// Inputs: x [n, h, w, c], size int32 [2].
struct ResizeNearestAttrs {
  bool align_corners = false;
  bool half_pixel_centers = false;
};
template <>
inline constexpr auto kAttrs<ResizeNearestAttrs> = AttrList({
    Attr<&ResizeNearestAttrs::align_corners>("align_corners", 0),
    Attr<&ResizeNearestAttrs::half_pixel_centers>("half_pixel_centers", 1),
});
struct ResizeBilinearAttrs {
  bool align_corners = false;
  bool half_pixel_centers = false;
};
template <>
inline constexpr auto kAttrs<ResizeBilinearAttrs> = AttrList({
    Attr<&ResizeBilinearAttrs::align_corners>("align_corners", 2),
    Attr<&ResizeBilinearAttrs::half_pixel_centers>("half_pixel_centers", 3),
});

// Inputs: params, indices. The first `batch_dims` dimensions of both are one.
struct GatherAttrs {
  int32_t axis = 0;
  int32_t batch_dims = 0;
};
template <>
inline constexpr auto kAttrs<GatherAttrs> = AttrList({
    Attr<&GatherAttrs::axis>("axis", 0),
    Attr<&GatherAttrs::batch_dims>("batch_dims", 1),
});

// Inputs: indices, depth, on value, off value. -1: a new last dimension.
struct OneHotAttrs {
  int32_t axis = 0;
};
template <>
inline constexpr auto kAttrs<OneHotAttrs> =
    AttrList({Attr<&OneHotAttrs::axis>("axis", 0)});

// Inputs: tensors that differ in their length along `axis` alone.
struct ConcatenationAttrs {
  int32_t axis = 0;
  Activation activation = kNone;  // nothing else
};
// Not called as in other ops: nobody may fuse one here.
template <>
inline constexpr auto kAttrs<ConcatenationAttrs> = AttrList({
    Attr<&ConcatenationAttrs::axis>("axis", 0),
    Attr<&ConcatenationAttrs::activation>("no_activation", 1),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MOVE_MOVE_H_
