#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "src/base/error.h"

namespace litesmith {
namespace {

// Closes a descriptor when it goes out of scope.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

[[noreturn]] void FailErrno(const char* what, const std::string& path) {
  const int code = errno;
  Fail(code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
       "cannot {} {}: {}", what, path, strerror(code));
}

struct stat CheckReadable(const Descriptor& file, const std::string& path) {
  if (file.fd < 0) FailErrno("open", path);
  struct stat info;
  if (fstat(file.fd, &info) != 0) FailErrno("read", path);
  if (S_ISDIR(info.st_mode)) {
    Fail(ErrorKind::kIo, "cannot read {}: it is a folder, a file is wanted",
         path);
  }
  return info;
}

void SyncByName(const std::string& path, int flags) {
  const Descriptor file{open(path.c_str(), flags | O_CLOEXEC)};
  if (file.fd < 0) FailErrno("open", path);
  if (fsync(file.fd) != 0) FailErrno("write", path);
}

}  // namespace

std::vector<std::byte> ReadFile(const std::string& path, int64_t limit) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const struct stat info = CheckReadable(file, path);
  std::vector<std::byte> bytes;
  if (S_ISREG(info.st_mode))
    bytes.reserve(static_cast<size_t>(std::min<int64_t>(info.st_size, limit)));
  std::byte block[1 << 16];
  for (;;) {
    const ssize_t got = read(file.fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailErrno("read", path);
    if (got == 0) return bytes;
    if (static_cast<int64_t>(bytes.size()) + got > limit) {
      Fail(ErrorKind::kUnsupported, "{} is larger than {} bytes", path, limit);
    }
    bytes.insert(bytes.end(), block, block + got);
  }
}

std::vector<std::byte> ReadFileHead(const std::string& path, size_t count) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  CheckReadable(file, path);
  std::vector<std::byte> bytes(count);
  size_t done = 0;
  while (done < count) {
    const ssize_t got = read(file.fd, bytes.data() + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailErrno("read", path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

void WriteFile(const std::string& path, std::span<const std::byte> bytes) {
  WriteFileThrough(path, [&](const std::string& temporary) {
    const Descriptor file{open(temporary.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (file.fd < 0) FailErrno("create", temporary);
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put =
          write(file.fd, bytes.data() + done, bytes.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) FailErrno("write", path);
      done += static_cast<size_t>(put);
    }
  });
}

void WriteFile(const std::string& path, std::string_view text) {
  WriteFile(path, std::as_bytes(std::span(text.data(), text.size())));
}

void WriteFileThrough(const std::string& path,
                      const std::function<void(const std::string&)>& write) {
  const std::string temporary =
      path + ".tmp" + std::to_string(static_cast<long>(getpid()));
  try {
    write(temporary);
    SyncByName(temporary, O_RDWR);
    if (rename(temporary.c_str(), path.c_str()) != 0) FailErrno("write", path);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  // The rename itself is durable only once the folder is synced; a file system
  // that cannot sync a folder still has the whole file.
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const Descriptor directory{
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd >= 0) fsync(directory.fd);
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
