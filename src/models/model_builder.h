// Builds an untrained model layer by layer: every call adds one behind the
// output at hand, with Glorot-uniform weights and zero biases from a seed.
#ifndef LITESMITH_MODELS_MODEL_BUILDER_H_
#define LITESMITH_MODELS_MODEL_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

struct ConvShape {
  int channels = 0;
  int height = 3, width = 3;
  int stride = 1;
  int stride_h = 0;  // 0: as `stride`
  Padding padding = kSame;
};

class ModelBuilder {
 public:
  // `shape` is of a sample.
  ModelBuilder(const std::string& name, const std::vector<int32_t>& shape,
               uint64_t seed);

  // The output at hand, and back to an earlier one.
  TensorId at() const { return last_; }
  void GoTo(TensorId tensor) { last_ = tensor; }
  // Of the output at hand, without the batch.
  std::vector<int32_t> shape() const;
  int channels() const { return shape().back(); }

  // Kernels of convolutions behind this are trained with this L2 of Keras's.
  void set_convolution_l2(float l2) { convolution_l2_ = l2; }

  void Reshape(const std::string& name, const std::vector<int32_t>& sample);
  void Flatten(const std::string& name);
  // With a bias unless a batch normalization follows.
  void Conv(const std::string& name, const ConvShape& conv, bool bias,
            Activation activation = kNone);
  void Depthwise(const std::string& name, const ConvShape& conv, bool bias,
                 Activation activation = kNone);
  void Dense(const std::string& name, int outputs, bool bias = true,
             Activation activation = kNone);
  void BatchNorm(const std::string& name, Activation activation = kNone);
  void MaxPool(const std::string& name, int height, int width);
  void AveragePool(const std::string& name, int height, int width);
  // The mean over height and width.
  void GlobalAveragePool(const std::string& name);
  // An op of one input and no attributes.
  void Unary(const OpDef& op, const std::string& name);
  // The last state of a GRU over [time, features], as Keras 2 has it.
  void Gru(const std::string& name, int units);
  void Softmax(const std::string& name);
  void Dropout(const std::string& name, float rate);
  // To the output at hand.
  void Add(const std::string& name, TensorId other, Activation activation);

  Graph Finish();

 private:
  Node& AddNode(const OpDef& op, const std::string& name,
                std::vector<TensorId> inputs);
  TensorId Glorot(const std::string& name, const Shape& shape, int fan_in,
                  int fan_out);
  TensorId Values(const std::string& name, int count, float value,
                  TensorKind kind);
  TensorId Zeros(const std::string& layer, int count) {
    return Values(layer + "/bias", count, 0, TensorKind::kParameter);
  }

  Graph graph_;
  uint64_t seed_;
  uint64_t layers_ = 0;
  float convolution_l2_ = 0;
  TensorId last_ = kNoTensor;
};

}  // namespace litesmith

#endif  // LITESMITH_MODELS_MODEL_BUILDER_H_
