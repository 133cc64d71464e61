// Files: written whole or not at all, outputs that are no files, temporary
// files of dead and living writers, closed descriptors.
#include "src/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/output.h"
#include "src/base/temporary_file.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

template <typename F>
ErrorKind KindThrown(F&& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.kind();
  }
  ADD_FAILURE() << "no Error was thrown";
  return ErrorKind::kInvariant;
}

std::string Text(const std::string& path) {
  const std::vector<std::byte> bytes = ReadFile(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Write(const std::string& path, std::string_view text) {
  WriteFile(path, text);
}

// What a killed writer leaves: a name of ours that nobody holds.
std::string Leave(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fputs("half", file);
  std::fclose(file);
  return path;
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "litesmith_file_test_" +
              std::to_string(getpid()) + "_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ + "/a";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The names in the folder, sorted.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(FileTest, WritesWholeFilesOrNothing) {
  Write(path_, "first");
  EXPECT_EQ(FileSize(path_), 5);
  chmod(path_.c_str(), 0600);
  Write(path_, "second");
  EXPECT_EQ(Text(path_), "second");
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u) << "its permissions were lost";
  // The longest name that the system has, temporary name included.
  Write(folder_ + "/" + std::string(255, 'n'), "long");
  EXPECT_EQ(Names().size(), 2u) << "a temporary file was left behind";
  EXPECT_EQ(KindThrown([&] { ReadFile(path_, 3); }), ErrorKind::kUnsupported);
  EXPECT_EQ(KindThrown([&] { ReadFile(folder_); }), ErrorKind::kIo);
  EXPECT_EQ(KindThrown([&] { ReadFile(folder_ + "/b"); }),
            ErrorKind::kNotFound);
  EXPECT_EQ(KindThrown([&] { MakeDirectory(path_); }), ErrorKind::kIo);
}

TEST_F(FileTest, AFullDiskKeepsTheOldFile) {
  Write(path_, "old");
  const std::vector<std::byte> large(100'000);
  const pid_t child = fork();
  if (child == 0) {
    // A limit on the size of files fails a write in its middle.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {5000, 5000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      WriteFile(path_, large);
    } catch (const Error& error) {
      _exit(error.kind() == ErrorKind::kIo ? 0 : 1);
    }
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Text(path_), "old");
  EXPECT_EQ(Names(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, ASymlinkStaysAndItsTargetIsReplaced) {
  fs::create_directory(folder_ + "/real");
  Write(folder_ + "/real/target", "old");
  ASSERT_EQ(symlink("real/target", path_.c_str()), 0);
  const std::string second = folder_ + "/second";
  ASSERT_EQ(symlink(path_.c_str(), second.c_str()), 0);
  Write(second, "new");
  EXPECT_TRUE(fs::is_symlink(second));
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_EQ(Text(folder_ + "/real/target"), "new");
  // Of a link that leads nowhere, the file that is missing is made.
  const std::string dangling = folder_ + "/dangling";
  ASSERT_EQ(symlink("real/missing", dangling.c_str()), 0);
  TryOutput(dangling);
  EXPECT_FALSE(fs::exists(folder_ + "/real/missing"));
  Write(dangling, "made");
  EXPECT_TRUE(fs::is_symlink(dangling));
  EXPECT_EQ(Text(folder_ + "/real/missing"), "made");
  const std::string loop = folder_ + "/loop";
  ASSERT_EQ(symlink("loop", loop.c_str()), 0);
  EXPECT_EQ(KindThrown([&] { Write(loop, "x"); }), ErrorKind::kIo);
}

TEST_F(FileTest, DevicesAndFifosAreWrittenStraight) {
  TryOutput("/dev/null");
  Write("/dev/null", "nothing");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(IsStream("/dev/null"));
  EXPECT_EQ(KindThrown([] { Write("/dev/full", "x"); }), ErrorKind::kIo);
  // A link to a device is the device.
  ASSERT_EQ(symlink("/dev/null", path_.c_str()), 0);
  Write(path_, "nothing");
  EXPECT_TRUE(fs::is_symlink(path_));

  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  TryOutput(fifo);  // does not wait for a reader
  std::string got;
  std::thread reader([&] { got = Text(fifo); });
  Write(fifo, "through");
  reader.join();
  EXPECT_EQ(got, "through");
  EXPECT_TRUE(fs::is_fifo(fifo));
}

TEST_F(FileTest, ASocketIsConnectedTo) {
  const std::string name = folder_ + "/s";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) GTEST_SKIP() << "too long";
  name.copy(address.sun_path, name.size());
  const Descriptor listener(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address)),
            0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  TryOutput(name);
  Write(name, "through");
  const Descriptor peer(accept(listener.get(), nullptr, nullptr));
  char got[16] = {};
  EXPECT_EQ(read(peer.get(), got, sizeof(got)), 7);
  EXPECT_EQ(std::string(got), "through");
}

TEST_F(FileTest, DescriptorsAreWrittenWhereTheyStand) {
  // As a shell's `{ echo before; litesmith ... -o /dev/stdout; } > a`.
  const Descriptor file(open(path_.c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteAll(file.get(), std::as_bytes(std::span("before ", 7))));
  for (const std::string& name :
       {fmt::format("/dev/fd/{}", file.get()),
        fmt::format("/proc/self/fd/{}", file.get()),
        fmt::format("/proc/{}/fd/{}", getpid(), file.get())}) {
    TryOutput(name);
    EXPECT_TRUE(IsStream(name));
    EXPECT_FALSE(IsStandardOutput(name));
    Write(name, "after ");
  }
  EXPECT_EQ(Text(path_), "before after after after ");
  const Descriptor to_read(open(path_.c_str(), O_RDONLY));
  EXPECT_EQ(
      KindThrown([&] { TryOutput(fmt::format("/dev/fd/{}", to_read.get())); }),
      ErrorKind::kIo);
  EXPECT_EQ(KindThrown([] { TryOutput("/dev/fd/999"); }), ErrorKind::kIo);
  EXPECT_TRUE(IsStandardOutput("-"));
  EXPECT_TRUE(IsStandardOutput("/dev/stdout"));
  EXPECT_FALSE(IsStandardOutput("/dev/null"));
}

TEST_F(FileTest, OutputsAreTriedWithoutATrace) {
  Write(path_, "old");
  std::string message;
  const auto fails = [&](const std::string& path) {
    return KindThrown([&] { TryOutput(path); }, &message);
  };
  EXPECT_EQ(fails(folder_ + "/nodir/x.h5"), ErrorKind::kIo);
  EXPECT_EQ(message, "cannot write " + folder_ +
                         "/nodir/x.h5: there is no folder " + folder_ +
                         "/nodir");
  EXPECT_EQ(fails(path_ + "/x.h5"), ErrorKind::kIo);
  EXPECT_NE(message.find(path_ + " is a file, not a folder"),
            std::string::npos);
  EXPECT_EQ(fails(folder_), ErrorKind::kIo);
  EXPECT_NE(message.find("it is a folder"), std::string::npos);
  EXPECT_EQ(fails(folder_ + "/new/"), ErrorKind::kIo);
  EXPECT_EQ(fails("/proc/x.h5"), ErrorKind::kIo);
  EXPECT_EQ(fails(""), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindThrown([&] { Write(folder_ + "/nodir/x", "x"); }),
            ErrorKind::kIo);

  TryOutput(path_);
  TryOutput(folder_ + "/new");
  TryOutputFolder(folder_);
  TryOutputFolder(folder_ + "/new/er/");
  EXPECT_EQ(KindThrown([&] { TryOutputFolder(path_ + "/below"); }, &message),
            ErrorKind::kIo);
  EXPECT_NE(message.find("not a folder"), std::string::npos);
  EXPECT_EQ(KindThrown([] { TryOutputFolder("/proc/x"); }), ErrorKind::kIo);
  EXPECT_EQ(Text(path_), "old");
  EXPECT_EQ(Names(), std::vector<std::string>{"a"});

  if (getuid() == 0) {
    // Root may write everywhere; in a process of its own, nobody.
    const pid_t child = fork();
    if (child == 0) {
      chmod(path_.c_str(), 0444);
      chmod(folder_.c_str(), 0555);
      if (setuid(65534) != 0) _exit(3);
      if (fails(path_) != ErrorKind::kIo) _exit(4);
      if (fails(folder_ + "/new") != ErrorKind::kIo) _exit(5);
      if (message.find("in the folder " + folder_) == std::string::npos)
        _exit(6);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

TEST_F(FileTest, OnlyOurNamesAreTemporary) {
  EXPECT_TRUE(IsTemporaryName(".a.h5.litesmith-tmp-abcdefgh"));
  EXPECT_TRUE(IsTemporaryName(".a.litesmith-tmp-2345abcd"));
  for (const char* name :
       {"a.litesmith-tmp-abcdefgh", "..litesmith-tmp-abcdefg", ".a.tmp123",
        ".a.litesmith-tmp-abcdefghi", ".a.litesmith-tmp-ABCDEFGH",
        ".litesmith-tmp-abcdefgh", ".a.litesmith-tmp-", "a.tmp14312",
        ".a.litesmith-tmp-abcdefgh.bak"}) {
    EXPECT_FALSE(IsTemporaryName(name)) << name;
  }
}

TEST_F(FileTest, SweepsWhatDeadWritersLeftAndNothingElse) {
  const std::string mine = ".a.litesmith-tmp-abcdefgh";
  Leave(folder_, mine);
  Leave(folder_, ".other.h5.litesmith-tmp-22222222");
  Leave(folder_, "a.tmp123");
  Leave(folder_, ".a.litesmith-tmp-UPPERCAS");
  // A link of such a name, a folder, a FIFO, and a file that is being written.
  ASSERT_EQ(
      symlink("a.tmp123", (folder_ + "/.l.litesmith-tmp-aaaaaaaa").c_str()), 0);
  fs::create_directory(folder_ + "/.d.litesmith-tmp-aaaaaaaa");
  ASSERT_EQ(mkfifo((folder_ + "/.f.litesmith-tmp-aaaaaaaa").c_str(), 0600), 0);
  const std::string held = Leave(folder_, ".h.litesmith-tmp-aaaaaaaa");
  const Descriptor holder(open(held.c_str(), O_RDONLY));
  ASSERT_EQ(flock(holder.get(), LOCK_EX), 0);
  Write(path_, "x");  // the first write to a folder sweeps it
  EXPECT_EQ(Names(),
            (std::vector<std::string>{
                ".a.litesmith-tmp-UPPERCAS", ".d.litesmith-tmp-aaaaaaaa",
                ".f.litesmith-tmp-aaaaaaaa", ".h.litesmith-tmp-aaaaaaaa",
                ".l.litesmith-tmp-aaaaaaaa", "a", "a.tmp123"}));
  SweepTemporaryFiles(folder_ + "/none");  // no folder, no harm
}

TEST_F(FileTest, WritersAndSweepersDoNotMeet) {
  // Processes that write the same names while others sweep all the time.
  constexpr int kWriters = 3, kSweepers = 2, kRounds = 150;
  std::vector<pid_t> writers, sweepers;
  const auto start = [](std::vector<pid_t>* to, auto&& run) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        run();
      } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        _exit(1);
      }
      _exit(0);
    }
    to->push_back(child);
  };
  for (int s = 0; s < kSweepers; ++s) {
    start(&sweepers, [&] {
      for (;;) SweepTemporaryFiles(folder_);
    });
  }
  for (int w = 0; w < kWriters; ++w) {
    start(&writers, [&] {
      const std::string text(static_cast<size_t>(1000 + w), 'w');
      for (int i = 0; i < kRounds; ++i) {
        Write(path_, text);
        Write(path_ + std::to_string(i % 3), text);
      }
    });
  }
  for (const pid_t writer : writers) {
    int status = 0;
    waitpid(writer, &status, 0);
    EXPECT_EQ(status, 0);
  }
  for (const pid_t sweeper : sweepers) {
    kill(sweeper, SIGKILL);
    waitpid(sweeper, nullptr, 0);
  }
  EXPECT_EQ(Names(), (std::vector<std::string>{"a", "a0", "a1", "a2"}));
  EXPECT_GE(Text(path_).size(), 1000u);
}

TEST_F(FileTest, AKilledWriterLeavesNothingForLong) {
  const std::string text(size_t{1} << 22, 'x');
  Write(path_, "old");
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) Write(path_, text);
    }
    usleep(static_cast<useconds_t>(1000 * (1 + round)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const size_t size = Text(path_).size();
    EXPECT_TRUE(size == 3 || size == text.size()) << size;
  }
  SweepTemporaryFiles(folder_);
  EXPECT_EQ(Names(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, StandardInputIsReadOnce) {
  const pid_t child = fork();
  if (child == 0) {
    Write(path_, "from there");
    const Descriptor file(open(path_.c_str(), O_RDONLY));
    dup2(file.get(), STDIN_FILENO);
    if (Text("-") != "from there") _exit(1);
    if (KindThrown([] { ReadFile("-"); }) != ErrorKind::kInvalidArgument)
      _exit(2);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(FileTest, ClosedStandardDescriptorsAreOpened) {
  for (int closed = 0; closed < 8; ++closed) {
    const pid_t child = fork();
    if (child == 0) {
      for (int fd = 0; fd < 3; ++fd) {
        if (closed >> fd & 1) close(fd);
      }
      OpenStandardDescriptors();
      for (int fd = 0; fd < 3; ++fd) {
        if (fcntl(fd, F_GETFD) < 0) _exit(1);
        if (WasClosedAtStart(fd) != ((closed >> fd & 1) != 0)) _exit(2);
      }
      if (closed & 2) {
        try {
          TryOutput("-");
          _exit(3);
        } catch (const Error&) {
        }
      }
      // One that was opened low by somebody else is moved.
      close(0);
      const Descriptor low(open("/dev/null", O_RDONLY));
      if (low.get() != 0) _exit(4);
      if (AboveStandard(Descriptor(dup(0))).get() < 3) _exit(5);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "closed " << closed;
  }
}

}  // namespace
}  // namespace litesmith
