// Optimizer steps on plain memory. Sums and products are separate roundings, as
// in TensorFlow, so results do not depend on the SIMD target.
#ifndef LITESMITH_KERNELS_TRAIN_OPTIMIZERS_H_
#define LITESMITH_KERNELS_TRAIN_OPTIMIZERS_H_

#include <cstddef>

namespace litesmith::kernels {

// One step of Adam as Keras computes it, with alpha = rate * sqrt(1 - b2^t) /
// (1 - b1^t):
//   m += (g - m) * (1 - b1);  v += (g * g - v) * (1 - b2)
//   w -= m * alpha / (sqrt(v) + eps)
void AdamStep(float* w, float* m, float* v, const float* g, size_t n,
              float alpha, float one_minus_b1, float one_minus_b2, float eps);

// One step of gradient descent with momentum as Keras computes it:
//   velocity = velocity * momentum - g * rate;  w += velocity
void SgdStep(float* w, float* velocity, const float* g, size_t n, float rate,
             float momentum);

// The same with Nesterov's look ahead:
//   velocity = velocity * momentum - g * rate
//   w += velocity * momentum - g * rate
void NesterovStep(float* w, float* velocity, const float* g, size_t n,
                  float rate, float momentum);

// One step of RMSprop as Keras computes it:
//   v = v * rho + g * g * (1 - rho);  w -= rate * g / sqrt(v + eps)
void RmsPropStep(float* w, float* v, const float* g, size_t n, float rate,
                 float rho, float eps);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_OPTIMIZERS_H_
