// Slice and Take: the right samples, and errors.
#include "src/data/views.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/data/memory_dataset.h"
#include "src/data/values.h"

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
  return LabelledBytes({1}, 10, std::move(pixels), std::move(labels));
}

void ExpectRange(const Dataset& data, int64_t begin, int64_t end) {
  ASSERT_EQ(data.size(), end - begin);
  EXPECT_EQ(data.inputs()[0].shape, Shape{1});
  EXPECT_EQ(data.classes(), 10);
  for (int64_t i = 0; i < data.size(); ++i) {
    std::byte pixel{255};
    std::byte label{255};
    std::byte* const fields[] = {&pixel, &label};
    data.Read(i, {}, fields);
    EXPECT_EQ(static_cast<int64_t>(pixel), begin + i);
    EXPECT_EQ(static_cast<int64_t>(label), (begin + i) % 10);
    // The same in place.
    EXPECT_EQ(data.Stored(0)[static_cast<size_t>(i)], pixel);
    EXPECT_EQ(LabelOf(data, i), (begin + i) % 10);
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

}  // namespace
}  // namespace litesmith
