// Microseconds of what a training step of mnist-cnn does beside its ops, whose
// kernels op_bench times: the loss of a shard of 16, the sum of 8 shards'
// gradients, and Adam, one thread.
//
//   train_parts_bench [--benchmark_filter=...]
#include <benchmark/benchmark.h>

#include <vector>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/train/losses.h"
#include "src/kernels/train/optimizers.h"
#include "src/kernels/train/sum_shards.h"

namespace litesmith::kernels {
namespace {

constexpr int kShards = 8;
constexpr int kShard = 16;
constexpr int kClasses = 10;
// Parameters, each tensor padded to 16.
constexpr size_t kFloats = 112 + 16 + 20288 + 16;

struct Buffer : AlignedFloats {
  explicit Buffer(size_t n) {
    Resize(n);
    uint32_t state = 12345;
    for (size_t i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      data()[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
    }
  }
};

void Loss(benchmark::State& state) {
  Buffer logits(kShard * kClasses), gradient(kShard * kClasses);
  const std::vector<int32_t> labels(kShard, 3);
  double loss[8];
  int correct[16];
  for (auto _ : state) {
    SoftmaxCrossEntropy(logits.data(), labels.data(), kShard, kClasses,
                        1.0f / (kShard * kShards), loss, correct,
                        gradient.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Loss);

void Sum(benchmark::State& state) {
  Buffer shards(kFloats * kShards), sum(kFloats);
  for (auto _ : state) {
    SumShards(shards.data(), kFloats, kShards, 0, kFloats, sum.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Sum);

void Adam(benchmark::State& state) {
  Buffer w(kFloats), m(kFloats), v(kFloats), g(kFloats);
  for (size_t i = 0; i < kFloats; ++i) v.data()[i] *= v.data()[i];
  for (auto _ : state) {
    AdamStep(w.data(), m.data(), v.data(), g.data(), kFloats, 1e-6f, 0.1f,
             0.001f, 1e-7f);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Adam);

}  // namespace
}  // namespace litesmith::kernels

BENCHMARK_MAIN();
