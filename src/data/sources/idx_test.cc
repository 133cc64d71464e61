// IDX files: sound ones, damaged ones, hostile ones, and MNIST itself.
#include "src/data/sources/idx.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

Bytes MakeIdx(const std::vector<uint32_t>& dims,
              const std::vector<uint8_t>& values) {
  Bytes bytes = {std::byte{0}, std::byte{0}, std::byte{8},
                 static_cast<std::byte>(dims.size())};
  for (uint32_t dim : dims) {
    for (int shift : {24, 16, 8, 0}) {
      bytes.push_back(static_cast<std::byte>(dim >> shift));
    }
  }
  for (uint8_t value : values) bytes.push_back(std::byte{value});
  return bytes;
}

Bytes Gzip(const Bytes& bytes) {
  z_stream stream{};
  EXPECT_EQ(
      deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY),
      Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::vector<uint8_t> Ramp(size_t count) {
  std::vector<uint8_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint8_t>(i * 7);
  return values;
}

// The error that parsing gives; fails the test if there is none.
Error ErrorOf(const Bytes& bytes, int64_t limit = kIdxLimit) {
  try {
    ParseIdx(bytes, "file", limit);
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("file: ", 0), 0u) << error.what();
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kIo, "");
}

TEST(ParseIdx, ReadsPlainAndGzip) {
  const std::vector<uint8_t> values = Ramp(3 * 4 * 5);
  const Bytes plain = MakeIdx({3, 4, 5}, values);
  for (const Bytes& bytes : {plain, Gzip(plain)}) {
    const IdxArray array = ParseIdx(bytes, "file");
    EXPECT_EQ(array.dims, (std::vector<int32_t>{3, 4, 5}));
    EXPECT_EQ(array.values, values);
  }
}

TEST(ParseIdx, ReadsAnEmptyArray) {
  const Bytes plain = MakeIdx({0}, {});
  EXPECT_TRUE(ParseIdx(plain, "file").values.empty());
  EXPECT_TRUE(ParseIdx(Gzip(plain), "file").values.empty());
}

TEST(ParseIdx, ReadsGzipOfSeveralMembers) {
  const Bytes plain = MakeIdx({40}, Ramp(40));
  Bytes joined = Gzip(Bytes(plain.begin(), plain.begin() + 6));
  const Bytes rest = Gzip(Bytes(plain.begin() + 6, plain.end()));
  joined.insert(joined.end(), rest.begin(), rest.end());
  EXPECT_EQ(ParseIdx(joined, "file").values, Ramp(40));
}

TEST(ParseIdx, EveryTruncationIsCorrupt) {
  const Bytes plain = MakeIdx({3, 4, 5}, Ramp(60));
  for (const Bytes& whole : {plain, Gzip(plain)}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(size));
      EXPECT_EQ(ErrorOf(cut).kind(), ErrorKind::kCorrupt) << size;
    }
  }
}

TEST(ParseIdx, TrailingBytesAreCorrupt) {
  const Bytes plain = MakeIdx({3, 4, 5}, Ramp(60));
  for (Bytes bytes : {plain, Gzip(plain)}) {
    bytes.push_back(std::byte{0});
    EXPECT_EQ(ErrorOf(bytes).kind(), ErrorKind::kCorrupt);
  }
}

TEST(ParseIdx, RandomDamageIsAnErrorOrAnArray) {
  constexpr uint64_t kSeed = 20240607;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  const Bytes plain = MakeIdx({3, 4, 5}, Ramp(60));
  for (const Bytes& whole : {plain, Gzip(plain)}) {
    for (int round = 0; round < 5000; ++round) {
      Bytes bytes = whole;
      for (uint32_t flips = 1 + rng.Below(3); flips > 0; --flips) {
        const uint32_t at = rng.Below(static_cast<uint32_t>(bytes.size()));
        bytes[at] ^= static_cast<std::byte>(1 + rng.Below(255));
      }
      try {
        const IdxArray array = ParseIdx(bytes, "file");
        int64_t count = 1;
        for (int32_t dim : array.dims) count *= dim;
        EXPECT_EQ(static_cast<size_t>(count), array.values.size());
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::kCorrupt ||
                    error.kind() == ErrorKind::kUnsupported)
            << error.what();
      }
    }
  }
}

TEST(ParseIdx, HeadersCannotDemandMemory) {
  // A gigabyte promised, a few bytes there: refused before it is allocated.
  EXPECT_EQ(ErrorOf(MakeIdx({1u << 30}, {})).kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(ErrorOf(Gzip(MakeIdx({1u << 30}, {}))).kind(), ErrorKind::kCorrupt);
  // Above the limit, also where the product would wrap 32 or 64 bits.
  for (const std::vector<uint32_t>& dims :
       {std::vector<uint32_t>{0xFFFFFFFFu},
        {1u << 16, 1u << 16, 1u << 16, 1u << 16},
        {0u, 0xFFFFFFFFu}}) {
    EXPECT_EQ(ErrorOf(MakeIdx(dims, {})).kind(), ErrorKind::kUnsupported);
  }
  EXPECT_EQ(ErrorOf(MakeIdx({11}, Ramp(11)), 10).kind(),
            ErrorKind::kUnsupported);
}

TEST(ParseIdx, GzipBombStopsAtWhatTheHeaderPromises) {
  Bytes bomb = MakeIdx({10}, Ramp(10));
  bomb.resize(bomb.size() + (64u << 20));
  EXPECT_EQ(ErrorOf(Gzip(bomb)).kind(), ErrorKind::kCorrupt);
}

TEST(ParseIdx, AcceptsTheBestRatioOfDeflate) {
  const Bytes packed =
      Gzip(MakeIdx({32u << 20}, std::vector<uint8_t>(32 << 20)));
  EXPECT_EQ(ParseIdx(packed, "file").values.size(), size_t{32} << 20);
}

TEST(ParseIdx, RefusesOtherTypesAndFormats) {
  Bytes floats = MakeIdx({1}, Ramp(4));
  floats[2] = std::byte{0x0D};
  EXPECT_EQ(ErrorOf(floats).kind(), ErrorKind::kUnsupported);
  Bytes other = MakeIdx({1}, Ramp(1));
  other[0] = std::byte{'P'};
  EXPECT_EQ(ErrorOf(other).kind(), ErrorKind::kCorrupt);
  Bytes scalar = MakeIdx({}, Ramp(1));
  EXPECT_EQ(ErrorOf(scalar).kind(), ErrorKind::kCorrupt);
}

// A folder of four files that a test may damage; gone afterwards.
class LoadIdxTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "idx_test_" + std::to_string(getpid());
    std::filesystem::remove_all(directory_);
    MakeDirectory(directory_);
    Write("train-images-idx3-ubyte", MakeIdx({4, 2, 3}, Ramp(24)));
    Write("train-labels-idx1-ubyte", MakeIdx({4}, {0, 3, 1, 2}));
    Write("t10k-images-idx3-ubyte", MakeIdx({2, 2, 3}, Ramp(12)));
    Write("t10k-labels-idx1-ubyte", MakeIdx({2}, {5, 0}));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) { return directory_ + "/" + name; }
  void Write(const std::string& name, const Bytes& bytes) {
    WriteFile(Path(name), bytes);
  }
  ErrorKind Kind(const std::string& mentioned) {
    try {
      LoadIdx(directory_, "test");
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(mentioned), std::string::npos)
          << error.what();
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::kIo;
  }

  std::string Print() {
    const DataSplits data = LoadIdx(directory_, "test");
    return Fingerprint(*data.train.Open(), *data.test.Open());
  }

  std::string directory_;
};

TEST_F(LoadIdxTest, Reads) {
  const DataSplits data = LoadIdx(directory_, "test");
  EXPECT_EQ(data.name, "test");
  EXPECT_EQ(Print().size(), 16u);
  EXPECT_EQ(data.train.size, 4);
  EXPECT_EQ(data.test.size, 2);
  const DatasetPtr train = data.train.Open();
  EXPECT_EQ(train->size(), 4);
  EXPECT_EQ(train->inputs()[0].shape, (Shape{2, 3}));
  EXPECT_EQ(train->classes(), 6);  // the largest label is in the test set
  EXPECT_EQ(data.test.Open()->classes(), 6);
  EXPECT_EQ(LabelOf(*train, 1), 3);
  const std::vector<float> sample = RealValues(*train, 0, 3);
  for (int i = 0; i < 6; ++i) {
    const auto pixel = static_cast<uint8_t>((18 + i) * 7);
    EXPECT_EQ(sample[static_cast<size_t>(i)],
              static_cast<float>(pixel) / 255.0f);
  }
}

TEST_F(LoadIdxTest, SpellingAndPackingDoNotMatter) {
  const std::string fingerprint = Print();
  std::filesystem::rename(Path("train-images-idx3-ubyte"),
                          Path("train-images.idx3-ubyte"));
  Write("t10k-labels.idx1-ubyte.gz",
        Gzip(ReadFile(Path("t10k-labels-idx1-ubyte"))));
  std::filesystem::remove(Path("t10k-labels-idx1-ubyte"));
  EXPECT_EQ(Print(), fingerprint);
}

TEST_F(LoadIdxTest, FingerprintSeesPixelsLabelsAndShape) {
  const std::string before = Print();
  Write("t10k-labels-idx1-ubyte", MakeIdx({2}, {5, 1}));
  const std::string label = Print();
  EXPECT_NE(label, before);
  std::vector<uint8_t> values = Ramp(24);
  values[23] ^= 1;
  Write("train-images-idx3-ubyte", MakeIdx({4, 2, 3}, values));
  const std::string pixel = Print();
  EXPECT_NE(pixel, label);
  Write("train-images-idx3-ubyte", MakeIdx({4, 3, 2}, values));
  Write("t10k-images-idx3-ubyte", MakeIdx({2, 3, 2}, Ramp(12)));
  EXPECT_NE(Print(), pixel);
}

TEST_F(LoadIdxTest, RefusesContradictions) {
  Write("train-labels-idx1-ubyte", MakeIdx({3}, {0, 3, 1}));
  EXPECT_EQ(Kind("3 labels"), ErrorKind::kCorrupt);
  SetUp();
  Write("t10k-images-idx3-ubyte", MakeIdx({2, 3, 2}, Ramp(12)));
  EXPECT_EQ(Kind("one size"), ErrorKind::kCorrupt);
  SetUp();
  Write("train-images-idx3-ubyte", MakeIdx({24}, Ramp(24)));
  EXPECT_EQ(Kind("3 wanted"), ErrorKind::kCorrupt);
  SetUp();
  Write("t10k-images-idx3-ubyte", MakeIdx({0, 2, 3}, {}));
  Write("t10k-labels-idx1-ubyte", MakeIdx({0}, {}));
  EXPECT_EQ(Kind("no pixels"), ErrorKind::kCorrupt);
}

TEST_F(LoadIdxTest, SaysWhatIsMissing) {
  std::filesystem::remove(Path("t10k-labels-idx1-ubyte"));
  EXPECT_EQ(Kind("t10k-labels"), ErrorKind::kNotFound);
  std::filesystem::remove_all(directory_);
  EXPECT_EQ(Kind("not a folder"), ErrorKind::kNotFound);
}

TEST(Mnist, IsReadAsPublished) {
  const char* shared = std::getenv("LITESMITH_SHARED");
  const std::string directory =
      (shared != nullptr ? std::string(shared)
                         : std::string(LITESMITH_SOURCE_DIR) + "/../shared") +
      "/data/mnist";
  if (!std::filesystem::is_directory(directory)) {
    if (std::getenv("CI") != nullptr) FAIL() << "no MNIST in " << directory;
    GTEST_SKIP() << "NOT TESTED: no MNIST in " << directory
                 << "; set LITESMITH_SHARED";
  }
  const DataSplits data = LoadIdx(directory, "mnist");
  const DatasetPtr train = data.train.Open();
  const DatasetPtr test = data.test.Open();
  EXPECT_EQ(train->size(), 60000);
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(train->inputs()[0].shape, (Shape{28, 28}));
  EXPECT_EQ(train->classes(), 10);
  EXPECT_EQ(LabelOf(*train, 0), 5);
  EXPECT_EQ(LabelOf(*test, 0), 7);
  // Of the files whose MD5 are 6bbc9ace... a25bea73... 2646ac64... 27ae3e4e...
  EXPECT_EQ(Fingerprint(*train, *test), "1665e8ddee809c3e");
}

}  // namespace
}  // namespace litesmith
