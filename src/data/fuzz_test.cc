// Damaged files of every format that data come in: an Error, or valid samples.
// LITESMITH_FUZZ=4000 mutates as many of each kind, LITESMITH_FUZZ_SEED says
// which; under sanitizers in test.sh few of each.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/containers/npy.h"
#include "src/containers/zip.h"
#include "src/data/decode/picture.h"
#include "src/data/decode/sound.h"
#include "src/data/decode/table.h"
#include "src/data/sources.h"
#include "src/data/sources/files_test.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

int Environment(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : atoi(text);
}

Bytes ToBytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// A few bytes changed, cut out, doubled or cut off; lengths and counts, which
// are in the first bytes, more often than what follows.
Bytes Mutated(Bytes bytes, Rng* rng) {
  const auto place = [&] {
    const auto size = static_cast<uint32_t>(bytes.size());
    const uint32_t end = rng->Below(2) == 0 ? std::min(size, 64u) : size;
    return static_cast<std::ptrdiff_t>(rng->Below(end));
  };
  const uint32_t changes = 1 + rng->Below(6);
  for (uint32_t c = 0; c < changes && bytes.size() > 1; ++c) {
    const std::ptrdiff_t at = place();
    auto& byte = bytes[static_cast<size_t>(at)];
    switch (rng->Below(7)) {
      case 0:
        byte = static_cast<std::byte>(rng->Below(256));
        break;
      case 1:
        byte ^= static_cast<std::byte>(1u << rng->Below(8));
        break;
      case 2:
        byte = std::byte{0xFF};
        break;
      case 3:
        byte = std::byte{0};
        break;
      case 4:
        bytes.erase(bytes.begin() + at);
        break;
      case 5:
        bytes.insert(bytes.begin() + at, byte);
        break;
      default:
        if (rng->Below(8) == 0) bytes.resize(static_cast<size_t>(at) + 1);
    }
  }
  return bytes;
}

void Fuzz(const std::vector<Bytes>& seeds,
          const std::function<void(const Bytes&)>& read) {
  const int count = Environment("LITESMITH_FUZZ", 150);
  const auto seed =
      static_cast<uint64_t>(Environment("LITESMITH_FUZZ_SEED", 1));
  const WarningSink before = SetWarningSink({});
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    Rng rng(seed, static_cast<uint64_t>(i));
    SCOPED_TRACE("seed " + std::to_string(seed) + ", file " +
                 std::to_string(i));
    const Bytes bytes =
        Mutated(seeds[static_cast<size_t>(i) % seeds.size()], &rng);
    try {
      read(bytes);
    } catch (const Error& error) {
      ++refused;
      EXPECT_NE(error.kind(), ErrorKind::kInvariant) << error.what();
      EXPECT_FALSE(std::string(error.what()).empty());
    }
  }
  SetWarningSink(before);
  EXPECT_GT(refused, count / 50) << "hardly anything was damaged";
}

TEST(Fuzz, Jpeg) {
  Fuzz({ToJpeg(TestPicture(24, 17, 3, 1)), ToJpeg(TestPicture(16, 16, 1, 2)),
        ToJpeg(TestPicture(33, 20, 3, 3), 50, true)},
       [](const Bytes& bytes) {
         for (const int channels : {1, 3}) {
           const Picture picture = DecodePicture(bytes, channels, "x.jpg");
           EXPECT_EQ(picture.pixels.size(),
                     static_cast<size_t>(picture.width) *
                         static_cast<size_t>(picture.height) *
                         static_cast<size_t>(channels));
         }
       });
}

TEST(Fuzz, Png) {
  Fuzz({ToPng(TestPicture(24, 17, 3, 1)), ToPng(TestPicture(16, 16, 1, 2))},
       [](const Bytes& bytes) {
         const Picture picture = DecodePicture(bytes, 0, "x.png");
         EXPECT_EQ(picture.pixels.size(),
                   static_cast<size_t>(picture.width) *
                       static_cast<size_t>(picture.height) *
                       static_cast<size_t>(picture.channels));
         Resized(picture, 9, 7, Resize::kFit);
       });
}

TEST(Fuzz, Wav) {
  const auto file = [](int tag, int bits, int channels, int samples) {
    const auto little = [](uint32_t value, int bytes) {
      std::string text;
      for (int i = 0; i < bytes; ++i)
        text += static_cast<char>(value >> (8 * i) & 255);
      return text;
    };
    const int block = bits / 8 * channels;
    const std::string data(static_cast<size_t>(block * samples), '\x3F');
    return ToBytes("RIFF" + little(36 + block * samples, 4) + "WAVEfmt " +
                   little(16, 4) + little(tag, 2) + little(channels, 2) +
                   little(8000, 4) + little(8000 * block, 4) +
                   little(block, 2) + little(bits, 2) + "data" +
                   little(block * samples, 4) + data);
  };
  Fuzz({file(1, 16, 1, 100), file(1, 8, 2, 50), file(1, 24, 1, 40),
        file(3, 32, 2, 30), file(3, 64, 1, 20)},
       [](const Bytes& bytes) {
         int rate = 0;
         const std::vector<float> sound = DecodeSound(bytes, "x.wav", &rate);
         EXPECT_FALSE(sound.empty());
         for (const float value : sound) EXPECT_TRUE(std::isfinite(value));
         if (rate < 100000) Resampled(sound, rate, 16000);
       });
}

TEST(Fuzz, Csv) {
  Fuzz({ToBytes("a,b,c\n1,2.5,x\n-3,4e1,\"y,\"\"z\"\n"),
        ToBytes("1;2;3\r\n4;5;6\r\n"), ToBytes("1\t2\n3\t4\n# end\n")},
       [](const Bytes& bytes) {
         const SpecOptions options("SPEC", {});
         const Table table = ReadTable(bytes, "x.csv", options, {"1"});
         EXPECT_EQ(table.numbers.size(), table.rows() * table.columns.size());
         EXPECT_EQ(table.texts.size(), table.rows());
       });
}

TEST(Fuzz, Npz) {
  const auto npy = [](const std::string& descr, const std::string& shape,
                      size_t bytes) {
    std::string header = "{'descr': '" + descr +
                         "', 'fortran_order': False, 'shape': " + shape +
                         ", }\n";
    std::string file("\x93NUMPY\x01\x00", 8);
    file += static_cast<char>(header.size());
    file += '\0';
    return ToBytes(file + header + std::string(bytes, '\1'));
  };
  const std::vector<ZipMember> members = {
      {"x_train.npy", npy("|u1", "(4, 3)", 12)},
      {"y_train.npy", npy("<i4", "(4,)", 16)},
      {"x_test.npy", npy("|u1", "(2, 3)", 6)},
      {"y_test.npy", npy("<i4", "(2,)", 8)}};
  const TestFolder folder;
  Fuzz({WriteZip(members)}, [&](const Bytes& bytes) {
    folder.Add("x.npz", bytes);
    const DataSplits data = LoadData("npz:" + (folder / "x.npz"));
    for (const DataHalf* half : {&data.train, &data.test}) {
      if (half->size == 0) continue;
      const DatasetPtr open = half->Open();
      for (int64_t i = 0; i < open->size(); ++i) RealValues(*open, 0, i);
    }
  });
}

// Without an archive around it, whose checksums keep most of the damage out.
TEST(Fuzz, NpyTexts) {
  const auto npy = [](const std::string& descr, const std::string& values) {
    const std::string header =
        "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (3,), }\n";
    std::string file("\x93NUMPY\x01\x00", 8);
    file += static_cast<char>(header.size());
    file += '\0';
    return ToBytes(file + header + values);
  };
  std::string wide;
  for (const char32_t c : U"catdogowl") {
    for (int b = 0; b < 4; ++b) wide += static_cast<char>(c >> 8 * b & 255);
  }
  Fuzz({npy("<U3", wide.substr(0, 36)), npy("|S3", "catdogowl")},
       [](const Bytes& bytes) {
         const NpyHeader header = ParseNpyHeader(bytes, "y", true);
         if (header.text == 0) return;
         const auto values = std::span(bytes).subspan(header.bytes);
         const std::vector<std::string> texts =
             ParseNpyTexts(header, values, "y");
         EXPECT_EQ(texts.size(), values.size() / header.ElementBytes());
       });
}

}  // namespace
}  // namespace litesmith
