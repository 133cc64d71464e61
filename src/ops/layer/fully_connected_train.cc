// FULLY_CONNECTED in float training: thin over kernels/train_dense.
#include "src/kernels/dense/train.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/layer/layer.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

class FullyConnectedF32Train final : public Kernel {
 public:
  explicit FullyConnectedF32Train(const PrepareContext& context) {
    const Shape& w = context.input(1).shape;
    size_ = {w[1], w[0]};
    const int64_t rows = context.input(0).shape.NumElements() / size_.in;
    rows_ = static_cast<int>(PerSample(context, rows));
    bias_ = context.has_input(2);
    range_ = TrainRange(context.node.Get<&FullyConnectedAttrs::activation>());
    workspace_bytes =
        kernels::DenseWorkspace(size_, static_cast<int>(rows)) * sizeof(float);
  }

  void Run(const KernelArgs& args) const override {
    kernels::DenseF32(size_, range_, args.batch * rows_, args.in<float>(0),
                      args.in<float>(1), bias_ ? args.in<float>(2) : nullptr,
                      args.out<float>(),
                      reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    kernels::DenseGradF32(size_, range_, args.batch * rows_,
                          static_cast<const float*>(args.inputs[0]),
                          static_cast<const float*>(args.inputs[1]),
                          static_cast<const float*>(args.outputs[0]),
                          args.output_grads[0], args.input_grads[0],
                          args.input_grads[1],
                          bias_ ? args.input_grads[2] : nullptr,
                          reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::DenseSize size_;
  kernels::FloatRange range_;
  int rows_ = 1;  // a sample
  bool bias_ = false;
};

}  // namespace

KernelPtr PrepareFullyConnectedF32Train(const PrepareContext& context) {
  return std::make_unique<FullyConnectedF32Train>(context);
}

}  // namespace litesmith
