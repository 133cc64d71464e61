// What an output path is (file, link, device, pipe), and writing to it.
#include "src/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/temporary_file.h"

namespace litesmith {
namespace {

// As many as the kernel follows.
constexpr int kMaxLinks = 40;

// N for a name of an open descriptor. Behind such a name stands a link to the
// file or pipe, but only the descriptor itself is where the caller's shell
// wants the bytes.
std::optional<int> DescriptorOf(std::string_view path) {
  const std::string own = fmt::format("/proc/{}/fd/", getpid());
  for (const std::string_view folder :
       {std::string_view("/proc/self/fd/"), std::string_view("/dev/fd/"),
        std::string_view(own)}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view number = path.substr(folder.size());
    if (number.empty() || number.size() > 6 ||
        !std::all_of(number.begin(), number.end(),
                     [](char c) { return c >= '0' && c <= '9'; })) {
      continue;
    }
    return std::stoi(std::string(number));
  }
  return std::nullopt;
}

std::string ReadLink(const std::string& path, const std::string& shown) {
  char target[4096];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  if (length < 0) FailWrite(shown, FolderOf(path));
  const std::string to(target, static_cast<size_t>(length));
  return to.starts_with('/') ? to : FolderOf(path) + "/" + to;
}

void TryFolder(const std::string& folder, const std::string& shown) {
  SweepTemporaryFilesOnce(folder);
  TemporaryFile trial(folder + "/trial", shown);
  constexpr std::byte kByte{0};
  trial.Write({&kByte, 1});
  trial.Sync();
}

}  // namespace

Output ResolveOutput(const std::string& path) {
  if (path.empty()) {
    Fail(ErrorKind::kInvalidArgument, "a name of a file to write is wanted");
  }
  Output output;
  output.path = path;
  if (path == "-") {
    output.kind = Output::Kind::kDescriptor;
    output.fd = STDOUT_FILENO;
    return output;
  }
  for (int links = 0;; ++links) {
    if (const std::optional<int> fd = DescriptorOf(output.path)) {
      output.kind = Output::Kind::kDescriptor;
      output.fd = *fd;
      return output;
    }
    struct stat info;
    if (lstat(output.path.c_str(), &info) != 0) {
      if (errno != ENOENT) FailWrite(path, FolderOf(output.path));
      if (output.path.ends_with('/')) {
        Fail(ErrorKind::kIo, "cannot write {}: a file's name is wanted", path);
      }
      return output;
    }
    if (S_ISLNK(info.st_mode)) {
      if (links >= kMaxLinks) {
        Fail(ErrorKind::kIo, "cannot write {}: {}", path, strerror(ELOOP));
      }
      output.path = ReadLink(output.path, path);
      continue;
    }
    if (S_ISDIR(info.st_mode)) {
      Fail(ErrorKind::kIo,
           "cannot write {}: it is a folder, a file's name is wanted", path);
    }
    if (access(output.path.c_str(), W_OK) != 0) {
      Fail(ErrorKind::kIo, "cannot write {}: it is write-protected ({})", path,
           strerror(errno));
    }
    output.kind = S_ISREG(info.st_mode)    ? Output::Kind::kFile
                  : S_ISSOCK(info.st_mode) ? Output::Kind::kSocket
                                           : Output::Kind::kDevice;
    return output;
  }
}

bool IsStream(const std::string& path) {
  return ResolveOutput(path).kind != Output::Kind::kFile;
}

bool IsStandardOutput(const std::string& path) {
  return ResolveOutput(path).fd == STDOUT_FILENO;
}

void TryOutput(const std::string& path) {
  const Output output = ResolveOutput(path);
  if (output.kind == Output::Kind::kFile) {
    TryFolder(FolderOf(output.path), path);
  } else if (output.kind == Output::Kind::kDescriptor) {
    const int flags = fcntl(output.fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY ||
        WasClosedAtStart(output.fd)) {
      Fail(ErrorKind::kIo, "cannot write {}: it is not open for writing",
           path == "-" ? "to standard output" : path);
    }
  }
}

void TryOutputFolder(const std::string& path) {
  std::string folder = path;
  for (;;) {
    struct stat info;
    if (stat(folder.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) {
        Fail(ErrorKind::kIo, "cannot write to {}: {} is a file, not a folder",
             path, folder);
      }
      return TryFolder(folder, path);
    }
    if (errno != ENOENT && errno != ENOTDIR) FailWrite(path, FolderOf(folder));
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    folder = FolderOf(folder);
  }
}

}  // namespace litesmith
