// Columns in memory: what is read, what it stands for, and what tells them
// apart.
#include "src/data/memory_dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "src/data/values.h"

namespace litesmith {
namespace {

TEST(LabelledBytes, EveryByteIsTheRoundedQuotient) {
  std::vector<uint8_t> pixels(256);
  for (size_t i = 0; i < 256; ++i) pixels[i] = static_cast<uint8_t>(i);
  const DatasetPtr data =
      LabelledBytes({1}, 3, pixels, std::vector<uint8_t>(256, 2), "d/labels");
  EXPECT_EQ(data->size(), 256);
  EXPECT_EQ(data->classes(), 3);
  EXPECT_EQ(data->Origin(3), "sample 3 of d/labels");
  for (int64_t i = 0; i < 256; ++i) {
    volatile float numerator = static_cast<float>(i);
    EXPECT_EQ(RealValues(*data, 0, i)[0], numerator / 255.0f);
    EXPECT_EQ(LabelOf(*data, i), 2);
  }
}

TEST(MemoryDataset, HasSeveralFieldsOfSeveralTypes) {
  const Field a = {"a", {2}, DType::kInt16, {{0.5}, {1}}};
  const Field b = {"b", {1, 2}, DType::kUInt8, {{1, 2}, {0, -3}}};
  const Field y = {"y", {}, DType::kFloat32, {}};
  const MemoryDataset data({{a, std::vector<int16_t>{1, 2, 3, -4}},
                            {b, std::vector<uint8_t>{5, 6, 7, 8}}},
                           {{y, std::vector<float>{0.25f, -0.0f}}});
  EXPECT_EQ(data.size(), 2);
  EXPECT_EQ(NumFields(data), 3u);
  EXPECT_EQ(FieldAt(data, 2), y);
  EXPECT_EQ(TargetAt(data, 0), 2u);
  EXPECT_EQ(RealValues(data, 0, 1), (std::vector<float>{2.5f, -1}));
  EXPECT_EQ(RealValues(data, 1, 1), (std::vector<float>{7, 13}));
  EXPECT_TRUE(std::signbit(RealValues(data, 2, 1)[0]));
  EXPECT_EQ(TargetAt(MemoryDataset({{a, std::vector<int16_t>{}}}, {}), 0), 0u);
}

TEST(MemoryDataset, WhatDiffersHasAnotherDigest) {
  std::set<uint64_t> seen;
  const auto add = [&](const Field& x, std::vector<uint8_t> values,
                       const Field& y, int classes) {
    Digest digest;
    MemoryDataset({{x, std::move(values)}}, {{y, std::vector<uint8_t>{1, 0}}},
                  classes)
        .AddTo(&digest);
    EXPECT_TRUE(seen.insert(digest.value()).second) << seen.size();
  };
  const Field x = {"x", {2}, DType::kUInt8, {{1.0 / 255}, {0}}};
  const Field y = {"y", {}, DType::kUInt8, {}};
  add(x, {1, 2, 3, 4}, y, 2);
  add(x, {1, 2, 3, 5}, y, 2);
  add(x, {1, 2, 3, 4}, y, 3);
  add({"x", {1, 2}, DType::kUInt8, x.real}, {1, 2, 3, 4}, y, 2);
  add({"x", {2}, DType::kInt8, x.real}, {1, 2, 3, 4}, y, 2);
  add({"x", {2}, DType::kUInt8, {}}, {1, 2, 3, 4}, y, 2);
  add(x, {1, 2, 3, 4}, {"y", {1}, DType::kUInt8, {}}, 2);
}

}  // namespace
}  // namespace litesmith
