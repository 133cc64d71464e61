// Reading with a limit, and writing a file whole.
#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <new>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/near_file.h"
#include "src/base/output.h"
#include "src/base/progress.h"
#include "src/base/temporary_file.h"

namespace litesmith {
namespace {

[[noreturn]] void FailErrno(const char* what, const std::string& path) {
  const int code = errno;
  Fail(code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
       "cannot {} {}: {}{}", what, path, strerror(code),
       code == ENOENT ? DidYouMeanFile(path) : "");
}

// Standard input as a descriptor of its own.
Descriptor OpenStandardInput() {
  static std::atomic<bool> taken{false};
  if (taken.exchange(true)) {
    Fail(ErrorKind::kInvalidArgument,
         "- stands for standard input twice; it can be read only once");
  }
  if (WasClosedAtStart(STDIN_FILENO)) {
    Fail(ErrorKind::kIo, "cannot read standard input: it is closed");
  }
  return Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Descriptor OpenToRead(const std::string& path) {
  if (path == "-") return OpenStandardInput();
  // A FIFO opens only once it has a writer; a stop ends the wait.
  for (;;) {
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.ok() || errno != EINTR) return file;
    ThrowIfStopRequested();
  }
}

struct stat CheckReadable(const Descriptor& file, const std::string& path) {
  if (!file.ok()) FailErrno("open", path);
  struct stat info;
  if (fstat(file.get(), &info) != 0) FailErrno("read", path);
  if (S_ISDIR(info.st_mode)) {
    Fail(ErrorKind::kIo, "cannot read {}: it is a folder, a file is wanted",
         path);
  }
  return info;
}

// The next bytes, at most `count`; room is made for `expected`.
std::vector<std::byte> ReadUpTo(const Descriptor& file, const std::string& path,
                                int64_t count, int64_t expected) {
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<size_t>(std::min(expected, count)));
  std::byte block[1 << 16];
  while (static_cast<int64_t>(bytes.size()) < count) {
    const auto left =
        static_cast<size_t>(count - static_cast<int64_t>(bytes.size()));
    const ssize_t got = read(file.get(), block, std::min(sizeof(block), left));
    if (got < 0 && errno == EINTR) {
      ThrowIfStopRequested();
      continue;
    }
    if (got < 0) FailErrno("read", path);
    if (got == 0) break;
    bytes.insert(bytes.end(), block, block + got);
  }
  return bytes;
}

Descriptor ConnectTo(const Output& output, const std::string& path) {
  Descriptor to(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (output.path.size() >= sizeof(address.sun_path)) {
    Fail(ErrorKind::kIo, "cannot write {}: a socket's name is at most {} bytes",
         path, sizeof(address.sun_path) - 1);
  }
  memcpy(address.sun_path, output.path.data(), output.path.size());
  if (!to.ok() || connect(to.get(), reinterpret_cast<sockaddr*>(&address),
                          sizeof(address)) != 0) {
    FailWrite(path, FolderOf(output.path));
  }
  return to;
}

Descriptor OpenToWrite(const Output& output, const std::string& path) {
  for (;;) {
    Descriptor to(open(output.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
    if (to.ok()) return to;
    if (errno != EINTR) FailWrite(path, FolderOf(output.path));
    ThrowIfStopRequested();
  }
}

void WriteStraight(const Output& output, const std::string& path,
                   std::span<const std::byte> bytes) {
  Descriptor opened;
  int fd = output.fd;
  if (output.kind == Output::Kind::kSocket) opened = ConnectTo(output, path);
  if (output.kind == Output::Kind::kDevice) opened = OpenToWrite(output, path);
  if (opened.ok()) fd = opened.get();
  if (!WriteAll(fd, bytes)) {
    Fail(ErrorKind::kIo, "cannot write {}: {}",
         path == "-" ? "to standard output" : path, strerror(errno));
  }
}

}  // namespace

std::vector<std::byte> ReadFile(const std::string& path, int64_t limit) {
  const Descriptor file = OpenToRead(path);
  const struct stat info = CheckReadable(file, path);
  const int64_t size = S_ISREG(info.st_mode) ? info.st_size : 0;
  std::vector<std::byte> bytes;
  try {
    bytes = ReadUpTo(file, path, limit + 1, size);
  } catch (const std::bad_alloc&) {
    Fail(ErrorKind::kOutOfMemory, "{}: there is no room in memory for {}", path,
         size > 0 ? fmt::format("its {} bytes", size) : "its bytes");
  }
  if (static_cast<int64_t>(bytes.size()) > limit) {
    Fail(ErrorKind::kUnsupported, "{} is larger than {} bytes", path, limit);
  }
  return bytes;
}

std::vector<std::byte> ReadFileHead(const std::string& path, size_t count) {
  const Descriptor file = OpenToRead(path);
  CheckReadable(file, path);
  return ReadUpTo(file, path, static_cast<int64_t>(count), 0);
}

void WriteFile(const std::string& path, std::span<const std::byte> bytes) {
  const Output output = ResolveOutput(path);
  if (output.kind != Output::Kind::kFile) {
    WriteStraight(output, path, bytes);
    return;
  }
  SweepTemporaryFilesOnce(FolderOf(output.path));
  TemporaryFile file(output.path, path);
  file.Write(bytes);
  file.Commit();
}

void WriteFile(const std::string& path, std::string_view text) {
  WriteFile(path, std::as_bytes(std::span(text.data(), text.size())));
}

void MakeDirectory(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    Fail(ErrorKind::kIo, "cannot make the folder {}: {}", path, code.message());
  }
  if (!std::filesystem::is_directory(path, code)) {
    Fail(ErrorKind::kIo, "cannot make the folder {}: a file has that name",
         path);
  }
}

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

int64_t FileSize(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) FailErrno("open", path);
  return info.st_size;
}

}  // namespace litesmith
