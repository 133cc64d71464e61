// Names in the files of every format, which stay what they are.
#include "src/models/class_names.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

TEST(ClassNames, GoIntoEveryFormatAndBack) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  const std::vector<std::string> names = {"zero", "one, two", "drei\n"};
  const std::vector<std::string> read = {"zero", "one, two", "drei "};
  for (const std::string ending : {".tflite", ".h5", ".keras"}) {
    const std::string path = testing::TempDir() + "class-names" + ending;
    SaveModel(graph, path);
    EXPECT_TRUE(ReadClassNames(path).empty());
    const std::vector<std::byte> plain = ReadFile(path);
    AddClassNames(path, names);
    EXPECT_EQ(ReadClassNames(path), read) << ending;
    const Graph again = LoadModel(path, 0);
    EXPECT_EQ(again.nodes.size(), LoadModel(path, 0).nodes.size());
    EXPECT_EQ(again.outputs.size(), 1u);
    // Others replace them, and none leave the file as it is.
    const std::vector<std::byte> once = ReadFile(path);
    AddClassNames(path, std::vector<std::string>{"a"});
    EXPECT_EQ(ReadClassNames(path), std::vector<std::string>{"a"});
    AddClassNames(path, names);
    EXPECT_EQ(ReadFile(path), once) << ending;
    EXPECT_EQ(WithClassNames(plain, {}), plain);
    AddClassNames(path, {});
    EXPECT_EQ(ReadFile(path), once);
    std::filesystem::remove(path);
  }
  EXPECT_TRUE(ReadClassNames("mnist-cnn").empty());
  EXPECT_TRUE(ReadClassNames("/no/such.tflite").empty());
  AddClassNames("-", names);
}

// Bytes that only look like an archive are a model without names.
TEST(ClassNames, OfDamagedFilesAreNone) {
  const std::string path = testing::TempDir() + "damaged-class-names.tflite";
  SaveModel(LoadModel("mnist-cnn", 1), path);
  AddClassNames(path, std::vector<std::string>{"a", "b"});
  const std::vector<std::byte> whole = ReadFile(path);
  for (size_t at = whole.size() - 130; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte{0xFF};
    WriteFile(path, bytes);
    EXPECT_LE(ReadClassNames(path).size(), 3u);
    AddClassNames(path, std::vector<std::string>{"c"});
    EXPECT_EQ(ReadClassNames(path), std::vector<std::string>{"c"}) << at;
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace litesmith
