// The list of losses.
#include "src/train/losses.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/data/values.h"
#include "src/kernels/train/losses.h"
#include "src/train/trainer.h"

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

LossSum Mae(const float* outputs, const void* targets, int samples, int values,
            float scale, float* gradients) {
  LossSum sum;
  kernels::MeanAbsoluteError(outputs, static_cast<const float*>(targets),
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
  RequireFit(TargetsOf(loss, output, data, target), output, data, target,
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
    {"mae", "mean absolute error of the outputs against as many values",
     TargetKind::kValues, Probabilities::kNone, Mae},
};

// What makes the first output, through what only gives it another shape; its
// op says whether it is probabilities. -1: no node.
NodeId HeadOf(const Graph& graph) {
  NodeId maker = graph.Producer(graph.outputs[0]);
  while (maker >= 0 && graph.node(maker).op->in_place)
    maker = graph.Producer(graph.node(maker).inputs[0]);
  return maker;
}

Probabilities ProbabilitiesOf(const Graph& graph, NodeId head) {
  if (head < 0) return Probabilities::kNone;
  const Node& node = graph.node(head);
  return node.op->probabilities == nullptr ? Probabilities::kNone
                                           : node.op->probabilities(node);
}

// "1,2.5" as numbers; nothing if it is no such list.
std::vector<float> ParseWeights(const std::string& text) {
  std::vector<float> weights;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    float weight = 0;
    const auto [stopped, error] = std::from_chars(at, end, weight);
    if (error != std::errc() || !(weight > 0) || !std::isfinite(weight))
      return {};
    weights.push_back(weight);
    if (stopped < end && *stopped != ',') return {};
    at = stopped < end ? stopped + 1 : end;
  }
  return weights;
}

// n / (classes * n of the class): on the average 1.
std::vector<float> BalancedWeights(const Dataset& data, int64_t samples) {
  std::vector<int64_t> counts(static_cast<size_t>(data.classes()), 0);
  for (int64_t i = 0; i < samples; ++i)
    ++counts[static_cast<size_t>(LabelOf(data, i))];
  std::vector<float> weights;
  for (const int64_t count : counts) {
    weights.push_back(count == 0
                          ? 1.0f
                          : static_cast<float>(samples) /
                                static_cast<float>(data.classes() * count));
  }
  return weights;
}

}  // namespace

std::span<const Loss> Losses() { return kLosses; }

const Loss& FindLoss(std::string_view name) {
  return FindByName(kLosses, name, "loss");
}

Graph WithLossInput(Graph graph, const Loss& loss) {
  if (loss.of == Probabilities::kNone || graph.outputs.empty()) return graph;
  const NodeId head = HeadOf(graph);
  const Probabilities made = ProbabilitiesOf(graph, head);
  if (made == Probabilities::kNone) return graph;
  const Node& node = graph.node(head);
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

std::string LossFor(const Graph& graph, const Dataset& data,
                    const std::string& name) {
  if (name != kAutoLoss || graph.outputs.empty()) return name;
  const Tensor& output = graph.tensor(graph.outputs[0]);
  const Probabilities made = ProbabilitiesOf(graph, HeadOf(graph));
  const bool one = output.shape.NumElementsPerSample() == 1;
  if (data.classes() > 0) {
    return made == Probabilities::kOfEach || (one && data.classes() == 2)
               ? "binary_crossentropy"
               : "sparse_categorical_crossentropy";
  }
  switch (made) {
    case Probabilities::kOfClasses:
      return "categorical_crossentropy";
    case Probabilities::kOfEach:
      return "binary_crossentropy";
    case Probabilities::kNone:
      break;
  }
  return "mse";
}

LossTuning TuningOf(const Loss& loss, const TrainOptions& options,
                    const Dataset& data, int64_t samples) {
  LossTuning tuning;
  if (loss.of != Probabilities::kNone)
    tuning.label_smoothing = options.label_smoothing;
  if (options.class_weights.empty()) return tuning;
  if (data.classes() == 0 || loss.of == Probabilities::kNone) {
    Fail(ErrorKind::kInvalidArgument,
         "class weights are for labels and a cross-entropy; {}",
         data.classes() == 0 ? "the data has no classes"
                             : fmt::format("the loss is {}", loss.name));
  }
  tuning.class_weights = options.class_weights == "balanced"
                             ? BalancedWeights(data, samples)
                             : ParseWeights(options.class_weights);
  if (tuning.class_weights.size() != static_cast<size_t>(data.classes())) {
    Fail(ErrorKind::kInvalidArgument,
         "class weights \"{}\": {} numbers above 0 by commas, one for each "
         "class of the data, or balanced are wanted",
         options.class_weights, data.classes());
  }
  return tuning;
}

TargetKind TargetsOf(const Loss& loss, const Tensor& output,
                     const Dataset& data, size_t target) {
  const int64_t values = output.shape.NumElementsPerSample();
  const bool fits =
      loss.targets == TargetKind::kValues && data.classes() > 0 &&
      target == 0 && values > 1 && values >= data.classes() &&
      FieldAt(data, TargetAt(data, target)).shape.NumElements() == 1;
  return fits ? TargetKind::kLabels : loss.targets;
}

LossHead::LossHead(const Loss& loss, const Tensor& output, const Dataset& data,
                   size_t target, LossTuning tuning)
    : loss_(&Fitting(loss, output, data, target)),
      kind_(TargetsOf(loss, output, data, target)),
      field_(TargetAt(data, target)),
      values_(static_cast<int>(output.shape.NumElementsPerSample())),
      feeder_(FieldAt(data, field_), TargetTensor(kind_, data, target)),
      tuning_(std::move(tuning)) {
  targets_.resize(feeder_.bytes() * kBlock);
  if (kind_ != loss.targets || !tuning_.is_none())
    tuned_.resize(static_cast<size_t>(values_) * kBlock);
}

float LossHead::WeightOf(int label) const {
  return tuning_.class_weights.empty()
             ? 1.0f
             : tuning_.class_weights[static_cast<size_t>(label)];
}

// Labels become shares. A share's loss and gradient grow with it, so that a
// class's weight is a factor of its shares.
LossSum LossHead::Tuned(const float* outputs, int samples, float scale,
                        float* gradients) {
  const float smooth = tuning_.label_smoothing;
  const bool labels = kind_ == TargetKind::kLabels;
  const bool each = loss_->of == Probabilities::kOfEach;
  const float others = smooth / static_cast<float>(each ? 2 : values_);
  const auto n = static_cast<size_t>(values_);
  const auto* by_label = reinterpret_cast<const int32_t*>(targets_.data());
  const auto* by_value = reinterpret_cast<const float*>(targets_.data());
  LossSum sum;
  for (int s = 0; s < samples; ++s) {
    const size_t at = static_cast<size_t>(s) * n;
    float* shares = tuned_.data() + at;
    for (size_t c = 0; c < n; ++c) {
      const float target =
          labels ? (static_cast<size_t>(by_label[s]) == c ? 1.0f : 0.0f)
                 : by_value[at + c];
      shares[c] = target * (1 - smooth) + others;
    }
    if (labels) {
      const float* of = outputs + at;
      sum.correct += std::max_element(of, of + n) - of == by_label[s] ? 1 : 0;
    }
    // Of one value that is a label, that.
    const float weight = tuning_.class_weights.empty() ? 1.0f
                         : labels                      ? WeightOf(by_label[s])
                                  : WeightOf(static_cast<int>(by_value[at]));
    if (loss_->of == Probabilities::kOfClasses) {
      for (size_t c = 0; c < n; ++c) shares[c] *= weight;
    } else {
      const LossSum one = loss_->compute(outputs + at, shares, 1, values_,
                                         scale * weight, gradients + at);
      sum.loss += one.loss * double{weight};
    }
  }
  if (loss_->of == Probabilities::kOfClasses) {
    sum.loss = CategoricalCrossentropy(outputs, tuned_.data(), samples, values_,
                                       scale, gradients)
                   .loss;
  }
  return sum;
}

LossSum LossHead::operator()(const Batch& batch, int first, int count,
                             const float* outputs, float scale,
                             float* gradients) {
  LossSum sum;
  for (int begin = 0; begin < count; begin += kBlock) {
    const int samples = std::min(kBlock, count - begin);
    feeder_(batch, field_, first + begin, samples, targets_.data());
    const size_t at = static_cast<size_t>(begin) * static_cast<size_t>(values_);
    const LossSum block =
        tuned_.empty() ? loss_->compute(outputs + at, targets_.data(), samples,
                                        values_, scale, gradients + at)
                       : Tuned(outputs + at, samples, scale, gradients + at);
    sum.loss += block.loss;
    sum.correct += block.correct;
  }
  return sum;
}

}  // namespace litesmith
