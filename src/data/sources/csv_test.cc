// Tables, recordings and CIFAR's binary files: values, targets, halves, and
// errors with file, line and column.
#include "src/data/sources/csv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/decode/table.h"
#include "src/data/sources/files_test.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

Table Read(const std::string& text, std::map<std::string, std::string> options,
           const std::vector<std::string>& targets = {}) {
  return ReadTable(std::as_bytes(std::span(text)), "t.csv",
                   SpecOptions("SPEC", std::move(options)), targets);
}

TEST(ReadTable, FindsHeaderAndSeparator) {
  const std::vector<float> numbers = {1, 2.5f, -3, 4};
  for (const std::string text :
       {"a,b\n1,2.5\n-3,4\n", "a;b\r\n1;2.5\r\n-3;4", "1\t2.5\n\n-3\t4\n",
        "\xEF\xBB\xBF\"a\",\"b,\"\"c\"\n1, 2.5\n# more\n-3 ,+4\n",
        "1 2.5\n-3  4\n"}) {
    const Table table = Read(text, {});
    EXPECT_EQ(table.numbers, numbers) << text;
    EXPECT_EQ(table.rows(), 2u);
  }
  EXPECT_EQ(Read("x,\"b,\"\"c\"\n1,2\n", {}).names[1], "b,\"c");
  EXPECT_EQ(Read("1,2\n3,4\n", {{"header", "yes"}}).rows(), 1u);
  EXPECT_EQ(Read("a,b,c\n1,2,3\n", {{"columns", "c:a"}}).numbers,
            (std::vector<float>{3, 1}));
  EXPECT_EQ(Read("a,b,c\n1,2,3\n", {{"columns", "2-3"}}).numbers,
            (std::vector<float>{2, 3}));
  EXPECT_EQ(Read("1,2,x\n3,4,y\n", {}, {"3"}).texts,
            (std::vector<std::string>{"x", "y"}));
}

TEST(ReadTable, TakesCommasAsPointsBetweenSemicolons) {
  const Table table = Read("a;b;c\n0,5;-1,25;3\n1;2;3,5e1\n", {});
  EXPECT_EQ(table.names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(table.numbers, (std::vector<float>{0.5f, -1.25f, 3, 1, 2, 35}));
  // A point and a comma are no number: nobody knows which is which.
  EXPECT_THROW(Read("a;b\n1.234,5;1\n", {}), Error);
  EXPECT_THROW(Read("a,b\n\"1,5\",1\n", {}), Error);
}

TEST(ReadTable, SaysWhereItIsWrong) {
  const auto fails = [](const std::string& text, const std::string& where,
                        std::map<std::string, std::string> options = {}) {
    ExpectFails([&] { Read(text, options); }, ErrorKind::kCorrupt, {where});
  };
  fails("", "t.csv: there is no row");
  fails("a,b\n1,2\n3\n", "t.csv:3: 1 column; line 1 has 2");
  fails("a,b\n1,2\n3,x\n", "t.csv:3: column b: \"x\"");
  fails("a,b\n1,2\n3,nan\n", "t.csv:3: column b: \"nan\"");
  fails("a,b\n1,2\n3,\n", "t.csv:3: column b is empty");
  fails("a,b\n1,\"2\n3,4\n", "t.csv:2: a quote is not closed");
  fails(std::string("1,2\0", 4), "t.csv: no text table");
  for (const std::string columns : {"z", "0", "4", "2-1", "a:"}) {
    ExpectFails(
        [&] {
          Read("a,b,c\n1,2,3\n", {{"columns", columns}});
        },
        ErrorKind::kInvalidArgument, {"SPEC", "column"});
  }
}

// 100 rows: two numbers, a name, a whole number, a number.
std::string TableText() {
  std::string text = "x,y,name,number,value\n";
  for (int i = 0; i < 100; ++i) {
    text += fmt::format("{},{},{},{},{}\n", i, 0.5 * i, i % 3 ? "b" : "a",
                        i % 4, i * 0.25 - 1);
  }
  return text;
}

TEST(Csv, TakesClassesAndValues) {
  const TestFolder folder;
  folder.Add("t.csv", TableText());
  const std::string spec = "csv:" + (folder / "t.csv") + ",columns=x:y";
  const DataSplits named = LoadData(spec + ",target=name");
  EXPECT_EQ(named.train.size, 80);
  EXPECT_EQ(named.test.size, 20);
  std::set<int> seen;
  for (const DatasetPtr& half : {named.train.Open(), named.test.Open()}) {
    EXPECT_EQ(half->classes(), 2);
    EXPECT_EQ(half->class_names()[0], "a");
    for (int64_t i = 0; i < half->size(); ++i) {
      const auto x = static_cast<int>(RealValues(*half, 0, i)[0]);
      EXPECT_TRUE(seen.insert(x).second);
      EXPECT_EQ(RealValues(*half, 0, i)[1], 0.5f * static_cast<float>(x));
      EXPECT_EQ(LabelOf(*half, i), x % 3 ? 1 : 0);
      EXPECT_EQ(half->Origin(i), fmt::format("{}:{}", folder / "t.csv", x + 2));
    }
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(LoadData(spec + ",target=4").train.Open()->classes(), 4);
  const DatasetPtr values = LoadData(spec + ",target=value").test.Open();
  EXPECT_EQ(values->classes(), 0);
  EXPECT_EQ(RealValues(*values, 1, 0)[0],
            RealValues(*values, 0, 0)[0] * 0.25f - 1);
  EXPECT_EQ(
      LoadData(spec + ",target=number,task=regression").test.Open()->classes(),
      0);
  EXPECT_TRUE(LoadData(spec).test.Open()->targets().empty());
  const DatasetPtr onehot =
      LoadData(spec + ",target=number,labels=onehot").test.Open();
  EXPECT_EQ(onehot->targets()[0].shape, Shape{4});
  const DatasetPtr plain = LoadData(spec + ",target=number").test.Open();
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(
        RealValues(*onehot, 1, i)[static_cast<size_t>(LabelOf(*plain, i))],
        1.0f);
}

TEST(Csv, SaysWhatIsWrong) {
  const TestFolder folder;
  folder.Add("t.csv", TableText());
  folder.Add("empty.csv", "a,b\n");
  const std::string file = folder / "t.csv";
  const auto fails = [&](const std::string& options, ErrorKind kind,
                         std::initializer_list<std::string> words) {
    ExpectFails([&] { LoadData("csv:" + file + options).train.Open(); }, kind,
                words);
  };
  fails("", ErrorKind::kCorrupt, {":2: column name: \"a\"", "columns="});
  fails(",target=nme", ErrorKind::kInvalidArgument,
        {"nme", "did you mean \"name\""});
  fails(",target=9", ErrorKind::kInvalidArgument, {"1 to 5"});
  fails(",target=name,task=regression", ErrorKind::kInvalidArgument,
        {":2: target column name: \"a\""});
  fails(",columns=x,target=value,task=classes", ErrorKind::kInvalidArgument,
        {":2: target column value: \"-1\""});
  fails(",target=name,task=clases", ErrorKind::kInvalidArgument, {"classes"});
  fails(",target=name,window=3", ErrorKind::kInvalidArgument, {"window"});
  fails(",target=name,split=1", ErrorKind::kInvalidArgument, {"split"});
  ExpectFails([&] { LoadData("csv:" + (folder / "empty.csv")); },
              ErrorKind::kCorrupt, {"no row"});
  ExpectFails([&] { LoadData("csv:/no/such.csv"); }, ErrorKind::kNotFound,
              {"/no/such.csv"});
}

// Recordings of two columns; step s of recording r is (r, s).
void AddRecordings(const TestFolder& folder, int count, int steps) {
  for (int r = 0; r < count; ++r) {
    std::string text = "a,b\n";
    for (int s = 0; s < steps; ++s) text += fmt::format("{},{}\n", r, s);
    folder.Add(fmt::format("{}/{}.csv", r % 2 ? "walk" : "run", r), text);
  }
}

TEST(Csv, CutsRecordingsIntoWindows) {
  const TestFolder folder;
  AddRecordings(folder, 10, 12);
  const std::string spec = "csv:" + folder.path();
  const DataSplits data = LoadData(spec + ",window=5,stride=3");
  EXPECT_EQ(data.train.size, 8 * 3);
  EXPECT_EQ(data.test.size, 2 * 3);
  std::set<float> recordings[2];
  int half = 0;
  for (const DatasetPtr& open : {data.train.Open(), data.test.Open()}) {
    EXPECT_EQ(open->inputs()[0].shape, (Shape{5, 2}));
    EXPECT_EQ(open->class_names()[1], "walk");
    for (int64_t i = 0; i < open->size(); ++i) {
      const std::vector<float> values = RealValues(*open, 0, i);
      recordings[half].insert(values[0]);
      for (size_t s = 0; s < 5; ++s) {
        EXPECT_EQ(values[2 * s], values[0]);
        EXPECT_EQ(values[2 * s + 1], values[1] + static_cast<float>(s));
      }
      EXPECT_EQ(LabelOf(*open, i), static_cast<int>(values[0]) % 2);
    }
    ++half;
  }
  // No recording is in both halves.
  for (const float r : recordings[1]) EXPECT_FALSE(recordings[0].contains(r));
  // Without a window it is what the model takes, or the shortest recording.
  DataContext context;
  context.has_input = true;
  context.input = {4, 2};
  EXPECT_EQ(LoadData(spec, context).test.Open()->inputs()[0].shape,
            (Shape{4, 2}));
  EXPECT_EQ(LoadData(spec).test.Open()->inputs()[0].shape, (Shape{12, 2}));
  ExpectFails([&] { LoadData(spec + ",window=13").train.Open(); },
              ErrorKind::kInvalidArgument, {"13 steps"});
  ExpectFails([&] { LoadData(spec + ",target=a"); },
              ErrorKind::kInvalidArgument, {"target"});
  folder.Add("run/odd.csv", "1,2,3\n");
  ExpectFails([&] { LoadData(spec); }, ErrorKind::kCorrupt, {".csv", "column"});
  context.skip_bad = true;
  EXPECT_EQ(LoadData(spec + ",split=0,window=12", context).train.size, 10);
}

TEST(Cifar10, ReadsTheBinaryFiles) {
  const TestFolder folder;
  std::string batch;
  for (int r = 0; r < 4; ++r) {
    batch += static_cast<char>(r + 3);
    for (int c = 0; c < 3; ++c) batch += std::string(1024, char(10 * r + c));
  }
  folder.Add("cifar-10-batches-bin/data_batch_1.bin", batch);
  folder.Add("cifar-10-batches-bin/data_batch_2.bin", batch);
  folder.Add("cifar-10-batches-bin/test_batch.bin", batch);
  const std::string spec = "cifar10:" + folder.path();
  const DataSplits data = LoadData(spec);
  EXPECT_EQ(data.train.size, 8);
  const DatasetPtr train = data.train.Open(6);
  EXPECT_EQ(train->size(), 6);
  EXPECT_EQ(train->classes(), 10);
  EXPECT_EQ(LabelOf(*train, 5), 4);
  EXPECT_EQ(RealValues(*train, 0, 5)[3 * 7 + 2], 12 / 255.0f);
  ExpectFails([&] { LoadData(spec + ",resize=9"); },
              ErrorKind::kInvalidArgument, {"resize"});
  batch[3073] = 10;
  folder.Add("cifar-10-batches-bin/test_batch.bin", batch);
  ExpectFails([&] { LoadData(spec).test.Open(); }, ErrorKind::kCorrupt,
              {"test_batch.bin", "record 1", "label 10"});
  folder.Add("cifar-10-batches-bin/test_batch.bin", batch.substr(1));
  ExpectFails([&] { LoadData(spec); }, ErrorKind::kCorrupt, {"3073"});
  ExpectFails([&] { LoadData("cifar10:/no/such"); }, ErrorKind::kNotFound,
              {"/no/such", "test_batch.bin"});
}

}  // namespace
}  // namespace litesmith
