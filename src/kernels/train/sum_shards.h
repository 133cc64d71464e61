// The sum of the shards' gradients, in one order whatever computes it.
#ifndef LITESMITH_KERNELS_TRAIN_SUM_SHARDS_H_
#define LITESMITH_KERNELS_TRAIN_SUM_SHARDS_H_

#include <cstddef>

namespace litesmith::kernels {

// out[i] = sum over s < count of shards[s * stride + i] for begin <= i < end,
// added pairwise: ((0+1)+(2+3))+((4+5)+(6+7)); of n shards the largest power
// of two below n forms the left branch.
void SumShards(const float* shards, size_t stride, int count, size_t begin,
               size_t end, float* out);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_SUM_SHARDS_H_
