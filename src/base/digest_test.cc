// Digests: FNV-1a's published values, and that what differs shows.
#include "src/base/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace litesmith {
namespace {

TEST(Digest, BytesAreFnv1a) {
  // From the authors' list of test vectors.
  EXPECT_EQ(Digest().Hex(), "cbf29ce484222325");
  EXPECT_EQ(Digest().Text("a").Hex(), "af63dc4c8601ec8c");
  EXPECT_EQ(Digest().Text("foobar").Hex(), "85944171f73967e8");
  EXPECT_EQ(Digest().Text("foo").Text("bar").Hex(), "85944171f73967e8");
}

TEST(Digest, EveryByteAndTheLengthOfABlockShow) {
  std::set<uint64_t> seen;
  for (const size_t size : {0u, 1u, 7u, 8u, 9u, 24u}) {
    std::vector<std::byte> bytes(size);
    EXPECT_TRUE(seen.insert(Digest().Block(bytes).value()).second) << size;
    for (size_t i = 0; i < size; ++i) {
      bytes[i] = std::byte{1};
      EXPECT_TRUE(seen.insert(Digest().Block(bytes).value()).second) << i;
      bytes[i] = std::byte{0};
    }
  }
}

}  // namespace
}  // namespace litesmith
