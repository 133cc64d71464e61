// Values one by one.
#include "src/data/values.h"

#include <cstring>

#include "src/base/check.h"
#include "src/data/batch.h"

namespace litesmith {
namespace {

template <typename T>
double Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

}  // namespace

double StoredNumber(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kFloat32:
      return Load<float>(at);
    case DType::kFloat16: {
      Half half;
      std::memcpy(&half, at, sizeof(half));
      return HalfToFloat(half);
    }
    case DType::kFloat64:
      return Load<double>(at);
    case DType::kInt8:
      return Load<int8_t>(at);
    case DType::kUInt8:
    case DType::kBool:
      return Load<uint8_t>(at);
    case DType::kInt16:
      return Load<int16_t>(at);
    case DType::kInt32:
      return Load<int32_t>(at);
    case DType::kInt64:
      return Load<int64_t>(at);
    case DType::kResource:
      break;  // no number
  }
  LS_CHECK(false);
  return 0;
}

float RealValue(const Affine& real, size_t channel, double stored) {
  const size_t c = real.a.size() == 1 ? 0 : channel;
  // As it is, with the sign of a zero.
  if (real.a[c] == 1 && real.b[c] == 0) return static_cast<float>(stored);
  return static_cast<float>(real.a[c] * stored + real.b[c]);
}

std::vector<float> RealValues(const Dataset& data, size_t f, int64_t index) {
  const Field& field = FieldAt(data, f);
  BatchReader reader(data, 1);
  const std::byte* at = reader.Read(index, 1).at(f, 0);
  std::vector<float> values(static_cast<size_t>(field.shape.NumElements()));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] =
        RealValue(field.real, i % field.real.a.size(),
                  StoredNumber(field.dtype, at + i * SizeOf(field.dtype)));
  }
  return values;
}

int64_t LabelOf(const Dataset& data, int64_t index, size_t target) {
  const Field& label = data.targets()[target];
  const size_t f = data.inputs().size() + target;
  // In memory it is also where the sample itself is not.
  const std::span<const std::byte> stored = data.Stored(f);
  if (!stored.empty()) {
    return static_cast<int64_t>(StoredNumber(
        label.dtype,
        stored.data() + static_cast<size_t>(index) * label.bytes()));
  }
  BatchReader reader(data, 1);
  return static_cast<int64_t>(
      StoredNumber(label.dtype, reader.Read(index, 1).at(f, 0)));
}

}  // namespace litesmith
