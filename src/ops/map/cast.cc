// CAST: numbers of one type as another; scales do not count.
#include "src/ops/map/cast.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/kernels/map/cast.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.shape = x.shape;  // the type stays
  if (kernels::FindCast(x.dtype, out.dtype) != nullptr) return;
  Fail(ErrorKind::kUnsupported,
       "the input '{}' is {}, the output '{}' {}; numbers are wanted", x.name,
       Name(x.dtype), out.name, Name(out.dtype));
}

// The gradient is of floats that stay floats.
class CastKernel final : public TrainKernel {
 public:
  explicit CastKernel(const PrepareContext& context)
      : size_(ElementsPerSample(context)),
        // As tflite-micro does.
        nan_is_zero_(context.numerics == Numerics::kTflm),
        cast_(kernels::FindCast(context.input(0).dtype,
                                context.output().dtype)) {}
  void Run(const KernelArgs& args) const override {
    cast_(args.inputs[0], size_ * args.batch, nan_is_zero_, args.outputs[0]);
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    std::copy_n(args.output_grads[0], size_ * args.batch, args.input_grads[0]);
  }

 private:
  int64_t size_;  // per sample
  bool nan_is_zero_;
  kernels::Cast cast_;
};

constexpr Operand kOperands[] = {{.name = "x"}};

constexpr KernelRow kRows[] = {
    {"F32Train",
     Purpose::kTrain,
     {.input = DType::kFloat32, .output = DType::kFloat32},
     MakeKernel<CastKernel>},
    {"Ref", Purpose::kReference, {}, MakeKernel<CastKernel>}};

// TensorFlow's op_version.cc.
int Version(const Graph& graph, const Node& node) {
  const auto either = [&](DType dtype) {
    return graph.tensor(node.inputs[0]).dtype == dtype ||
           graph.tensor(node.outputs[0]).dtype == dtype;
  };
  if (either(DType::kFloat64) || either(DType::kFloat16)) return 5;
  return either(DType::kInt8) ? 3 : 1;
}

}  // namespace

const OpDef kCast = {
    .name = "CAST",
    .summary = "the same numbers as another type",
    .tflite = {.code = 53, .options = 37, .version = Version},
    .attrs = kAttrs<CastAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
};

}  // namespace litesmith
