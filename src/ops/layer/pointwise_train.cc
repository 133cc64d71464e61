// Layers of one matrix for each pixel, over kernels/conv/train_pointwise.
#include "src/kernels/conv/train_pointwise.h"
#include "src/ops/layer/train_layer.h"

namespace litesmith {
TrainLayerPtr MakePointwiseTrainLayer(const PrepareContext& context, int inputs,
                                      int outputs, int64_t pixels,
                                      kernels::FloatRange range) {
  return std::make_unique<PackedTrainLayer<kernels::TrainPointwise, size_t>>(
      context, pixels, inputs, outputs, range);
}

}  // namespace litesmith
