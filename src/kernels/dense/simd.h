// FULLY_CONNECTED on SIMD: dot products along the depth of four outputs at a
// time and, in a batch, of several rows, or outputs in lanes. Integer and
// hybrid results equal the reference twins' bit for bit; those of floats where
// it is asked for.
#ifndef LITESMITH_KERNELS_DENSE_SIMD_H_
#define LITESMITH_KERNELS_DENSE_SIMD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/kernels/common/layer_spec.h"
#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/dense/reference.h"

namespace litesmith {

// What is packed; weights are [outputs, depth].
struct DenseSpec : LayerSpec {
  DenseShape shape;
  bool asymmetric = false;  // kF32S8
  // kS8S8: y is int32, the sums themselves, which wrap.
  bool sums = false;
};

// A packed layer, for the target that was the best when it was made.
struct PackedDense {
  DenseSpec spec;    // weights: null
  int elements = 0;  // of x in a vector
  int vectors = 0;   // of a row; the last may overlap the one before
  // Parts of a row whose sums fit 32 bits: more than one only for kS16S8.
  int segments = 1;
  int segment_vectors = 0;
  // Groups of 4, then 2 and 1 outputs as need be: [vectors][outputs of the
  // group][elements]. Zero where a vector is padding or overlaps.
  // simd_lanes_f32.cc, whose `vectors` are of outputs: groups by
  // DenseLaneGroup, [depth][vectors of the group][lanes]. row_bytes > 0
  // (lanes-inl.h; a vector is a word there): groups of 8, then 4, 2 and 1
  // vectors of outputs as need be: [words][vectors of the
  // group][lanes][elements].
  PackedBuffer weights;
  int pitch = 0;  // of what follows, and of sums: outputs and some zeros
  // float; kS8S8: int32, less the zero point's share; kS16S8: double.
  PackedBuffer bias;
  PackedBuffer weight_sums;  // int32: kF32S8
  PackedBuffer scales;       // float: kF32S8
  PackedBuffer reals;        // double: kS* with kF64
  bool vnni = false;
  // The workspace: sums, then the quantized rows (kF32S8), then rows as
  // lanes-inl.h reads them.
  size_t quantized_at = 0, rows_at = 0;
  ptrdiff_t row_bytes = 0;
  size_t workspace_bytes = 0;
  void (*run)(const PackedDense&, int rows, const void* x, void* y,
              std::byte* workspace) = nullptr;
};

// Packs a layer of floats with outputs in lanes; false where there are too few
// for that, spec.exact aside, and on a CPU without any SIMD target.
bool PackFullyConnectedLanes(const DenseSpec& spec, PackedDense* packed);

// Null on a CPU without any SIMD target.
std::unique_ptr<const PackedDense> PackFullyConnected(const DenseSpec& spec);

// x is [rows, depth], y [rows, outputs].
inline void RunFullyConnected(const PackedDense& packed, int rows,
                              const void* x, void* y, std::byte* workspace) {
  packed.run(packed, rows, x, y, workspace);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DENSE_SIMD_H_
