// Slice, Take and Split: the right samples, Keras's split point, and errors.
#include "src/data/decorators.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/data/byte_dataset.h"

namespace litesmith {
namespace {

// Sample i is the one pixel i and has label i % 10.
DatasetPtr Numbered(size_t count) {
  std::vector<uint8_t> pixels(count);
  std::vector<uint8_t> labels(count);
  for (size_t i = 0; i < count; ++i) {
    pixels[i] = static_cast<uint8_t>(i);
    labels[i] = static_cast<uint8_t>(i % 10);
  }
  return std::make_shared<const ByteDataset>(Shape{1}, 10, std::move(pixels),
                                             std::move(labels));
}

void ExpectRange(const Dataset& data, int64_t begin, int64_t end) {
  ASSERT_EQ(data.size(), end - begin);
  EXPECT_EQ(data.sample_shape(), Shape{1});
  EXPECT_EQ(data.classes(), 10);
  for (int64_t i = 0; i < data.size(); ++i) {
    float pixel = -1;
    data.Read(i, &pixel);
    EXPECT_EQ(pixel, static_cast<float>((begin + i) % 256) / 255.0f);
    EXPECT_EQ(data.label(i), (begin + i) % 10);
  }
}

ErrorKind KindOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kIo;
}

TEST(ByteDataset, EveryPixelIsTheRoundedQuotient) {
  const DatasetPtr data = Numbered(256);
  for (int i = 0; i < 256; ++i) {
    float pixel = -1;
    data->Read(i, &pixel);
    volatile float numerator = static_cast<float>(i);
    EXPECT_EQ(pixel, numerator / 255.0f);
  }
}

TEST(Slice, IsARange) {
  const DatasetPtr data = Numbered(50);
  ExpectRange(*Slice(data, 0, 50), 0, 50);
  ExpectRange(*Slice(data, 7, 31), 7, 31);
  ExpectRange(*Slice(data, 50, 50), 50, 50);
  ExpectRange(*Slice(Slice(data, 10, 40), 5, 9), 15, 19);
}

TEST(Slice, RefusesOtherRanges) {
  const DatasetPtr data = Numbered(50);
  for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 5}, {6, 5}, {0, 51}, {51, 51}}) {
    const int64_t first = begin;
    const int64_t last = end;
    EXPECT_EQ(KindOf([&] { Slice(data, first, last); }),
              ErrorKind::kInvalidArgument);
  }
}

TEST(Slice, KeepsTheWholeAlive) {
  DatasetPtr part = Slice(Numbered(50), 3, 5);
  ExpectRange(*part, 3, 5);
}

TEST(Take, IsTheFirst) {
  const DatasetPtr data = Numbered(50);
  ExpectRange(*Take(data, 0), 0, 0);
  ExpectRange(*Take(data, 20), 0, 20);
  ExpectRange(*Take(data, 1000), 0, 50);
  EXPECT_EQ(KindOf([&] { Take(data, -1); }), ErrorKind::kInvalidArgument);
}

TEST(Split, HoldsOutTheLast) {
  const TrainValidation parts = Split(Numbered(50), 0.1);
  ExpectRange(*parts.train, 0, 45);
  ExpectRange(*parts.validation, 45, 50);
}

TEST(Split, IsWhereKerasSplits) {
  // int(floor(n * (1.0 - fraction))), computed by Python.
  EXPECT_EQ(Split(Numbered(60000), 0.1).train->size(), 54000);
  EXPECT_EQ(Split(Numbered(12000), 0.1).train->size(), 10800);
  EXPECT_EQ(Split(Numbered(10), 0.3).train->size(), 7);
  EXPECT_EQ(Split(Numbered(20), 0.9).train->size(), 1);
  EXPECT_EQ(Split(Numbered(15), 0.1).train->size(), 13);
}

TEST(Split, NothingHeldOut) {
  const TrainValidation parts = Split(Numbered(50), 0.0);
  EXPECT_EQ(parts.train->size(), 50);
  EXPECT_EQ(parts.validation->size(), 0);
}

TEST(Split, RefusesEmptyParts) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double fraction : {-0.1, 1.0, 1.5, nan, 1e-17, 0.999}) {
    EXPECT_EQ(KindOf([&] { Split(Numbered(50), fraction); }),
              ErrorKind::kInvalidArgument)
        << fraction;
  }
}

}  // namespace
}  // namespace litesmith
