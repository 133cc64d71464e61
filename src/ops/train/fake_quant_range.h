// How the range of a fake-quantized activation follows the data. Shared by
// FAKE_QUANT and the training kernels that it is fused into.
#ifndef LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_
#define LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_

#include <cstdint>
#include <span>

#include "src/graph/op_def.h"

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

// Whether this FAKE_QUANT maps all values by one range that does not depend on
// them at that moment. It is monotone then, so a maximum may be taken before.
bool IsOneMonotoneMap(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_FAKE_QUANT_RANGE_H_
