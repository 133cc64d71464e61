// .npz archives: sound ones, damaged ones and hostile ones.
#include "src/data/sources/npz.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/containers/zip.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

Bytes ToBytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span<const char>(text));
  return {bytes.begin(), bytes.end()};
}

// A .npy file of version 1.0 with this type and shape; values 0, 1, 2, ...
template <typename T>
Bytes Npy(const std::string& descr, const std::string& shape, size_t count,
          const std::string& fortran = "False", T first = 0) {
  const std::string header = "{'descr': '" + descr +
                             "', 'fortran_order': " + fortran +
                             ", 'shape': " + shape + ", }\n";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  Bytes bytes = ToBytes(file + header);
  for (size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(first + static_cast<T>(i));
    const auto raw = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  return bytes;
}

std::string PathOf() {
  return testing::TempDir() + "litesmith_" + std::to_string(getpid()) + ".npz";
}

DataSplits Load(const std::vector<ZipMember>& members,
                int64_t limit = int64_t{1} << 30) {
  WriteFile(PathOf(), WriteZip(members));
  return LoadNpz(PathOf(), limit);
}

// 5 training samples of [2,3] bytes, 3 test samples, with labels.
std::vector<ZipMember> Plain() {
  return {{"x_train.npy", Npy<uint8_t>("|u1", "(5, 2, 3)", 30)},
          {"y_train.npy", Npy<int64_t>("<i8", "(5,)", 5)},
          {"x_test.npy", Npy<uint8_t>("|u1", "(3, 2, 3)", 18)},
          {"y_test.npy", Npy<int64_t>("<i8", "(3, 1)", 3)},
          {"names.npy", ToBytes("no array")}};
}

std::vector<ZipMember> With(const std::string& name, Bytes bytes) {
  std::vector<ZipMember> members = Plain();
  for (ZipMember& member : members) {
    if (member.name != name + ".npy") continue;
    member.bytes = std::move(bytes);
    return members;
  }
  members.push_back({name + ".npy", std::move(bytes)});
  return members;
}

std::vector<ZipMember> Without(const std::string& name) {
  std::vector<ZipMember> members = Plain();
  std::erase_if(members, [&](const ZipMember& member) {
    return member.name == name + ".npy";
  });
  return members;
}

// "corrupt: ..." of finding the data or opening both halves.
std::string ErrorOf(const std::vector<ZipMember>& members,
                    int64_t limit = int64_t{1} << 30) {
  try {
    const DataSplits data = Load(members, limit);
    data.train.Open();
    data.test.Open();
    return "none";
  } catch (const Error& error) {
    return std::string(Name(error.kind())) + ": " + error.what();
  }
}

void Expect(const std::string& error, std::string_view kind,
            std::string_view words) {
  EXPECT_TRUE(error.starts_with(kind)) << error;
  EXPECT_NE(error.find(words), std::string::npos) << error;
  EXPECT_NE(error.find(PathOf()), std::string::npos) << error;
}

TEST(Npz, BytesStayBytesAndIntegersAreClasses) {
  const DataSplits data = Load(Plain());
  EXPECT_EQ(data.train.size, 5);
  EXPECT_EQ(data.test.size, 3);
  const DatasetPtr train = data.train.Open();
  ASSERT_EQ(train->inputs().size(), 1u);
  EXPECT_EQ(train->inputs()[0].dtype, DType::kUInt8);
  EXPECT_EQ(train->inputs()[0].shape, (Shape{2, 3}));
  EXPECT_EQ(RealValues(*train, 0, 4),
            (std::vector<float>{24, 25, 26, 27, 28, 29}));
  EXPECT_EQ(train->classes(), 5);
  EXPECT_EQ(LabelOf(*train, 3), 3);
  const DatasetPtr test = data.test.Open();
  EXPECT_EQ(test->classes(), 3);
  EXPECT_EQ(test->targets()[0], train->targets()[0]);
  EXPECT_NE(test->Origin(1).find("sample 1 of the test half of "),
            std::string::npos);
}

// The first samples alone, of as many classes as all have.
TEST(Npz, ReadsNoMoreThanIsAskedFor) {
  // More than is read to find the header.
  std::vector<ZipMember> members =
      With("x_train", Npy<uint8_t>("|u1", "(5, 100, 300)", 150'000));
  members[2].bytes = Npy<uint8_t>("|u1", "(3, 100, 300)", 90'000);
  const Bytes mark(8, std::byte{200});
  std::copy(mark.begin(), mark.end(), members[0].bytes.end() - 8);
  Bytes archive = WriteZip(members);
  WriteFile(PathOf(), archive);
  const DatasetPtr whole = LoadNpz(PathOf()).train.Open();
  // One of the last bytes of x_train, against its checksum.
  const auto at =
      std::search(archive.begin(), archive.end(), mark.begin(), mark.end());
  ASSERT_NE(at, archive.end());
  *at = std::byte{201};
  WriteFile(PathOf(), archive);
  const DataSplits data = LoadNpz(PathOf());
  const DatasetPtr two = data.train.Open(2);
  EXPECT_EQ(two->size(), 2);
  EXPECT_EQ(two->classes(), 5);
  EXPECT_EQ(RealValues(*two, 0, 1), RealValues(*whole, 0, 1));
  EXPECT_EQ(data.test.Open()->size(), 3);
  try {
    data.train.Open();
    FAIL() << "a wrong checksum was read";
  } catch (const Error& error) {
    Expect(std::string(Name(error.kind())) + ": " + error.what(), "corrupt",
           "'x_train.npy' is damaged");
  }
}

TEST(Npz, EveryTypeOfNumber) {
  const auto last = [](const std::string& descr, Bytes bytes) {
    SCOPED_TRACE(descr);
    std::vector<ZipMember> members = With("x_train", std::move(bytes));
    std::erase_if(members, [](const ZipMember& member) {
      return member.name == "x_test.npy" || member.name == "y_test.npy";
    });
    return RealValues(*Load(members).train.Open(), 0, 4);
  };
  const std::vector<float> wanted = {8, 9};
  const std::string shape = "(5, 2)";
  EXPECT_EQ(last("<f4", Npy<float>("<f4", shape, 10)), wanted);
  EXPECT_EQ(last("<f8", Npy<double>("<f8", shape, 10)), wanted);
  EXPECT_EQ(last("|i1", Npy<int8_t>("|i1", shape, 10)), wanted);
  EXPECT_EQ(last("<i2", Npy<int16_t>("<i2", shape, 10)), wanted);
  EXPECT_EQ(last("<i4", Npy<int32_t>("<i4", shape, 10)), wanted);
  EXPECT_EQ(last("<i8", Npy<int64_t>("<i8", shape, 10)), wanted);
  // 0x3c00 is 1, and the next one 1 + 2^-10.
  EXPECT_EQ(last("<f2", Npy<uint16_t>("<f2", shape, 10, "False", 0x3c00 - 9)),
            (std::vector<float>{1 - 1.0f / 2048, 1}));
  Bytes bools = Npy<uint8_t>("|b1", "(5,)", 0);
  for (const int value : {0, 0, 0, 0, 1})
    bools.push_back(static_cast<std::byte>(value));
  EXPECT_EQ(last("|b1", bools), std::vector<float>{1});
}

TEST(Npz, LabelsAndValues) {
  const auto train = [](Bytes y) {
    std::vector<ZipMember> members = With("y_train", std::move(y));
    std::erase_if(members, [](const ZipMember& member) {
      return member.name == "y_test.npy";
    });
    return Load(members).train.Open();
  };
  // One-hot, regression, and rows of integers.
  DatasetPtr data = train(Npy<float>("<f4", "(5, 4)", 20));
  EXPECT_EQ(data->classes(), 0);
  EXPECT_EQ(data->targets()[0].shape, (Shape{4}));
  data = train(Npy<float>("<f4", "(5,)", 5));
  EXPECT_EQ(data->classes(), 0);
  EXPECT_EQ(RealValues(*data, 1, 2), (std::vector<float>{2}));
  data = train(Npy<int32_t>("<i4", "(5, 3)", 15));
  EXPECT_EQ(data->classes(), 0);
  data = train(Npy<uint8_t>("|u1", "(5, 1)", 5));
  EXPECT_EQ(data->classes(), 5);
  EXPECT_EQ(data->targets()[0].shape, Shape{});
  // Integers that are no classes.
  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  data = train(Npy<int16_t>("<i2", "(5,)", 5, "False", -1));
  SetWarningSink(before);
  EXPECT_EQ(data->classes(), 0);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("y_train is -1 for sample 0"), std::string::npos);
}

// Labels of these texts, each of as many characters of `unit` bytes.
Bytes Texts(const std::string& descr, const std::vector<std::u32string>& texts,
            size_t width, size_t unit) {
  Bytes bytes =
      Npy<uint8_t>(descr, "(" + std::to_string(texts.size()) + ",)", 0);
  for (std::u32string text : texts) {
    text.resize(width);
    for (const char32_t c : text) {
      for (size_t b = 0; b < unit; ++b)
        bytes.push_back(static_cast<std::byte>(c >> 8 * b));
    }
  }
  return bytes;
}

// Names of both halves, in the order of their bytes.
TEST(Npz, TextsAreClassesByName) {
  std::vector<ZipMember> members =
      With("y_train",
           Texts("<U3", {U"cat", U"\u00e4x", U"cat", U"dog", U"B"}, 3, 4));
  for (ZipMember& member : members) {
    if (member.name == "y_test.npy")
      member.bytes = Texts("<U5", {U"dog", U"zebra", U"\U0001F600"}, 5, 4);
  }
  const DataSplits splits = Load(members);
  const DatasetPtr train = splits.train.Open(4);
  const DatasetPtr test = splits.test.Open();
  const std::vector<std::string> names = {
      "B", "cat", "dog", "zebra", "\xc3\xa4x", "\xf0\x9f\x98\x80"};
  for (const DatasetPtr& half : {train, test}) {
    EXPECT_EQ(half->classes(), 6);
    EXPECT_EQ(std::vector<std::string>(half->class_names().begin(),
                                       half->class_names().end()),
              names);
    EXPECT_EQ(half->targets()[0].shape, Shape{});
  }
  const auto labels = [](const Dataset& data) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < data.size(); ++i) all.push_back(LabelOf(data, i));
    return all;
  };
  EXPECT_EQ(labels(*train), (std::vector<int64_t>{1, 4, 1, 2}));
  EXPECT_EQ(labels(*test), (std::vector<int64_t>{2, 3, 5}));
  // A further target has names of its own; bytes are as good as characters.
  for (const char* half : {"train", "test"}) {
    std::vector<std::u32string> texts(half == std::string("train") ? 5 : 3,
                                      U"no");
    texts[1] = U"yes";
    members.push_back(
        {std::string("y_") + half + "_1.npy", Texts("|S3", texts, 3, 1)});
  }
  const DatasetPtr both = Load(members).test.Open();
  EXPECT_EQ(both->ClassesOf(1), 2);
  ASSERT_EQ(both->ClassNamesOf(1).size(), 2u);
  EXPECT_EQ(both->ClassNamesOf(1)[1], "yes");
  EXPECT_EQ(LabelOf(*both, 1, 1), 1);
  // What is no character.
  Expect(
      ErrorOf(With(
          "y_train",
          Texts("<U2", {U"ok", U"ok", {U'a', 0, U'b'}, U"ok", U"ok"}, 3, 4))),
      "corrupt", "y_train: ");
  members = Without("y_test");
  std::erase_if(members, [](const ZipMember& member) {
    return member.name == "y_train.npy";
  });
  members.push_back(
      {"y_train.npy",
       Texts("<U2", {U"ok", U"ok", {0, U'b'}, U"ok", U"ok"}, 2, 4)});
  Expect(ErrorOf(members), "corrupt", "text 2 has 0x0");
}

TEST(Npz, FurtherInputsAndTargets) {
  std::vector<ZipMember> members = Plain();
  for (const char* half : {"train", "test"}) {
    const std::string n = half == std::string("train") ? "5" : "3";
    const size_t count = n == "5" ? 5 : 3;
    const std::string end = std::string(half) + "_1.npy";
    members.push_back(
        {"x_" + end, Npy<float>("<f4", "(" + n + ", 2)", count * 2)});
    members.push_back({"y_" + end, Npy<int64_t>("<i8", "(" + n + ",)", count)});
  }
  members.push_back({"x_train_01.npy", {}});
  members.push_back({"x_training.npy", {}});
  const DatasetPtr data = Load(members).train.Open(4);
  ASSERT_EQ(data->inputs().size(), 2u);
  ASSERT_EQ(data->targets().size(), 2u);
  EXPECT_EQ(data->inputs()[1].name, "x_1");
  EXPECT_EQ(RealValues(*data, 1, 3), (std::vector<float>{6, 7}));
  EXPECT_EQ(RealValues(*data, 3, 3), (std::vector<float>{3}));
  EXPECT_EQ(data->ClassesOf(1), 5);  // of all samples, not only of those
  std::erase_if(members, [](const ZipMember& member) {
    return member.name == "x_test_1.npy";
  });
  Expect(ErrorOf(members), "corrupt", "there is x_train_1, but the other half");
  Expect(ErrorOf(With("x_train_2", {})), "corrupt",
         "there is x_train_2, but no x_train_1");
  members = With("x_train_1", {});
  members.erase(members.begin());
  Expect(ErrorOf(members), "corrupt", "there is x_train_1, but no x_train");
}

// What is missing is an error once it is asked for.
TEST(Npz, HalvesAndTargetsMayBeMissing) {
  DataSplits data = Load(Without("x_test"));
  EXPECT_EQ(data.train.Open()->size(), 5);
  EXPECT_EQ(data.test.size, 0);
  Expect(ErrorOf(Without("x_test")), "not found",
         "there is no x_test; it holds x_train, y_train, y_test, names");
  data = Load(Without("y_train"));
  EXPECT_EQ(data.train.Open()->targets().size(), 0u);
  EXPECT_EQ(data.test.Open()->targets().size(), 1u);
  Expect(ErrorOf({{"a.npy", {}}, {"b", {}}}), "not found",
         "neither x_train nor x_test, but a;");
  Expect(ErrorOf(With("x_test", Npy<uint8_t>("|u1", "(0, 2, 3)", 0))),
         "corrupt", "y_test has 3 samples, but x_test has 0");
}

TEST(Npz, WhatDoesNotFitIsNamed) {
  const auto x = [](const std::string& descr, const std::string& shape,
                    size_t bytes, const std::string& fortran = "False") {
    return ErrorOf(With("x_train", Npy<uint8_t>(descr, shape, bytes, fortran)));
  };
  Expect(x("|u1", "(4, 2, 3)", 24), "corrupt",
         "y_train has 5 samples, but x_train has 4");
  Expect(x("|u1", "(5, 2, 2)", 20), "corrupt",
         "x_test has samples of uint8 [2,3], but x_train of uint8 [2,2]");
  Expect(x("|u1", "(5, 2, 3)", 29), "corrupt", "x_train: shape [5,2,3]");
  Expect(x("|u1", "(5, 2, 3)", 31), "corrupt", "x_train: shape [5,2,3]");
  Expect(x("|u1", "(5, 2, 3)", 30, "True"), "unsupported",
         "x_train: Fortran order");
  Expect(x(">i2", "(5, 2, 3)", 60), "unsupported", "x_train: big-endian");
  Expect(x("|O", "(5, 2, 3)", 30), "unsupported", "x_train: elements of type");
  Expect(x("<U3", "(5,)", 60), "unsupported", "x_train: elements of type");
  const auto y = [](const std::string& descr, const std::string& shape,
                    size_t bytes) {
    return ErrorOf(With("y_train", Npy<uint8_t>(descr, shape, bytes)));
  };
  Expect(y("|S2", "(5,)", 10), "corrupt",
         "y_train holds texts, y_test numbers");
  Expect(y("|S2", "(5,)", 9), "corrupt", "y_train: shape [5] of texts is 10");
  Expect(y("|S2", "(5, 3)", 30), "unsupported",
         "y_train: texts of shape [5,3]");
  Expect(y("<U0", "(5,)", 0), "unsupported", "1 to 4096 characters");
  Expect(y("<U99999999", "(5,)", 0), "unsupported", "1 to 4096 characters");
  Expect(y(">U2", "(5,)", 40), "unsupported", "elements of type '>U2'");
  Expect(y("|O", "(5,)", 40), "unsupported", "y.astype(str)");
  Expect(x("|u1", "()", 1), "unsupported", "x_train: a single number");
  Expect(x("|u1", "(5, 0)", 0), "unsupported", "x_train: samples of shape [0]");
  Expect(ErrorOf(With("x_train", {})), "corrupt", "x_train: not a .npy file");
  Bytes bools = Npy<uint8_t>("|b1", "(5,)", 5);
  Expect(ErrorOf({With("x_train", Npy<uint8_t>("|u1", "(5,)", 5))[0],
                  {"y_train.npy", bools}}),
         "corrupt", "y_train: a bool that");
}

// Nothing is asked for that is not there.
TEST(Npz, HostileSizes) {
  const auto x = [](const std::string& shape) {
    return ErrorOf(With("x_train", Npy<uint8_t>("<f8", shape, 8)));
  };
  Expect(x("(1000000000000,)"), "corrupt", "x_train: the header has");
  Expect(x("(1000000, 1000000)"), "corrupt", "is 8000000000000 bytes");
  Expect(x("(2147483647, 2147483647, 2147483647)"), "corrupt", "x_train: ");
  Expect(x("(2147483647, 2147483647, 2147483647, 0)"), "corrupt", "x_train: ");
  Expect(ErrorOf(Plain(), 29), "unsupported", "x_train: 30 bytes");
  // Header and directory agree on 3,000,000,000 bytes of what has a few.
  const std::string header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (3000000, 1000), }";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size());
  file += '\0';
  file += header;
  Bytes archive =
      WriteZip(std::vector<ZipMember>{{"x_train.npy", ToBytes(file)}});
  const auto put = [&](std::string_view signature, size_t at) {
    const Bytes wanted = ToBytes(signature);
    auto place = std::search(archive.begin(), archive.end(), wanted.begin(),
                             wanted.end());
    ASSERT_NE(place, archive.end());
    for (const size_t size : {size_t{0}, size_t{4}}) {
      for (size_t b = 0; b < 4; ++b) {
        *(place + static_cast<ptrdiff_t>(at + size + b)) =
            static_cast<std::byte>((3'000'000'000u + file.size()) >> 8 * b);
      }
    }
  };
  put("PK\x03\x04", 18);
  put("PK\x01\x02", 20);
  WriteFile(PathOf(), archive);
  try {
    LoadNpz(PathOf());
    FAIL() << "a size that is not there was believed";
  } catch (const Error& error) {
    Expect(std::string(Name(error.kind())) + ": " + error.what(), "corrupt",
           "x_train");
  }
}

TEST(Npz, WhatIsNoArchive) {
  const auto error = [](std::string_view text) {
    WriteFile(PathOf(), text);
    try {
      LoadNpz(PathOf());
    } catch (const Error& error) {
      return std::string(Name(error.kind())) + ": " + error.what();
    }
    return std::string("none");
  };
  Expect(error("text"), "corrupt", "no whole zip archive");
  Expect(error(""), "corrupt", "it is empty");
  for (const auto& [path, kind] :
       {std::pair("/no/such.npz", ErrorKind::kNotFound),
        std::pair("/tmp", ErrorKind::kIo),
        std::pair("/dev/null", ErrorKind::kIo)}) {
    try {
      LoadNpz(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
    }
  }
}

TEST(Npz, EveryTruncationIsAnErrorAndFlipsDoNoHarm) {
  const Bytes archive = WriteZip(Plain());
  const auto outcome = [](const Bytes& bytes) {
    WriteFile(PathOf(), bytes);
    try {
      const DataSplits data = LoadNpz(PathOf(), 1 << 20);
      data.train.Open();
      data.test.Open();
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  EXPECT_TRUE(outcome(archive));
  for (size_t n = 0; n < archive.size(); n += 7)  // each is a synced file
    EXPECT_FALSE(outcome(
        Bytes(archive.begin(), archive.begin() + static_cast<ptrdiff_t>(n))));
  const auto seed = static_cast<uint64_t>(getpid());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  for (int i = 0; i < 300; ++i) {
    Bytes flipped = archive;
    flipped[rng.Below(static_cast<uint32_t>(flipped.size()))] ^=
        static_cast<std::byte>(1 + rng.Below(255));
    outcome(flipped);
  }
}

}  // namespace
}  // namespace litesmith
