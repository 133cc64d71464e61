// The helper process: its limits, its end, and that none is left behind.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
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
#include <string>
#include <thread>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/hdf5/h5_process.h"

namespace litesmith {
namespace {

std::string TempFile(const std::string& name) {
  return testing::TempDir() + "h5_safety_" + std::to_string(getpid()) + "_" +
         name;
}

const std::vector<H5Wanted> kAll = {{.groups = {""}}};

std::vector<std::byte> SmallFile() {
  H5Image image;
  image.AddString("/", "said", "of the root");
  image.AddGroup("/group");
  const std::vector<float> values(200, 0.5f);
  const int32_t size = 200;
  image.AddDataset("/group/values", DType::kFloat32, {&size, 1},
                   std::as_bytes(std::span<const float>(values)));
  return image.Finish();
}

// Writes without the sync that WriteFile would spend on each.
void Put(const std::string& path, std::span<const std::byte> bytes) {
  FILE* file = fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  fclose(file);
}

void ExpectHelperGone() {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// The error of a reading, and its kind's name before it; "" for none.
std::string Failure(const std::string& path, const H5Limits& limits = {}) {
  try {
    ReadH5InHelper(path, kAll, limits);
    return "";
  } catch (const Error& error) {
    return std::string(Name(error.kind())) + ": " + error.what();
  }
}

TEST(H5SafetyTest, ContentsBeyondTheLimitsAreRefused) {
  const std::string path = TempFile("large.h5");
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
  ExpectHelperGone();
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
  const std::string path = TempFile("slow.h5");
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
  ExpectHelperGone();
  std::filesystem::remove(path);
}

TEST(H5SafetyTest, AFileThatSomebodyLockedIsRead) {
  const std::string path = TempFile("locked.h5");
  Put(path, SmallFile());
  const Descriptor holder(open(path.c_str(), O_RDONLY));
  ASSERT_EQ(flock(holder.get(), LOCK_EX), 0);
  EXPECT_EQ(Failure(path), "");
  std::filesystem::remove(path);
}

TEST(H5SafetyTest, AStopIsSeenWhileTheHelperWorks) {
  const std::string path = TempFile("stopped.h5");
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
  const std::string path = TempFile("closed.h5");
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

// Of the wanted groups each has a tree, with what was asked of it.
TEST(H5SafetyTest, OnlyWhatIsWantedComes) {
  const std::string path = TempFile("wanted.h5");
  const std::vector<H5Wanted> wanted = {
      {.groups = {""}, .attributes_only = true},
      {.groups = {"missing", "group"}},
      {.groups = {"missing", ""}, .without = {"group"}},
      {.groups = {"missing"}}};
  Put(path, SmallFile());
  for (const auto& trees : {ReadH5InHelper(path, wanted),
                            ReadH5InHelper(SmallFile(), "in memory", wanted)}) {
    ASSERT_EQ(trees.size(), 4u);
    ASSERT_NE(trees[0].Attribute("", "said"), nullptr);
    EXPECT_EQ(trees[0].Attribute("", "said")->front(), "of the root");
    EXPECT_TRUE(trees[0].datasets.empty());
    EXPECT_EQ(trees[1].datasets.at("values").dims, std::vector<int64_t>{200});
    EXPECT_TRUE(trees[2].present && trees[2].datasets.empty());
    EXPECT_FALSE(trees[3].present);
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace litesmith
