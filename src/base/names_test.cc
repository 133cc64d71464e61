#include "src/base/names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace litesmith {
namespace {

const std::vector<std::string> kVerbs = {"study",     "train",    "optimize",
                                         "convert",   "evaluate", "run",
                                         "benchmark", "inspect",  "list"};
const std::vector<std::string> kOptions = {
    "epochs", "batch",   "learning-rate", "validation-split",
    "seed",   "threads", "checkpoint",    "limit",
    "out",    "recipes", "methods",       "model"};

TEST(NamesTest, NearestIsWhatWasMeant) {
  EXPECT_EQ(NearestName("studdy", kVerbs), "study");
  EXPECT_EQ(NearestName("trian", kVerbs), "train");
  EXPECT_EQ(NearestName("Train", kVerbs), "train");
  EXPECT_EQ(NearestName("optimise", kVerbs), "optimize");
  EXPECT_EQ(NearestName("bench", kVerbs), "benchmark");
  EXPECT_EQ(NearestName("eval", kVerbs), "evaluate");
  EXPECT_EQ(NearestName("rnu", kVerbs), "run");
  EXPECT_EQ(NearestName("--epoch", kOptions), "epochs");
  EXPECT_EQ(NearestName("--lr", kOptions), "learning-rate");
  EXPECT_EQ(NearestName("learning_rate", kOptions), "learning-rate");
  EXPECT_EQ(NearestName("--recipe", kOptions), "recipes");
  EXPECT_EQ(NearestName("--output", kOptions), "out");
  EXPECT_EQ(NearestName("batch-size", kOptions), "batch");
  EXPECT_EQ(NearestName("prune_pqta",
                        std::vector<std::string>{"prune_qat", "prune_pqat"}),
            "prune_pqat");
}

TEST(NamesTest, NothingIsNear) {
  EXPECT_EQ(NearestName("", kVerbs), "");
  EXPECT_EQ(NearestName("x", kVerbs), "");
  EXPECT_EQ(NearestName("no-such-verb", kVerbs), "");
  EXPECT_EQ(NearestName("tflite", kVerbs), "");
  EXPECT_EQ(NearestName("sum", kVerbs), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'a'), kVerbs), "");
  EXPECT_EQ(NearestName("study", {}), "");
}

struct Row {
  const char* name;
  int value;
};

TEST(NamesTest, FindsARowOrSaysWhatThereIs) {
  const std::vector<Row> rows = {{"fp32", 1}, {"uint8", 2}};
  EXPECT_EQ(FindByName(rows, "uint8", "method").value, 2);
  try {
    FindByName(rows, "unit8", "method");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_STREQ(error.what(),
                 "unknown method \"unit8\"; did you mean \"uint8\"? Known: "
                 "fp32, uint8");
  }
  EXPECT_EQ(UnknownName("method", "q", NamesOf(rows)),
            "unknown method \"q\"; known: fp32, uint8");
}

TEST(NamesTest, CountsInWords) {
  EXPECT_EQ(Counted(1, "sample"), "1 sample");
  EXPECT_EQ(Counted(0, "sample"), "0 samples");
  EXPECT_EQ(Counted(2, "epoch"), "2 epochs");
}

}  // namespace
}  // namespace litesmith
