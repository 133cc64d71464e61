// The list of built-in models.
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/models/builtin_networks.h"
#include "src/models/model_builder.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

Graph MakeMnistCnn(const ModelShape& shape, uint64_t seed) {
  const std::vector<int32_t>& input = shape.input;
  if (input.size() != 2 && input.size() != 3) {
    Fail(ErrorKind::kInvalidArgument,
         "mnist-cnn takes images, as 28x28; a sample has {} dimensions",
         input.size());
  }
  ModelBuilder model("input", input, seed);
  if (input.size() == 2) model.Reshape("reshape", {input[0], input[1], 1});
  model.Conv("conv2d", {.channels = 12, .padding = kValid}, true,
             activation::kRelu);
  model.MaxPool("max_pooling2d", 2, 2);
  model.Flatten("flatten");
  model.Dense("dense", shape.classes);
  return model.Finish();
}

// Adam, its rate by half a cosine.
template <int kEpochs, int kBatch>
void ByCosine(TrainOptions* options) {
  options->epochs = kEpochs;
  options->batch = kBatch;
  options->schedule = "cosine";
}

const BuiltinModel kModels[] = {
    {"mnist-cnn",
     "28 x 28 -> Conv2D 12 of 3 x 3 ReLU, MaxPool 2 x 2, Dense 10 (logits); "
     "20,410 parameters",
     {{28, 28}, 10},
     false,
     nullptr,
     MakeMnistCnn},
    {"lenet5",
     "LeNet-5: two convolutions of 5 x 5 with tanh and average pools, three "
     "dense layers; images",
     {{28, 28, 1}, 10},
     true,
     ByCosine<10, 64>,
     MakeLeNet5},
    {"resnet8",
     "MLPerf Tiny's ResNet-8 for CIFAR-10: three residual blocks; images",
     {{32, 32, 3}, 10},
     true,
     ByCosine<30, 64>,
     MakeResNet8},
    {"mobilenet-v1-0.25",
     "MobileNet, a quarter as wide (visual wake words): 13 depthwise separable "
     "blocks; images",
     {{96, 96, 3}, 2},
     true,
     ByCosine<30, 32>,
     MakeMobileNetV1},
    {"mobilenet-v2-0.35",
     "MobileNetV2, 0.35 times as wide: 17 inverted residuals; images",
     {{96, 96, 3}, 2},
     true,
     ByCosine<30, 32>,
     MakeMobileNetV2},
    {"ds-cnn",
     "MLPerf Tiny's depthwise separable network for keywords; spectrograms",
     {{49, 10, 1}, 12},
     true,
     ByCosine<20, 100>,
     MakeDsCnn},
    {"mlp",
     "two dense layers of 64 and 32 with ReLU, then one for the answer (logits "
     "or values); tables, and any other input",
     {{16}, 2},
     true,
     ByCosine<50, 32>,
     MakeMlp},
    {"autoencoder",
     "MLPerf Tiny's dense autoencoder for anomalies: answers with its input",
     {{640}, 0},
     true,
     ByCosine<20, 128>,
     MakeAutoencoder},
    {"cnn1d",
     "three convolutions along the time of a sequence, as of accelerometers",
     {{128, 3}, 6},
     true,
     ByCosine<20, 64>,
     MakeCnn1D},
    {"gru-kws",
     "a GRU of 64 units over the time of a spectrogram, for keywords",
     {{49, 10}, 12},
     true,
     ByCosine<20, 100>,
     MakeGruKws},
};

}  // namespace

std::span<const BuiltinModel> BuiltinModels() { return kModels; }

const BuiltinModel& FindBuiltin(std::string_view name) {
  return FindByName(BuiltinModels(), name, "built-in model");
}

bool IsBuiltin(std::string_view name) {
  for (const BuiltinModel& model : kModels) {
    if (name == model.name) return true;
  }
  return false;
}

ModelShape FilledBy(ModelShape first, const ModelShape& second) {
  if (first.input.empty()) first.input = second.input;
  if (first.classes == 0) first.classes = second.classes;
  return first;
}

ModelShape ShapeOfSamples(const Dataset& data) {
  ModelShape shape;
  if (!data.inputs().empty()) shape.input = data.inputs()[0].shape.ToVector();
  shape.classes = data.classes();
  // Without labels as many answers as there are values.
  if (shape.classes == 0 && !data.targets().empty())
    shape.classes = static_cast<int>(data.targets()[0].shape.NumElements());
  return shape;
}

ModelShape ShapeOfData(const std::string& model, const std::string& spec,
                       const DataContext& context) {
  if (!IsBuiltin(model) || !FindBuiltin(model).by_data) return {};
  return ShapeOfSamples(*LoadData(spec, context).train.Open());
}

Graph MakeBuiltin(const BuiltinModel& model, const ModelShape& shape,
                  uint64_t seed) {
  const ModelShape whole = FilledBy(shape, model.usual);
  int64_t values = 1;
  for (const int32_t dim : whole.input) {
    if (dim < 1 || dim > 65536 || (values *= dim) > (int64_t{1} << 28)) {
      Fail(ErrorKind::kInvalidArgument,
           "an input of {}: dimensions of 1 to 65536 are wanted, and not more "
           "than 2^28 values",
           Shape(std::span<const int32_t>(whole.input)).ToString());
    }
  }
  return model.make(whole, seed);
}

}  // namespace litesmith
