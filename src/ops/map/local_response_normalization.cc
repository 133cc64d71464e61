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

class LocalResponseNormalizationF32 final : public TrainKernel {
 public:
  explicit LocalResponseNormalizationF32(const PrepareContext& context)
      : rows_(context), attrs_(Get<Attrs>(context.node)) {
    workspace_bytes = 2 * static_cast<size_t>(rows_.depth) * sizeof(float);
  }
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<float>(0);
    auto* y = args.out<float>();
    const int64_t depth = rows_.depth;
    for (int64_t r = 0; r < rows_.per_sample * args.batch;
         ++r, x += depth, y += depth) {
      for (int64_t c = 0; c < depth; ++c)
        y[c] = x[c] * std::pow(SizeAt(x, c), -attrs_.beta);
    }
  }
  // With u = bias + alpha s:
  // dx[i] = dy[i] u[i]^-beta
  //         - 2 alpha beta x[i] sum over neighbours dy[c] x[c] u[c]^(-beta-1).
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const float* dy = args.output_grads[0];
    float* dx = args.input_grads[0];
    const int64_t depth = rows_.depth;
    auto* powers = reinterpret_cast<float*>(args.workspace);
    float* shares = powers + depth;
    for (int64_t r = 0; r < rows_.per_sample * args.batch;
         ++r, x += depth, dy += depth, dx += depth) {
      for (int64_t c = 0; c < depth; ++c) {
        const float size = SizeAt(x, c);
        powers[c] = std::pow(size, -attrs_.beta);
        shares[c] = dy[c] * x[c] * powers[c] / size;
      }
      for (int64_t i = 0; i < depth; ++i) {
        const float sum =
            OverNeighbours(i, [shares](int64_t c) { return shares[c]; });
        dx[i] = dy[i] * powers[i] - 2 * attrs_.alpha * attrs_.beta * x[i] * sum;
      }
    }
  }

 private:
  template <class Of>
  float OverNeighbours(int64_t c, const Of& of) const {
    const int64_t end = std::min(rows_.depth, c + attrs_.radius + 1);
    float sum = 0;
    for (int64_t i = std::max<int64_t>(0, c - attrs_.radius); i < end; ++i)
      sum += of(i);
    return sum;
  }
  float SizeAt(const float* x, int64_t c) const {
    return attrs_.bias + attrs_.alpha * OverNeighbours(c, [x](int64_t i) {
                           return x[i] * x[i];
                         });
  }

  Rows rows_;
  Attrs attrs_;
};

constexpr KernelRow kRows[] = {{"F32Train",
                                Purpose::kTrain,
                                {DType::kFloat32},
                                MakeKernel<LocalResponseNormalizationF32>},
                               {"F32Ref",
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
