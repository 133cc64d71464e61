// Batches of data in memory and of data that must be read: the same samples in
// the same order, errors where a batch is asked for, and no thread left behind.
#include "src/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "src/base/error.h"
#include "src/data/memory_dataset.h"

namespace litesmith {
namespace {

constexpr int64_t kSize = 50;

// Samples that cost something: sample i is the numbers i and epoch + seed, and
// a label; `broken` cannot be read.
class Costly : public Dataset {
 public:
  explicit Costly(int64_t broken = -1) : broken_(broken) {}
  int64_t size() const override { return kSize; }
  std::span<const Field> inputs() const override { return inputs_; }
  std::span<const Field> targets() const override { return targets_; }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    ++reads;
    if (index == broken_)
      Fail(ErrorKind::kCorrupt, "{} is damaged", Origin(index));
    const int32_t numbers[] = {
        static_cast<int32_t>(index),
        static_cast<int32_t>(draw.epoch + static_cast<int64_t>(draw.seed))};
    std::memcpy(fields[0], numbers, sizeof(numbers));
    fields[1][0] = static_cast<std::byte>(index % 7);
  }
  void AddTo(Digest* digest) const override { digest->Text("costly"); }

  mutable std::atomic<int> reads{0};

 private:
  int64_t broken_;
  std::vector<Field> inputs_ = {{"x", {2}, DType::kInt32, {}}};
  std::vector<Field> targets_ = {{"y", {}, DType::kUInt8, {}}};
};

// The same in memory.
MemoryDataset InMemory(Draw draw) {
  const Costly costly;
  std::vector<int32_t> x(2 * kSize);
  std::vector<uint8_t> y(kSize);
  for (int64_t i = 0; i < kSize; ++i) {
    std::byte* const fields[] = {reinterpret_cast<std::byte*>(&x[2 * i]),
                                 reinterpret_cast<std::byte*>(&y[i])};
    costly.Read(i, draw, fields);
  }
  return MemoryDataset({{costly.inputs()[0], x}}, {{costly.targets()[0], y}});
}

std::vector<int32_t> Order() {
  std::vector<int32_t> order;
  for (int32_t i = 0; i < kSize; ++i) order.push_back(i * 13 % kSize);
  return order;
}

// All bytes of all batches, and the sizes of the batches.
std::vector<int> Walk(Loader* loader, std::string* bytes) {
  std::vector<int> sizes;
  while (const Batch* batch = loader->Next()) {
    sizes.push_back(batch->size());
    for (int i = 0; i < batch->size(); ++i) {
      bytes->append(reinterpret_cast<const char*>(batch->at(0, i)), 8);
      bytes->append(reinterpret_cast<const char*>(batch->at(1, i)), 1);
    }
  }
  return sizes;
}

TEST(Loader, ReadsTheSameWhereverTheSamplesAre) {
  const Draw draw = {3, 4};
  const MemoryDataset memory = InMemory(draw);
  const Costly costly;
  EXPECT_TRUE(BatchReader::IsInMemory(memory));
  EXPECT_FALSE(BatchReader::IsInMemory(costly));
  for (const int batch : {1, 8, 50, 64}) {
    std::string in_place;
    std::string read;
    Loader one(memory, Order(), batch, draw);
    Loader other(costly, Order(), batch, draw);
    const std::vector<int> sizes = Walk(&one, &in_place);
    EXPECT_EQ(Walk(&other, &read), sizes);
    EXPECT_EQ(read, in_place);
    EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), 0), kSize);
    EXPECT_EQ(one.Next(), nullptr);
  }
}

TEST(Loader, ABatchIsGoodUntilTheNextIsAskedFor) {
  const Costly costly;
  Loader loader(costly, Order(), 5, {});
  for (int b = 0; const Batch* batch = loader.Next(); ++b) {
    // As long as the reader is ahead of.
    while (costly.reads < std::min<int>(kSize, 5 * (b + 3)))
      std::this_thread::yield();
    for (int i = 0; i < 5; ++i) {
      int32_t index;
      std::memcpy(&index, batch->at(0, i), sizeof(index));
      EXPECT_EQ(index, Order()[static_cast<size_t>(5 * b + i)]);
    }
  }
}

TEST(Loader, WhatCannotBeReadIsThrownWhereItsBatchIsAskedFor) {
  const Costly costly(Order()[17]);
  Loader loader(costly, Order(), 8, {});
  EXPECT_NE(loader.Next(), nullptr);
  EXPECT_NE(loader.Next(), nullptr);
  try {
    loader.Next();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    EXPECT_EQ(std::string(error.what()),
              costly.Origin(Order()[17]) + " is damaged");
  }
}

TEST(Loader, StopsWhenNobodyWantsTheRest) {
  const Costly costly;
  {
    Loader loader(costly, Order(), 1, {});
    loader.Next();
  }
  EXPECT_LE(costly.reads, 3);
  Loader nothing(costly, {}, 4, {});
  EXPECT_EQ(nothing.Next(), nullptr);
}

}  // namespace
}  // namespace litesmith
