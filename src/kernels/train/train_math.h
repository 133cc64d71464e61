// The elementwise part of training: optimizer step, sum of gradients, loss,
// fake quantization. Sums and products are separate roundings, as in
// TensorFlow, so results do not depend on the SIMD target, except for the
// exponential of the loss.
#ifndef LITESMITH_KERNELS_TRAIN_TRAIN_MATH_H_
#define LITESMITH_KERNELS_TRAIN_TRAIN_MATH_H_

#include <cstddef>
#include <cstdint>

namespace litesmith::kernels {

// One step of Adam as Keras computes it, with alpha = rate * sqrt(1 - b2^t) /
// (1 - b1^t):
//   m += (g - m) * (1 - b1);  v += (g * g - v) * (1 - b2)
//   w -= m * alpha / (sqrt(v) + eps)
void AdamStep(float* w, float* m, float* v, const float* g, size_t n,
              float alpha, float one_minus_b1, float one_minus_b2, float eps);

// out[i] = sum over s < count of shards[s * stride + i] for begin <= i < end,
// added pairwise: ((0+1)+(2+3))+((4+5)+(6+7)); of n shards the largest power
// of two below n forms the left branch.
void SumShards(const float* shards, size_t stride, int count, size_t begin,
               size_t end, float* out);

// The loss of `batch` samples from logits [batch, classes]:
//   loss_sum = sum of log(sum exp(x)) - x[label], correct = how often the
//   largest logit (the first of equals) is the label,
//   dlogits = (softmax(x) - onehot(label)) * scale.
// Labels are in [0, classes).
void SoftmaxCrossEntropy(const float* logits, const int32_t* labels, int batch,
                         int classes, float scale, double* loss_sum,
                         int* correct, float* dlogits);

// Smallest and largest of n >= 1 values.
void MinMaxF32(const float* x, size_t n, float* min, float* max);

// A range moved so that zero is exactly representable (TensorFlow's Nudge);
// min <= 0 <= max.
struct NudgedRange {
  float scale, min, max;
};
NudgedRange NudgeRange(float min, float max, int qmin, int qmax);

// The points that FakeQuantF32 snaps to: x becomes
//   floor((clamp(x, low, high) - low) / scale - zero + 1/2) * scale,
// and gradients pass in [pass_low, pass_high].
struct FakeQuantGrid {
  float low, high, scale, zero;
  float pass_low, pass_high;
};
FakeQuantGrid MakeFakeQuantGrid(float min, float max, int qmin, int qmax);

// TensorFlow's FakeQuantWithMinMaxVars (specs/tflite.md 5.4). A range of zero
// width gives zeros.
void FakeQuantF32(const float* x, size_t n, float min, float max, int qmin,
                  int qmax, float* y);
// Straight-through: dx = dy where x is inside the nudged range, else 0.
void FakeQuantGradF32(const float* x, const float* dy, size_t n, float min,
                      float max, int qmin, int qmax, float* dx);

// FakeQuantWithMinMaxVarsPerChannel of [outer, channels, inner], with one
// range a channel. It multiplies by 1 / scale where the other divides.
void FakeQuantF32c(const float* x, size_t outer, size_t channels, size_t inner,
                   const float* min, const float* max, int qmin, int qmax,
                   float* y);
void FakeQuantGradF32c(const float* x, const float* dy, size_t outer,
                       size_t channels, size_t inner, const float* min,
                       const float* max, int qmin, int qmax, float* dx);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_TRAIN_MATH_H_
