// Losses and their gradients, by vectors.
#include "src/kernels/train/losses.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/losses.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

void SoftmaxLoss(const float* logits, const int32_t* labels, int batch,
                 int classes, float scale, double* loss_sum, int* correct,
                 float* dlogits) {
  const DF d;
  double loss = 0;
  int right = 0;
  const auto n = static_cast<size_t>(classes);
  for (int b = 0; b < batch; ++b, logits += n, dlogits += n) {
    int best = 0;
    for (int c = 1; c < classes; ++c) {
      if (logits[c] > logits[best]) best = c;
    }
    const auto label = static_cast<size_t>(labels[b]);
    const float max = logits[best];
    const VF vmax = hn::Set(d, max);
    // exp of values <= 0: no overflow; the largest is 1, so sum >= 1.
    ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
      store(hn::Exp(d, hn::Sub(load(logits + i), vmax)), dlogits + i);
    });
    float sum = 0;
    for (size_t c = 0; c < n; ++c) sum += dlogits[c];
    loss += static_cast<double>(std::log(sum) - (logits[label] - max));
    right += static_cast<size_t>(best) == label;
    const float factor = 1.0f / sum;
    for (size_t c = 0; c < n; ++c) {
      const float p = dlogits[c] * factor;
      dlogits[c] = (p - (c == label ? 1.0f : 0.0f)) * scale;
    }
  }
  *loss_sum = loss;
  *correct = right;
}

double SquaredError(const float* values, const float* targets, size_t n,
                    float factor, float* gradient) {
  const DF d;
  const VF vfactor = hn::Set(d, factor);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF difference = hn::Sub(load(values + i), load(targets + i));
    store(hn::Mul(difference, vfactor), gradient + i);
  });
  // In one order and in doubles, whatever a vector holds.
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const double difference = double{values[i] - targets[i]};
    sum += difference * difference;
  }
  return sum;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(SoftmaxLoss);
HWY_EXPORT(SquaredError);

void SoftmaxCrossEntropy(const float* logits, const int32_t* labels, int batch,
                         int classes, float scale, double* loss_sum,
                         int* correct, float* dlogits) {
  HWY_DYNAMIC_DISPATCH(SoftmaxLoss)
  (logits, labels, batch, classes, scale, loss_sum, correct, dlogits);
}

void SoftmaxCrossEntropyOfShares(const float* logits, const float* shares,
                                 int batch, int classes, float scale,
                                 double* loss_sum, float* dlogits) {
  *loss_sum = 0;
  for (int b = 0; b < batch; ++b) {
    const float max = *std::max_element(logits, logits + classes);
    // exp of values <= 0: no overflow; the largest is 1, so sum >= 1.
    double sum = 0;
    double all_shares = 0;
    for (int c = 0; c < classes; ++c) {
      sum += std::exp(double{logits[c]} - double{max});
      all_shares += double{shares[c]};
    }
    const double log_sum = std::log(sum);
    for (int c = 0; c < classes; ++c) {
      const double log_p = double{logits[c]} - double{max} - log_sum;
      *loss_sum -= double{shares[c]} * log_p;
      dlogits[c] = static_cast<float>(
          (std::exp(log_p) * all_shares - double{shares[c]}) * double{scale});
    }
    logits += classes, shares += classes, dlogits += classes;
  }
}

void SigmoidCrossEntropy(const float* logits, const float* targets, int batch,
                         int count, float scale, double* loss_sum,
                         float* gradient) {
  const int64_t n = int64_t{batch} * count;
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double x = double{logits[i]};
    const double target = double{targets[i]};
    // log(1 + exp(x)) without overflow.
    const double small = std::exp(-std::abs(x));
    loss += std::max(x, 0.0) + std::log1p(small) - target * x;
    const double p = (x >= 0 ? 1 : small) / (1 + small);
    gradient[i] = static_cast<float>((p - target) / count * double{scale});
  }
  *loss_sum = loss / count;
}

void MeanSquaredError(const float* values, const float* targets, int batch,
                      int count, float scale, double* loss_sum,
                      float* gradient) {
  const auto n = static_cast<size_t>(count);
  const auto call = HWY_DYNAMIC_DISPATCH(SquaredError);
  double loss = 0;
  for (int b = 0; b < batch; ++b) {
    const size_t at = static_cast<size_t>(b) * n;
    loss += call(values + at, targets + at, n,
                 2.0f * scale / static_cast<float>(count), gradient + at) /
            count;
  }
  *loss_sum = loss;
}

void MeanAbsoluteError(const float* values, const float* targets, int batch,
                       int count, float scale, double* loss_sum,
                       float* gradient) {
  const int64_t n = int64_t{batch} * count;
  const float step = scale / static_cast<float>(count);
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float difference = values[i] - targets[i];
    loss += double{std::abs(difference)};
    gradient[i] = difference > 0 ? step : difference < 0 ? -step : 0.0f;
  }
  *loss_sum = loss / count;
}

namespace {

// log(sum of exp(x / t)).
double LogSum(const float* x, int count, double t) {
  const double max = double{*std::max_element(x, x + count)} / t;
  double sum = 0;
  for (int c = 0; c < count; ++c) sum += std::exp(double{x[c]} / t - max);
  return max + std::log(sum);
}

// log(1 / (1 + exp(-x))) without overflow.
double LogLogistic(double x) {
  return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

double DistillClasses(const float* logits, const float* teacher, int batch,
                      int count, float temperature, float scale,
                      float* gradient) {
  const double t = temperature;
  double loss = 0;
  for (int b = 0; b < batch; ++b) {
    const double of_p = LogSum(logits, count, t);
    const double of_q = LogSum(teacher, count, t);
    for (int c = 0; c < count; ++c) {
      const double log_p = double{logits[c]} / t - of_p;
      const double log_q = double{teacher[c]} / t - of_q;
      const double q = std::exp(log_q);
      loss += t * t * q * (log_q - log_p);
      gradient[c] +=
          static_cast<float>(t * (std::exp(log_p) - q) * double{scale});
    }
    logits += count, teacher += count, gradient += count;
  }
  return loss;
}

double DistillEach(const float* logits, const float* teacher, int batch,
                   int count, float temperature, float scale, float* gradient) {
  const double t = temperature;
  double loss = 0;
  for (int64_t i = 0; i < int64_t{batch} * count; ++i) {
    const double x = double{logits[i]} / t;
    const double y = double{teacher[i]} / t;
    const double p = std::exp(LogLogistic(x));
    const double q = std::exp(LogLogistic(y));
    loss += t * t / count *
            (q * (LogLogistic(y) - LogLogistic(x)) +
             (1 - q) * (LogLogistic(-y) - LogLogistic(-x)));
    gradient[i] += static_cast<float>(t * (p - q) / count * double{scale});
  }
  return loss;
}

}  // namespace litesmith::kernels
#endif
