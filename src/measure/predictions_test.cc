// Tables of predictions, counted by hand.
#include "src/measure/predictions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/base/warning.h"
#include "src/data/memory_dataset.h"
#include "src/data/views.h"
#include "src/measure/data_checks.h"
#include "src/measure/worst.h"

namespace litesmith {
namespace {

// Labels 0, 0, 1, 1, 2; answers 0, 1, 1, 1, 0.
Predictions Three() {
  Predictions p;
  p.values = 3;
  p.classes = 3;
  p.labels = {0, 0, 1, 1, 2};
  p.outputs = {0.8, 0.1, 0.1, 0.2, 0.6, 0.2, 0.1, 0.7,
               0.2, 0.3, 0.5, 0.2, 0.5, 0.1, 0.4};
  return p;
}

TEST(Predictions, CountClasses) {
  const Predictions p = Three();
  EXPECT_EQ(p.Confusion(), (std::vector<int64_t>{1, 1, 0, 0, 2, 0, 1, 0, 0}));
  const std::vector<ClassScore> scores = ScoreClasses(p);
  EXPECT_EQ(scores[0].precision(), 0.5);
  EXPECT_EQ(scores[0].recall(), 0.5);
  EXPECT_EQ(scores[1].precision(), 2.0 / 3);
  EXPECT_EQ(scores[1].recall(), 1);
  EXPECT_TRUE(std::isnan(scores[2].precision()));
  EXPECT_EQ(scores[2].recall(), 0);
}

TEST(Predictions, OfOneValueAreYesOrNo) {
  Predictions p;
  p.values = 1;
  p.classes = 2;
  p.labels = {0, 1, 1, 0};
  p.outputs = {0.2, 0.9, 0.4, 0.5};
  EXPECT_EQ(p.Confusion(), (std::vector<int64_t>{1, 1, 1, 1}));
}

TEST(Thresholds, GoFromAllToNone) {
  Predictions p;
  p.values = 1;
  p.classes = 2;
  p.labels = {0, 0, 0, 0, 1, 1, 1, 1};
  p.outputs = {0, 0.1, 0.2, 0.6, 0.4, 0.7, 0.8, 1};
  const std::vector<ThresholdRow> rows = Thresholds(p, 1);
  ASSERT_EQ(rows.size(), 12u);
  EXPECT_EQ(rows[0].false_accepts, 1);
  EXPECT_EQ(rows[0].false_rejects, 0);
  EXPECT_EQ(rows[10].threshold, 1);
  EXPECT_EQ(rows[10].false_accepts, 0);
  EXPECT_EQ(rows[10].false_rejects, 0.75);
  // One of four each: 0.6 is accepted, 0.4 rejected.
  EXPECT_EQ(rows[11].false_accepts, 0.25);
  EXPECT_EQ(rows[11].false_rejects, 0.25);
}

TEST(PredictionsCsv, QuotesNames) {
  const Predictions p = Three();
  const DatasetPtr data =
      LabelledBytes({1}, 3, {0, 0, 0, 0, 0}, {0, 0, 1, 1, 2}, "a,b");
  const std::vector<std::string> names = {"x", "y \"z\"", "w"};
  const PredictedOutput first = {"first", p, names};
  const std::string text = PredictionsCsv({&first, 1}, *data);
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "sample,origin,label,label_name,predicted,predicted_name,value,"
            "output_0,output_1,output_2");
  EXPECT_NE(text.find("1,\"sample 1 of a,b\",0,x,1,\"y \"\"z\"\"\",0.6,0.2,0.6,"
                      "0.2\n"),
            std::string::npos)
      << text;
  // A further output stands behind it under its own name.
  Predictions age;
  age.values = 1;
  age.outputs = {1, 2, 3, 4, 5.5};
  const PredictedOutput both[] = {first, {"age, years", age, {}}};
  const std::string more = PredictionsCsv(both, *data);
  EXPECT_NE(more.find("output_2,\"age, years.output_0\"\n"), std::string::npos)
      << more;
  EXPECT_NE(more.find("0.5,0.1,0.4,5.5\n"), std::string::npos) << more;
}

std::string WarningsOf(const Dataset& train, const Dataset* test) {
  std::string said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said += text; });
  CheckSamples(train, test);
  SetWarningSink(before);
  return said;
}

// Samples on disk, told by their files.
class OnDisk : public ViewDataset {
 public:
  OnDisk(DatasetPtr whole, uint64_t first)
      : ViewDataset(std::move(whole)), first_(first) {}
  void Read(int64_t, Draw, std::byte* const*) const override {
    ADD_FAILURE() << "nothing has to be read";
  }
  std::span<const std::byte> Stored(size_t f) const override {
    return f == 0 ? std::span<const std::byte>() : whole_->Stored(f);
  }
  uint64_t InputDigest(int64_t index) const override {
    return first_ + static_cast<uint64_t>(index);
  }
  void AddTo(Digest*) const override {}

 private:
  uint64_t first_;
};

TEST(CheckSamples, TellsFilesByWhatIsInThem) {
  std::vector<uint8_t> labels;
  for (int i = 0; i < 60; ++i) labels.push_back(static_cast<uint8_t>(i % 2));
  const DatasetPtr whole =
      LabelledBytes({1}, 2, std::vector<uint8_t>(60), labels);
  const OnDisk train(whole, 1000);
  EXPECT_EQ(WarningsOf(train, std::make_shared<OnDisk>(whole, 2000).get()), "");
  EXPECT_NE(WarningsOf(train, std::make_shared<OnDisk>(whole, 1057).get())
                .find("3 of 60 samples"),
            std::string::npos);
}

TEST(Worst, SurestMistakesComeFirst) {
  const std::vector<std::string> names = {"x", "y", "z"};
  const std::vector<WorstSample> worst = SurestMistakes(Three(), names, 5);
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].sample, 1);
  EXPECT_EQ(worst[0].wanted, "x");
  EXPECT_EQ(worst[0].given, "y");
  EXPECT_NEAR(worst[0].wrong, 0.4, 1e-9);
  EXPECT_EQ(worst[1].sample, 4);
  EXPECT_EQ(SurestMistakes(Three(), names, 1).size(), 1u);
}

TEST(CheckSamples, SaysWhatIsUnbalancedMissingOrTwice) {
  const auto data = [](const std::vector<uint8_t>& labels, int classes,
                       uint8_t first) {
    std::vector<uint8_t> pixels;
    for (size_t i = 0; i < labels.size(); ++i)
      pixels.push_back(static_cast<uint8_t>(first + i));
    return LabelledBytes({1}, classes, pixels, labels);
  };
  std::vector<uint8_t> even;
  for (int i = 0; i < 60; ++i) even.push_back(static_cast<uint8_t>(i % 3));
  const DatasetPtr good = data(even, 3, 0);
  const DatasetPtr other = data(even, 3, 100);
  EXPECT_EQ(WarningsOf(*good, other.get()), "");
  const DatasetPtr same = data(even, 3, 59);
  EXPECT_NE(WarningsOf(*good, same.get()).find("1 of 60 samples"),
            std::string::npos);
  EXPECT_NE(WarningsOf(*data(even, 5, 0), nullptr).find("3, 4"),
            std::string::npos);
  std::vector<uint8_t> late(even);
  for (uint8_t& label : late) ++label;
  EXPECT_NE(WarningsOf(*data(late, 4, 0), nullptr).find("one too large"),
            std::string::npos);
  std::vector<uint8_t> rare(100, 1);
  rare[3] = 0;
  EXPECT_NE(WarningsOf(*data(rare, 2, 0), nullptr).find("99.0 %"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
