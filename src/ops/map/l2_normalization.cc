// L2_NORMALIZATION: rows over their length. Integer outputs have one scale
// whatever the values: -1 to 1.
#include "src/ops/map/l2_normalization.h"

#include "src/base/error.h"
#include "src/kernels/map/l2_normalization.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/map/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const int64_t activation = node.Get<&L2NormalizationAttrs::activation>();
  if (activation != kNone) {
    Fail(ErrorKind::kUnsupported,
         "the fused activation {}; L2_NORMALIZATION has none (0)", activation);
  }
  InferRows(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype != DType::kFloat32)
    CheckDepth(x, kernels::kMaxL2Normalization8Depth);
}

class L2NormalizationF32 final : public TrainKernel {
 public:
  explicit L2NormalizationF32(const PrepareContext& context) : rows_(context) {}
  void Run(const KernelArgs& args) const override {
    kernels::L2NormalizationF32(args.in<float>(0),
                                rows_.per_sample * args.batch, rows_.depth,
                                args.out<float>());
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    kernels::L2NormalizationGradF32(
        static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        rows_.per_sample * args.batch, rows_.depth, args.input_grads[0]);
  }

 private:
  Rows rows_;
};

template <class T>
class L2Normalization8 final : public Kernel {
 public:
  explicit L2Normalization8(const PrepareContext& context)
      : rows_(context), x_zero_(ZeroOf(context.input(0))) {}
  void Run(const KernelArgs& args) const override {
    kernels::L2Normalization8(args.in<T>(0), rows_.per_sample * args.batch,
                              rows_.depth, x_zero_, args.out<T>());
  }

 private:
  Rows rows_;
  int32_t x_zero_;
};

constexpr KernelRow kRows[] = {
    {"F32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<L2NormalizationF32>},
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<L2NormalizationF32>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<L2Normalization8<int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<L2Normalization8<uint8_t>>},
};

}  // namespace

const OpDef kL2Normalization = {
    .name = "L2_NORMALIZATION",
    .summary = "x over its length along the last dimension",
    .tflite = {.code = 11, .options = 12, .version = ElementwiseVersion},
    .attrs = kAttrs<L2NormalizationAttrs>,
    .operands = kRowOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kFixed, .fixed8 = {1.0f / 128, 0}},
};

}  // namespace litesmith
