// SOFTMAX: e^(beta x) over its sum along the last dimension. Integer outputs
// have one scale whatever the values: shares of 256 or 32768.
#include "src/ops/map/softmax.h"

#include <cmath>
#include <cstdint>

#include "src/base/error.h"
#include "src/kernels/map/softmax.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/map/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

float BetaOf(const Node& node) { return node.Get<&SoftmaxAttrs::beta>(); }

void Infer(Graph* graph, const Node& node) {
  InferRows(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  const float beta = BetaOf(node);
  if (!std::isfinite(beta)) {
    Fail(ErrorKind::kCorrupt, "beta of '{}' is {}; a number is wanted", x.name,
         beta);
  }
  if (x.dtype == DType::kFloat32) return;
  const float scale = x.quant.scale[0];
  if (x.dtype == DType::kInt16) {
    CheckDepth(x, kernels::kMaxSoftmax16Depth);
    return;
  }
  CheckDepth(x, kernels::kMaxSoftmax8Depth);
  if (!kernels::Softmax8Terms::IsPossible(scale, beta)) {
    Fail(ErrorKind::kUnsupported,
         "the scale {} of '{}' times beta {} is too small for fixed-point "
         "numbers",
         scale, x.name, beta);
  }
}

// ---- Kernels --------------------------------------------------------------

class SoftmaxF32 final : public TrainKernel {
 public:
  explicit SoftmaxF32(const PrepareContext& context)
      : rows_(context), beta_(BetaOf(context.node)) {}
  void Run(const KernelArgs& args) const override {
    kernels::SoftmaxF32(args.in<float>(0), rows_.per_sample * args.batch,
                        rows_.depth, beta_, args.out<float>());
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    kernels::SoftmaxGradF32(static_cast<const float*>(args.outputs[0]),
                            args.output_grads[0], rows_.per_sample * args.batch,
                            rows_.depth, beta_, args.input_grads[0]);
  }

 private:
  Rows rows_;
  float beta_;
};

template <class T>
class Softmax8 final : public Kernel {
 public:
  explicit Softmax8(const PrepareContext& context)
      : rows_(context),
        terms_(context.input(0).quant.scale[0], BetaOf(context.node)) {}
  void Run(const KernelArgs& args) const override {
    kernels::Softmax8(args.in<T>(0), rows_.per_sample * args.batch, rows_.depth,
                      terms_, args.out<T>());
  }

 private:
  Rows rows_;
  kernels::Softmax8Terms terms_;
};

// The same with the terms of all 256 differences made beforehand.
template <class T>
class Softmax8ByTable final : public Kernel {
 public:
  explicit Softmax8ByTable(const PrepareContext& context) : rows_(context) {
    const kernels::Softmax8Terms terms(context.input(0).quant.scale[0],
                                       BetaOf(context.node));
    for (int32_t i = 0; i < 256; ++i)
      table_[static_cast<size_t>(i)] = terms(-i);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Softmax8(args.in<T>(0), rows_.per_sample * args.batch, rows_.depth,
                      table_, args.out<T>());
  }

 private:
  Rows rows_;
  kernels::Softmax8Table table_{};
};

class Softmax16 final : public Kernel {
 public:
  explicit Softmax16(const PrepareContext& context)
      : rows_(context),
        softmax_(context.numerics == Numerics::kTflm
                     ? kernels::MakeSoftmax16<float>()
                     : kernels::MakeSoftmax16<double>()) {
    const float scale = context.input(0).quant.scale[0];
    const float beta = BetaOf(context.node);
    const double product = context.numerics == Numerics::kTflm
                               ? double{scale} * double{beta}
                               : double{scale * beta};
    softmax_.multiplier = RatioOfScales(product / (10.0 / 65535.0),
                                        context.input(0), context.output());
  }
  void Run(const KernelArgs& args) const override {
    softmax_.Run(args.in<int16_t>(0), rows_.per_sample * args.batch,
                 rows_.depth, args.out<int16_t>());
  }

 private:
  Rows rows_;
  kernels::Softmax16 softmax_;
};

constexpr KernelRow kRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<SoftmaxF32>},
    {"S8", Purpose::kFast, {DType::kInt8}, MakeKernel<Softmax8ByTable<int8_t>>},
    {"U8",
     Purpose::kFast,
     {DType::kUInt8},
     MakeKernel<Softmax8ByTable<uint8_t>>},
    {"F32Ref", Purpose::kReference, {DType::kFloat32}, MakeKernel<SoftmaxF32>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<Softmax8<int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<Softmax8<uint8_t>>},
    {"S16Ref", Purpose::kReference, {DType::kInt16}, MakeKernel<Softmax16>},
};

}  // namespace

const OpDef kSoftmax = {
    .name = "SOFTMAX",
    .summary = "e^(beta x) over its sum along the last dimension",
    .tflite = {.code = 25, .options = 9, .version = ElementwiseVersion},
    .attrs = kAttrs<SoftmaxAttrs>,
    .operands = kRowOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kFixed,
              .fixed8 = {1.0f / 256, -128},
              .fixed16 = {1.0f / 32768, 0}},
    .probabilities =
        [](const Node& node) {
          return BetaOf(node) == 1 ? Probabilities::kOfClasses
                                   : Probabilities::kNone;
        },
};

}  // namespace litesmith
