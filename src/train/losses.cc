// The list of losses.
#include "src/train/losses.h"

#include <algorithm>
#include <string>

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

// The loss, if it can compare these.
const Loss& Fitting(const Loss& loss, const Tensor& output, const Dataset& data,
                    size_t target) {
  RequireFit(loss.targets, output, data, target,
             std::string("loss ") + loss.name);
  return loss;
}

constexpr Loss kLosses[] = {
    {"sparse_categorical_crossentropy",
     "of class labels, the outputs being logits (softmax is part of the loss)",
     TargetKind::kLabels, SparseCategoricalCrossentropy},
    {"mse", "mean squared error of the outputs against as many values",
     TargetKind::kValues, Mse},
};

}  // namespace

std::span<const Loss> Losses() { return kLosses; }

const Loss& FindLoss(std::string_view name) {
  return FindByName(kLosses, name, "loss");
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
