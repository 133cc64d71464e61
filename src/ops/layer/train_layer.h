// A layer with weights in training, which may be joined with what stands behind
// it: as a kernel of its own, or as a part of one of a chain.
#ifndef LITESMITH_OPS_LAYER_TRAIN_LAYER_H_
#define LITESMITH_OPS_LAYER_TRAIN_LAYER_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "src/graph/op_def.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"

namespace litesmith {

// Inputs 0, 1, 2 of the arguments are x, the weights and the bias. May run on
// several threads at once.
class TrainLayer {
 public:
  virtual ~TrainLayer() = default;
  size_t workspace_bytes = 0;

  virtual void Repack(const void* const* inputs) { (void)inputs; }
  // `made` and `gradient` may be empty; with `gradient` neither the outputs nor
  // their gradients of the arguments are read. Backward can add.
  virtual void Forward(const KernelArgs& args, float* y,
                       const kernels::OutputsMade& made) const = 0;
  virtual void Backward(const BackwardArgs& args,
                        const kernels::GradientSource& gradient) const = 0;
};

// Over a kernel that packs its weights; a sample is so many of what it counts,
// images or pixels.
template <class Layer, typename Count>
class PackedTrainLayer final : public TrainLayer {
 public:
  template <typename... Args>
  PackedTrainLayer(const PrepareContext& context, int64_t per_sample,
                   const Args&... args)
      : layer_(args...),
        per_sample_(per_sample),
        has_bias_(context.has_input(2)) {
    workspace_bytes = layer_.workspace_bytes();
  }

  void Repack(const void* const* inputs) override {
    layer_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Forward(const KernelArgs& args, float* y,
               const kernels::OutputsMade& made) const override {
    layer_.Forward(CountOf(args.batch), args.in<float>(0),
                   has_bias_ ? args.in<float>(2) : nullptr, y,
                   reinterpret_cast<float*>(args.workspace), made);
  }

  void Backward(const BackwardArgs& args,
                const kernels::GradientSource& gradient) const override {
    layer_.Backward(
        CountOf(args.batch), static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        args.input_grads[0], args.input_grads[1],
        has_bias_ ? args.input_grads[2] : nullptr,
        reinterpret_cast<float*>(args.workspace), gradient, args.adds);
  }

 private:
  Count CountOf(int64_t batch) const {
    return static_cast<Count>(batch * per_sample_);
  }

  Layer layer_;
  int64_t per_sample_;
  bool has_bias_;
};

using TrainLayerPtr = std::unique_ptr<TrainLayer>;

// Of a node of the op, without groups.
TrainLayerPtr MakeConv2DTrainLayer(const PrepareContext& context);
TrainLayerPtr MakeDepthwiseConv2DTrainLayer(const PrepareContext& context);
// Null: it has too few outputs for it.
TrainLayerPtr MakeFullyConnectedTrainLayer(const PrepareContext& context);
// One matrix for each of so many pixels of a sample.
TrainLayerPtr MakePointwiseTrainLayer(const PrepareContext& context, int inputs,
                                      int outputs, int64_t pixels,
                                      kernels::FloatRange range);

// The layer alone.
class TrainLayerKernel final : public TrainKernel {
 public:
  explicit TrainLayerKernel(TrainLayerPtr layer) : layer_(std::move(layer)) {
    workspace_bytes = layer_->workspace_bytes;
    adds = true;
  }
  void Repack(const void* const* inputs) override { layer_->Repack(inputs); }
  void Run(const KernelArgs& args) const override {
    layer_->Forward(args, args.out<float>(), {});
  }
  void Backward(const BackwardArgs& args) const override {
    layer_->Backward(args, {});
  }

 private:
  TrainLayerPtr layer_;
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_TRAIN_LAYER_H_
