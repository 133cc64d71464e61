// Layers that act in training only: dropouts, noise, and what Keras does to
// images then.
#include <cstring>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/nodes.h"
#include "src/formats/keras/wrappers.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// What they have in common: a rate and a seed.
DropoutAttrs AttrsOf(const LayerIn& in, const char* rate,
                     dropout::Noise noise) {
  DropoutAttrs attrs;
  attrs.noise = noise;
  attrs.rate = static_cast<float>(JsonNumber(in.config, rate, -1));
  if (const Json* seed = JsonFind(in.config, "seed")) {
    if (!IsWholeNumber(*seed)) {
      Fail(ErrorKind::kUnsupported,
           "its seed is {}; a whole number or none is supported",
           JsonShown(*seed));
    }
    attrs.has_seed = true;
    attrs.seed = JsonInt64(*seed, "seed");
  }
  return attrs;
}

std::vector<TensorId> AddDropout(LayerIn* in, const DropoutAttrs& attrs) {
  return {Nodes(in->name, in->graph).Add(kDropout, "", {in->input()}, attrs)};
}

std::vector<TensorId> BuildDropout(LayerIn* in) {
  DropoutAttrs attrs = AttrsOf(*in, "rate", dropout::kZeros);
  if (const Json* noise = JsonFind(in->config, "noise_shape"))
    attrs.noise_shape = JsonDims(*noise, "noise_shape");
  return AddDropout(in, attrs);
}

// Whole channels, from the first or last dimension.
template <int kSpatial>
std::vector<TensorId> BuildSpatialDropout(LayerIn* in) {
  const Shape x = ImageOf(*in, kSpatial);
  DropoutAttrs attrs = AttrsOf(*in, "rate", dropout::kZeros);
  attrs.noise_shape.assign(static_cast<size_t>(x.rank()), 1);
  attrs.noise_shape[0] = dropout::kWholeDimension;
  attrs.noise_shape[IsChannelsFirst(in->config) ? 1 : kSpatial + 1] =
      dropout::kWholeDimension;
  return AddDropout(in, attrs);
}

template <dropout::Noise kNoise>
std::vector<TensorId> BuildNoise(LayerIn* in) {
  if (JsonFind(in->config, "noise_shape") != nullptr)
    Fail(ErrorKind::kUnsupported, "it has a noise_shape");
  return AddDropout(
      in,
      AttrsOf(*in, kNoise == dropout::kOffsets ? "stddev" : "rate", kNoise));
}

std::vector<TensorId> BuildActivityRegularization(LayerIn* in) {
  DropoutAttrs attrs;
  attrs.noise = dropout::kNothing;
  attrs.rate = 0;
  attrs.l1 = static_cast<float>(JsonNumber(in->config, "l1", 0));
  attrs.l2 = static_cast<float>(JsonNumber(in->config, "l2", 0));
  return AddDropout(in, attrs);
}

void SetSeed(const DropoutAttrs& attrs, OutLayer* layer) {
  if (attrs.has_seed) layer->Set("seed", attrs.seed);
}

// Spatial dropouts are Dropouts of a noise_shape: Keras says it shorter.
bool IsSpatial(const NodeOut& out, const DropoutAttrs& attrs) {
  const int rank = out.input(0).shape.rank();
  if (rank != 3 && rank != 4) return false;
  std::vector<int32_t> whole(static_cast<size_t>(rank), 1);
  whole.front() = whole.back() = dropout::kWholeDimension;
  return attrs.noise_shape == whole;
}

bool WriteDropout(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kDropout) return false;
  const auto attrs = Get<DropoutAttrs>(node);
  if (attrs.noise == dropout::kNothing) {
    OutLayer& layer =
        layers->Add("ActivityRegularization", node.name, out.inputs);
    layer.Set("l1", Decimal(attrs.l1));
    layer.Set("l2", Decimal(attrs.l2));
    return true;
  }
  const bool spatial = IsSpatial(out, attrs);
  const char* name = attrs.noise == dropout::kFactors   ? "GaussianDropout"
                     : attrs.noise == dropout::kOffsets ? "GaussianNoise"
                     : attrs.noise == dropout::kLowest  ? "AlphaDropout"
                     : !spatial                         ? "Dropout"
                     : out.input(0).shape.rank() == 4   ? "SpatialDropout2D"
                                                        : "SpatialDropout1D";
  OutLayer& layer = layers->Add(name, node.name, out.inputs);
  layer.Set(attrs.noise == dropout::kOffsets ? "stddev" : "rate",
            Decimal(attrs.rate));
  if (attrs.noise == dropout::kZeros && !spatial) {
    // kWholeDimension is what ConfigValue writes as null.
    layer.Set("noise_shape", attrs.noise_shape.empty()
                                 ? ConfigValue()
                                 : ConfigValue(attrs.noise_shape));
    layer.Set("seed", attrs.has_seed ? ConfigValue(attrs.seed) : ConfigValue());
  } else {
    SetSeed(attrs, &layer);
  }
  return true;
}

// What has no effect outside training, and is not done there.
std::vector<TensorId> BuildNothing(LayerIn* in) {
  Warn(
      "layer '{}' ({}) acts in Keras's training only and neither acts nor is "
      "kept here",
      in->name, in->row.class_name);
  return {in->input()};
}

// tfmot's, in front of a quantized model.
std::vector<TensorId> BuildQuantizeLayer(LayerIn* in) {
  const TensorId x = in->input();
  if (in->variables == nullptr) return {x};
  const auto value = [&](WrapperVariable which) {
    const H5Dataset* data = in->variables->FindOfWrapper(in->layer, which);
    float number = 0;
    if (data != nullptr && data->bytes.size() == sizeof(float))
      std::memcpy(&number, data->bytes.data(), sizeof(float));
    return number;
  };
  const float min = value(WrapperVariable::kActivationMin);
  const float max = value(WrapperVariable::kActivationMax);
  in->tensors->found = 3;  // its range and the step
  // Before the first step there is no range.
  if (min == 0 && max == 0) return {x};
  return {AddActivationRange(x, min, max, fake_quant::kAllValues, in->graph)};
}

std::vector<TensorId> BuildIdentity(LayerIn* in) { return {in->input()}; }

constexpr LayerRow Nothing(const char* name) {
  return {name, "nothing outside training, and left out", {}, BuildNothing};
}

constexpr LayerRow kNoiseRows[] = {
    {"Dropout",
     "in training only; rate, noise_shape, seed",
     {},
     BuildDropout,
     WriteDropout},
    {"SpatialDropout1D", "in training only", {}, BuildSpatialDropout<1>},
    {"SpatialDropout2D", "in training only", {}, BuildSpatialDropout<2>},
    {"GaussianDropout",
     "in training only; rate, seed",
     {},
     BuildNoise<dropout::kFactors>},
    {"GaussianNoise",
     "in training only; stddev, seed",
     {},
     BuildNoise<dropout::kOffsets>},
    {"AlphaDropout",
     "in training only; rate, seed",
     {},
     BuildNoise<dropout::kLowest>},
    {"ActivityRegularization",
     "l1 and l2 are kept, and do not act",
     {},
     BuildActivityRegularization},
    {"Identity", "nothing", {}, BuildIdentity},
    {"QuantizeLayer",
     "tfmot's, with the range that it has",
     {},
     BuildQuantizeLayer},
    Nothing("RandomFlip"),
    Nothing("RandomCrop"),
    Nothing("RandomRotation"),
    Nothing("RandomTranslation"),
    Nothing("RandomZoom"),
    Nothing("RandomHeight"),
    Nothing("RandomWidth"),
    Nothing("RandomContrast"),
    Nothing("RandomBrightness"),
    Nothing("RandomShear"),
    Nothing("RandomSharpness"),
    Nothing("RandomHue"),
    Nothing("RandomSaturation"),
    Nothing("RandomColorJitter"),
    Nothing("RandomColorDegeneration"),
    Nothing("RandomGrayscale"),
    Nothing("RandomGaussianBlur"),
    Nothing("RandomErasing"),
    Nothing("RandomInvert"),
    Nothing("RandomPosterization"),
    Nothing("RandomPerspective"),
    Nothing("RandomElasticTransform"),
};

}  // namespace

std::span<const LayerRow> NoiseLayers() { return kNoiseRows; }

}  // namespace litesmith
