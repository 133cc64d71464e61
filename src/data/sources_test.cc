// The list of sources, and what LoadData says to a wrong spec.
#include "src/data/sources.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "src/base/error.h"

namespace litesmith {
namespace {

Error ErrorOf(const std::string& spec) {
  try {
    LoadData(spec);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error for " << spec;
  return Error(ErrorKind::kIo, "");
}

TEST(DataSources, EveryRowIsComplete) {
  std::set<std::string> names;
  for (const DataSource& source : DataSources()) {
    EXPECT_TRUE(names.insert(source.name).second) << source.name;
    EXPECT_EQ(std::string(source.name).find(':'), std::string::npos);
    EXPECT_NE(source.argument, nullptr);
    EXPECT_FALSE(std::string(source.summary).empty()) << source.name;
    EXPECT_NE(source.find, nullptr);
  }
  EXPECT_TRUE(names.contains("digits"));
  EXPECT_TRUE(names.contains("mnist"));
  EXPECT_TRUE(names.contains("npz"));
}

// Every source either loads without an argument or says what it wants.
TEST(DataSources, EveryRowAnswersItsBareName) {
  for (const DataSource& source : DataSources()) {
    SCOPED_TRACE(source.name);
    if (source.argument[0] != '\0') {
      const Error error = ErrorOf(source.name);
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(source.argument),
                std::string::npos)
          << error.what();
      continue;
    }
    const DataSplits data = LoadData(source.name);
    EXPECT_EQ(data.name, source.name);
    const DatasetPtr train = data.train.Open();
    const DatasetPtr test = data.test.Open();
    EXPECT_GT(train->size(), 0);
    EXPECT_EQ(train->size(), data.train.size);
    EXPECT_EQ(test->size(), data.test.size);
    EXPECT_EQ(data.train.Open(3)->size(), 3);
    ASSERT_EQ(NumFields(*train), NumFields(*test));
    for (size_t f = 0; f < NumFields(*train); ++f)
      EXPECT_EQ(FieldAt(*train, f), FieldAt(*test, f));
    EXPECT_EQ(train->classes(), test->classes());
  }
}

TEST(LoadData, UnknownNamesListTheKnown) {
  for (const std::string spec : {"", ":", "mnits:/data", "Digits", "cifar"}) {
    const Error error = ErrorOf(spec);
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    const std::string message = error.what();
    for (const DataSource& source : DataSources()) {
      EXPECT_NE(message.find(source.name), std::string::npos) << message;
    }
  }
}

TEST(LoadData, WrongArguments) {
  EXPECT_EQ(ErrorOf("digits:9").kind(), ErrorKind::kInvalidArgument);
  EXPECT_EQ(ErrorOf("mnist").kind(), ErrorKind::kInvalidArgument);
  EXPECT_EQ(ErrorOf("mnist:").kind(), ErrorKind::kInvalidArgument);
  EXPECT_EQ(ErrorOf("npz:").kind(), ErrorKind::kInvalidArgument);
  EXPECT_EQ(ErrorOf("npz:/no/such.npz").kind(), ErrorKind::kNotFound);
  // The folder's name may hold colons; it is taken whole.
  const Error error = ErrorOf("mnist:/no:such:folder");
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_NE(std::string(error.what()).find("/no:such:folder"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
