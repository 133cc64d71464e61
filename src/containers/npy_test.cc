#include "src/containers/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

std::string PathOf(const std::string& name) {
  return testing::TempDir() + "litesmith_" + std::to_string(getpid()) + "_" +
         name + ".npy";
}

// A file with this header text and as many data bytes, all 0.
std::string FileOf(const std::string& header, size_t data_bytes,
                   int major = 1) {
  std::string file("\x93NUMPY", 6);
  file += static_cast<char>(major);
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + header + std::string(data_bytes, '\0');
}

// The kind of error that reading these bytes ends in, or nothing.
std::optional<ErrorKind> KindOf(std::string_view file) {
  const std::string path = PathOf("kind");
  WriteFile(path, file);
  try {
    const NpyArray array = ReadNpy(path);
    EXPECT_EQ(
        static_cast<size_t>(array.shape.NumElements()) * SizeOf(array.dtype),
        array.bytes.size());
    return std::nullopt;
  } catch (const Error& error) {
    return error.kind();
  }
}

TEST(Npy, RoundTripsEveryTypeAndRank) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kFloat64,
                            DType::kInt8, DType::kUInt8, DType::kInt16,
                            DType::kInt32, DType::kInt64, DType::kBool}) {
    for (const Shape& shape :
         {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 4}, Shape{1, 2, 1, 3}}) {
      SCOPED_TRACE(Name(dtype) + shape.ToString());
      Bytes bytes(static_cast<size_t>(shape.NumElements()) * SizeOf(dtype));
      for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(dtype == DType::kBool ? i % 2 : i);
      }
      const std::string path = PathOf("round_trip");
      WriteNpy(path, dtype, shape, bytes);
      const NpyArray array = ReadNpy(path);
      EXPECT_EQ(array.dtype, dtype);
      EXPECT_EQ(array.shape, shape);
      EXPECT_EQ(array.bytes, bytes);
    }
  }
}

// What numpy.save writes for arange(3, dtype="float32").
TEST(Npy, WritesTheBytesOfNumpy) {
  const float values[] = {0, 1, 2};
  const std::string path = PathOf("numpy");
  WriteNpy(path, DType::kFloat32, {3}, std::as_bytes(std::span(values)));
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  header += '\n';
  std::string want("\x93NUMPY\x01\x00\x76\x00", 10);
  want += header;
  want.append(reinterpret_cast<const char*>(values), sizeof(values));
  const Bytes file = ReadFile(path);
  EXPECT_EQ(
      std::string(reinterpret_cast<const char*>(file.data()), file.size()),
      want);
}

TEST(Npy, ReadsHeadersOfEveryVersionAndOrder) {
  const std::string normal =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n";
  for (const int major : {1, 2, 3}) {
    EXPECT_EQ(KindOf(FileOf(normal, 24, major)), std::nullopt) << major;
  }
  EXPECT_EQ(KindOf(FileOf("{\"shape\":(6,),\"fortran_order\":False,"
                          "\"descr\":\"|u1\"}",
                          6)),
            std::nullopt);
}

TEST(Npy, RefusesWhatItDoesNotHold) {
  const auto kind = [](const std::string& descr, const std::string& order) {
    return KindOf(FileOf("{'descr': " + descr + ", 'fortran_order': " + order +
                             ", 'shape': (2,), }\n",
                         8));
  };
  EXPECT_EQ(kind("'<f4'", "False"), std::nullopt);
  EXPECT_EQ(kind("'<f4'", "True"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("'>f4'", "False"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("'<U1'", "False"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("'<u4'", "False"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("[('a', '<f4')]", "False"), ErrorKind::kUnsupported);
  EXPECT_EQ(kind("''", "False"), ErrorKind::kUnsupported);
  EXPECT_EQ(KindOf(FileOf("", 0, 4)), ErrorKind::kUnsupported);
}

TEST(Npy, BrokenHeadersAreCorrupt) {
  const std::string start =
      "{'descr': '|u1', 'fortran_order': False, 'shape': ";
  EXPECT_EQ(KindOf(FileOf(start + "(2,), }", 2)), std::nullopt);
  for (const char* shape :
       {"(2), }", "2, }", "(-2,), }", "(2,", "(2,)", "(2,), } x",
        "(2,), 'shape': (2,), }", "(2,), 'x': 1}", "(2147483648,), }",
        "(99999999999999999999,), }", "(2 2), }", "(3,), }", "(1,), }",
        "(65536, 65536, 65536, 65536), }", "(,), }"}) {
    EXPECT_EQ(KindOf(FileOf(start + shape, 2)), ErrorKind::kCorrupt) << shape;
  }
  EXPECT_EQ(KindOf(FileOf("{}", 0)), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf(FileOf(start + "(1,1,1,1,1,1,1,1,1)}", 1)),
            ErrorKind::kUnsupported);
}

TEST(Npy, BoolsMustBeBools) {
  std::string file =
      FileOf("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\n", 2);
  EXPECT_EQ(KindOf(file), std::nullopt);
  file.back() = 2;
  EXPECT_EQ(KindOf(file), ErrorKind::kCorrupt);
}

TEST(Npy, MissingFileIsNotFound) {
  try {
    ReadNpy(PathOf("missing"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  }
}

TEST(Npy, TruncationsAndByteFlips) {
  const std::string file = FileOf(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24);
  for (size_t size = 0; size < file.size(); ++size) {
    ASSERT_EQ(KindOf(std::string_view(file).substr(0, size)),
              ErrorKind::kCorrupt)
        << size;
  }
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  for (int i = 0; i < 500; ++i) {  // each is a synced file
    std::string flipped = file;
    flipped[rng.Below(static_cast<uint32_t>(file.size()))] ^=
        static_cast<char>(1 + rng.Below(255));
    KindOf(flipped);
  }
}

}  // namespace
}  // namespace litesmith
