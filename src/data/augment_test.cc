// Random changes: the same for the same draw, none without one, each what it
// says, and errors.
#include "src/data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/loader.h"
#include "src/data/memory_dataset.h"

namespace litesmith {
namespace {

using Options = std::map<std::string, std::string>;

// Pictures of 6 x 4, pixel (y, x) of sample i is 10 y + x + i.
DataSplits Pictures(const Shape& shape = {6, 4, 1}) {
  const DataHalf half{
      5, [shape](int64_t count) {
        std::vector<uint8_t> pixels;
        for (int64_t i = 0; i < count; ++i) {
          for (int p = 0; p < 24; ++p)
            pixels.push_back(static_cast<uint8_t>(10 * (p / 4) + p % 4 + i));
        }
        return LabelledBytes(shape, 2, std::move(pixels),
                             std::vector<uint8_t>(static_cast<size_t>(count)));
      }};
  return {"p", half, half};
}

std::vector<int> Read(const Dataset& data, int64_t index, Draw draw) {
  std::vector<std::byte> pixels(data.inputs()[0].bytes());
  std::byte label;
  std::byte* const fields[] = {pixels.data(), &label};
  data.Read(index, draw, fields);
  std::vector<int> values;
  for (const std::byte pixel : pixels)
    values.push_back(std::to_integer<int>(pixel));
  return values;
}

std::set<std::vector<int>> Drawn(const Dataset& data, int draws = 64) {
  std::set<std::vector<int>> seen;
  for (int e = 0; e < draws; ++e) seen.insert(Read(data, 0, {1, e, true}));
  return seen;
}

DatasetPtr Train(const Options& options) {
  return Augmented(Pictures(), SpecOptions("SPEC", options)).train.Open();
}

TEST(Augmented, FollowsTheDrawAlone) {
  const DatasetPtr data = Train({{"flip", "hv"},
                                 {"shift", "1"},
                                 {"noise", "0.1"},
                                 {"brightness", "0.1"},
                                 {"contrast", "0.2"}});
  const DatasetPtr plain = Pictures().train.Open();
  EXPECT_EQ(Read(*data, 3, {}), Read(*plain, 3, {}));
  EXPECT_EQ(Read(*data, 3, {7, 2, true}), Read(*data, 3, {7, 2, true}));
  EXPECT_NE(Read(*data, 3, {7, 2, true}), Read(*data, 3, {7, 3, true}));
  EXPECT_NE(Read(*data, 3, {7, 2, true}), Read(*data, 3, {8, 2, true}));
  // The test half is not changed.
  const DataSplits both =
      Augmented(Pictures(), SpecOptions("SPEC", {{"noise", "1"}}));
  EXPECT_EQ(Read(*both.test.Open(), 1, {1, 1, true}), Read(*plain, 1, {}));
  // The loader's batches are drawn.
  Loader loader(*data, {3, 1}, 2, {7, 2});
  const Batch* batch = loader.Next();
  const std::vector<int> expected = Read(*data, 3, {7, 2, true});
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(std::to_integer<int>(batch->at(0, 0)[i]), expected[i]);
}

TEST(Augmented, FlipsShiftsAndCrops) {
  const auto flips = Drawn(*Train({{"flip", "h"}}));
  EXPECT_EQ(flips.size(), 2u);
  for (const std::vector<int>& p : flips)
    EXPECT_TRUE(p[0] == 0 ? p[3] == 3 && p[20] == 50
                          : p[0] == 3 && p[3] == 0 && p[20] == 53);
  EXPECT_EQ(Drawn(*Train({{"flip", "hv"}})).size(), 4u);
  const auto shifts = Drawn(*Train({{"shift", "1"}}), 200);
  EXPECT_EQ(shifts.size(), 9u);
  for (const std::vector<int>& p : shifts) EXPECT_LE(std::abs(p[5] - 11), 11);
  const DatasetPtr cropped = Train({{"crop", "3x2"}});
  EXPECT_EQ(cropped->inputs()[0].shape, (Shape{2, 3, 1}));
  EXPECT_EQ(Read(*cropped, 0, {}), (std::vector<int>{20, 21, 22, 30, 31, 32}));
  EXPECT_EQ(Drawn(*cropped, 200).size(), 10u);
  const DataSplits both =
      Augmented(Pictures(), SpecOptions("SPEC", {{"crop", "3x2"}}));
  EXPECT_EQ(both.test.Open()->inputs()[0].shape, (Shape{2, 3, 1}));
}

TEST(Augmented, ChangesValuesWithinTheirRange) {
  const std::vector<int> plain = Read(*Pictures().train.Open(), 0, {});
  for (const std::vector<int>& p : Drawn(*Train({{"brightness", "0.1"}}))) {
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_LE(std::abs(p[i] - plain[i]), 26);
      // All by as much, but for what would be below 0.
      if (p[i] > 0 && p[23] > 0) {
        EXPECT_EQ(p[i] - plain[i], p[23] - plain[23]);
      }
    }
  }
  double sum = 0;
  double squares = 0;
  int count = 0;
  const DatasetPtr noisy = Train({{"noise", "0.02"}});
  for (const std::vector<int>& p : Drawn(*noisy, 200)) {
    for (size_t i = 12; i < p.size(); ++i, ++count) {
      sum += p[i] - plain[i];
      squares += (p[i] - plain[i]) * (p[i] - plain[i]);
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.5);
  EXPECT_NEAR(std::sqrt(squares / count), 0.02 * 255, 0.5);
  const auto moved = Drawn(*Train({{"timeshift", "2"}}));
  EXPECT_EQ(moved.size(), 5u);
  for (const std::vector<int>& p : moved)
    EXPECT_TRUE(p[8] == plain[8] || p[8] == plain[4] || p[8] == plain[12] ||
                p[8] == plain[0] || p[8] == plain[16]);
}

TEST(Augmented, RefusesWhatSamplesDoNotHave) {
  const auto refuses = [](const Options& options, const Shape& shape) {
    try {
      Augmented(Pictures(shape), SpecOptions("SPEC", options)).train.Open();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(options.begin()->first + "="),
                std::string::npos)
          << error.what();
      return;
    }
    ADD_FAILURE() << options.begin()->first;
  };
  for (const Options& options :
       std::vector<Options>{{{"flip", "h"}}, {{"shift", "1"}}, {{"crop", "2"}}})
    refuses(options, {24});
  refuses({{"crop", "7"}}, {6, 4, 1});
  for (const Options& options : std::vector<Options>{{{"flip", "x"}},
                                                     {{"shift", "-1"}},
                                                     {{"crop", "0"}},
                                                     {{"brightness", "2"}},
                                                     {{"contrast", "x"}},
                                                     {{"noise", "-1"}},
                                                     {{"timeshift", "1.5"}}})
    refuses(options, {6, 4, 1});
}

}  // namespace
}  // namespace litesmith
