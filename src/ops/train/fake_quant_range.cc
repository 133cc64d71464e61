// Moving averages and running extremes of ranges.
#include "src/ops/train/fake_quant_range.h"

#include <algorithm>
#include <cmath>

#include "src/ops/train/train.h"

namespace litesmith {

bool IsOneMonotoneMap(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[1]).shape.NumElements() == 1 &&
         node.Get<&FakeQuantAttrs::range_update>() != fake_quant::kLastValue;
}

bool FakeQuantRange::Follows() const {
  return update_ == fake_quant::kMovingAverage ||
         update_ == fake_quant::kAllValues;
}

void FakeQuantRange::Combine(std::span<const double> partials, float* min,
                             float* max, int32_t* count) const {
  // Zero is always inside, so that it lies on the grid.
  float low = 0.0f;
  float high = 0.0f;
  for (size_t i = 0; i < partials.size(); i += 2) {
    low = std::min(low, static_cast<float>(partials[i]));
    high = std::max(high, static_cast<float>(partials[i + 1]));
  }
  if (update_ == fake_quant::kAllValues) {
    *min = std::min(*min, low);
    *max = std::max(*max, high);
  } else {
    // v -= (v - batch) * rate, as TensorFlow's assign_moving_average.
    const float rate = Rate(count);
    *min -= (*min - low) * rate;
    *max -= (*max - high) * rate;
  }
}

FusedFakeQuant::FusedFakeQuant(const Node& node, size_t x)
    : x_(x),
      least_(node.Get<&FakeQuantAttrs::narrow_range>() ? 1 : 0),
      most_((1 << node.Get<&FakeQuantAttrs::bits>()) - 1),
      range_(node.Get<&FakeQuantAttrs::range_update>(),
             node.Get<&FakeQuantAttrs::rate>()) {}

kernels::FakeQuantGrid FusedFakeQuant::Grid(const void* const* inputs) const {
  const auto at = [&](size_t i) {
    return *static_cast<const float*>(inputs[x_ + i]);
  };
  return kernels::MakeFakeQuantGrid(at(1), at(2), least_, most_);
}

void FusedFakeQuant::Combine(std::span<const double> partials,
                             void* const* inputs) const {
  range_.Combine(partials, static_cast<float*>(inputs[x_ + 1]),
                 static_cast<float*>(inputs[x_ + 2]),
                 static_cast<int32_t*>(inputs[x_ + 3]));
}

// How far the average moves towards this batch. Debiased (Kingma and Ba 2015,
// section 3), the average over t batches is that of a start at zero divided
// by 1 - decay^t; written as a step from the debiased average before it,
// the rate is (1 - decay) / (1 - decay^t): 1 for the first batch.
float FakeQuantRange::Rate(int32_t* count) const {
  if (count == nullptr) return rate_;
  ++*count;
  return static_cast<float>(rate_ /
                            -std::expm1(*count * std::log1p(-double{rate_})));
}

}  // namespace litesmith
