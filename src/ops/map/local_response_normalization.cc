// LOCAL_RESPONSE_NORMALIZATION: x over (bias + alpha s)^beta, s the sum of
// squares of a channel and its neighbours. LiteRT's reference kernel leaves out
// the last of these, its optimized one and TensorFlow do not.
#include "src/ops/map/local_response_normalization.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/map/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Attrs = LocalResponseNormalizationAttrs;

void Infer(Graph* graph, const Node& node) {
  const auto attrs = Get<Attrs>(node);
  if (attrs.radius < 0) {
    Fail(ErrorKind::kCorrupt, "radius is {}; 0 or more is wanted",
         attrs.radius);
  }
  for (const float value : {attrs.bias, attrs.alpha, attrs.beta}) {
    if (std::isfinite(value)) continue;
    Fail(ErrorKind::kCorrupt,
         "bias is {}, alpha {} and beta {}; numbers are wanted", attrs.bias,
         attrs.alpha, attrs.beta);
  }
  InferRows(graph, node);
  CheckRank(graph->tensor(node.inputs[0]), "input", 4);
}

class LocalResponseNormalizationF32 final : public Kernel {
 public:
  explicit LocalResponseNormalizationF32(const PrepareContext& context)
      : rows_(context), attrs_(Get<Attrs>(context.node)) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<float>(0);
    auto* y = args.out<float>();
    const int64_t depth = rows_.depth;
    for (int64_t r = 0; r < rows_.per_sample * args.batch;
         ++r, x += depth, y += depth) {
      for (int64_t c = 0; c < depth; ++c) {
        const int64_t end = std::min(depth, c + attrs_.radius + 1);
        float sum = 0;
        for (int64_t i = std::max<int64_t>(0, c - attrs_.radius); i < end; ++i)
          sum += x[i] * x[i];
        y[c] = x[c] * std::pow(attrs_.bias + attrs_.alpha * sum, -attrs_.beta);
      }
    }
  }

 private:
  Rows rows_;
  Attrs attrs_;
};

constexpr KernelRow kRows[] = {{"F32Ref",
                                Purpose::kReference,
                                {DType::kFloat32},
                                MakeKernel<LocalResponseNormalizationF32>}};

}  // namespace

const OpDef kLocalResponseNormalization = {
    .name = "LOCAL_RESPONSE_NORMALIZATION",
    .summary = "x over a power of the squares of its neighbouring channels",
    .tflite = {.code = 13, .options = 13},
    .attrs = kAttrs<Attrs>,
    .operands = kRowOperands,
    .infer = Infer,
    .rows = kRows,
};

}  // namespace litesmith
