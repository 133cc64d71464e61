// CONV_2D in float training: thin over kernels/train_conv.
#include "src/kernels/conv/train.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/conv_2d_kernels.h"
#include "src/ops/layer/layer.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

class Conv2DF32Train final : public Kernel {
 public:
  explicit Conv2DF32Train(const PrepareContext& context)
      : conv_(ConvWindow(context),
              TrainRange(context.node.Get<&Conv2DAttrs::activation>())),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))),
        bias_(context.has_input(2)) {
    workspace_bytes = conv_.workspace_bytes();
  }

  void Repack(const void* const* inputs) override {
    conv_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Run(const KernelArgs& args) const override {
    conv_.Forward(args.batch * images_, args.in<float>(0),
                  bias_ ? args.in<float>(2) : nullptr, args.out<float>(),
                  reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    conv_.Backward(args.batch * images_,
                   static_cast<const float*>(args.inputs[0]),
                   static_cast<const float*>(args.outputs[0]),
                   args.output_grads[0], args.input_grads[0],
                   args.input_grads[1], bias_ ? args.input_grads[2] : nullptr,
                   reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::TrainConv conv_;
  int images_;
  bool bias_;
};

}  // namespace

KernelPtr PrepareConv2DF32Train(const PrepareContext& context) {
  return std::make_unique<Conv2DF32Train>(context);
}

}  // namespace litesmith
