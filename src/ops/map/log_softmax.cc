// LOG_SOFTMAX: the logarithm of softmax along the last dimension. Integer
// outputs have one scale whatever the values: -16 to 0.
#include "src/kernels/map/log_softmax.h"

#include "src/base/error.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/map/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  InferRows(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype != DType::kInt8) return;
  CheckDepth(x, kernels::kMaxLogSoftmax8Depth);
  const float scale = x.quant.scale[0];
  if (kernels::Softmax8Terms::IsPossible(scale, 1)) return;
  Fail(ErrorKind::kUnsupported,
       "the scale {} of '{}' is too small for fixed-point numbers", scale,
       x.name);
}

class LogSoftmaxF32 final : public TrainKernel {
 public:
  explicit LogSoftmaxF32(const PrepareContext& context) : rows_(context) {}
  void Run(const KernelArgs& args) const override {
    kernels::LogSoftmaxF32(args.in<float>(0), rows_.per_sample * args.batch,
                           rows_.depth, args.out<float>());
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    kernels::LogSoftmaxGradF32(
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        rows_.per_sample * args.batch, rows_.depth, args.input_grads[0]);
  }

 private:
  Rows rows_;
};

class LogSoftmaxS8 final : public Kernel {
 public:
  explicit LogSoftmaxS8(const PrepareContext& context)
      : rows_(context),
        f_(kernels::Softmax8Terms(context.input(0).quant.scale[0], 1)) {}
  void Run(const KernelArgs& args) const override {
    f_.Run(args.in<int8_t>(0), rows_.per_sample * args.batch, rows_.depth,
           args.out<int8_t>());
  }

 private:
  Rows rows_;
  kernels::LogSoftmaxS8 f_;
};

class LogSoftmaxU8 final : public Kernel {
 public:
  explicit LogSoftmaxU8(const PrepareContext& context)
      : rows_(context), f_(context.input(0).quant.scale[0]) {}
  void Run(const KernelArgs& args) const override {
    f_.Run(args.in<uint8_t>(0), rows_.per_sample * args.batch, rows_.depth,
           args.out<uint8_t>());
  }

 private:
  Rows rows_;
  kernels::LogSoftmaxU8 f_;
};

constexpr KernelRow kRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<LogSoftmaxF32>},
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<LogSoftmaxF32>},
    {"S8Ref", Purpose::kReference, {DType::kInt8}, MakeKernel<LogSoftmaxS8>},
    {"U8Ref", Purpose::kReference, {DType::kUInt8}, MakeKernel<LogSoftmaxU8>},
};

}  // namespace

const OpDef kLogSoftmax = {
    .name = "LOG_SOFTMAX",
    .summary = "logarithm of softmax along the last dimension",
    .tflite = {.code = 50, .options = 36, .version = ElementwiseVersion},
    .operands = kRowOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kFixed, .fixed8 = {16.0f / 256, 127}},
};

}  // namespace litesmith
