// Damaged files end in an Error or a valid model, never in a crash, a hang or a
// process left behind.
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/formats/keras_h5/h5_process.h"
#include "src/formats/keras_h5/keras_h5.h"
#include "src/formats/keras_h5/layers.h"
#include "src/formats/keras_h5/model_config.h"
#include "src/formats/keras_h5/reader.h"
#include "src/formats/keras_h5/test_graphs.h"

namespace litesmith {
namespace {

// A run with more: LITESMITH_FUZZ_SCALE=10.
int Scale() {
  const char* scale = std::getenv("LITESMITH_FUZZ_SCALE");
  return scale == nullptr ? 1 : std::atoi(scale);
}

// How a file ends: the kind of its error, or "ok".
std::string Outcome(const std::string& path) {
  H5Limits limits;
  limits.cpu_seconds = 1;
  limits.wall_milliseconds = 20'000;
  limits.contents_bytes = 1 << 24;
  try {
    const Graph graph = GraphFromH5(ReadH5InHelper(path, limits), path);
    VerifyStructure(graph);
    return "ok";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    EXPECT_TRUE(error.kind() == ErrorKind::kCorrupt ||
                error.kind() == ErrorKind::kUnsupported)
        << error.what();
    return Name(error.kind());
  }
}

std::vector<std::byte> SmallFile() {
  const std::string path = TempPath("small.h5");
  const Graph graph = MakeCnn(6, 2);
  Graph full = graph;  // some data of its own
  full.tensor(full.nodes[1].inputs[1]).MutableAs<float>()[0] = 2;
  WriteKerasH5(graph, &full, path);
  std::vector<std::byte> bytes = ReadFile(path);
  std::filesystem::remove(path);
  return bytes;
}

// Writes without the sync that WriteFile would spend on each.
void Put(const std::string& path, std::span<const std::byte> bytes) {
  FILE* file = fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  fclose(file);
}

void ExpectNoChildren() {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(H5SafetyTest, TruncationIsAnError) {
  const std::vector<std::byte> bytes = SmallFile();
  const std::string path = TempPath("short.h5");
  const size_t step = std::max<size_t>(1, bytes.size() / (300 * Scale()));
  for (size_t n = 0; n < bytes.size(); n += n < 32 ? 1 : step) {
    Put(path, std::span(bytes).first(n));
    EXPECT_NE(Outcome(path), "ok") << n;
  }
  std::filesystem::remove(path);
  ExpectNoChildren();
}

TEST(H5SafetyTest, ByteFlipsEndInAnErrorOrAModel) {
  const std::vector<std::byte> bytes = SmallFile();
  const std::string path = TempPath("flipped.h5");
  const auto seed = static_cast<uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  std::map<std::string, int> outcomes;
  for (int i = 0; i < 1000 * Scale(); ++i) {
    std::vector<std::byte> flipped = bytes;
    const uint32_t flips = 1 + rng.Below(3);
    for (uint32_t f = 0; f < flips; ++f) {
      flipped[rng.Below(static_cast<uint32_t>(bytes.size()))] =
          static_cast<std::byte>(rng.Below(256));
    }
    Put(path, flipped);
    ++outcomes[Outcome(path)];
  }
  for (const auto& [outcome, count] : outcomes) {
    RecordProperty(outcome, count);
  }
  std::filesystem::remove(path);
  ExpectNoChildren();
}

TEST(H5SafetyTest, HelperIsKilledWhenItsTimeIsUp) {
  const std::string path = TempPath("late.h5");
  Put(path, SmallFile());
  H5Limits limits;
  limits.wall_milliseconds = 0;
  EXPECT_THROW(ReadH5InHelper(path, limits), Error);
  limits = {};
  limits.contents_bytes = 100;
  EXPECT_THROW(ReadH5InHelper(path, limits), Error);
  std::filesystem::remove(path);
  ExpectNoChildren();
}

// ---- Hostile configs, without files ---------------------------------------

H5Contents WithConfig(const std::string& config) {
  H5Contents contents;
  contents.parts[H5Contents::kRoot].attributes["@model_config"] = {config};
  return contents;
}

// A Sequential of an input [?,4,4,1] and one more layer.
std::string OneLayer(const std::string& class_name, const std::string& config) {
  return R"({"class_name": "Sequential", "config": [{"class_name":
      "InputLayer", "config": {"name": "i", "batch_input_shape":
      [null, 4, 4, 1]}}, {"class_name": ")" +
         class_name + R"(", "config": {"name": "bad")" + config + "}}]}";
}

struct BadConfig {
  std::string config;
  ErrorKind kind;
  std::string part;
};

TEST(ModelConfigTest, BadConfigsAreNamed) {
  const BadConfig cases[] = {
      {"{", ErrorKind::kCorrupt, "not valid JSON"},
      {"[]", ErrorKind::kCorrupt, "class_name"},
      {R"({"class_name": "Mine", "config": {}})", ErrorKind::kUnsupported,
       "Mine"},
      {R"({"class_name": "Sequential", "config": []})", ErrorKind::kCorrupt,
       "no layers"},
      {OneLayer("LSTM", ""), ErrorKind::kUnsupported, "class LSTM"},
      {OneLayer("Rescaling", ""), ErrorKind::kUnsupported, "layer 'bad'"},
      {OneLayer("Dense", R"(, "units": 3, "activation": "softmax")"),
       ErrorKind::kCorrupt, "no weight 'kernel'"},
      {OneLayer("Activation", R"(, "activation": "softmax")"),
       ErrorKind::kUnsupported, "logits"},
      {OneLayer("Activation", R"(, "activation": "relu")"),
       ErrorKind::kUnsupported, "right behind"},
      {OneLayer("ReLU", R"(, "max_value": 3.0)"), ErrorKind::kUnsupported,
       "max_value is 3"},
      {OneLayer("Flatten", R"(, "data_format": "channels_first")"),
       ErrorKind::kUnsupported, "channels_first"},
      {OneLayer("Flatten", R"(, "dtype": "float64")"), ErrorKind::kUnsupported,
       "float64"},
      {OneLayer("Reshape", R"(, "target_shape": [0, 4])"), ErrorKind::kCorrupt,
       "target shape"},
      {OneLayer("Reshape", R"(, "target_shape": [5])"), ErrorKind::kCorrupt,
       "does not fit"},
      {OneLayer("Reshape", R"(, "target_shape": [-1, -1])"),
       ErrorKind::kCorrupt, "target shape"},
      {OneLayer("MaxPooling2D", R"(, "pool_size": 9)"), ErrorKind::kCorrupt,
       "layer 'bad'"},
      {OneLayer("MaxPooling2D", R"(, "strides": [0, 0])"), ErrorKind::kCorrupt,
       "layer 'bad'"},
      {OneLayer("Conv2D", R"(, "kernel_size": 3000000000, "filters": 1)"),
       ErrorKind::kCorrupt, "32 bits"},
      {OneLayer("InputLayer", R"(, "batch_shape": [1, 2])"),
       ErrorKind::kCorrupt, "layer 'bad'"},
      {OneLayer("Dropout", R"(, "x": 1}}, {"class_name": "Dropout",
          "config": {"name": "bad")"),
       ErrorKind::kCorrupt, "two layers"},
      {R"({"class_name": "Functional", "config": {"layers": [{"class_name":
          "Flatten", "name": "f", "config": {}, "inbound_nodes":
          [[["f", 0, 0, {}]]]}], "input_layers": [["f", 0, 0]],
          "output_layers": [["f", 0, 0]]}})",
       ErrorKind::kCorrupt, "feeds itself"},
      {R"({"class_name": "Functional", "config": {"layers": [],
          "input_layers": [["f", 0, 0]], "output_layers": [["f", 0, 0]]}})",
       ErrorKind::kCorrupt, "no layer 'f'"},
  };
  for (const BadConfig& bad : cases) {
    try {
      GraphFromH5(WithConfig(bad.config), "file.h5");
      ADD_FAILURE() << bad.config;
    } catch (const Error& error) {
      const std::string what = error.what();
      EXPECT_EQ(Name(error.kind()), Name(bad.kind)) << what;
      EXPECT_NE(what.find(bad.part), std::string::npos) << what;
      EXPECT_NE(what.find("file.h5"), std::string::npos) << what;
    }
  }
}

TEST(ModelConfigTest, EveryRowIsFound) {
  for (const LayerRow& row : LayerRows()) {
    EXPECT_EQ(FindLayerRow(row.class_name), &row);
  }
}

}  // namespace
}  // namespace litesmith
