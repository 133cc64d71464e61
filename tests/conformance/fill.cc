#include "tests/conformance/fill.h"

#include <cstring>
#include <limits>
#include <vector>

#include "src/base/half.h"

namespace litesmith {
namespace {

template <typename T>
void FillInteger(Rng* rng, std::span<std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(sizeof(T) == 1 ? i : rng->Next());
  }
  if (values.size() > 1) {
    values[0] = std::numeric_limits<T>::min();
    values[1] = std::numeric_limits<T>::max();
  }
  rng->Shuffle(std::span<T>(values));
  std::memcpy(bytes.data(), values.data(), bytes.size());
}

// As FillInteger, of what `convert` makes of uniform floats.
template <typename Convert>
void FillReal(Rng* rng, std::span<std::byte> bytes, const Convert& convert) {
  using T = decltype(convert(0.0f));
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    const T value = convert(rng->Uniform(-1, 1));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
  }
}

// An integer in [-largest, largest].
float Integer(Rng* rng, int largest) {
  const auto choices = static_cast<uint32_t>(2 * largest + 1);
  return static_cast<float>(static_cast<int>(rng->Below(choices)) - largest);
}

}  // namespace

void FillRandom(Rng* rng, DType dtype, std::span<std::byte> bytes) {
  if (bytes.empty()) return;
  switch (dtype) {
    case DType::kFloat32:
      return FillReal(rng, bytes, [](float v) { return v; });
    case DType::kFloat16:
      return FillReal(rng, bytes, [](float v) { return FloatToHalf(v); });
    case DType::kFloat64:
      return FillReal(rng, bytes, [](float v) { return double{v}; });
    case DType::kBool:
      return FillReal(rng, bytes, [](float v) { return v > 0; });
    case DType::kInt8:
      return FillInteger<int8_t>(rng, bytes);
    case DType::kUInt8:
      return FillInteger<uint8_t>(rng, bytes);
    case DType::kInt16:
      return FillInteger<int16_t>(rng, bytes);
    case DType::kInt32:
      return FillInteger<int32_t>(rng, bytes);
    case DType::kInt64:
      return FillInteger<int64_t>(rng, bytes);
    case DType::kResource:
      return;  // a plan's own
  }
}

Fill GridFill(int largest) {
  return [largest](Rng* rng, std::span<float> values) {
    for (float& v : values) v = Integer(rng, largest);
  };
}

Fill DistinctFill() {
  return [](Rng* rng, std::span<float> values) {
    const auto half = static_cast<float>(values.size() / 2);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = (static_cast<float>(i) - half + 0.5f) / 64;
    }
    rng->Shuffle(values);
  };
}

Fill ZeroRunsFill(int run) {
  return [run](Rng* rng, std::span<float> values) {
    for (size_t i = 0; i < values.size(); ++i) {
      const bool zero = i / static_cast<size_t>(run) % 2 == 0;
      values[i] = zero ? 0.0f : rng->Uniform(-1, 1);
    }
  };
}

Fill TiesFill(float step) {
  return [step](Rng* rng, std::span<float> values) {
    for (float& v : values) v = Integer(rng, 700) * step / 2;
  };
}

}  // namespace litesmith
