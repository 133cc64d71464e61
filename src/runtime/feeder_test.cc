// What each way of feeding gives: the same as reading, converting and
// quantizing one value after another.
#include "src/runtime/feeder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "src/data/values.h"
#include "src/kernels/quantize/reference.h"
#include "src/runtime/two_inputs_test.h"

namespace litesmith {
namespace {

Tensor Input(DType dtype, int size, float scale = 0, int64_t zero = 0) {
  Tensor input;
  input.name = "x";
  input.dtype = dtype;
  input.shape = {kDynamic, size};
  if (scale != 0) {
    input.quant.scale = {scale};
    input.quant.zero_point = {zero};
  }
  return input;
}

Field Of(DType dtype, int size, Affine real = {}) {
  return {"f", {size}, dtype, std::move(real)};
}

template <typename To, typename From>
std::vector<To> Fed(const Field& field, const Tensor& input,
                    const std::vector<From>& values) {
  std::vector<To> out(values.size());
  const Feeder feeder(field, input);
  EXPECT_EQ(feeder.bytes(), out.size() * sizeof(To));
  feeder(reinterpret_cast<const std::byte*>(values.data()),
         reinterpret_cast<std::byte*>(out.data()));
  return out;
}

std::vector<uint8_t> AllBytes() {
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

template <typename T>
std::vector<int> Quantized(DType dtype, float scale, int64_t zero,
                           const std::vector<float>& values) {
  const int size = static_cast<int>(values.size());
  const std::vector<T> fed = Fed<T>(Of(DType::kFloat32, size),
                                    Input(dtype, size, scale, zero), values);
  return {fed.begin(), fed.end()};
}

TEST(Feeder, RoundsHalvesAwayFromZeroAndSaturates) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {0.0f,   0.25f,  -0.25f,    0.75f,
                                     -0.75f, 0.245f, 1e30f,     -1e30f,
                                     NAN,    63.5f,  kInfinity, -kInfinity};
  EXPECT_EQ(Quantized<int8_t>(DType::kInt8, 0.5f, -3, values),
            (std::vector<int>{-3, -2, -4, -1, -5, -3, 127, -128, -3, 124, 127,
                              -128}));
  EXPECT_EQ(Quantized<uint8_t>(DType::kUInt8, 0.5f, 128, values),
            (std::vector<int>{128, 129, 127, 130, 126, 128, 255, 0, 128, 255,
                              255, 0}));
  EXPECT_EQ(Quantized<int16_t>(DType::kInt16, 0.5f, 0, values),
            (std::vector<int>{0, 1, -1, 2, -2, 0, 32767, -32768, 0, 127, 32767,
                              -32768}));
}

// By products where they give every quotient, by a table where they do not.
TEST(Feeder, BytesAreTheRoundedRealValues) {
  const std::vector<uint8_t> bytes = AllBytes();
  for (const Affine& real :
       {Affine{{1.0 / 255}, {0}}, Affine{}, Affine{{1.0 / 3}, {0}},
        Affine{{-0.1}, {7.3}}, Affine{{1e-30}, {0}}}) {
    const std::vector<float> fed = Fed<float>(
        Of(DType::kUInt8, 256, real), Input(DType::kFloat32, 256), bytes);
    for (size_t i = 0; i < 256; ++i) {
      const auto exact =
          static_cast<float>(real.a[0] * static_cast<double>(i) + real.b[0]);
      EXPECT_EQ(fed[i], exact) << i << " of " << real.a[0];
    }
  }
  const std::vector<float> pixels =
      Fed<float>(Of(DType::kUInt8, 256, {{1.0 / 255}, {0}}),
                 Input(DType::kFloat32, 256), bytes);
  for (size_t i = 0; i < 256; ++i) {
    volatile float numerator = static_cast<float>(i);
    EXPECT_EQ(pixels[i], numerator / 255.0f);
  }
}

// A table of bytes gives what the floats between would.
TEST(Feeder, BytesBecomeIntegersAsTheirRealValuesWould) {
  const Affine real = {{1.0 / 255}, {0}};
  const std::vector<uint8_t> bytes = AllBytes();
  std::vector<float> floats;
  for (size_t i = 0; i < 256; ++i)
    floats.push_back(static_cast<float>(i) / 255.0f);
  const auto check = [&](auto zero_of_type, DType dtype, float scale,
                         int32_t zero) {
    using T = decltype(zero_of_type);
    std::vector<T> wanted(256);
    QuantizeRef(floats.data(), 256, scale, zero, wanted.data());
    EXPECT_EQ(Fed<T>(Of(DType::kUInt8, 256, real),
                     Input(dtype, 256, scale, zero), bytes),
              wanted);
    EXPECT_EQ(Fed<T>(Of(DType::kFloat32, 256), Input(dtype, 256, scale, zero),
                     floats),
              wanted);
  };
  check(uint8_t{}, DType::kUInt8, 1.0f / 255, 0);
  check(int8_t{}, DType::kInt8, 1.0f / 255, -128);
  check(int8_t{}, DType::kInt8, 0.0031f, -100);
  check(int16_t{}, DType::kInt16, 1.0f / 32768, 0);
}

TEST(Feeder, ChannelsHaveValuesOfTheirOwn) {
  const Affine real = {{0.5, 2, -1}, {0, 10, 0.25}};
  const std::vector<uint8_t> bytes = {0, 1, 2, 255, 254, 253};
  const std::vector<float> wanted = {0, 12, -1.75f, 127.5f, 518, -252.75f};
  Field field = {"f", {2, 3}, DType::kUInt8, real};
  EXPECT_EQ(Fed<float>(field, Input(DType::kFloat32, 6), bytes), wanted);
  field.dtype = DType::kInt16;
  EXPECT_EQ(Fed<float>(field, Input(DType::kFloat32, 6),
                       std::vector<int16_t>(bytes.begin(), bytes.end())),
            wanted);
}

TEST(Feeder, WhatTheTensorTakesAlreadyIsCopied) {
  const std::vector<int8_t> bytes = {-128, -3, 0, 127};
  const Tensor input = Input(DType::kInt8, 4, 0.5f, -3);
  EXPECT_EQ(Fed<int8_t>(Of(DType::kInt8, 4, RealOf(input)), input, bytes),
            bytes);
  // The same bytes as numbers are other real values.
  EXPECT_EQ(Fed<int8_t>(Of(DType::kInt8, 4), input, bytes),
            (std::vector<int8_t>{-128, -9, -3, 127}));
  const std::vector<float> floats = {NAN, -0.0f, 1e30f, 0.1f};
  const std::vector<float> fed =
      Fed<float>(Of(DType::kFloat32, 4), Input(DType::kFloat32, 4), floats);
  EXPECT_EQ(std::memcmp(fed.data(), floats.data(), 16), 0);
}

TEST(Feeder, WholeNumbersStayWhole) {
  const std::vector<int64_t> ids = {0, 7, 1 << 30, -5};
  EXPECT_EQ(Fed<int32_t>(Of(DType::kInt64, 4), Input(DType::kInt32, 4), ids),
            (std::vector<int32_t>{0, 7, 1 << 30, -5}));
  EXPECT_EQ(Fed<int32_t>(Of(DType::kInt8, 4), Input(DType::kInt32, 4),
                         std::vector<int8_t>{-1, 2, -128, 127}),
            (std::vector<int32_t>{-1, 2, -128, 127}));
}

TEST(Feeder, SaysWhatCannotBeFed) {
  const auto refuse = [](const Field& field, const Tensor& input) {
    return ErrorOf([&] { Feeder(field, input); });
  };
  EXPECT_EQ(refuse(Of(DType::kUInt8, 3), Input(DType::kFloat32, 4)),
            "invalid argument: the model's input 'x' takes samples of shape "
            "[4]; the data has [3]");
  EXPECT_EQ(refuse(Of(DType::kFloat32, 4), Input(DType::kInt8, 4)),
            "unsupported: input 'x' is int8 without a scale: real values "
            "cannot be fed");
  EXPECT_NE(refuse(Of(DType::kFloat32, 4), Input(DType::kInt32, 4)), "");
  EXPECT_NE(refuse(Of(DType::kInt16, 4, {{0.5}, {0}}), Input(DType::kInt32, 4)),
            "");
}

TEST(InputFeeder, EveryFieldGoesToTheInputOfItsPlace) {
  const Graph graph = TwoInputs();
  const MemoryDataset data = TwoInputsData(5);
  Interpreter interpreter(graph, {.batch = 5});
  const InputFeeder feed(data.inputs(), interpreter);
  BatchReader reader(data, 5);
  feed(reader.Read(1, 4), &interpreter);
  interpreter.Invoke(4);
  for (int s = 0; s < 4; ++s) {
    for (int o = 0; o < 2; ++o) {
      const std::vector<double> wanted =
          o == 0 ? DenseOf(graph, "of_b", RealValues(data, 1, s + 1))
                 : DenseOf(graph, "of_a", RealValues(data, 0, s + 1));
      const auto* values =
          reinterpret_cast<const float*>(interpreter.output(o).data());
      for (size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_NEAR(values[static_cast<size_t>(s) * wanted.size() + i],
                    wanted[i], 1e-5);
      }
    }
  }
  EXPECT_EQ(
      ErrorOf([&] { InputFeeder(data.inputs().subspan(1), interpreter); }),
      "invalid argument: the model has 2 inputs, a sample of the data 1 "
      "field for them; as many are wanted");
}

}  // namespace
}  // namespace litesmith
