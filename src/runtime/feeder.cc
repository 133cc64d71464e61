// Feeder: the choice, and the three ways.
#include "src/runtime/feeder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/names.h"
#include "src/data/values.h"
#include "src/kernels/quantize/simd.h"

namespace litesmith {
namespace {

// The shape without the batch, which is the plan's own and not the model's.
std::string SampleShape(const Shape& shape) {
  std::string text;
  for (int d = 1; d < shape.rank(); ++d)
    text += fmt::format("{}{}", d == 1 ? "" : ",", shape[d]);
  return "[" + text + "]";
}

bool IsWhole(const Field& field) {
  return (IsInteger(field.dtype) || field.dtype == DType::kBool) &&
         field.real == Affine();
}

// Whether a tensor of this type can be fed from the field.
void CheckFeedable(const Field& from, const Tensor& to) {
  switch (to.dtype) {
    case DType::kFloat32:
    case DType::kFloat16:
      return;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kInt16:
      if (to.quant.scale.size() == 1) return;
      if (IsWhole(from)) return;
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {} without a scale: real values cannot be fed",
           to.name, Name(to.dtype));
    case DType::kInt32:
    case DType::kInt64:
      if (IsWhole(from)) return;
      [[fallthrough]];
    default:
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {}; float32, float16, int8, uint8 or int16 is wanted",
           to.name, Name(to.dtype));
  }
}

template <typename T>
void Quantize(std::span<const float> values, float scale, int32_t zero,
              void (*kernel)(const float*, int64_t, float, int32_t, T*),
              std::byte* out) {
  T* to = reinterpret_cast<T*>(out);
  kernel(values.data(), static_cast<int64_t>(values.size()), scale, zero, to);
  // Where QUANTIZE has the smallest value.
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) to[i] = static_cast<T>(zero);
  }
}

// Real values as a tensor with or without a scale takes them.
void Write(std::span<const float> values, DType dtype, float scale,
           int32_t zero, std::byte* out) {
  switch (dtype) {
    case DType::kFloat32:
      std::memcpy(out, values.data(), values.size_bytes());
      return;
    case DType::kFloat16:
      for (size_t i = 0; i < values.size(); ++i) {
        const Half half = FloatToHalf(values[i]);
        std::memcpy(out + i * sizeof(half), &half, sizeof(half));
      }
      return;
    case DType::kInt8:
      return Quantize(values, scale, zero, QuantizeF32S8Simd, out);
    case DType::kUInt8:
      return Quantize(values, scale, zero, QuantizeF32U8Simd, out);
    case DType::kInt16:
      return Quantize(values, scale, zero, QuantizeF32S16Simd, out);
    default:
      LS_CHECK(false);
  }
}

// A whole number in a type that holds it.
void WriteWhole(int64_t value, DType dtype, std::byte* out) {
  const auto put = [&](auto typed) { std::memcpy(out, &typed, sizeof(typed)); };
  switch (dtype) {
    case DType::kInt8:
    case DType::kUInt8:
      return put(static_cast<uint8_t>(value));
    case DType::kInt16:
      return put(static_cast<int16_t>(value));
    case DType::kInt32:
      return put(static_cast<int32_t>(value));
    case DType::kInt64:
      return put(value);
    default:
      LS_CHECK(false);
  }
}

bool IsByte(DType dtype) {
  return dtype == DType::kUInt8 || dtype == DType::kInt8 ||
         dtype == DType::kBool;
}

}  // namespace

size_t SampleBytes(const Tensor& tensor) {
  return static_cast<size_t>(tensor.shape.NumElementsPerSample()) *
         SizeOf(tensor.dtype);
}

Affine RealOf(const Tensor& tensor) {
  // Floats may have a scale too, of the integers that they will be.
  if (!IsInteger(tensor.dtype) || tensor.quant.scale.size() != 1) return {};
  const double scale = tensor.quant.scale[0];
  return {{scale}, {-scale * static_cast<double>(tensor.quant.zero_point[0])}};
}

Feeder::Feeder(const Field& from, const Tensor& to)
    : count_(static_cast<size_t>(from.shape.NumElements())),
      element_(SizeOf(to.dtype)),
      from_(from),
      to_(to.dtype) {
  if (to.shape.NumElementsPerSample() != from.shape.NumElements()) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' takes samples of shape {}; the data has {}",
         to.name, SampleShape(to.shape), from.shape.ToString());
  }
  if (from.dtype == to.dtype && from.real == RealOf(to)) {
    run_ = Copy;
    return;
  }
  CheckFeedable(from, to);
  if (IsInteger(to.dtype) && to.quant.scale.size() == 1) {
    scale_ = to.quant.scale[0];
    zero_ = static_cast<int32_t>(to.quant.zero_point[0]);
  }
  if (!IsByte(from.dtype)) {
    run_ = Convert;
    return;
  }
  MakeTable();
  if (ScaleIsExact()) {
    run_ = Scale;
  } else if (element_ == 1) {
    run_ = LookUp<uint8_t>;
  } else if (element_ == 2) {
    run_ = LookUp<uint16_t>;
  } else {
    run_ = element_ == 4 ? LookUp<uint32_t> : LookUp<uint64_t>;
  }
}

void Feeder::MakeTable() {
  const size_t channels = from_.real.a.size();
  table_.resize(channels * 256 * element_);
  // Each byte through the conversion, which needs no table: one sample of as
  // many channels at a time.
  const size_t count = count_;
  count_ = channels;
  for (int byte = 0; byte < 256; ++byte) {
    const std::vector<std::byte> sample(channels, static_cast<std::byte>(byte));
    std::vector<std::byte> row(channels * element_);
    Convert(*this, sample.data(), row.data());
    for (size_t c = 0; c < channels; ++c) {
      std::memcpy(
          table_.data() + (c * 256 + static_cast<size_t>(byte)) * element_,
          row.data() + c * element_, element_);
    }
  }
  count_ = count;
}

// Whether two products give the table's floats, which the compiler takes many
// bytes at once for: the factor is high_ + low_, and high_ has 16 bits, so its
// product with a byte is exact. So it is with 1 / 255.
bool Feeder::ScaleIsExact() {
  if (to_ != DType::kFloat32 || from_.dtype != DType::kUInt8 ||
      from_.real.a.size() != 1)
    return false;
  int exponent = 0;
  const double mantissa = std::frexp(from_.real.a[0], &exponent);
  high_ = static_cast<float>(
      std::ldexp(std::trunc(std::ldexp(mantissa, 16)), exponent - 16));
  low_ = static_cast<float>(from_.real.a[0] - static_cast<double>(high_));
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<float>(byte);
    const float real = value * high_ + value * low_;
    if (std::memcmp(&real, table_.data() + static_cast<size_t>(byte) * 4, 4) !=
        0)
      return false;
  }
  return true;
}

void Feeder::Copy(const Feeder& feeder, const std::byte* sample,
                  std::byte* out) {
  std::memcpy(out, sample, feeder.bytes());
}

void Feeder::Scale(const Feeder& feeder, const std::byte* sample,
                   std::byte* out) {
  const auto* in = reinterpret_cast<const uint8_t*>(sample);
  auto* to = reinterpret_cast<float*>(out);
  const float high = feeder.high_;
  const float low = feeder.low_;
  const size_t count = feeder.count_;
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(in[i]);
    to[i] = value * high + value * low;
  }
}

template <typename T>
void Feeder::LookUp(const Feeder& feeder, const std::byte* sample,
                    std::byte* out) {
  const auto* in = reinterpret_cast<const uint8_t*>(sample);
  const T* table = reinterpret_cast<const T*>(feeder.table_.data());
  T* to = reinterpret_cast<T*>(out);
  const size_t channels = feeder.from_.real.a.size();
  if (channels == 1) {
    for (size_t i = 0; i < feeder.count_; ++i) to[i] = table[in[i]];
    return;
  }
  for (size_t i = 0; i < feeder.count_; i += channels) {
    for (size_t c = 0; c < channels; ++c)
      to[i + c] = table[c * 256 + in[i + c]];
  }
}

void Feeder::Convert(const Feeder& feeder, const std::byte* sample,
                     std::byte* out) {
  constexpr size_t kBlock = 256;
  const Field& from = feeder.from_;
  const size_t size = SizeOf(from.dtype);
  const bool real = feeder.scale_ != 0 || feeder.to_ == DType::kFloat32 ||
                    feeder.to_ == DType::kFloat16;
  float values[kBlock];
  for (size_t begin = 0; begin < feeder.count_; begin += kBlock) {
    const size_t count = std::min(kBlock, feeder.count_ - begin);
    const bool floats = from.dtype == DType::kFloat32 && from.real == Affine();
    if (floats) std::memcpy(values, sample + begin * size, count * size);
    for (size_t i = 0; i < count && !floats; ++i) {
      const double stored =
          StoredNumber(from.dtype, sample + (begin + i) * size);
      if (real) {
        values[i] =
            RealValue(from.real, (begin + i) % from.real.a.size(), stored);
      } else {
        WriteWhole(static_cast<int64_t>(stored), feeder.to_,
                   out + (begin + i) * feeder.element_);
      }
    }
    if (real) {
      Write({values, count}, feeder.to_, feeder.scale_, feeder.zero_,
            out + begin * feeder.element_);
    }
  }
}

void Feeder::operator()(const Batch& batch, size_t f, int first, int count,
                        std::byte* out) const {
  // Two samples of MNIST are as many cache lines as a core waits for at once.
  constexpr int kAhead = 2;
  for (int i = 0; i < std::min(kAhead, count); ++i)
    batch.Prefetch(f, first + i);
  for (int i = 0; i < count; ++i) {
    if (i + kAhead < count) batch.Prefetch(f, first + i + kAhead);
    run_(*this, batch.at(f, first + i), out + static_cast<size_t>(i) * bytes());
  }
}

InputFeeder::InputFeeder(std::span<const Field> fields,
                         const std::vector<const Tensor*>& inputs) {
  if (fields.size() != inputs.size()) {
    Fail(ErrorKind::kInvalidArgument,
         "the model has {}, a sample of the data {} for them; as many are "
         "wanted",
         Counted(static_cast<int64_t>(inputs.size()), "input"),
         Counted(static_cast<int64_t>(fields.size()), "field"));
  }
  for (size_t i = 0; i < fields.size(); ++i)
    feeders_.emplace_back(fields[i], *inputs[i]);
}

InputFeeder::InputFeeder(std::span<const Field> fields, const Graph& to)
    : InputFeeder(fields, [&] {
        std::vector<const Tensor*> inputs;
        for (const TensorId id : to.inputs) inputs.push_back(&to.tensor(id));
        return inputs;
      }()) {}

InputFeeder::InputFeeder(std::span<const Field> fields, const Interpreter& to)
    : InputFeeder(fields, [&] {
        std::vector<const Tensor*> inputs;
        for (int i = 0; i < to.num_inputs(); ++i)
          inputs.push_back(&to.input_tensor(i));
        return inputs;
      }()) {}

void InputFeeder::operator()(const Batch& batch, int first, int count,
                             std::span<std::byte* const> inputs) const {
  for (size_t i = 0; i < feeders_.size(); ++i)
    feeders_[i](batch, i, first, count, inputs[i]);
}

void InputFeeder::operator()(const Batch& batch, Interpreter* to) const {
  for (size_t i = 0; i < feeders_.size(); ++i) {
    feeders_[i](batch, i, 0, batch.size(),
                to->input(static_cast<int>(i)).data());
  }
}

}  // namespace litesmith
