// The inference kernels at the shapes of mnist-cnn and ResNet-8, one thread:
// GMAC/s, and the share of what this machine's registers could do (peak.h).
// Dense layers of one row also as a share of reading their weights.
//
//   kernels_bench [--benchmark_filter=Conv2D.*S8S8]
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "src/kernels/conv/simd.h"
#include "src/kernels/dense/simd.h"
#include "src/kernels/quantize/simd.h"

namespace litesmith {
namespace {

template <typename T>
std::vector<T> Integers(int64_t n, int lo, int hi) {
  std::mt19937 rng(1);
  std::uniform_int_distribution<int> d(lo, hi);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>(d(rng));
  return v;
}

std::vector<float> Reals(int64_t n) {
  std::mt19937 rng(1);
  std::uniform_real_distribution<float> d(-1, 1);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = d(rng);
  return v;
}

// Bytes that serve as elements of any type.
PackedBuffer Input(bool real, int64_t elements, int element_bytes) {
  PackedBuffer x(static_cast<size_t>(elements * element_bytes));
  if (real) {
    const auto values = Reals(elements);
    std::memcpy(x.get(), values.data(), values.size() * 4);
  } else {
    const auto values = Integers<int8_t>(elements * element_bytes, -128, 127);
    std::memcpy(x.get(), values.data(), values.size());
  }
  return x;
}

Requantizer AnyRequantizer(RequantMethod method, int channels, bool wide) {
  Requantizer r;
  r.method = method;
  const double real = wide ? 0.00013 : 0.0023;
  r.multipliers.assign(static_cast<size_t>(channels), QuantizeMultiplier(real));
  r.reals.assign(static_cast<size_t>(channels), real);
  r.zero_point = wide ? 0 : -128;
  r.lo = wide ? 0 : -128;
  r.hi = wide ? 32767 : 127;
  return r;
}

void Report(benchmark::State& state, double macs, PeakKind kind) {
  using benchmark::Counter;
  const double total = macs * static_cast<double>(state.iterations());
  state.counters["GMAC/s"] = Counter(total / 1e9, Counter::kIsRate);
  state.counters["of_peak"] = Counter(total / PeakMacs(kind), Counter::kIsRate);
}

struct ConvCase {
  const char* name;
  int size, in_c, out_c, filter, stride;
  bool same, pool;
};

constexpr ConvCase kConvs[] = {
    {"mnist_1x12_3x3_pool", 28, 1, 12, 3, 1, false, true},
    {"3x16_3x3_at32", 32, 3, 16, 3, 1, true, false},
    {"16x16_3x3_at32", 32, 16, 16, 3, 1, true, false},
    {"16x32_3x3_s2_at32", 32, 16, 32, 3, 2, true, false},
    {"16x32_1x1_s2_at32", 32, 16, 32, 1, 2, true, false},
    {"32x32_3x3_at16", 16, 32, 32, 3, 1, true, false},
    {"64x64_3x3_at8", 8, 64, 64, 3, 1, true, false},
    {"64x128_1x1_s2_at16", 16, 64, 128, 1, 2, true, false},
    {"64x128_1x1_at8", 8, 64, 128, 1, 1, true, false},
};

void Conv(benchmark::State& state, const ConvCase& c, LayerKind kind,
          int images) {
  ConvSpec spec;
  spec.kind = kind;
  Window& g = spec.window;
  g.in_h = g.in_w = c.size;
  g.in_c = g.filter_c = c.in_c;
  g.filter_h = g.filter_w = c.filter;
  g.stride_h = g.stride_w = c.stride;
  g.out_c = c.out_c;
  g.out_h = g.out_w =
      static_cast<int>(WindowCount(c.same, c.size, c.filter, c.stride, 1));
  if (c.same) {
    g.pad_top = g.pad_left =
        static_cast<int>(PaddingBefore(c.size, c.filter, c.stride, 1, g.out_h));
  }
  spec.pool_2x2 = c.pool;
  const bool real = kind == LayerKind::kF32F32;
  const auto weights = Reals(g.taps() * g.out_c);
  const auto weights8 = Integers<int8_t>(g.taps() * g.out_c, -127, 127);
  spec.weights = real ? static_cast<const void*>(weights.data())
                      : static_cast<const void*>(weights8.data());
  spec.lo = 0;
  spec.hi = 3e38f;
  spec.x_zero = -3;
  const bool wide = kind == LayerKind::kS16S8;
  spec.requantizer = AnyRequantizer(
      wide ? RequantMethod::kMbqm64 : RequantMethod::kMbqm, g.out_c, wide);
  spec.scales.assign(static_cast<size_t>(g.out_c), 0.01f);
  spec.per_channel = true;
  const auto packed = PackConv2D(spec);
  if (packed == nullptr) return state.SkipWithError("not packed");
  const bool float_x = real || kind == LayerKind::kF32S8;
  const int bytes = float_x ? 4 : wide ? 2 : 1;
  const PackedBuffer x = Input(float_x, images * g.in_size(), bytes);
  PackedBuffer y(static_cast<size_t>(images * g.out_size() * bytes + 64));
  PackedBuffer workspace(packed->workspace_bytes + 64);
  for (auto _ : state) {
    RunConv2D(*packed, images, x.get(), y.get(), workspace.get());
    benchmark::ClobberMemory();
  }
  Report(state,
         static_cast<double>(images * g.out_h * g.out_w * g.taps() * g.out_c),
         real   ? PeakKind::kF32
         : wide ? PeakKind::kS16
                : PeakKind::kS8);
}

struct DenseCase {
  const char* name;
  int depth, outputs;
};

constexpr DenseCase kDenses[] = {
    {"2028x10", 2028, 10}, {"640x128", 640, 128}, {"64x10", 64, 10}};

void Dense(benchmark::State& state, const DenseCase& c, LayerKind kind,
           int rows) {
  DenseSpec spec;
  spec.kind = kind;
  spec.shape = {c.depth, c.outputs};
  const int64_t count = int64_t{c.depth} * c.outputs;
  const bool real = kind == LayerKind::kF32F32;
  const auto weights = Reals(count);
  const auto weights8 = Integers<int8_t>(count, -127, 127);
  spec.weights = real ? static_cast<const void*>(weights.data())
                      : static_cast<const void*>(weights8.data());
  spec.lo = -3e38f;
  spec.hi = 3e38f;
  const bool wide = kind == LayerKind::kS16S8;
  spec.requantizer = AnyRequantizer(RequantMethod::kF64, c.outputs, wide);
  spec.scales.assign(static_cast<size_t>(c.outputs), 0.01f);
  spec.asymmetric = true;
  const auto packed = PackFullyConnected(spec);
  if (packed == nullptr) return state.SkipWithError("not packed");
  const bool float_x = real || kind == LayerKind::kF32S8;
  const int bytes = float_x ? 4 : wide ? 2 : 1;
  const PackedBuffer x = Input(float_x, int64_t{rows} * c.depth, bytes);
  PackedBuffer y(static_cast<size_t>(rows * c.outputs * bytes + 64));
  PackedBuffer workspace(packed->workspace_bytes + 64);
  for (auto _ : state) {
    RunFullyConnected(*packed, rows, x.get(), y.get(), workspace.get());
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<double>(rows * count),
         real   ? PeakKind::kF32
         : wide ? PeakKind::kS16
                : PeakKind::kS8);
  if (rows > 1) return;
  const double weight_bytes = static_cast<double>(count) * (real ? 4 : 1);
  state.counters["of_reading"] = benchmark::Counter(
      weight_bytes * static_cast<double>(state.iterations()) /
          ReadBytesPerSecond(static_cast<size_t>(weight_bytes)),
      benchmark::Counter::kIsRate);
}

// GB/s of float input.
template <typename T, typename Quantize>
void Elementwise(benchmark::State& state, const Quantize& quantize) {
  constexpr int64_t kElements = 2028;
  const auto x = Reals(kElements);
  std::vector<T> y(static_cast<size_t>(kElements));
  for (auto _ : state) {
    quantize(x.data(), kElements, y.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kElements * 4);
}

void Register() {
  const std::pair<const char*, LayerKind> conv_kinds[] = {
      {"F32F32", LayerKind::kF32F32},
      {"S8S8", LayerKind::kS8S8},
      {"S16S8", LayerKind::kS16S8},
      {"F32S8", LayerKind::kF32S8}};
  for (const auto& kind : conv_kinds) {
    for (const ConvCase& c : kConvs) {
      const std::string name =
          std::string("Conv2D") + kind.first + "/" + c.name;
      benchmark::RegisterBenchmark(name.c_str(), Conv, c, kind.second, 1);
    }
  }
  const std::pair<const char*, LayerKind> dense_kinds[] = {
      {"F32F32", LayerKind::kF32F32},
      {"S8S8", LayerKind::kS8S8},
      {"S16S8", LayerKind::kS16S8},
      {"F32S8", LayerKind::kF32S8}};
  for (const auto& kind : dense_kinds) {
    for (const DenseCase& c : kDenses) {
      for (const int rows : {1, 32}) {
        const std::string name = std::string("FullyConnected") + kind.first +
                                 "/" + c.name + "/rows:" + std::to_string(rows);
        benchmark::RegisterBenchmark(name.c_str(), Dense, c, kind.second, rows);
      }
    }
  }
  benchmark::RegisterBenchmark("QuantizeF32S16", [](benchmark::State& s) {
    Elementwise<int16_t>(s, [](const float* x, int64_t n, int16_t* y) {
      QuantizeF32S16Simd(x, n, 3.0518e-5f, 0, y);
    });
  });
  benchmark::RegisterBenchmark("QuantizeF32S8", [](benchmark::State& s) {
    Elementwise<int8_t>(s, [](const float* x, int64_t n, int8_t* y) {
      QuantizeF32S8Simd(x, n, 0.0078f, -3, y);
    });
  });
  benchmark::RegisterBenchmark("QuantizeAsymmetric", [](benchmark::State& s) {
    Elementwise<int8_t>(s, [](const float* x, int64_t n, int8_t* y) {
      QuantizeAsymmetricSimd(x, n, y);
    });
  });
  benchmark::RegisterBenchmark("QuantizeSymmetric", [](benchmark::State& s) {
    Elementwise<int8_t>(s, [](const float* x, int64_t n, int8_t* y) {
      QuantizeSymmetricSimd(x, n, y);
    });
  });
}

}  // namespace
}  // namespace litesmith

int main(int argc, char** argv) {
  litesmith::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
