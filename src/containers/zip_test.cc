// Archives as they are and as nobody should send them.
#include "src/containers/zip.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

Bytes ToBytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span<const char>(text));
  return {bytes.begin(), bytes.end()};
}

constexpr int64_t kPlenty = 1 << 20;

// "corrupt: ...", or the member's text.
std::string Outcome(const Bytes& archive, const std::string& name,
                    int64_t limit = kPlenty) {
  try {
    const Bytes bytes = ZipReader(archive).Read(name, limit);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  } catch (const Error& error) {
    return std::string(Name(error.kind())) + ": " + error.what();
  }
}

void ExpectFailure(const std::string& outcome, std::string_view kind,
                   std::string_view words) {
  EXPECT_TRUE(outcome.starts_with(kind)) << outcome;
  EXPECT_NE(outcome.find(words), std::string::npos) << outcome;
}

Bytes Small() {
  const std::vector<ZipMember> members = {{"first", ToBytes("one")},
                                          {"folder/second", ToBytes("two")},
                                          {"empty", {}}};
  return WriteZip(members);
}

// Every occurrence of `from` becomes `to`, of the same length.
Bytes Replaced(Bytes archive, std::string_view from, std::string_view to) {
  const Bytes old = ToBytes(from);
  const Bytes now = ToBytes(to);
  auto at = archive.begin();
  for (;;) {
    at = std::search(at, archive.end(), old.begin(), old.end());
    if (at == archive.end()) return archive;
    at = std::copy(now.begin(), now.end(), at);
  }
}

// One member of that many zeros, deflated.
Bytes Deflated(size_t zeros) {
  const Bytes data(zeros);
  zip_source_t* sink = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(sink);
  zip_t* zip = zip_open_from_source(sink, ZIP_TRUNCATE, nullptr);
  zip_file_add(zip, "zeros",
               zip_source_buffer(zip, data.data(), data.size(), 0), 0);
  zip_set_file_compression(zip, 0, ZIP_CM_DEFLATE, 9);
  EXPECT_EQ(zip_close(zip), 0);
  zip_stat_t stat;
  zip_source_stat(sink, &stat);
  Bytes bytes(stat.size);
  zip_source_open(sink);
  zip_source_read(sink, bytes.data(), bytes.size());
  zip_source_close(sink);
  zip_source_free(sink);
  return bytes;
}

TEST(ZipTest, MembersComeBackAndBytesAreTheSame) {
  const Bytes archive = Small();
  EXPECT_EQ(Outcome(archive, "first"), "one");
  EXPECT_EQ(Outcome(archive, "folder/second"), "two");
  EXPECT_EQ(Outcome(archive, "empty"), "");
  EXPECT_TRUE(ZipReader(archive).Has("first"));
  EXPECT_FALSE(ZipReader(archive).Has("second"));
  EXPECT_EQ(archive, Small());
}

TEST(ZipTest, DeflatedMembersAreRead) {
  EXPECT_EQ(Outcome(Deflated(1000), "zeros"), std::string(1000, '\0'));
}

// The size that counts is what is unpacked, not what the archive claims.
TEST(ZipTest, BombsAreRefused) {
  const Bytes bomb = Deflated(size_t{50} << 20);
  EXPECT_LT(bomb.size(), 100'000u);
  ExpectFailure(Outcome(bomb, "zeros"), "unsupported",
                "'zeros' has more than 1048576 bytes");
  // Sizes of 1,000 in the headers of 50 MB, and of 4 GB in those of 3 bytes.
  const std::string_view real("\x00\x00\x20\x03", 4);
  ExpectFailure(Outcome(Replaced(bomb, real, {"\xe8\x03\0\0", 4}), "zeros"), "",
                "'zeros'");
  const Bytes huge = Replaced(Small(), {"\x03\0\0\0\x03\0\0\0", 8},
                              "\xfe\xff\xff\xff\xfe\xff\xff\xff");
  EXPECT_NE(Outcome(huge, "first"), "one");
}

TEST(ZipTest, WhatIsMissingOrDamagedIsNamed) {
  ExpectFailure(Outcome(Small(), "third"), "corrupt", "no member 'third'");
  ExpectFailure(Outcome(ToBytes("text"), "a"), "corrupt", "no whole zip");
  ExpectFailure(Outcome({}, "a"), "corrupt", "it is empty");
  ExpectFailure(Outcome(Replaced(Small(), "two", "tow"), "folder/second"),
                "corrupt", "'folder/second' is damaged");
}

TEST(ZipTest, NamesThatLeadOutAreRefused) {
  for (const char* name : {"/etc/passwd", "../up", "a/../../up", "C:\\boot",
                           "\\\\host\\share", "a\\..\\b", ".."}) {
    const std::vector<ZipMember> members = {{"first", ToBytes("one")},
                                            {name, {}}};
    ExpectFailure(Outcome(WriteZip(members), "first"), "corrupt",
                  "leads out of the archive");
  }
  const std::vector<ZipMember> fine = {{"..first", ToBytes("one")},
                                       {"a/b..c", {}}};
  EXPECT_EQ(Outcome(WriteZip(fine), "..first"), "one");
}

TEST(ZipTest, TwoMembersOfOneNameAreRefused) {
  const std::vector<ZipMember> members = {{"aa", ToBytes("1")},
                                          {"ab", ToBytes("2")}};
  ExpectFailure(Outcome(Replaced(WriteZip(members), "ab", "aa"), "aa"),
                "corrupt", "two of its members are called 'aa'");
}

TEST(ZipTest, EncryptedAndOddlyPackedMembersAreNamed) {
  // Flags and method stand behind the signatures and versions of the headers.
  Bytes archive = Small();
  const auto patch = [&](std::string_view signature, size_t offset, int value) {
    const Bytes wanted = ToBytes(signature);
    const auto at = std::search(archive.begin(), archive.end(), wanted.begin(),
                                wanted.end());
    ASSERT_NE(at, archive.end());
    at[static_cast<ptrdiff_t>(offset)] = static_cast<std::byte>(value);
  };
  patch("PK\x03\x04", 8, 97);
  patch("PK\x01\x02", 10, 97);
  ExpectFailure(Outcome(archive, "first"), "unsupported", "method 97");
  archive = Small();
  patch("PK\x03\x04", 6, 1);
  patch("PK\x01\x02", 8, 1);
  ExpectFailure(Outcome(archive, "first"), "unsupported", "encrypted");
}

TEST(ZipTest, EveryTruncationIsAnErrorAndFlipsDoNoHarm) {
  const Bytes archive = Small();
  for (size_t n = 0; n < archive.size(); ++n) {
    const Bytes cut(archive.begin(),
                    archive.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_TRUE(Outcome(cut, "first").starts_with("corrupt")) << n;
  }
  const auto seed = static_cast<uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  for (int i = 0; i < 20'000; ++i) {
    Bytes flipped = archive;
    for (uint32_t f = 1 + rng.Below(3); f > 0; --f) {
      flipped[rng.Below(static_cast<uint32_t>(flipped.size()))] =
          static_cast<std::byte>(rng.Below(256));
    }
    Outcome(flipped, "first");
  }
}

}  // namespace
}  // namespace litesmith
