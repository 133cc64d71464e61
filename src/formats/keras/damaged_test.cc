// Damaged files end in an Error or a valid model, never in a crash, a hang or a
// process left behind.
#include <errno.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <map>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/containers/zip.h"
#include "src/formats/hdf5/h5_process.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/keras.h"
#include "src/formats/keras/test_graphs.h"

namespace litesmith {
namespace {

// A run with more: LITESMITH_FUZZ_SCALE=10.
int Scale() {
  const char* scale = std::getenv("LITESMITH_FUZZ_SCALE");
  return scale == nullptr ? 1 : std::atoi(scale);
}

// How a file ends: the kind of its error, or "ok".
std::string Outcome(KerasFile kind, std::span<const std::byte> bytes) {
  const std::string name = "damaged file";
  H5Limits limits;
  limits.cpu_seconds = 1;
  limits.contents_bytes = 1 << 24;
  try {
    const Graph graph =
        kind == KerasFile::kH5
            ? GraphFromH5(ReadH5InHelper(bytes, name, WantedOfH5(), limits),
                          name)
            : GraphFromArchive(bytes, limits, name);
    VerifyStructure(graph);
    return "ok";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos);
    EXPECT_TRUE(error.kind() == ErrorKind::kCorrupt ||
                error.kind() == ErrorKind::kUnsupported ||
                // libhdf5 went round in circles until its time was up.
                error.kind() == ErrorKind::kIo)
        << error.what();
    return Name(error.kind());
  }
}

std::vector<std::byte> SmallModel(KerasFile kind) {
  const Graph graph = MakeCnn(6, 2);
  Graph full = graph;  // some data of its own
  full.tensor(full.nodes[1].inputs[1]).MutableAs<float>()[0] = 2;
  const OutModel model = ToKeras(graph);
  return kind == KerasFile::kH5 ? H5Bytes(&model, graph, &full)
                                : ArchiveBytes(&model, graph, &full);
}

// Up to three bytes are others.
std::vector<std::byte> Flipped(std::vector<std::byte> bytes, Rng* rng) {
  const uint32_t flips = 1 + rng->Below(3);
  for (uint32_t f = 0; f < flips; ++f) {
    bytes[rng->Below(static_cast<uint32_t>(bytes.size()))] =
        static_cast<std::byte>(rng->Below(256));
  }
  return bytes;
}

uint64_t NewSeed() {
  return static_cast<uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
}

class DamagedTest : public testing::TestWithParam<KerasFile> {};

INSTANTIATE_TEST_SUITE_P(Containers, DamagedTest,
                         testing::Values(KerasFile::kH5, KerasFile::kArchive),
                         [](const auto& info) {
                           return info.param == KerasFile::kH5 ? "h5"
                                                               : "archive";
                         });

void ExpectNoChildren() {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_P(DamagedTest, TruncationIsAnError) {
  const std::vector<std::byte> bytes = SmallModel(GetParam());
  const size_t step = std::max<size_t>(1, bytes.size() / (300 * Scale()));
  for (size_t n = 0; n < bytes.size(); n += n < 32 ? 1 : step)
    EXPECT_NE(Outcome(GetParam(), std::span(bytes).first(n)), "ok") << n;
  ExpectNoChildren();
}

TEST_P(DamagedTest, ByteFlipsEndInAnErrorOrAModel) {
  const std::vector<std::byte> bytes = SmallModel(GetParam());
  const uint64_t seed = NewSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  std::map<std::string, int> outcomes;
  for (int i = 0; i < 1000 * Scale(); ++i)
    ++outcomes[Outcome(GetParam(), Flipped(bytes, &rng))];
  for (const auto& [outcome, count] : outcomes) RecordProperty(outcome, count);
  ExpectNoChildren();
}

// Checksums keep most flips of an archive from what is in its members: these
// have right ones.
TEST(DamagedArchiveTest, MembersEndInAnErrorOrAModel) {
  const std::vector<std::byte> bytes = SmallModel(KerasFile::kArchive);
  const ZipReader zip(bytes);
  const uint64_t seed = NewSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  std::map<std::string, int> outcomes;
  for (int i = 0; i < 500 * Scale(); ++i) {
    std::vector<ZipMember> members;
    for (const char* name :
         {"metadata.json", "config.json", "model.weights.h5", "litesmith.h5"})
      members.push_back({name, zip.Read(name, 1 << 24)});
    ZipMember& damaged = members[1 + rng.Below(3)];
    damaged.bytes = Flipped(damaged.bytes, &rng);
    ++outcomes[Outcome(KerasFile::kArchive, WriteZip(members))];
  }
  for (const auto& [outcome, count] : outcomes) RecordProperty(outcome, count);
  ExpectNoChildren();
}

// Configs of models in models, of functions and of layers of several nodes.
TEST(DamagedArchiveTest, ConfigsOfAllKindsEndInAnErrorOrAModel) {
  const uint64_t seed = NewSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  std::map<std::string, int> outcomes;
  for (const char* name : {"keras2_nested", "keras3_nested", "keras2_sequences",
                           "keras3_bends", "keras2_images", "keras3_noises"}) {
    const std::vector<std::byte> bytes =
        ReadFile(std::string(LITESMITH_SOURCE_DIR) + "/tests/golden/keras/" +
                 name + ".keras");
    const ZipReader zip(bytes);
    const std::vector<std::byte> config = zip.Read("config.json", 1 << 24);
    const std::vector<std::byte> weights =
        zip.Read("model.weights.h5", 1 << 24);
    for (int i = 0; i < 50 * Scale(); ++i) {
      std::vector<std::byte> damaged = Flipped(config, &rng);
      // A number in the place of another leaves the JSON whole.
      for (int n = 0; n < 20; ++n) {
        std::byte& byte =
            damaged[rng.Below(static_cast<uint32_t>(damaged.size()))];
        if (byte >= std::byte{'0'} && byte <= std::byte{'9'})
          byte = static_cast<std::byte>('0' + rng.Below(10));
      }
      const bool whole = i % 2 == 0;
      if (whole) {
        damaged = config;
        std::byte& byte =
            damaged[rng.Below(static_cast<uint32_t>(damaged.size()))];
        if (byte >= std::byte{'0'} && byte <= std::byte{'9'})
          byte = static_cast<std::byte>('0' + rng.Below(10));
      }
      ++outcomes[Outcome(
          KerasFile::kArchive,
          WriteZip(std::vector<ZipMember>{{"config.json", damaged},
                                          {"model.weights.h5", weights}}))];
    }
  }
  for (const auto& [outcome, count] : outcomes) RecordProperty(outcome, count);
  ExpectNoChildren();
}

}  // namespace
}  // namespace litesmith
