// Notes and the lock of a run directory, and the names of settings' folders.
#include "src/study/run_directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/study/study_settings.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectoryTest() {
    folder_ = testing::TempDir() + "/run_directory_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
  }
  ~RunDirectoryTest() override { fs::remove_all(folder_); }

  std::string ErrorOfLock() const {
    try {
      const FolderLock second(folder_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo);
      return error.what();
    }
    return "";
  }

  std::string folder_;
};

TEST_F(RunDirectoryTest, OneAtATimeAndTheOtherIsNamed) {
  {
    const FolderLock lock(folder_);
    WriteFile(folder_ + "/result", "x");
    const std::string error = ErrorOfLock();
    EXPECT_NE(error.find(fmt::format("another study (pid {})", getpid())),
              std::string::npos)
        << error;
    EXPECT_NE(error.find(folder_), std::string::npos) << error;
    // The refusal took nothing away.
    EXPECT_NE(ErrorOfLock(), "");
  }
  EXPECT_EQ(ErrorOfLock(), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(RunDirectoryTest, AnEmptyFolderOfAFailedStudyIsTakenAway) {
  { const FolderLock lock(folder_); }
  EXPECT_FALSE(FileExists(folder_));
  MakeDirectory(folder_);
  { const FolderLock lock(folder_); }
  EXPECT_TRUE(FileExists(folder_));  // it was the user's
}

TEST_F(RunDirectoryTest, AKilledProcessLetsGo) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FolderLock lock(folder_);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_NE(ErrorOfLock().find(fmt::format("(pid {})", child)),
            std::string::npos);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(ErrorOfLock(), "");
  close(ready[0]);
  close(ready[1]);
}

TEST_F(RunDirectoryTest, NotesAreRecalledWhileAllIsAsItWas) {
  MakeDirectory(folder_);
  const std::string about = folder_ + "/file";
  const std::string path = folder_ + "/note.json";
  WriteFile(about, "bytes");
  WriteCached(path, {"key", DigestOf("bytes"), "parent", "text"});
  const auto recall = [&](const char* key) {
    FileDigests digests;
    return ReadCached(path, key, about, &digests);
  };
  ASSERT_TRUE(recall("key"));
  EXPECT_EQ(recall("key")->from, "parent");
  EXPECT_EQ(recall("key")->text, "text");
  EXPECT_FALSE(recall("other"));
  WriteFile(about, "other");
  EXPECT_FALSE(recall("key"));
  fs::remove(about);
  EXPECT_FALSE(recall("key"));
  WriteFile(about, "bytes");
  WriteFile(path, "{\"key\": \"key\"");
  EXPECT_FALSE(recall("key"));
  fs::remove(path);
  EXPECT_FALSE(recall("key"));
}

TEST(StudySettingsTest, NamesSayWhatDiffers) {
  StudySettings first;
  first.seed = 1;
  first.data = "mnist:/data/mnist";
  first.data_digest = "0123456789abcdef";
  first.model = "mnist-cnn";
  first.model_digest = "aaaaaaaaaaaaaaaa";
  first.learning_rate = 0.001f;
  StudySettings other = first;
  EXPECT_EQ(SettingsName(other, first), "");
  other.data = "mnist:/moved/mnist";  // the same samples elsewhere
  EXPECT_EQ(SettingsName(other, first), "");
  other = first;
  other.seed = 2;
  EXPECT_EQ(SettingsName(other, first), "seed-2");
  other.limit = 300;
  other.learning_rate = 0.01f;
  EXPECT_EQ(SettingsName(other, first), "seed-2-limit-300-learning-rate-0.01");
  other = first;
  other.data = "digits";
  other.data_digest = "fedcba9876543210";
  other.model = "../my models/net.h5";
  other.model_digest = "bbbbbbbbbbbbbbbb";
  EXPECT_EQ(SettingsName(other, first), "data-digits-fedcba-model-net-bbbbbb");
}

TEST_F(RunDirectoryTest, OnlyCheckpointsOfItsOwnAreRemoved) {
  MakeDirectory(folder_);
  const std::string base = folder_ + "/checkpoint";
  for (const char* ours : {"", ".key", ".1", ".12"})
    WriteFile(base + ours, std::string_view("x"));
  for (const char* users : {"s.txt", ".old", ".1.bak", "_of_monday", "."})
    WriteFile(base + users, std::string_view("x"));
  RemoveCheckpoint(base);
  for (const char* ours : {"", ".key", ".1", ".12"})
    EXPECT_FALSE(FileExists(base + ours)) << ours;
  for (const char* users : {"s.txt", ".old", ".1.bak", "_of_monday", "."})
    EXPECT_TRUE(FileExists(base + users)) << users;
}

TEST_F(RunDirectoryTest, SettingsHaveAFolderOfTheirOwn) {
  MakeDirectory(folder_);
  StudySettings first;
  first.seed = 1;
  first.learning_rate = 0.001f;
  StudySettings other = first;
  other.seed = 2;
  EXPECT_EQ(SettingsFolder(folder_, other), "");  // whoever comes first
  WriteSettings(first, folder_ + "/study.json");
  EXPECT_EQ(SettingsFolder(folder_, first), "");
  EXPECT_EQ(SettingsFolder(folder_, other), "seed-2");
  // The name is taken by other settings, of before study.json was lost.
  StudySettings third = other;
  third.limit = 5;
  MakeDirectory(folder_ + "/seed-2");
  WriteSettings(third, folder_ + "/seed-2/study.json");
  const std::string name = SettingsFolder(folder_, other);
  EXPECT_TRUE(name.starts_with("seed-2-")) << name;
  WriteFile(folder_ + "/study.json", "[]");
  EXPECT_THROW(SettingsFolder(folder_, other), Error);
}

}  // namespace
}  // namespace litesmith
