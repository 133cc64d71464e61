// Rows as text: JSON and back, columns that come and go, and the page that
// explains the fields.
#include "src/study/report/report.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {
namespace {

StudyRow Row() {
  StudyRow row;
  row.recipe = "none";
  row.method = "uint8";
  row.path = "none/uint8.tflite";
  row.value = 0.1;
  row.accuracy = 0.1;
  row.settings.seed = (uint64_t{1} << 63) + 1;
  row.settings.learning_rate = 0.001f;
  row.invariants = {{"zeros", "dense/kernel", 12, 10, true}};
  return row;
}

TEST(ReportTest, RowsComeBackFromJson) {
  const std::string json = RowJson(Row());
  EXPECT_EQ(RowJson(ParseRow(json, "here")), json);
  EXPECT_NE(json.find("\"learning_rate\":0.001,"), std::string::npos) << json;
  EXPECT_EQ(ParseRow(json, "here").settings.learning_rate, 0.001f);
  EXPECT_EQ(ParseRow(json, "here").settings.seed, (uint64_t{1} << 63) + 1);
}

TEST(ReportTest, RowsOfAnotherBuildMayLackFields) {
  const StudyRow row = ParseRow(
      R"({"recipe": "none", "method": "uint8", "path": "p", "accuracy": 0.5,
          "seed": 3, "of_the_future": 1})",
      "here");
  EXPECT_EQ(row.accuracy, 0.5);
  EXPECT_EQ(row.settings.seed, 3u);
  for (const char* text :
       {"{}", "3", "{", R"({"recipe": "none", "method": "uint8"})",
        R"({"recipe": "none", "method": "uint8", "path": 3})",
        R"({"recipe": "a", "method": "b", "path": "c", "invariants": 3})"}) {
    EXPECT_THROW(ParseRow(text, "here"), Error) << text;
  }
}

TEST(ReportTest, RowsOfOneMetricAndAnother) {
  const std::string before = MarkdownTable(std::vector{Row()});
  EXPECT_EQ(before.find("Metric"), std::string::npos);
  StudyRow other = Row();
  other.settings.metric = "mse";
  other.value = 0.0125;
  other.accuracy = 0;
  EXPECT_EQ(ScoreText(other), "mse 0.0125");
  const std::string both = MarkdownTable(std::vector{Row(), other});
  EXPECT_NE(both.find("| mse 0.0125 |"), std::string::npos) << both;
  EXPECT_NE(both.find("|        - |"), std::string::npos) << both;
  EXPECT_EQ(MarkdownTable(std::vector{other}).find("Accuracy"),
            std::string::npos);
  // Rows of builds that knew no other metric.
  const StudyRow old = ParseRow(
      R"({"recipe": "none", "method": "m", "path": "p", "accuracy": 0.5})",
      "h");
  EXPECT_EQ(ScoreText(old), "accuracy 50.00 %");
}

TEST(ReportTest, SettingsAreColumnsWhereTheyDiffer) {
  StudyRow other = Row();
  EXPECT_EQ(MarkdownTable(std::vector{Row(), other}).find("Limit"),
            std::string::npos);
  other.settings.limit = 300;
  const std::string table = MarkdownTable(std::vector{Row(), other});
  EXPECT_NE(table.find("| Limit |"), std::string::npos) << table;
  EXPECT_NE(table.find("|   300 |"), std::string::npos) << table;
  EXPECT_EQ(table.find("Epochs"), std::string::npos) << table;
  EXPECT_NE(table.find("| 9223372036854775809 |"), std::string::npos) << table;
}

struct ShownNames {
  std::set<std::string> names;
  template <typename T>
  void operator()(const char* name, const T&) {
    names.insert(name);
  }
  template <typename T>
  void operator()(const char* name, const T&, NoEffect) {
    names.insert(name);
  }
};

// The table of docs/formats.md has the fields of results.json, all and no
// others.
TEST(ReportTest, EveryFieldIsDocumented) {
  const std::vector<std::byte> bytes =
      ReadFile(std::string(LITESMITH_SOURCE_DIR) + "/docs/formats.md");
  const std::string page(reinterpret_cast<const char*>(bytes.data()),
                         bytes.size());
  const size_t section = page.find("## results.json");
  ASSERT_NE(section, std::string::npos);
  std::set<std::string> documented;
  // Rows of the first table behind the heading: "| name, name | meaning |".
  size_t line = page.find("\n|", section) + 1;
  for (; page[line] == '|'; line = page.find('\n', line) + 1) {
    std::string names =
        page.substr(line + 1, page.find('|', line + 1) - line - 1);
    for (size_t begin = 0; begin < names.size();) {
      size_t end = names.find_first_of(", ", begin);
      if (end == std::string::npos) end = names.size();
      if (end > begin) documented.insert(names.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  documented.erase("field");
  documented.erase("---");
  ShownNames fields;
  const StudyRow row;
  VisitFields(row, fields);
  EXPECT_EQ(documented, fields.names);
}

TEST(ReportTest, BrokenOnesAreAnError) {
  StudyRow row;
  row.recipe = "prune";
  row.method = "uint8";
  row.invariants = {{"zeros", "dense/kernel", 5, 4, true}};
  EXPECT_NO_THROW(RequirePromises({row}));
  row.invariants.push_back({"clusters", "dense/kernel", 9, 8, false});
  try {
    RequirePromises({row});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvariant);
    const std::string what = error.what();
    EXPECT_NE(what.find("prune uint8 'dense/kernel': 9 clusters, 8 promised"),
              std::string::npos)
        << what;
  }
}

}  // namespace
}  // namespace litesmith
