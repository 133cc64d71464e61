// The list of built-in models.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/models/models.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Weights take streams kWeights, kWeights + 1, ... of the seed, one a layer.
constexpr uint64_t kWeights = 1;

// Builds a sequential model: every call adds one layer to the last output.
class Sequential {
 public:
  Sequential(const std::string& name, const Shape& shape, uint64_t seed)
      : seed_(seed) {
    Tensor input;
    input.name = name;
    input.kind = TensorKind::kInput;
    input.shape = shape;
    last_ = graph_.AddTensor(std::move(input));
    graph_.inputs = {last_};
    graph_.input_names = {name};
  }

  void Reshape(const std::string& name, const std::vector<int32_t>& dims) {
    const TensorId shape = graph_.AddConstant<int32_t>(
        name + "/shape", {static_cast<int32_t>(dims.size())}, dims);
    Add(kReshape, name, {last_, shape});
  }

  void Conv2D(const std::string& name, int in, int out, int side) {
    // Keras's fans of a kernel [kh, kw, in, out].
    const TensorId kernel = Glorot(name, {out, side, side, in},
                                   side * side * in, side * side * out);
    Node& node = Add(kConv2D, name, {last_, kernel, Zeros(name, out)});
    node.Set<&Conv2DAttrs::padding>(kValid);
    node.Set<&Conv2DAttrs::stride_h>(1);
    node.Set<&Conv2DAttrs::stride_w>(1);
    node.Set<&Conv2DAttrs::activation>(activation::kRelu);
  }

  void MaxPool2D(const std::string& name, int side) {
    Node& node = Add(kMaxPool2D, name, {last_});
    node.Set<&Pool2DAttrs::padding>(kValid);
    node.Set<&Pool2DAttrs::stride_h>(side);
    node.Set<&Pool2DAttrs::stride_w>(side);
    node.Set<&Pool2DAttrs::filter_h>(side);
    node.Set<&Pool2DAttrs::filter_w>(side);
    node.Set<&Pool2DAttrs::activation>(kNone);
  }

  void Dense(const std::string& name, int in, int out) {
    const TensorId kernel = Glorot(name, {out, in}, in, out);
    Node& node = Add(kFullyConnected, name, {last_, kernel, Zeros(name, out)});
    node.Set<&FullyConnectedAttrs::activation>(kNone);
  }

  Graph Finish() {
    graph_.outputs = {last_};
    graph_.output_names = {graph_.tensor(last_).name};
    InferShapes(&graph_);
    VerifyStructure(graph_);
    return std::move(graph_);
  }

 private:
  Node& Add(const OpDef& op, const std::string& name,
            std::vector<TensorId> inputs) {
    Node& node = graph_.AddNode(op, name, std::move(inputs), {name});
    last_ = node.outputs[0];
    return node;
  }

  // Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
  TensorId Glorot(const std::string& layer, const Shape& shape, int fan_in,
                  int fan_out) {
    const auto limit = static_cast<float>(
        std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
    Rng rng(seed_, kWeights + layers_++);
    std::vector<float> values(static_cast<size_t>(shape.NumElements()));
    for (float& value : values) value = rng.Uniform(-limit, limit);
    return graph_.AddConstant<float>(layer + "/kernel", shape, values,
                                     TensorKind::kParameter);
  }

  TensorId Zeros(const std::string& layer, int count) {
    const std::vector<float> values(static_cast<size_t>(count), 0.0f);
    return graph_.AddConstant<float>(layer + "/bias", {count}, values,
                                     TensorKind::kParameter);
  }

  Graph graph_;
  uint64_t seed_;
  uint64_t layers_ = 0;
  TensorId last_ = kNoTensor;
};

Graph MakeMnistCnn(uint64_t seed) {
  Sequential model("input", {kDynamic, 28, 28}, seed);
  model.Reshape("reshape", {kDynamic, 28, 28, 1});
  model.Conv2D("conv2d", 1, 12, 3);
  model.MaxPool2D("max_pooling2d", 2);
  model.Reshape("flatten", {kDynamic, 13 * 13 * 12});
  model.Dense("dense", 13 * 13 * 12, 10);
  return model.Finish();
}

constexpr BuiltinModel kModels[] = {
    {"mnist-cnn",
     "28 x 28 -> Conv2D 12 of 3 x 3 ReLU, MaxPool 2 x 2, Dense 10 (logits); "
     "20,410 parameters",
     MakeMnistCnn},
};

}  // namespace

std::span<const BuiltinModel> BuiltinModels() { return kModels; }

}  // namespace litesmith
