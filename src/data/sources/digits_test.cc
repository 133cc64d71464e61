// The built-in digits: the same bits every time, balanced, and legible.
#include "src/data/sources/digits.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/sources/digit_strokes.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

constexpr size_t kPixels = kDigitsSide * kDigitsSide;

std::vector<float> Sample(const Dataset& data, int64_t index) {
  return RealValues(data, 0, index);
}

std::string PrintOf(const DataSplits& data) {
  return Fingerprint(*data.train.Open(), *data.test.Open());
}

TEST(Digits, GoldenFingerprint) {
  EXPECT_EQ(PrintOf(MakeDigits(0)), "dcc47b017eabab8b");
  EXPECT_EQ(PrintOf(MakeDigits(1, 100, 10)), "3252c89b5ff26c1d");
}

TEST(Digits, ShapeAndBalance) {
  const DataSplits data = MakeDigits(0);
  EXPECT_EQ(data.name, "digits");
  EXPECT_EQ(data.train.size, kDigitsTrain);
  EXPECT_EQ(data.test.size, kDigitsTest);
  for (const DatasetPtr& half : {data.train.Open(), data.test.Open()}) {
    ASSERT_EQ(half->inputs().size(), 1u);
    EXPECT_EQ(half->inputs()[0].shape, (Shape{28, 28}));
    EXPECT_EQ(half->classes(), 10);
    std::array<int64_t, 10> counts{};
    for (int64_t i = 0; i < half->size(); ++i) {
      ++counts.at(static_cast<size_t>(LabelOf(*half, i)));
    }
    for (int64_t count : counts) EXPECT_EQ(count, half->size() / 10);
  }
}

TEST(Digits, ThreadsDoNotMatter) {
  const std::string one = PrintOf(MakeDigits(3, 1000, 200, 1));
  for (int threads : {2, 3, 7}) {
    EXPECT_EQ(PrintOf(MakeDigits(3, 1000, 200, threads)), one) << threads;
  }
}

TEST(Digits, SamplesStandAlone) {
  const DataSplits few = MakeDigits(3, 70, 5);
  const DataSplits many = MakeDigits(3, 200, 90);
  for (int64_t i : {0, 1, 42, 69}) {
    EXPECT_EQ(Sample(*few.train.Open(), i), Sample(*many.train.Open(), i));
    EXPECT_EQ(Sample(*many.train.Open(70), i), Sample(*many.train.Open(), i));
  }
  for (int64_t i : {0, 4}) {
    EXPECT_EQ(Sample(*few.test.Open(), i), Sample(*many.test.Open(), i));
  }
  std::array<uint8_t, kPixels> alone;
  DrawDigit(2, 3, 42, alone);
  const std::vector<float> sample = Sample(*many.train.Open(), 42);
  for (size_t i = 0; i < kPixels; ++i) {
    ASSERT_EQ(sample[i], static_cast<float>(alone[i]) / 255.0f);
  }
}

TEST(Digits, NoTwoSamplesAreEqual) {
  const DataSplits data = MakeDigits(0, 500, 500);
  const DatasetPtr train = data.train.Open();
  const DatasetPtr test = data.test.Open();
  std::set<std::vector<float>> seen;
  for (int64_t i = 0; i < 500; ++i) {
    seen.insert(Sample(*train, i));
    seen.insert(Sample(*test, i));
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_NE(PrintOf(MakeDigits(1, 500, 500)), PrintOf(data));
}

// Every picture has ink, and the ink stays off the border but for a few.
TEST(Digits, InkIsInTheMiddle) {
  const DatasetPtr train = MakeDigits(0, 1000, 0).train.Open();
  int touching = 0;
  for (int64_t i = 0; i < train->size(); ++i) {
    const std::vector<float> sample = Sample(*train, i);
    double ink = 0;
    bool border = false;
    for (size_t p = 0; p < kPixels; ++p) {
      const size_t x = p % kDigitsSide;
      const size_t y = p / kDigitsSide;
      if (sample[p] <= 0.25f) continue;
      ink += sample[p];
      border |=
          x == 0 || y == 0 || x == kDigitsSide - 1 || y == kDigitsSide - 1;
    }
    EXPECT_GT(ink, 5) << i;
    EXPECT_LT(ink, 300) << i;
    touching += border;
  }
  EXPECT_LT(touching, 50);
}

// Learnable even without a network: the nearest class mean is far above
// chance, and far below what the benchmark model reaches (97 %).
TEST(Digits, NearestMeanIsBetweenChanceAndPerfect) {
  const DataSplits data = MakeDigits(0);
  const DatasetPtr train = data.train.Open();
  const DatasetPtr test = data.test.Open();
  std::vector<std::vector<double>> means(10, std::vector<double>(kPixels));
  for (int64_t i = 0; i < train->size(); ++i) {
    const std::vector<float> sample = Sample(*train, i);
    std::vector<double>& mean = means[static_cast<size_t>(LabelOf(*train, i))];
    for (size_t p = 0; p < kPixels; ++p) {
      mean[p] += sample[p] * 10.0 / kDigitsTrain;
    }
  }
  int64_t right = 0;
  for (int64_t i = 0; i < test->size(); ++i) {
    const std::vector<float> sample = Sample(*test, i);
    double best = 1e30;
    int32_t guess = -1;
    for (int32_t c = 0; c < 10; ++c) {
      double distance = 0;
      for (size_t p = 0; p < kPixels; ++p) {
        const double d = sample[p] - means[static_cast<size_t>(c)][p];
        distance += d * d;
      }
      if (distance < best) {
        best = distance;
        guess = c;
      }
    }
    right += guess == LabelOf(*test, i);
  }
  const double accuracy = static_cast<double>(right) / kDigitsTest;
  RecordProperty("accuracy", std::to_string(accuracy));
  EXPECT_GT(accuracy, 0.60);
  EXPECT_LT(accuracy, 0.95);
}

TEST(Digits, RefusesImpossibleCounts) {
  EXPECT_THROW(MakeDigits(0, -1, 10), Error);
  EXPECT_THROW(MakeDigits(0, 10, int64_t{1} << 40), Error);
  EXPECT_EQ(MakeDigits(0, 0, 0).train.Open()->size(), 0);
}

TEST(DigitStrokes, EveryDigitHasSoundForms) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_FALSE(digit_strokes::Forms(digit).empty());
    for (const digit_strokes::Form& form : digit_strokes::Forms(digit)) {
      EXPECT_GE(form.count, 1u);
      for (size_t s = 0; s < form.count; ++s) {
        const digit_strokes::Stroke& stroke = form.strokes[s];
        EXPECT_GE(stroke.count, 2u);
        for (size_t p = 0; p < stroke.count; ++p) {
          EXPECT_GE(stroke.points[p].x, 0);
          EXPECT_LE(stroke.points[p].x, 100);
          EXPECT_GE(stroke.points[p].y, 0);
          EXPECT_LE(stroke.points[p].y, 100);
        }
      }
    }
  }
}

}  // namespace
}  // namespace litesmith
