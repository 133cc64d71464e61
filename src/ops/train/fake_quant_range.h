// How the range of a fake-quantized activation follows the data. Shared by
// FAKE_QUANT and the training kernels that it is fused into.
#ifndef LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_
#define LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_

#include <cstdint>
#include <span>

#include "src/graph/op_def.h"
#include "src/kernels/train/fake_quant.h"

namespace litesmith {

class FakeQuantRange {
 public:
  FakeQuantRange() = default;
  FakeQuantRange(int64_t update, float rate) : update_(update), rate_(rate) {}

  // Whether the range follows the activations of each batch.
  bool Follows() const;
  // The new range from the smallest and largest value of each shard, floats of
  // [shards][2]. `count` may be null: then the average is not debiased.
  void Combine(std::span<const double> partials, float* min, float* max,
               int32_t* count) const;

 private:
  float Rate(int32_t* count) const;

  int64_t update_ = 0;
  float rate_ = 0;  // 1 - the average's decay
};

// The FAKE_QUANT, of one range, of a training kernel that it is fused into.
class FusedFakeQuant {
 public:
  FusedFakeQuant() = default;
  // `x`: where its x would be among the kernel's inputs, in front of its min.
  FusedFakeQuant(const Node& node, size_t x);

  bool Follows() const { return range_.Follows(); }
  kernels::FakeQuantGrid Grid(const void* const* inputs) const;
  // See FakeQuantRange::Combine.
  void Combine(std::span<const double> partials, void* const* inputs) const;

 private:
  size_t x_ = 0;
  int least_ = 0, most_ = 0;  // integers
  FakeQuantRange range_;
};

// Whether this FAKE_QUANT maps all values by one range that does not depend on
// them at that moment. It is monotone then, so a maximum may be taken before.
bool IsOneMonotoneMap(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_
