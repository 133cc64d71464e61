// SPECs and their options: what is read, and what is said to what is wrong.
#include "src/data/spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "src/base/error.h"
#include "src/data/sources.h"

namespace litesmith {
namespace {

std::string MessageOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST(ParseSpec, TakesPathsWithColonsAndCommas) {
  const DataSpec spec = ParseSpec("images:/a,,b:c,resize=96,scale=1/255");
  EXPECT_EQ(spec.name, "images");
  EXPECT_EQ(spec.argument, "/a,b:c");
  EXPECT_EQ(spec.options.Size("resize"), std::make_pair(96, 96));
  EXPECT_EQ(spec.options.Number("scale", 0, -1, 1), 1.0 / 255);
  EXPECT_EQ(ParseSpec("x:" + EscapeSpec("a,b=c,,d")).argument, "a,b=c,,d");
  EXPECT_FALSE(ParseSpec("digits,shift=2").has_argument);
  EXPECT_EQ(ParseSpec("digits,shift=2").options.Whole("shift", 0, 0, 9), 2);
}

TEST(ParseSpec, RefusesWhatIsNoOption) {
  for (const std::string spec : {"a:b,c", "a:b,", "a:b,=1", "a:b,c=1,c=2"}) {
    const std::string message = MessageOf([&] { ParseSpec(spec); });
    EXPECT_NE(message.find(spec), std::string::npos) << message;
  }
}

TEST(SpecOptions, SayWhatTheyWant) {
  const SpecOptions options("SPEC", {{"a", "x"},
                                     {"b", "1/0"},
                                     {"c", "0x10"},
                                     {"d", "96x"},
                                     {"e", ""},
                                     {"f", "1:2:"},
                                     {"g", "nan"},
                                     {"h", "99999999999999999999"}});
  for (const char* name : {"a", "b", "c", "e", "g"}) {
    const std::string message =
        MessageOf([&] { options.Number(name, 0, 0, 1); });
    EXPECT_NE(message.find("SPEC"), std::string::npos) << message;
    EXPECT_NE(message.find(std::string(name) + "="), std::string::npos);
    EXPECT_NE(message.find("wanted"), std::string::npos) << message;
  }
  for (const char* name : {"a", "b", "c", "d", "e", "h"}) {
    MessageOf([&] { options.Whole(name, 0, 0, 1000); });
    MessageOf([&] { options.Size(name); });
  }
  MessageOf([&] { options.Numbers("f", {}); });
  constexpr const char* kWords[] = {"one", "two"};
  EXPECT_NE(MessageOf([&] { options.Choice("a", kWords); }).find("one, two"),
            std::string::npos);
  EXPECT_EQ(options.Choice("not there", kWords), "one");
  EXPECT_EQ(options.Whole("not there", 7, 0, 9), 7);
}

// Every option is in the list once, and whatever a row takes is in the list.
TEST(DataOptions, AreAllListed) {
  std::set<std::string> listed;
  for (const DataOption& option : DataOptions()) {
    EXPECT_TRUE(listed.insert(option.name).second) << option.name;
    EXPECT_FALSE(std::string(option.value).empty());
    EXPECT_FALSE(std::string(option.summary).empty());
  }
  std::set<std::string> taken;
  for (const char* name : CommonDataOptions()) taken.insert(name);
  for (const DataSource& source : DataSources()) {
    for (const char* name : source.options) taken.insert(name);
  }
  for (const std::string& name : taken)
    EXPECT_TRUE(listed.contains(name)) << name;
}

TEST(LoadData, RefusesOptionsOfOtherSources) {
  const std::string message = MessageOf([] { LoadData("digits,resise=9"); });
  EXPECT_NE(message.find("unknown option \"resise\""), std::string::npos);
  MessageOf([] { LoadData("digits,resize=9"); });
}

}  // namespace
}  // namespace litesmith
