// FAKE_QUANT: values snapped to the grid of integers of a fixed range, which is
// moved so that zero lies on it (specs/tflite.md 5.4). unary.h says what such a
// struct is.
#include "src/ops/map/fake_quant.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/ops/map/unary.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

struct FakeQuant {
  explicit FakeQuant(const PrepareContext& context) {
    const auto attrs = Get<TfliteFakeQuantAttrs>(context.node);
    const float lowest = attrs.narrow_range ? 1 : 0;
    const auto highest = static_cast<float>((1 << attrs.num_bits) - 1);
    scale = (attrs.max - attrs.min) / (highest - lowest);
    const float zero =
        std::round(std::clamp(lowest - attrs.min / scale, lowest, highest));
    low = (lowest - zero) * scale;
    high = (highest - zero) * scale;
    steps = 1.0f / scale;
  }
  float scale, steps, low, high;

  float Value(float x) const {
    const float inside = std::min(high, std::max(low, x));
    return std::round((inside - low) * steps) * scale + low;
  }
  // Straight through, as TensorFlow's.
  float Slope(float x, float) const {
    return x >= low && x <= high ? 1.0f : 0.0f;
  }
};

void Infer(Graph* graph, const Node& node) {
  const auto attrs = Get<TfliteFakeQuantAttrs>(node);
  if (!std::isfinite(attrs.min) || !std::isfinite(attrs.max) ||
      !(attrs.min < attrs.max) || !std::isfinite(attrs.max - attrs.min)) {
    Fail(
        ErrorKind::kCorrupt,
        "min is {} and max {}; two numbers are wanted, the second a larger one",
        attrs.min, attrs.max);
  }
  if (attrs.num_bits < 2 || attrs.num_bits > 16) {
    Fail(ErrorKind::kCorrupt, "num_bits is {}; 2 to 16 is wanted",
         attrs.num_bits);
  }
  unary::InferPlain(graph, node);
}

constexpr KernelRow kRows[] = {unary::kTrain<FakeQuant>,
                               unary::kF32<FakeQuant>};

int Version(const Graph&, const Node& node) {
  return node.Get<&TfliteFakeQuantAttrs::narrow_range>() ? 2 : 1;
}

}  // namespace

const OpDef kTfliteFakeQuant = {
    .name = "FAKE_QUANT",
    .summary = "values on the grid of integers of a fixed range",
    .tflite = {.code = 80, .options = 58, .version = Version},
    .attrs = kAttrs<TfliteFakeQuantAttrs>,
    .operands = unary::kOperands,
    .infer = Infer,
    .rows = kRows,
};

}  // namespace litesmith
