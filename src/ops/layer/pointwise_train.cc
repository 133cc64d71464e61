// Layers of one matrix for each pixel, over kernels/conv/train_pointwise.
#include "src/kernels/conv/train_pointwise.h"
#include "src/ops/layer/train_layer.h"

namespace litesmith {
namespace {

class PointwiseLayer final : public TrainLayer {
 public:
  PointwiseLayer(const PrepareContext& context, int inputs, int outputs,
                 int64_t pixels, kernels::FloatRange range)
      : layer_(inputs, outputs, range),
        pixels_(static_cast<size_t>(pixels)),
        bias_(context.has_input(2)) {
    workspace_bytes = layer_.workspace_bytes();
  }

  void Repack(const void* const* inputs) override {
    layer_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Forward(const KernelArgs& args, float* y,
               const kernels::OutputsMade& made) const override {
    layer_.Forward(static_cast<size_t>(args.batch) * pixels_, args.in<float>(0),
                   bias_ ? args.in<float>(2) : nullptr, y,
                   reinterpret_cast<float*>(args.workspace), made);
  }

  void Backward(const BackwardArgs& args,
                const kernels::GradientSource& gradient) const override {
    layer_.Backward(static_cast<size_t>(args.batch) * pixels_,
                    static_cast<const float*>(args.inputs[0]),
                    static_cast<const float*>(args.outputs[0]),
                    args.output_grads[0], args.input_grads[0],
                    args.input_grads[1], bias_ ? args.input_grads[2] : nullptr,
                    reinterpret_cast<float*>(args.workspace), gradient);
  }

 private:
  kernels::TrainPointwise layer_;
  size_t pixels_;  // a sample
  bool bias_;
};

}  // namespace

TrainLayerPtr MakePointwiseTrainLayer(const PrepareContext& context, int inputs,
                                      int outputs, int64_t pixels,
                                      kernels::FloatRange range) {
  return std::make_unique<PointwiseLayer>(context, inputs, outputs, pixels,
                                          range);
}

}  // namespace litesmith
