// How two shapes walk through their common one.
#include "src/kernels/map/broadcast.h"

namespace litesmith::kernels {
namespace {

// The array's stride for each dimension of the output.
std::array<int64_t, kMaxBroadcastRank> StridesOf(std::span<const int32_t> shape,
                                                 std::span<const int32_t> out) {
  std::array<int64_t, kMaxBroadcastRank> strides{};
  const size_t missing = out.size() - shape.size();
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    const bool repeated = shape[d] == 1 && out[missing + d] != 1;
    strides[missing + d] = repeated ? 0 : stride;
    stride *= shape[d];
  }
  return strides;
}

}  // namespace

BroadcastPlan PlanBroadcast(std::span<const int32_t> a,
                            std::span<const int32_t> b,
                            std::span<const int32_t> out) {
  BroadcastPlan plan;
  plan.size[0] = 1;
  if (out.empty()) return plan;
  const auto of_a = StridesOf(a, out);
  const auto of_b = StridesOf(b, out);
  plan.rank = 0;
  for (size_t d = 0; d < out.size(); ++d) {
    const auto last = static_cast<size_t>(plan.rank - 1);
    // One with the dimension before, if both arrays go on where it ends.
    if (plan.rank > 1 && plan.a[last] == of_a[d] * out[d] &&
        plan.b[last] == of_b[d] * out[d]) {
      plan.size[last] *= out[d];
      plan.a[last] = of_a[d];
      plan.b[last] = of_b[d];
      continue;
    }
    const auto next = static_cast<size_t>(plan.rank++);
    plan.size[next] = out[d];
    plan.a[next] = of_a[d];
    plan.b[next] = of_b[d];
  }
  return plan;
}

}  // namespace litesmith::kernels
