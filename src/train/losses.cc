// The list of losses.
#include "src/train/losses.h"

#include <algorithm>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/kernels/train/losses.h"

namespace litesmith {
namespace {

// Samples at a time. Sums go by it: another number would be other bits.
constexpr int kBlock = 64;

LossSum SparseCategoricalCrossentropy(const float* outputs, const void* targets,
                                      int samples, int values, float scale,
                                      float* gradients) {
  LossSum sum;
  kernels::SoftmaxCrossEntropy(outputs, static_cast<const int32_t*>(targets),
                               samples, values, scale, &sum.loss, &sum.correct,
                               gradients);
  return sum;
}

LossSum Mse(const float* outputs, const void* targets, int samples, int values,
            float scale, float* gradients) {
  LossSum sum;
  kernels::MeanSquaredError(outputs, static_cast<const float*>(targets),
                            samples, values, scale, &sum.loss, gradients);
  return sum;
}

LossSum CategoricalCrossentropy(const float* outputs, const void* targets,
                                int samples, int values, float scale,
                                float* gradients) {
  LossSum sum;
  kernels::SoftmaxCrossEntropyOfShares(
      outputs, static_cast<const float*>(targets), samples, values, scale,
      &sum.loss, gradients);
  return sum;
}

LossSum BinaryCrossentropy(const float* outputs, const void* targets,
                           int samples, int values, float scale,
                           float* gradients) {
  LossSum sum;
  kernels::SigmoidCrossEntropy(outputs, static_cast<const float*>(targets),
                               samples, values, scale, &sum.loss, gradients);
  return sum;
}

// The loss, if it can compare these.
const Loss& Fitting(const Loss& loss, const Tensor& output, const Dataset& data,
                    size_t target) {
  RequireFit(loss.targets, output, data, target,
             std::string("loss ") + loss.name);
  return loss;
}

constexpr Loss kLosses[] = {
    {"sparse_categorical_crossentropy",
     "of class labels, the outputs being logits or softmax of them",
     TargetKind::kLabels, Probabilities::kOfClasses,
     SparseCategoricalCrossentropy},
    {"categorical_crossentropy",
     "of a share for each class, the outputs being logits or softmax of them",
     TargetKind::kValues, Probabilities::kOfClasses, CategoricalCrossentropy},
    {"binary_crossentropy",
     "of values from 0 to 1, the outputs being logits or sigmoids of them",
     TargetKind::kValues, Probabilities::kOfEach, BinaryCrossentropy},
    {"mse", "mean squared error of the outputs against as many values",
     TargetKind::kValues, Probabilities::kNone, Mse},
};

}  // namespace

std::span<const Loss> Losses() { return kLosses; }

const Loss& FindLoss(std::string_view name) {
  return FindByName(kLosses, name, "loss");
}

Graph WithLossInput(Graph graph, const Loss& loss) {
  if (loss.of == Probabilities::kNone || graph.outputs.empty()) return graph;
  TensorId id = graph.outputs[0];
  NodeId maker = graph.Producer(id);
  // Through what only gives them another shape.
  while (maker >= 0 && graph.node(maker).op->in_place) {
    id = graph.node(maker).inputs[0];
    maker = graph.Producer(id);
  }
  if (maker < 0) return graph;
  const Node& node = graph.node(maker);
  const Probabilities made = node.op->probabilities == nullptr
                                 ? Probabilities::kNone
                                 : node.op->probabilities(node);
  if (made == Probabilities::kNone) return graph;
  if (made != loss.of) {
    Fail(ErrorKind::kUnsupported,
         "loss {} compares {}; the model's output '{}' is made by {} (node "
         "'{}')",
         loss.name,
         loss.of == Probabilities::kOfEach
             ? "a value by itself, logits or sigmoids of them"
             : "the values of classes, logits or softmax of them",
         graph.tensor(graph.outputs[0]).name, node.op->name, node.name);
  }
  graph.outputs[0] = node.inputs[0];
  return graph;
}

LossHead::LossHead(const Loss& loss, const Tensor& output, const Dataset& data,
                   size_t target)
    : loss_(&Fitting(loss, output, data, target)),
      field_(TargetAt(data, target)),
      values_(static_cast<int>(output.shape.NumElementsPerSample())),
      feeder_(FieldAt(data, field_), TargetTensor(loss.targets, data, target)) {
  targets_.resize(feeder_.bytes() * kBlock);
}

LossSum LossHead::operator()(const Batch& batch, int first, int count,
                             const float* outputs, float scale,
                             float* gradients) {
  LossSum sum;
  for (int begin = 0; begin < count; begin += kBlock) {
    const int samples = std::min(kBlock, count - begin);
    feeder_(batch, field_, first + begin, samples, targets_.data());
    const size_t at = static_cast<size_t>(begin) * static_cast<size_t>(values_);
    const LossSum block = loss_->compute(outputs + at, targets_.data(), samples,
                                         values_, scale, gradients + at);
    sum.loss += block.loss;
    sum.correct += block.correct;
  }
  return sum;
}

}  // namespace litesmith
