#include "tests/conformance/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "src/base/check.h"
#include "src/runtime/bind.h"
#include "tests/conformance/fill.h"

namespace litesmith {
namespace {

uint64_t seed = 0;

// A case's values do not depend on its place in the list (FNV-1a of its name).
uint64_t Hash(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return hash;
}

template <typename T>
void FillBelow(Rng* rng, int limit, std::span<std::byte> bytes) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    const auto value = static_cast<T>(rng->Below(static_cast<uint32_t>(limit)));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
  }
}

// Values of an input that may be indices.
void FillInput(Rng* rng, DType dtype, int index_limit,
               std::span<std::byte> bytes) {
  if (index_limit > 0 && dtype == DType::kInt64)
    return FillBelow<int64_t>(rng, index_limit, bytes);
  if (index_limit > 0 && dtype == DType::kInt32)
    return FillBelow<int32_t>(rng, index_limit, bytes);
  if (index_limit > 0 && dtype == DType::kInt16)
    return FillBelow<int16_t>(rng, index_limit, bytes);
  FillRandom(rng, dtype, bytes);
}

enum Stream : uint64_t { kGraph, kInputs, kStreams };

Rng RngOf(const Case& c, int draw, Stream stream) {
  return Rng(Hash(c.name) ^ seed,
             static_cast<uint64_t>(draw) * kStreams + stream);
}

template <typename T>
testing::AssertionResult Compare(const Tensor& tensor, const TensorData& got,
                                 const TensorData& want) {
  const auto* a = reinterpret_cast<const T*>(got.data());
  const auto* b = reinterpret_cast<const T*>(want.data());
  const size_t n = want.size() / sizeof(T);
  size_t different = 0;
  size_t first = 0;
  for (size_t i = n; i-- > 0;) {
    // The same NaN is the same result.
    if (a[i] == b[i] || std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
    ++different;
    first = i;
  }
  if (different == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << fmt::format("'{}': {} of {} values differ; [{}] is {}, not {}",
                        tensor.name, different, n, first, a[first], b[first]);
}

}  // namespace

void SetSeed(uint64_t value) { seed = value; }
uint64_t Seed() { return seed; }

Graph GraphOf(const Case& c, int draw) {
  Rng rng = RngOf(c, draw, kGraph);
  return c.build(&rng);
}

int CaseBatch(const Graph& graph, int batch) {
  const bool is_static = std::all_of(
      graph.inputs.begin(), graph.inputs.end(),
      [&](TensorId id) { return graph.tensor(id).shape.IsStatic(); });
  return is_static ? kAsWritten : batch;
}

Arrays InputsOf(const Case& c, const Graph& graph, int batch, int draw) {
  Rng rng = RngOf(c, draw, kInputs);
  Arrays arrays;
  for (const TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    const auto elements = static_cast<size_t>(
        batch == kAsWritten ? tensor.shape.NumElements()
                            : tensor.shape.NumElementsPerSample() * batch);
    TensorData data(elements * SizeOf(tensor.dtype));
    std::byte* bytes = data.MutableData();
    if (c.fill && tensor.dtype == DType::kFloat32) {
      c.fill(&rng, {reinterpret_cast<float*>(bytes), elements});
    } else {
      FillInput(&rng, tensor.dtype, c.index_limit, {bytes, data.size()});
    }
    arrays.push_back(std::move(data));
  }
  return arrays;
}

Arrays Invoke(Interpreter* interpreter, const Arrays& inputs, int batch) {
  for (int i = 0; i < interpreter->num_inputs(); ++i) {
    const TensorData& from = inputs[static_cast<size_t>(i)];
    LS_CHECK(from.size() <= interpreter->input(i).size());
    std::memcpy(interpreter->input(i).data(), from.data(), from.size());
  }
  batch = std::max(batch, 1);
  interpreter->Invoke(batch);
  Arrays outputs;
  for (int i = 0; i < interpreter->num_outputs(); ++i) {
    const std::span<const std::byte> all = interpreter->output(i);
    outputs.emplace_back(
        all.first(all.size() / static_cast<size_t>(interpreter->batch()) *
                  static_cast<size_t>(batch)));
  }
  return outputs;
}

Arrays RunGraph(const Graph& graph, const Arrays& inputs,
                const InterpreterOptions& options) {
  Interpreter interpreter(graph, options);
  return Invoke(&interpreter, inputs, options.batch);
}

testing::AssertionResult SameValues(const Tensor& tensor, const TensorData& got,
                                    const TensorData& want) {
  if (got.size() != want.size()) {
    return testing::AssertionFailure() << fmt::format(
               "'{}': {} bytes, not {}", tensor.name, got.size(), want.size());
  }
  switch (tensor.dtype) {
    case DType::kFloat32:
      return Compare<float>(tensor, got, want);
    case DType::kInt16:
      return Compare<int16_t>(tensor, got, want);
    case DType::kInt32:
      return Compare<int32_t>(tensor, got, want);
    case DType::kInt8:
      return Compare<int8_t>(tensor, got, want);
    case DType::kInt64:
      return Compare<int64_t>(tensor, got, want);
    default:
      return Compare<uint8_t>(tensor, got, want);
  }
}

}  // namespace litesmith
