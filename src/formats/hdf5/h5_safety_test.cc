// Damaged files end in an Error or a valid model, never in a crash, a hang or a
// process left behind.
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/hdf5/h5_process.h"
#include "src/formats/keras/keras_h5.h"
#include "src/formats/keras/layers.h"
#include "src/formats/keras/model_config.h"
#include "src/formats/keras/reader.h"
#include "src/formats/keras/test_graphs.h"

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
  limits.contents_bytes = 1 << 24;
  try {
    const Graph graph = GraphFromH5(ReadH5InHelper(path, limits), path);
    VerifyStructure(graph);
    return "ok";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    EXPECT_TRUE(error.kind() == ErrorKind::kCorrupt ||
                error.kind() == ErrorKind::kUnsupported ||
                // libhdf5 went round in circles until its time was up.
                error.kind() == ErrorKind::kIo)
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

// The error of a reading, and its kind's name before it; "" for none.
std::string Failure(const std::string& path, const H5Limits& limits = {}) {
  try {
    ReadH5InHelper(path, limits);
    return "";
  } catch (const Error& error) {
    return std::string(Name(error.kind())) + ": " + error.what();
  }
}

TEST(H5SafetyTest, ContentsBeyondTheLimitsAreRefused) {
  const std::string path = TempPath("large.h5");
  Put(path, SmallFile());
  H5Limits limits;
  limits.contents_bytes = 100;
  EXPECT_TRUE(Failure(path, limits).starts_with("unsupported: "));
  if (kH5MemoryIsLimited) {
    H5Image image;
    constexpr int kFloats = 1 << 23;
    const std::vector<std::byte> zeros(kFloats * sizeof(float));
    image.AddDataset("/large", DType::kFloat32, std::vector<int32_t>{kFloats},
                     zeros);
    Put(path, image.Finish());
    limits = {};
    limits.memory_bytes = 8 << 20;
    const std::string failure = Failure(path, limits);
    EXPECT_TRUE(failure.starts_with("out of memory: " + path)) << failure;
  }
  std::filesystem::remove(path);
  ExpectNoChildren();
}

// A child of this thread, or 0.
pid_t AChild() {
  std::ifstream children(fmt::format("/proc/self/task/{}/children", getpid()));
  pid_t child = 0;
  children >> child;
  return child;
}

// What reading gives if its helper gets these signals, half a second apart, as
// soon as there is one. A busy machine may let the helper end before the signal
// comes, which shows in nothing being wrong: then once more, a while.
std::string Signalled(const std::string& path,
                      const std::vector<int>& signals) {
  for (int tries = 0;; ++tries) {
    std::atomic<bool> over{false};
    std::atomic<bool> sent{false};
    std::thread sender([&] {
      pid_t child = 0;
      while (child == 0 && !over) child = AChild();
      for (size_t i = 0; child != 0 && i < signals.size(); ++i) {
        if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
        sent = kill(child, signals[i]) == 0;
      }
    });
    const std::string failure = Failure(path);
    over = true;
    sender.join();
    const bool late = failure.empty() && signals[0] != SIGSTOP;
    if (sent && (!late || tries > 200)) return failure;
  }
}

TEST(H5SafetyTest, OnlyProcessorTimeCounts) {
  if (!std::ifstream("/proc/self/task/" + std::to_string(getpid()) +
                     "/children")) {
    GTEST_SKIP() << "the kernel does not list children";
  }
  const std::string path = TempPath("slow.h5");
  Put(path, SmallFile());
  // Ctrl-Z and fg, or a disk that does not answer for a while.
  EXPECT_EQ(Signalled(path, {SIGSTOP, SIGCONT}), "");
  // The kernel's word that its time is up: nobody knows that it is corrupt.
  const std::string late = Signalled(path, {SIGXCPU});
  EXPECT_TRUE(late.starts_with("io: ")) << late;
  EXPECT_NE(late.find("10 s of processor time"), std::string::npos) << late;
  const std::string killed = Signalled(path, {SIGKILL});
  EXPECT_TRUE(killed.starts_with("out of memory: ")) << killed;
  EXPECT_TRUE(Signalled(path, {SIGSEGV}).starts_with("corrupt: "));
  ExpectNoChildren();
  std::filesystem::remove(path);
}

TEST(H5SafetyTest, AFileThatSomebodyLockedIsRead) {
  const std::string path = TempPath("locked.h5");
  Put(path, SmallFile());
  const Descriptor holder(open(path.c_str(), O_RDONLY));
  ASSERT_EQ(flock(holder.get(), LOCK_EX), 0);
  EXPECT_EQ(Failure(path), "");
  std::filesystem::remove(path);
}

TEST(H5SafetyTest, AStopIsSeenWhileTheHelperWorks) {
  const std::string path = TempPath("stopped.h5");
  Put(path, SmallFile());
  EXPECT_EXIT(
      {
        RequestStop();
        _exit(Failure(path).starts_with("interrupted: ") ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  std::filesystem::remove(path);
}

TEST(H5SafetyTest, ThePipeIsNoStandardDescriptor) {
  const std::string path = TempPath("closed.h5");
  Put(path, SmallFile());
  for (int closed = 1; closed < 8; ++closed) {
    EXPECT_EXIT(
        {
          for (int fd = 0; fd < 3; ++fd) {
            if (closed >> fd & 1) close(fd);
          }
          _exit(Failure(path).empty() ? 0 : 1);
        },
        testing::ExitedWithCode(0), "")
        << closed;
  }
  std::filesystem::remove(path);
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
      {OneLayer("LSTM", ""), ErrorKind::kUnsupported,
       "1 of its 2 layers is not supported: 'bad' (LSTM); `litesmith list "
       "layers`"},
      {OneLayer("Sequential", R"(, "layers": [{"class_name": "GRU", "config":
          {"name": "g"}}, {"class_name": "Dense", "config": {"name": "d"}}])"),
       ErrorKind::kUnsupported,
       "2 of its 4 layers are not supported: 'bad' (a model inside the model "
       "(Sequential); put its layers into the outer model), 'bad/g' (GRU)"},
      {OneLayer("MaxPool2D", ""), ErrorKind::kUnsupported,
       "'bad' (MaxPool2D; there is MaxPooling2D)"},
      {OneLayer("PruneLowMagnitude", R"(, "layer": {"class_name": "Dense"})"),
       ErrorKind::kUnsupported,
       "PruneLowMagnitude around Dense; tfmot's strip_pruning"},
      {OneLayer("TFOpLambda", R"(, "function": "math.add")"),
       ErrorKind::kUnsupported, "TFOpLambda math.add"},
      {OneLayer("Dense", R"(}, "registered_name": "mine>Dense", "a": {)"),
       ErrorKind::kUnsupported, "mine>Dense, a class of its author's own"},
      {OneLayer("Dense", R"(, "units": 3, "lora_rank": 4)"),
       ErrorKind::kUnsupported, "layer 'bad': its lora_rank is 4"},
      {OneLayer("InputLayer", R"(, "batch_shape": [1, 2], "sparse": true)"),
       ErrorKind::kUnsupported, "sparse"},
      {OneLayer("Dropout", R"(, "rate": 1.0)"), ErrorKind::kCorrupt,
       "rate is 1"},
      {OneLayer("Dropout", ""), ErrorKind::kCorrupt, "rate"},
      {OneLayer("Dropout", R"(, "rate": 0.5, "noise_shape": [null, 3, 1, 1])"),
       ErrorKind::kCorrupt, "noise_shape (-1, 3, 1, 1) does not fit"},
      {OneLayer("Dropout", R"(, "rate": 0.5, "seed": "a")"),
       ErrorKind::kUnsupported, "its seed"},
      {OneLayer("Flatten", R"(, "trainable": 0)"), ErrorKind::kCorrupt,
       "trainable"},
      {R"({"class_name": "Functional", "config": {"layers": [{"class_name":
          "InputLayer", "name": "i", "config": {"batch_input_shape": [null, 4]},
          "inbound_nodes": []}, {"class_name":
          "Dropout", "name": "d", "config": {"rate": 0.5}, "inbound_nodes":
          [[["i", 0, 0, {"training": true}]]]}], "input_layers": [["i", 0, 0]],
          "output_layers": [["d", 0, 0]]}})",
       ErrorKind::kUnsupported, "layer 'd': it is called with training=true"},
      {OneLayer("Rescaling", ""), ErrorKind::kUnsupported, "'bad' (Rescaling)"},
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
      {OneLayer("Dropout", R"(, "rate": 0}}, {"class_name": "Dropout",
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

// What does not act here is said once for the file.
TEST(ModelConfigTest, RegularizersAreWarnedOf) {
  std::vector<std::string> warnings;
  const WarningSink before = SetWarningSink(
      [&](std::string_view text) { warnings.emplace_back(text); });
  GraphFromH5(
      WithConfig(OneLayer("Flatten", R"(, "activity_regularizer": {"l2": 0.1},
                  "kernel_constraint": {}, "bias_regularizer": null)")),
      "file.h5");
  SetWarningSink(before);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find(
                "file.h5: regularizers and constraints do not act in training "
                "here and are not kept in files: 'bad' (activity_regularizer, "
                "kernel_constraint)"),
            std::string::npos)
      << warnings[0];
}

TEST(ModelConfigTest, FilesWithoutAModelAreNamed) {
  H5Contents weights;
  weights.parts[H5Contents::kWeights].datasets["dense/kernel:0"];
  const std::pair<H5Contents, const char*> files[] = {
      {weights, "weights only, no model_config"},
      {{}, "no model_config and no weights"}};
  for (const auto& [contents, part] : files) {
    try {
      GraphFromH5(contents, "file.h5");
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << error.what();
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
