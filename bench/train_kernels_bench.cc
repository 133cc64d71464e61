// Milliseconds of the float training kernels: a step of mnist-cnn and its
// parts, and the layers of ResNet-8, at batch 128 in 8 shards; of the latter
// also the share of the machine's peak, of as many cores as there are threads.
//
//   train_kernels_bench [--benchmark_filter=...]; LITESMITH_THREADS sets the
//   threads (default: all).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <vector>

#include "bench/peak.h"
#include "src/base/parallel.h"
#include "src/kernels/conv/train.h"
#include "src/kernels/conv/train_pool.h"
#include "src/kernels/dense/train.h"
#include "src/kernels/train/losses.h"
#include "src/kernels/train/optimizers.h"
#include "src/kernels/train/sum_shards.h"

namespace litesmith::kernels {
namespace {

constexpr int kBatch = 128;
constexpr int kShards = 8;
constexpr int kShard = kBatch / kShards;

int Threads() {
  const char* value = std::getenv("LITESMITH_THREADS");
  return value != nullptr ? std::atoi(value) : AvailableThreads();
}

struct Buffer : AlignedFloats {
  explicit Buffer(size_t n, float scale = 1.0f) {
    Resize(n + 64);
    uint32_t state = 12345;
    for (size_t i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      data()[i] = scale * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
    }
  }
};

size_t U(int64_t n) { return static_cast<size_t>(n); }

Window Conv(int size, int in_c, int out_c, int filter, int stride, bool same) {
  Window w;
  w.in_h = w.in_w = size;
  w.in_c = w.filter_c = in_c;
  w.filter_h = w.filter_w = filter;
  w.stride_h = w.stride_w = stride;
  w.out_h = w.out_w =
      static_cast<int>(WindowCount(same, size, filter, stride, 1));
  w.out_c = out_c;
  if (same) {
    w.pad_top = w.pad_left =
        static_cast<int>(PaddingBefore(size, filter, stride, 1, w.out_h));
  }
  return w;
}

// mnist-cnn: conv 12 of 3x3 ReLU, max pool 2x2, dense 10.
struct Mnist {
  Window conv = Conv(28, 1, 12, 3, 1, false);
  Window pool;
  DenseShape dense{2028, 10};
  TrainConvPool fused;
  // Parameters: conv weights, bias, dense weights, bias, padded to 16.
  static constexpr size_t kConvW = 0, kConvB = 112, kDenseW = 128,
                          kDenseB = 128 + 20288, kFloats = kDenseB + 16;
  Buffer x{U(kBatch) * 784}, y{U(kBatch) * 2028}, dy{U(kBatch) * 2028};
  Buffer logits{U(kBatch) * 10}, dlogits{U(kBatch) * 10};
  Buffer w{kFloats, 0.05f}, m{kFloats, 0.0f}, v{kFloats, 0.0f};
  Buffer g{kFloats, 0.0f}, shards{kFloats * kShards, 0.0f};
  std::vector<uint8_t> winners;
  std::vector<int32_t> labels;
  std::vector<Buffer> workspace;
  size_t saved;
  double loss[kShards * 8];
  int correct[kShards * 16];

  static Window Pool() {
    Window p = Conv(26, 12, 12, 2, 2, false);
    return p;
  }
  Mnist() : pool(Pool()), fused(conv, {0.0f, FloatRange().high}, pool, false) {
    saved = (fused.saved_bytes(kShard) + 63) / 64 * 64;
    winners.resize(saved * kShards);
    labels.assign(kBatch, 3);
    const size_t floats = std::max(fused.workspace_bytes() / sizeof(float),
                                   DenseWorkspace(dense, kShard));
    for (int s = 0; s < kShards; ++s) workspace.emplace_back(floats);
    Pack();
  }
  void Pack() { fused.Pack(w.data() + kConvW); }
  void ConvForward(int s) {
    const size_t at = U(s) * kShard;
    fused.Forward(kShard, x.data() + at * 784, w.data() + kConvB,
                  y.data() + at * 2028, winners.data() + U(s) * saved,
                  workspace[U(s)].data());
  }
  void DenseForward(int s) {
    const size_t at = U(s) * kShard;
    DenseF32(dense, FloatRange(), kShard, y.data() + at * 2028,
             w.data() + kDenseW, w.data() + kDenseB, logits.data() + at * 10,
             workspace[U(s)].data());
  }
  void Loss(int s) {
    const size_t at = U(s) * kShard;
    SoftmaxCrossEntropy(logits.data() + at * 10, labels.data() + at, kShard, 10,
                        1.0f / kBatch, &loss[s * 8], &correct[s * 16],
                        dlogits.data() + at * 10);
  }
  void DenseBackward(int s) {
    const size_t at = U(s) * kShard;
    float* to = shards.data() + U(s) * kFloats;
    DenseGradF32(dense, FloatRange(), kShard, y.data() + at * 2028,
                 w.data() + kDenseW, logits.data() + at * 10,
                 dlogits.data() + at * 10, dy.data() + at * 2028, to + kDenseW,
                 to + kDenseB, workspace[U(s)].data());
  }
  void ConvBackward(int s) {
    const size_t at = U(s) * kShard;
    float* to = shards.data() + U(s) * kFloats;
    fused.Backward(kShard, x.data() + at * 784, y.data() + at * 2028,
                   dy.data() + at * 2028, winners.data() + U(s) * saved,
                   nullptr, to + kConvW, to + kConvB, workspace[U(s)].data());
  }
  static constexpr size_t kChunk = 4096;
  static constexpr int kChunks = (kFloats + kChunk - 1) / kChunk;
  void Reduce(int c) {
    const size_t begin = U(c) * kChunk;
    SumShards(shards.data(), kFloats, kShards, begin,
              std::min(begin + kChunk, kFloats), g.data());
  }
  void Adam(int c) {
    const size_t begin = U(c) * kChunk;
    AdamStep(w.data() + begin, m.data() + begin, v.data() + begin,
             g.data() + begin, std::min(kChunk, kFloats - begin), 1e-6f, 0.1f,
             0.001f, 1e-7f);
  }
};

template <void (Mnist::*kPart)(int), int kTasks>
void BM_Mnist(benchmark::State& state) {
  static Mnist mnist;
  for (int s = 0; s < kShards; ++s) {
    mnist.ConvForward(s), mnist.DenseForward(s), mnist.Loss(s);
    mnist.DenseBackward(s), mnist.ConvBackward(s);
  }
  for (auto _ : state) {
    ParallelFor(kTasks, Threads(), [&](int i) { (mnist.*kPart)(i); });
  }
}
BENCHMARK(BM_Mnist<&Mnist::ConvForward, kShards>)->Name("mnist/conv_pool");
BENCHMARK(BM_Mnist<&Mnist::DenseForward, kShards>)->Name("mnist/dense");
BENCHMARK(BM_Mnist<&Mnist::Loss, kShards>)->Name("mnist/loss");
BENCHMARK(BM_Mnist<&Mnist::DenseBackward, kShards>)->Name("mnist/dense_grad");
BENCHMARK(BM_Mnist<&Mnist::ConvBackward, kShards>)
    ->Name("mnist/conv_pool_grad");
BENCHMARK(BM_Mnist<&Mnist::Reduce, Mnist::kChunks>)->Name("mnist/sum_shards");
BENCHMARK(BM_Mnist<&Mnist::Adam, Mnist::kChunks>)->Name("mnist/adam");

void BM_MnistStep(benchmark::State& state) {
  static Mnist mnist;
  for (auto _ : state) {
    mnist.Pack();
    ParallelFor(kShards, Threads(), [&](int s) {
      mnist.ConvForward(s);
      mnist.DenseForward(s);
      mnist.Loss(s);
      mnist.DenseBackward(s);
      mnist.ConvBackward(s);
    });
    ParallelFor(Mnist::kChunks, Threads(), [&](int c) {
      mnist.Reduce(c);
      mnist.Adam(c);
    });
  }
}
BENCHMARK(BM_MnistStep)->Name("mnist/step");

struct Layer {
  const char* name;
  int size, in_c, out_c, filter, stride;
  bool same;
};
constexpr Layer kLayers[] = {
    {"3x3 3->16 @32", 32, 3, 16, 3, 1, true},
    {"3x3 16->16 @32", 32, 16, 16, 3, 1, true},
    {"3x3 16->32 @32 /2", 32, 16, 32, 3, 2, true},
    {"1x1 16->32 @32 /2", 32, 16, 32, 1, 2, true},
    {"3x3 32->32 @16", 16, 32, 32, 3, 1, true},
    {"3x3 32->64 @16 /2", 16, 32, 64, 3, 2, true},
    {"3x3 64->64 @8", 8, 64, 64, 3, 1, true},
    {"1x1 64->128 @8", 8, 64, 128, 1, 1, true},
    {"3x3 64->128 @8 /2", 8, 64, 128, 3, 2, true},
    {"3x3 128->128 @4", 4, 128, 128, 3, 1, true},
};

void ReportMacs(benchmark::State* state, double macs) {
  using benchmark::Counter;
  constexpr auto kRate = Counter::kIsIterationInvariantRate;
  state->counters["GMAC/s"] = Counter(macs * 1e-9, kRate);
  state->counters["of_peak"] =
      Counter(macs / (PeakMacs(PeakKind::kF32) * Threads()), kRate);
}

// Training computes both gradients in one pass: kBoth.
enum Part { kForward, kWeights, kInput, kBoth };

void BM_Conv(benchmark::State& state, const Layer& layer, Part part) {
  const Window w = Conv(layer.size, layer.in_c, layer.out_c, layer.filter,
                        layer.stride, layer.same);
  TrainConv conv(w, {0.0f, FloatRange().high});
  Buffer x(U(kBatch * w.in_size())), dx(U(kBatch * w.in_size()));
  Buffer y(U(kBatch * w.out_size())), dy(U(kBatch * w.out_size()));
  const size_t weights = U(w.out_c * w.taps());
  Buffer filter(weights, 0.1f), bias(U(w.out_c));
  std::vector<Buffer> dw, workspace;
  for (int s = 0; s < kShards; ++s) {
    dw.emplace_back(weights);
    workspace.emplace_back(conv.workspace_bytes() / sizeof(float));
  }
  conv.Pack(filter.data());
  for (auto _ : state) {
    ParallelFor(kShards, Threads(), [&](int s) {
      const int64_t in = int64_t{s} * kShard * w.in_size();
      const int64_t out = int64_t{s} * kShard * w.out_size();
      if (part == kForward) {
        conv.Forward(kShard, x.data() + in, bias.data(), y.data() + out,
                     workspace[U(s)].data());
      } else {
        conv.Backward(kShard, x.data() + in, y.data() + out, dy.data() + out,
                      part != kWeights ? dx.data() + in : nullptr,
                      part != kInput ? dw[U(s)].data() : nullptr, nullptr,
                      workspace[U(s)].data());
      }
    });
  }
  const double macs = static_cast<double>(kBatch * w.out_size() * w.taps());
  ReportMacs(&state, part == kBoth ? 2 * macs : macs);
}

void BM_Dense(benchmark::State& state, Part part) {
  const DenseShape size{640, 128};
  Buffer x(U(kBatch) * 640), dx(U(kBatch) * 640), y(U(kBatch) * 128);
  Buffer dy(U(kBatch) * 128), w(640 * 128, 0.1f), b(128);
  std::vector<Buffer> dw, workspace;
  for (int s = 0; s < kShards; ++s) {
    dw.emplace_back(640u * 128u);
    workspace.emplace_back(DenseWorkspace(size, kShard));
  }
  for (auto _ : state) {
    ParallelFor(kShards, Threads(), [&](int s) {
      const size_t in = U(s) * kShard * 640;
      const size_t out = U(s) * kShard * 128;
      if (part != kForward) {
        DenseGradF32(size, FloatRange(), kShard, x.data() + in, w.data(),
                     y.data() + out, dy.data() + out,
                     part != kWeights ? dx.data() + in : nullptr,
                     part != kInput ? dw[U(s)].data() : nullptr, nullptr,
                     workspace[U(s)].data());
      } else {
        DenseF32(size, FloatRange(), kShard, x.data() + in, w.data(), b.data(),
                 y.data() + out, workspace[U(s)].data());
      }
    });
  }
  const double macs = 640.0 * 128 * kBatch;
  ReportMacs(&state, part == kBoth ? 2 * macs : macs);
}

}  // namespace
}  // namespace litesmith::kernels

int main(int argc, char** argv) {
  using namespace litesmith::kernels;
  for (const Layer& layer : kLayers) {
    const std::string name = layer.name;
    benchmark::RegisterBenchmark((name + "/forward").c_str(), BM_Conv, layer,
                                 kForward);
    benchmark::RegisterBenchmark((name + "/weights").c_str(), BM_Conv, layer,
                                 kWeights);
    benchmark::RegisterBenchmark((name + "/input").c_str(), BM_Conv, layer,
                                 kInput);
    benchmark::RegisterBenchmark((name + "/both").c_str(), BM_Conv, layer,
                                 kBoth);
  }
  benchmark::RegisterBenchmark("dense 640->128/forward", BM_Dense, kForward);
  benchmark::RegisterBenchmark("dense 640->128/weights", BM_Dense, kWeights);
  benchmark::RegisterBenchmark("dense 640->128/input", BM_Dense, kInput);
  benchmark::RegisterBenchmark("dense 640->128/both", BM_Dense, kBoth);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
