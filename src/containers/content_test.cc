// Files of every kind are known by their bytes.
#include "src/containers/content.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace litesmith {
namespace {

using namespace std::string_literals;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A local header of a zip archive's member.
std::string Member(const std::string& name) {
  std::string header = "PK\x03\x04"s + std::string(26, '\0');
  header[26] = static_cast<char>(name.size());
  return header + name + "content";
}

TEST(ContentTest, KnowsEveryKind) {
  const std::string hdf5 = "\x89HDF\r\n\x1a\n"s;
  const struct {
    std::string text;
    Content content;
  } cases[] = {
      {"", Content::kEmpty},
      {"\x1c\0\0\0TFL3 and more"s, Content::kTflite},
      {hdf5 + "\0\0"s, Content::kHdf5},
      {std::string(1024, ' ') + hdf5, Content::kHdf5},
      {Member("metadata.json") + Member("model.weights.h5"),
       Content::kKerasArchive},
      {Member("archive/data.pkl"), Content::kPyTorch},
      {"\x80\x02\x8a\x0al\xfc\x9c"s, Content::kPyTorch},
      {Member("arr_0.npy"), Content::kNpz},
      {Member("readme.txt"), Content::kZip},
      {"\x93NUMPY\x01\0"s, Content::kNpy},
      {"\x08\x07\x12\x07pytorch\x1a"s, Content::kOnnx},
      {"\x08\x08\x3a\x05graph"s, Content::kOnnx},
      {"\x08\x01\x12\xd4\x0a"s, Content::kSavedModel},
      {"\n <!DOCTYPE html><html>", Content::kHtml},
      {"<html lang=en>", Content::kHtml},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0",
       Content::kLfsPointer},
      {"\x1f\x8b\x08\0"s, Content::kGzip},
      {"{\"class_name\": \"Sequential\"}", Content::kJson},
      {"hello", Content::kUnknown},
      {"TFL3", Content::kUnknown},
      {"PK", Content::kUnknown},
  };
  std::set<Content> seen;
  for (const auto& [text, content] : cases) {
    EXPECT_EQ(static_cast<int>(ContentOf(Bytes(text))),
              static_cast<int>(content))
        << text;
    EXPECT_STRNE(Name(content), "");
    seen.insert(content);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(Content::kUnknown) + 1);
}

TEST(ContentTest, ReadsAnHdf5FilesOwnSize) {
  std::string old = "\x89HDF\r\n\x1a\n"s + std::string(88, '\0');
  old[13] = old[14] = 8;
  old[24 + 16] = '\x10';
  old[24 + 17] = '\x02';
  EXPECT_EQ(Hdf5Size(Bytes(old)), 0x210u);
  std::string recent = "\x89HDF\r\n\x1a\n\x02\x08\x08"s + std::string(40, '\0');
  recent[12 + 16] = '\x33';
  EXPECT_EQ(Hdf5Size(Bytes(recent)), 0x33u);
  EXPECT_EQ(Hdf5Size(Bytes(recent.substr(0, 20))), 0u);
  EXPECT_EQ(Hdf5Size(Bytes("no HDF5")), 0u);
}

}  // namespace
}  // namespace litesmith
