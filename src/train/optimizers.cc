// The list of optimizers.
#include "src/train/optimizers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/kernels/train/optimizers.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

// Calls move(first, count) for pieces that together are all weights.
template <typename F>
void ForEachPiece(const OptimizerStep& s, F&& move) {
  constexpr size_t kPiece = 4096;
  const size_t all = s.weights.size();
  const auto pieces = static_cast<int>((all + kPiece - 1) / kPiece);
  ParallelFor(pieces, s.threads, [&](int p) {
    const size_t first = static_cast<size_t>(p) * kPiece;
    move(first, std::min(kPiece, all - first));
  });
}

// With Keras's defaults (Kingma and Ba 2015; keras.optimizers.Adam).
void Adam(const OptimizerStep& s) {
  constexpr double kBeta1 = 0.9;
  constexpr double kBeta2 = 0.999;
  constexpr float kEpsilon = 1e-7f;
  // Powers of the betas as floats, as Keras takes them: 1 - 0.999f is 1.3e-5
  // away from 0.001, and every step of the first thousands is longer or shorter
  // by half of that.
  const auto t = static_cast<float>(s.step);
  const float alpha =
      s.rate * std::sqrt(1.0f - std::pow(static_cast<float>(kBeta2), t)) /
      (1.0f - std::pow(static_cast<float>(kBeta1), t));
  ForEachPiece(s, [&](size_t first, size_t count) {
    kernels::AdamStep(s.weights.data() + first, s.slots[0].data() + first,
                      s.slots[1].data() + first, s.gradient.data() + first,
                      count, alpha, static_cast<float>(1.0 - kBeta1),
                      static_cast<float>(1.0 - kBeta2), kEpsilon);
  });
}

// Loshchilov and Hutter 2019: the weights shrink by themselves, before the
// step, as in Keras. What is not trained does not.
void AdamW(const OptimizerStep& s) {
  const float kept = 1.0f - s.rate * s.options.weight_decay;
  for (const TrainingPlan::Trained& of : s.trained) {
    for (size_t i = of.first; i < of.end; ++i) s.weights[i] *= kept;
  }
  Adam(s);
}

void RmsProp(const OptimizerStep& s) {
  constexpr float kRho = 0.9f;
  constexpr float kEpsilon = 1e-7f;
  ForEachPiece(s, [&](size_t first, size_t count) {
    kernels::RmsPropStep(s.weights.data() + first, s.slots[0].data() + first,
                         s.gradient.data() + first, count, s.rate, kRho,
                         kEpsilon);
  });
}

void Sgd(const OptimizerStep& s) {
  const auto step =
      s.options.nesterov ? kernels::NesterovStep : kernels::SgdStep;
  ForEachPiece(s, [&](size_t first, size_t count) {
    step(s.weights.data() + first, s.slots[0].data() + first,
         s.gradient.data() + first, count, s.rate, s.options.momentum);
  });
}

constexpr Optimizer kOptimizers[] = {
    {"adam", "Adam with Keras's defaults (beta 0.9 and 0.999, epsilon 1e-7)", 2,
     Adam},
    {"adamw", "Adam with --weight-decay apart from the gradient", 2, AdamW},
    {"sgd", "gradient descent with --momentum, --nesterov", 1, Sgd},
    {"rmsprop", "RMSprop with Keras's defaults (rho 0.9, epsilon 1e-7)", 1,
     RmsProp},
};

}  // namespace

std::span<const Optimizer> Optimizers() { return kOptimizers; }

const Optimizer& FindOptimizer(std::string_view name) {
  return FindByName(kOptimizers, name, "optimizer");
}

}  // namespace litesmith
