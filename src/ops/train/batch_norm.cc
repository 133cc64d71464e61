// BATCH_NORM: y = (x - mean) * gamma / sqrt(variance + epsilon) + beta by
// channel (Ioffe and Szegedy 2015). In training the moments are the batch's,
// for which all shards meet, in backward once more, since they depend on x. The
// moving moments follow as in Keras 2: m <- m * momentum + batch * (1 -
// momentum); of images the variance that they follow is the unbiased one.
#include "src/ops/train/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm_numbers.h"

namespace litesmith {
namespace {

using namespace batch_norm;  // NOLINT: positions of the inputs

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[kX]);
  const int rank = x.shape.rank();
  if (x.dtype != DType::kFloat32 || rank < 2) {
    Fail(ErrorKind::kCorrupt,
         "batch normalization takes a float32 batch; its input '{}' is {} {}",
         x.name, Name(x.dtype), x.shape.ToString());
  }
  const Shape channels{x.shape[rank - 1]};
  for (size_t i = kGamma; i <= kMovingVariance; ++i) {
    if (node.input(i) == kNoTensor) continue;
    const Tensor& t = graph->tensor(node.inputs[i]);
    if (t.dtype == DType::kFloat32 && t.shape == channels) continue;
    Fail(ErrorKind::kCorrupt, "its {} '{}' is {} {}; float32 {} is wanted",
         node.op->operands[i].name, t.name, Name(t.dtype), t.shape.ToString(),
         channels.ToString());
  }
  const Tensor& variance = graph->tensor(node.inputs[kMovingVariance]);
  if (variance.has_data()) {
    const auto values = variance.As<float>();
    const auto bad = std::find_if(values.begin(), values.end(), [](float v) {
      return !(v >= 0) || !std::isfinite(v);
    });
    if (bad != values.end()) {
      Fail(ErrorKind::kCorrupt, "its moving variance '{}' holds {}",
           variance.name, *bad);
    }
  }
  const auto attrs = Get<BatchNormAttrs>(node);
  if (!(attrs.epsilon > 0) || !std::isfinite(attrs.epsilon) ||
      !(attrs.momentum >= 0) || !(attrs.momentum <= 1)) {
    Fail(ErrorKind::kCorrupt,
         "its momentum is {} and its epsilon {}; one in [0, 1] and one above 0 "
         "are wanted",
         attrs.momentum, attrs.epsilon);
  }
  CheckActivation(attrs.activation);
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = x.shape;
  y.dtype = DType::kFloat32;
}

// By the batch's moments, or the moving ones.
class BatchNorm final : public TrainKernel {
 public:
  enum Mode : uint8_t { kTraining, kInference };

  BatchNorm(const PrepareContext& c, Mode mode)
      : numbers_(c), of_batch_(mode == kTraining && IsOfBatch(c)) {
    const size_t channels = numbers_.channels();
    rows_ = static_cast<size_t>(ElementsPerSample(c)) / channels;
    has_gamma_ = c.has_input(kGamma);
    has_beta_ = c.has_input(kBeta);
    if (of_batch_) {
      forward_partials = backward_partials = numbers_.partials();
      shared_bytes = numbers_.bytes();
      return;
    }
    fixed_.resize(numbers_.bytes());
    if (mode == kTraining) {
      workspace_bytes = 2 * channels * sizeof(double);
      return;
    }
    const void* inputs[kMovingVariance + 1] = {};
    for (size_t i = kGamma; i <= kMovingVariance; ++i)
      if (c.has_input(i)) inputs[i] = c.input(i).data.data();
    numbers_.SetMoving(inputs, fixed_.data());
  }

  // The moving moments may have been trained on: gamma and beta are.
  void Repack(const void* const* inputs) override {
    if (!of_batch_) numbers_.SetMoving(inputs, fixed_.data());
  }

  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    numbers_.ClearPartial(Rows(a.batch), partial);
    numbers_.AddForward(a.in<float>(kX), Rows(a.batch), partial);
  }

  void Run(const KernelArgs& a) const override {
    numbers_.Normalize(a.in<float>(kX), Rows(a.batch), Numbers(a.shared),
                       a.out<float>());
  }

  void BackwardPartial(const BackwardArgs& a, double* partial) const override {
    numbers_.ClearPartial(Rows(a.batch), partial);
    numbers_.AddBackward(X(a), a.output_grads[0], Rows(a.batch), a.shared,
                         partial);
  }

  void Backward(const BackwardArgs& a) const override {
    const std::byte* numbers = Numbers(a.shared);
    const size_t rows = Rows(a.batch);
    if (a.input_grads[kX] != nullptr) {
      numbers_.GradientOfInput(X(a), a.output_grads[0], rows, numbers,
                               a.input_grads[kX]);
    }
    float* const gamma = has_gamma_ ? a.input_grads[kGamma] : nullptr;
    float* const beta = has_beta_ ? a.input_grads[kBeta] : nullptr;
    if (of_batch_) return numbers_.ShareOfGradients(rows, numbers, gamma, beta);
    if (gamma == nullptr && beta == nullptr) return;
    auto* const sums = reinterpret_cast<double*>(a.workspace);
    numbers_.GradientsOf(X(a), a.output_grads[0], rows, numbers, sums, gamma,
                         beta);
  }

  void Combine(Phase phase, std::span<const double> partials,
               void* const* inputs, std::byte* shared) const override {
    numbers_.Combine(phase, partials, inputs, shared);
  }

 private:
  const std::byte* Numbers(const std::byte* shared) const {
    return of_batch_ ? shared : fixed_.data();
  }
  size_t Rows(int batch) const { return static_cast<size_t>(batch) * rows_; }
  static const float* X(const BackwardArgs& a) {
    return static_cast<const float*>(a.inputs[kX]);
  }

  BatchNormNumbers numbers_;
  bool of_batch_;
  bool has_gamma_ = false;
  bool has_beta_ = false;
  size_t rows_ = 0;               // of a sample
  std::vector<std::byte> fixed_;  // the numbers of fixed moments
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "gamma", .role = Role::kParameter, .optional = true},
    {.name = "beta", .role = Role::kParameter, .optional = true},
    {.name = "moving mean", .role = Role::kState},
    {.name = "moving variance", .role = Role::kState},
};

template <BatchNorm::Mode kMode>
KernelPtr Make(const PrepareContext& context) {
  return std::make_unique<BatchNorm>(context, kMode);
}

constexpr KernelRow kRows[] = {
    {"BatchNormF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     Make<BatchNorm::kTraining>},
    {"BatchNormF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     Make<BatchNorm::kInference>},
};

// Keras has it as a layer; .tflite files take it folded
// (transform/batch_norm.h).
constexpr TrainingFacts kTraining = {.in_keras = true};

}  // namespace

const OpDef kBatchNorm = {
    .name = "LITESMITH_BATCH_NORM",
    .summary =
        "normalizes each channel by its mean and variance; folded into "
        "a layer or MUL and ADD in .tflite files",
    .attrs = kAttrs<BatchNormAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn},
    .training = &kTraining,
};

}  // namespace litesmith
