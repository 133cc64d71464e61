// The built-in models but for the first: well-known small networks, for inputs
// of any size.
#include "src/models/builtin_networks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/models/model_builder.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Of all convolutions of MLPerf Tiny's networks, as it trains them; in
// depthwise ones it has no effect there.
constexpr float kMlperfTinyL2 = 1e-4f;

using Shape1 = std::vector<int32_t>;

std::string Text(const Shape1& shape) {
  return Shape(std::span<const int32_t>(shape)).ToString();
}

// An image [h, w, c]; one of two dimensions has one channel.
ModelBuilder Image(const ModelShape& shape, const char* model, uint64_t seed) {
  ModelBuilder m("input", shape.input, seed);
  if (shape.input.size() == 2) {
    m.Reshape("image", {shape.input[0], shape.input[1], 1});
  } else if (shape.input.size() != 3) {
    Fail(ErrorKind::kInvalidArgument,
         "{} takes images, as 96x96x3; a sample has the shape {}", model,
         Text(shape.input));
  }
  return m;
}

// A sequence [time, features]; one of three dimensions with one channel loses
// that one.
ModelBuilder Sequence(const ModelShape& shape, const char* model,
                      uint64_t seed) {
  ModelBuilder m("input", shape.input, seed);
  const Shape1& x = shape.input;
  if (x.size() == 3 && x[2] == 1) {
    m.Reshape("sequence", {x[0], x[1]});
  } else if (x.size() == 1) {
    m.Reshape("sequence", {x[0], 1});
  } else if (x.size() != 2) {
    Fail(ErrorKind::kInvalidArgument,
         "{} takes sequences, as 49x10; a sample has the shape {}", model,
         Text(x));
  }
  return m;
}

Graph WithClasses(ModelBuilder* m, const ModelShape& shape) {
  m->Dense("classes", shape.classes);
  m->Softmax("softmax");
  return m->Finish();
}

// Pools by two as long as there is something to pool.
void Halve(const std::string& name, bool maximum, ModelBuilder* m) {
  const Shape1 s = m->shape();
  const int h = s[0] > 1 ? 2 : 1;
  const int w = s[1] > 1 ? 2 : 1;
  if (maximum) {
    m->MaxPool(name, h, w);
  } else {
    m->AveragePool(name, h, w);
  }
}

// channels * width, a multiple of 8 that is not less than nine tenths of it, as
// the MobileNets round.
int Rounded(double channels, double width) {
  const double wanted = channels * width;
  const int rounded = std::max(8, static_cast<int>(wanted + 4) / 8 * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

}  // namespace

// LeCun et al. 1998, with the pools of means.
Graph MakeLeNet5(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m = Image(shape, "lenet5", seed);
  m.Conv("conv_1", {.channels = 6, .height = 5, .width = 5}, true);
  m.Unary(kTanh, "tanh_1");
  Halve("pool_1", false, &m);
  const Shape1 s = m.shape();
  m.Conv("conv_2",
         {.channels = 16,
          .height = 5,
          .width = 5,
          .padding = s[0] >= 6 && s[1] >= 6 ? kValid : kSame},
         true);
  m.Unary(kTanh, "tanh_2");
  Halve("pool_2", false, &m);
  m.Flatten("flatten");
  m.Dense("dense_1", 120);
  m.Unary(kTanh, "tanh_3");
  m.Dense("dense_2", 84);
  m.Unary(kTanh, "tanh_4");
  return WithClasses(&m, shape);
}

// MLPerf Tiny's, three stacks of one residual block.
Graph MakeResNet8(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m = Image(shape, "resnet8", seed);
  m.set_convolution_l2(kMlperfTinyL2);
  m.Conv("conv", {.channels = 16}, false);
  m.BatchNorm("norm", activation::kRelu);
  int channels = 16;
  for (int stack = 1; stack <= 3; ++stack, channels *= 2) {
    const std::string name = "stack_" + std::to_string(stack);
    const int stride = stack == 1 ? 1 : 2;
    const TensorId x = m.at();
    m.Conv(name + "_conv_1", {.channels = channels, .stride = stride}, false);
    m.BatchNorm(name + "_norm_1", activation::kRelu);
    m.Conv(name + "_conv_2", {.channels = channels}, false);
    m.BatchNorm(name + "_norm_2");
    const TensorId y = m.at();
    m.GoTo(x);
    if (stack > 1) {
      m.Conv(name + "_shortcut",
             {.channels = channels, .height = 1, .width = 1, .stride = stride},
             true);
    }
    m.Add(name + "_add", y, activation::kRelu);
  }
  m.GlobalAveragePool("pool");
  return WithClasses(&m, shape);
}

// Howard et al. 2017, a quarter as wide.
Graph MakeMobileNetV1(const ModelShape& shape, uint64_t seed) {
  constexpr double kWidth = 0.25;
  struct Block {
    int channels, stride;
  };
  constexpr Block kBlocks[] = {
      {64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
      {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  ModelBuilder m = Image(shape, "mobilenet-v1-0.25", seed);
  m.set_convolution_l2(kMlperfTinyL2);
  m.Conv("conv", {.channels = Rounded(32, kWidth), .stride = 2}, false);
  m.BatchNorm("norm", activation::kRelu6);
  int at = 0;
  for (const Block& block : kBlocks) {
    const std::string name = "block_" + std::to_string(++at);
    m.Depthwise(name + "_depthwise", {.stride = block.stride}, false);
    m.BatchNorm(name + "_depthwise_norm", activation::kRelu6);
    m.Conv(
        name + "_pointwise",
        {.channels = Rounded(block.channels, kWidth), .height = 1, .width = 1},
        false);
    m.BatchNorm(name + "_pointwise_norm", activation::kRelu6);
  }
  m.GlobalAveragePool("pool");
  m.Dropout("dropout", 0.001f);
  return WithClasses(&m, shape);
}

// Sandler et al. 2018, 0.35 times as wide.
Graph MakeMobileNetV2(const ModelShape& shape, uint64_t seed) {
  constexpr double kWidth = 0.35;
  struct Stage {
    int expansion, channels, blocks, stride;
  };
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2},
                               {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2},
                               {6, 320, 1, 1}};
  ModelBuilder m = Image(shape, "mobilenet-v2-0.35", seed);
  m.Conv("conv", {.channels = Rounded(32, kWidth), .stride = 2}, false);
  m.BatchNorm("norm", activation::kRelu6);
  int at = 0;
  for (const Stage& stage : kStages) {
    for (int b = 0; b < stage.blocks; ++b) {
      const std::string name = "block_" + std::to_string(++at);
      const TensorId x = m.at();
      const int in = m.channels();
      const int out = Rounded(stage.channels, kWidth);
      const int stride = b == 0 ? stage.stride : 1;
      if (stage.expansion > 1) {
        m.Conv(name + "_expand",
               {.channels = in * stage.expansion, .height = 1, .width = 1},
               false);
        m.BatchNorm(name + "_expand_norm", activation::kRelu6);
      }
      m.Depthwise(name + "_depthwise", {.stride = stride}, false);
      m.BatchNorm(name + "_depthwise_norm", activation::kRelu6);
      m.Conv(name + "_project", {.channels = out, .height = 1, .width = 1},
             false);
      m.BatchNorm(name + "_project_norm");
      if (stride == 1 && in == out) m.Add(name + "_add", x, kNone);
    }
  }
  m.Conv("head", {.channels = 1280, .height = 1, .width = 1}, false);
  m.BatchNorm("head_norm", activation::kRelu6);
  m.GlobalAveragePool("pool");
  return WithClasses(&m, shape);
}

// MLPerf Tiny's for keyword spotting (Zhang et al. 2017): of MFCC [49, 10, 1].
Graph MakeDsCnn(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m = Image(shape, "ds-cnn", seed);
  m.set_convolution_l2(kMlperfTinyL2);
  m.Conv("conv", {.channels = 64, .height = 10, .width = 4, .stride = 2},
         false);
  m.BatchNorm("norm", activation::kRelu);
  m.Dropout("dropout_1", 0.2f);
  for (int b = 1; b <= 4; ++b) {
    const std::string name = "block_" + std::to_string(b);
    m.Depthwise(name + "_depthwise", {}, false);
    m.BatchNorm(name + "_depthwise_norm", activation::kRelu);
    m.Conv(name + "_pointwise", {.channels = 64, .height = 1, .width = 1},
           false);
    m.BatchNorm(name + "_pointwise_norm", activation::kRelu);
  }
  m.Dropout("dropout_2", 0.4f);
  m.GlobalAveragePool("pool");
  return WithClasses(&m, shape);
}

// MLPerf Tiny's for anomalies of machines: answers with its input.
Graph MakeMlp(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m("input", shape.input, seed);
  if (shape.input.size() != 1) m.Flatten("flatten");
  m.Dense("dense_1", 64, true, activation::kRelu);
  m.Dense("dense_2", 32, true, activation::kRelu);
  m.Dense("answer", shape.classes);
  return m.Finish();
}

Graph MakeAutoencoder(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m("input", shape.input, seed);
  const bool flat = shape.input.size() == 1;
  if (!flat) m.Flatten("flatten");
  const int values = m.channels();
  int at = 0;
  for (const int width : {128, 128, 128, 128, 8, 128, 128, 128, 128}) {
    const std::string name = std::to_string(++at);
    m.Dense("dense_" + name, width, false);
    m.BatchNorm("norm_" + name, activation::kRelu);
  }
  m.Dense("output", values);
  if (!flat) m.Reshape("unflatten", shape.input);
  return m.Finish();
}

// Convolutions along the time of a sequence.
Graph MakeCnn1D(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m = Sequence(shape, "cnn1d", seed);
  const Shape1 s = m.shape();
  m.Reshape("rows", {1, s[0], s[1]});
  int at = 0;
  for (const int channels : {16, 32, 64}) {
    const std::string name = std::to_string(++at);
    m.Conv("conv_" + name, {.channels = channels, .height = 1, .width = 5},
           false);
    m.BatchNorm("norm_" + name, activation::kRelu);
    if (at < 3) Halve("pool_" + name, true, &m);
  }
  m.GlobalAveragePool("pool");
  return WithClasses(&m, shape);
}

// A GRU over the time of a spectrogram (Zhang et al. 2017).
Graph MakeGruKws(const ModelShape& shape, uint64_t seed) {
  ModelBuilder m = Sequence(shape, "gru-kws", seed);
  m.Gru("gru", 64);
  return WithClasses(&m, shape);
}

}  // namespace litesmith
