// Layers of untrained models.
#include "src/models/model_builder.h"

#include <cmath>
#include <utility>

#include "src/base/rng.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/map/binary.h"
#include "src/ops/map/softmax.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// Weights take streams kWeights, kWeights + 1, ... of the seed, one a layer.
constexpr uint64_t kWeights = 1;

Shape WithBatch(std::vector<int32_t> sample) {
  sample.insert(sample.begin(), kDynamic);
  return Shape(std::span<const int32_t>(sample));
}

}  // namespace

ModelBuilder::ModelBuilder(const std::string& name,
                           const std::vector<int32_t>& shape, uint64_t seed)
    : seed_(seed) {
  Tensor input;
  input.name = name;
  input.kind = TensorKind::kInput;
  input.shape = WithBatch(shape);
  last_ = graph_.AddTensor(std::move(input));
  graph_.inputs = {last_};
  graph_.input_names = {name};
}

std::vector<int32_t> ModelBuilder::shape() const {
  const std::vector<int32_t> dims = graph_.tensor(last_).shape.ToVector();
  return {dims.begin() + 1, dims.end()};
}

Node& ModelBuilder::AddNode(const OpDef& op, const std::string& name,
                            std::vector<TensorId> inputs) {
  Node& node = graph_.AddNode(op, name, std::move(inputs), {name});
  last_ = node.outputs[0];
  return node;
}

// Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
TensorId ModelBuilder::Glorot(const std::string& name, const Shape& shape,
                              int fan_in, int fan_out) {
  const auto limit = static_cast<float>(
      std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
  Rng rng(seed_, kWeights + layers_++);
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& value : values) value = rng.Uniform(-limit, limit);
  return graph_.AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

TensorId ModelBuilder::Values(const std::string& name, int count, float value,
                              TensorKind kind) {
  const std::vector<float> values(static_cast<size_t>(count), value);
  return graph_.AddConstant<float>(name, {count}, values, kind);
}

void ModelBuilder::Reshape(const std::string& name,
                           const std::vector<int32_t>& sample) {
  const std::vector<int32_t> dims = WithBatch(sample).ToVector();
  const TensorId shape = graph_.AddConstant<int32_t>(
      name + "/shape", {static_cast<int32_t>(dims.size())}, dims);
  AddNode(kReshape, name, {last_, shape});
  graph_.tensor(last_).shape = WithBatch(sample);
}

void ModelBuilder::Flatten(const std::string& name) {
  int32_t count = 1;
  for (const int32_t dim : shape()) count *= dim;
  Reshape(name, {count});
}

// Shapes are inferred as layers are added: the next one asks for them.
void ModelBuilder::Conv(const std::string& name, const ConvShape& conv,
                        bool bias, Activation activation) {
  const int in = channels();
  const int taps = conv.height * conv.width;
  // Keras's fans of a kernel [kh, kw, in, out].
  std::vector<TensorId> inputs = {
      last_,
      Glorot(name + "/kernel", {conv.channels, conv.height, conv.width, in},
             taps * in, taps * conv.channels)};
  graph_.tensor(inputs[1]).regularizer.l2 = convolution_l2_;
  if (bias) inputs.push_back(Zeros(name, conv.channels));
  Node& node = AddNode(kConv2D, name, std::move(inputs));
  Conv2DAttrs attrs;
  attrs.padding = conv.padding;
  attrs.stride_w = conv.stride;
  attrs.stride_h = conv.stride_h > 0 ? conv.stride_h : conv.stride;
  attrs.activation = activation;
  Put(attrs, &node);
  InferShapes(&graph_);
}

void ModelBuilder::Depthwise(const std::string& name, const ConvShape& conv,
                             bool bias, Activation activation) {
  const int in = channels();
  const int taps = conv.height * conv.width;
  std::vector<TensorId> inputs = {
      last_, Glorot(name + "/kernel", {1, conv.height, conv.width, in},
                    taps * in, taps)};
  if (bias) inputs.push_back(Zeros(name, in));
  Node& node = AddNode(kDepthwiseConv2D, name, std::move(inputs));
  DepthwiseConv2DAttrs attrs;
  attrs.padding = conv.padding;
  attrs.stride_w = conv.stride;
  attrs.stride_h = conv.stride_h > 0 ? conv.stride_h : conv.stride;
  attrs.depth_multiplier = 1;
  attrs.activation = activation;
  Put(attrs, &node);
  InferShapes(&graph_);
}

void ModelBuilder::Dense(const std::string& name, int outputs, bool bias,
                         Activation activation) {
  const int in = channels();
  std::vector<TensorId> inputs = {
      last_, Glorot(name + "/kernel", {outputs, in}, in, outputs)};
  if (bias) inputs.push_back(Zeros(name, outputs));
  Node& node = AddNode(kFullyConnected, name, std::move(inputs));
  node.Set<&FullyConnectedAttrs::activation>(activation);
  InferShapes(&graph_);
}

void ModelBuilder::BatchNorm(const std::string& name, Activation activation) {
  const int count = channels();
  const TensorId gamma =
      Values(name + "/gamma", count, 1, TensorKind::kParameter);
  const TensorId beta =
      Values(name + "/beta", count, 0, TensorKind::kParameter);
  const TensorId mean =
      Values(name + "/moving_mean", count, 0, TensorKind::kState);
  const TensorId variance =
      Values(name + "/moving_variance", count, 1, TensorKind::kState);
  Node& node = AddNode(kBatchNorm, name, {last_, gamma, beta, mean, variance});
  BatchNormAttrs attrs;
  attrs.activation = activation;
  Put(attrs, &node);
  InferShapes(&graph_);
}

void ModelBuilder::MaxPool(const std::string& name, int height, int width) {
  Node& node = AddNode(kMaxPool2D, name, {last_});
  Put(Pool2DAttrs{kValid, width, height, width, height, kNone}, &node);
  InferShapes(&graph_);
}

void ModelBuilder::AveragePool(const std::string& name, int height, int width) {
  Node& node = AddNode(kAveragePool2D, name, {last_});
  Put(Pool2DAttrs{kValid, width, height, width, height, kNone}, &node);
  InferShapes(&graph_);
}

void ModelBuilder::GlobalAveragePool(const std::string& name) {
  const std::vector<int32_t> axes = {1, 2};
  const TensorId of = graph_.AddConstant<int32_t>(name + "/axes", {2}, axes);
  AddNode(kMean, name, {last_, of});
  InferShapes(&graph_);
}

void ModelBuilder::Unary(const OpDef& op, const std::string& name) {
  AddNode(op, name, {last_});
  InferShapes(&graph_);
}

void ModelBuilder::Gru(const std::string& name, int units) {
  const int in = channels();
  constexpr int kGates = 3;
  const TensorId kernel =
      Glorot(name + "/kernel", {kGates * units, in}, in, kGates * units);
  const TensorId recurrent =
      Glorot(name + "/recurrent_kernel", {kGates * units, units}, units,
             kGates * units);
  const std::vector<float> zeros(static_cast<size_t>(2 * kGates * units), 0.0f);
  const TensorId bias = graph_.AddConstant<float>(
      name + "/bias", {2, kGates * units}, zeros, TensorKind::kParameter);
  Node& node = AddNode(kRnn, name, {last_, kernel, recurrent, bias});
  RnnAttrs attrs;
  attrs.cell = kernels::CellKind::kGru;
  attrs.return_sequences = false;
  Put(attrs, &node);
  InferShapes(&graph_);
}

void ModelBuilder::Softmax(const std::string& name) {
  Node& node = AddNode(kSoftmax, name, {last_});
  node.Set<&SoftmaxAttrs::beta>(1);
  InferShapes(&graph_);
}

void ModelBuilder::Dropout(const std::string& name, float rate) {
  Node& node = AddNode(kDropout, name, {last_});
  node.Set<&DropoutAttrs::rate>(rate);
  InferShapes(&graph_);
}

void ModelBuilder::Add(const std::string& name, TensorId other,
                       Activation activation) {
  Node& node = AddNode(kAdd, name, {last_, other});
  AddAttrs attrs;
  attrs.activation = activation;
  attrs.pot_scale_int16 = false;
  Put(attrs, &node);
  InferShapes(&graph_);
}

Graph ModelBuilder::Finish() {
  graph_.outputs = {last_};
  graph_.output_names = {graph_.tensor(last_).name};
  InferShapes(&graph_);
  VerifyStructure(graph_);
  return std::move(graph_);
}

}  // namespace litesmith
