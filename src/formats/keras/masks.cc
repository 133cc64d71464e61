// What each layer does with masks is Keras's `supports_masking`.
#include "src/formats/keras/masks.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

struct Carrier {
  std::string_view class_name;
  int generation = 0;  // of the Keras where it hands masks on; 0: both
};
constexpr Carrier kCarriers[] = {
    {"InputLayer"},
    {"Dense"},
    {"Activation"},
    {"ReLU"},
    {"LeakyReLU"},
    {"ThresholdedReLU"},
    {"ELU"},
    {"PReLU"},
    {"Softmax"},
    {"Dropout"},
    {"SpatialDropout1D"},
    {"SpatialDropout2D"},
    {"SpatialDropout3D"},
    {"GaussianDropout"},
    {"GaussianNoise"},
    {"AlphaDropout"},
    {"ActivityRegularization"},
    {"BatchNormalization"},
    {"SyncBatchNormalization"},
    {"LayerNormalization"},
    {"GroupNormalization"},
    {"UnitNormalization"},
    {"MultiHeadAttention"},
    {"GroupQueryAttention"},
    {"TimeDistributed"},
    {"Identity", 3},
    {"Rescaling", 3},
    {"Normalization", 3},
};

template <const OpDef* kOp>
MaskPtr Combined(const std::string& name, MaskPtr a, MaskPtr b) {
  return std::make_shared<Mask>([name, a = std::move(a),
                                 b = std::move(b)](Graph* graph) {
    return Nodes(name, graph).Add(*kOp, "mask", {a->In(graph), b->In(graph)});
  });
}

}  // namespace

MaskPtr UnsupportedMask(std::string why) {
  return std::make_shared<Mask>([why = std::move(why)](Graph*) -> TensorId {
    Fail(ErrorKind::kUnsupported, "it goes by a mask, which {}", why);
  });
}

bool HandsMaskOn(std::string_view class_name, int generation) {
  return std::any_of(
      std::begin(kCarriers), std::end(kCarriers), [&](const Carrier& row) {
        return row.class_name == class_name &&
               (row.generation == 0 || row.generation == generation);
      });
}

MaskPtr MaskOf(const LayerIn& in, TensorId tensor) {
  MaskPtr mask;
  bool found = false;
  for (size_t i = 0; i < in.all.size() && i < in.masks.size(); ++i) {
    if (in.all[i] != tensor) continue;
    if (found && mask != in.masks[i]) {
      Fail(ErrorKind::kUnsupported,
           "it reads '{}' both with a mask and without",
           in.graph->tensor(tensor).name);
    }
    mask = in.masks[i];
    found = true;
  }
  return mask;
}

TensorId MaskFloats(const LayerIn& in, const std::string& step,
                    const MaskPtr& mask, const std::vector<int32_t>& dims) {
  Nodes nodes(in.name, in.graph);
  const TensorId numbers =
      nodes.Cast(step + "_numbers", mask->In(in.graph), DType::kFloat32);
  return nodes.Reshape(step, numbers, dims);
}

MaskPtr EitherMask(const std::string& name, MaskPtr a, MaskPtr b) {
  return Combined<&kLogicalOr>(name, std::move(a), std::move(b));
}
MaskPtr BothMasks(const std::string& name, MaskPtr a, MaskPtr b) {
  return Combined<&kLogicalAnd>(name, std::move(a), std::move(b));
}

void RefuseMask(const LayerIn& in) {
  if (std::any_of(in.masks.begin(), in.masks.end(),
                  [](const MaskPtr& mask) { return mask != nullptr; })) {
    Fail(ErrorKind::kUnsupported,
         "it goes by the mask of what it reads (of mask_zero, or of Masking), "
         "which is not supported");
  }
}

}  // namespace litesmith
