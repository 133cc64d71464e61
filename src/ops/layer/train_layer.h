// A layer with weights in training, which may be joined with what stands behind
// it: as a kernel of its own, or as a part of one of a chain.
#ifndef LITESMITH_OPS_LAYER_TRAIN_LAYER_H_
#define LITESMITH_OPS_LAYER_TRAIN_LAYER_H_

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
  // their gradients of the arguments are read.
  virtual void Forward(const KernelArgs& args, float* y,
                       const kernels::OutputsMade& made) const = 0;
  virtual void Backward(const BackwardArgs& args,
                        const kernels::GradientSource& gradient) const = 0;
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
