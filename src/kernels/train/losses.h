// Losses of float outputs and their gradients. Results do not depend on the
// SIMD target, except for the exponential of the cross-entropy of labels.
#ifndef LITESMITH_KERNELS_TRAIN_LOSSES_H_
#define LITESMITH_KERNELS_TRAIN_LOSSES_H_

#include <cstdint>

namespace litesmith::kernels {

// The loss of `batch` samples from logits [batch, classes]:
//   loss_sum = sum of log(sum exp(x)) - x[label], correct = how often the
//   largest logit (the first of equals) is the label,
//   dlogits = (softmax(x) - onehot(label)) * scale.
// Labels are in [0, classes).
void SoftmaxCrossEntropy(const float* logits, const int32_t* labels, int batch,
                         int classes, float scale, double* loss_sum,
                         int* correct, float* dlogits);

// The same of shares for each class, which need not add up to 1:
//   loss_sum = sum of share[c] (log(sum exp(x)) - x[c]),
//   dlogits = (softmax(x) * sum of shares - share) * scale.
void SoftmaxCrossEntropyOfShares(const float* logits, const float* shares,
                                 int batch, int classes, float scale,
                                 double* loss_sum, float* dlogits);

// The loss of `batch` samples of `count` logits each, and of as many targets in
// 0 .. 1:
//   loss_sum = sum over the samples of the mean of log(1 + exp(x)) - target x,
//   gradient = (1 / (1 + exp(-x)) - target) / count * scale.
void SigmoidCrossEntropy(const float* logits, const float* targets, int batch,
                         int count, float scale, double* loss_sum,
                         float* gradient);

// The loss of `batch` samples of `count` values each, and of as many targets:
//   loss_sum = sum over the samples of the mean of (value - target)^2,
//   gradient = 2 (value - target) / count * scale.
void MeanSquaredError(const float* values, const float* targets, int batch,
                      int count, float scale, double* loss_sum,
                      float* gradient);

// The loss of absolute differences:
//   loss_sum = sum over the samples of the mean of |value - target|,
//   gradient = sign(value - target) / count * scale.
void MeanAbsoluteError(const float* values, const float* targets, int batch,
                       int count, float scale, double* loss_sum,
                       float* gradient);

// How far answers are from a teacher's, both softened by the temperature T
// (Hinton et al. 2015); the gradient is added to what is there.
//   Of classes, with p = softmax(x / T), q = softmax(teacher / T):
//     loss = T^2 sum of q (log q - log p), gradient += T (p - q) scale.
//   Of values by themselves, the same of p = 1 / (1 + exp(-x / T)) and q, as
//   the mean over the values.
double DistillClasses(const float* logits, const float* teacher, int batch,
                      int count, float temperature, float scale,
                      float* gradient);
double DistillEach(const float* logits, const float* teacher, int batch,
                   int count, float temperature, float scale, float* gradient);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_LOSSES_H_
