// Notes are JSON files; the lock is flock on a file that holds the process id
// and is gone when nobody works here.
#include "src/study/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {
namespace {

constexpr char kLockFile[] = "study.lock";

[[noreturn]] void FailLock(const std::string& folder, int code) {
  Fail(ErrorKind::kIo,
       "cannot work in {}: {}; `litesmith study --show {}` only reads it",
       folder, strerror(code), folder);
}

// Whether `path` is still the name of the open file.
bool IsFileOf(int fd, const std::string& path) {
  struct stat open_file;
  struct stat named;
  return fstat(fd, &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

// "1234", or "unknown" where its holder has not come to write it.
std::string HolderOf(int fd) {
  char text[24] = {};
  const ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
  return got > 0 ? std::string(text) : std::string("unknown");
}

}  // namespace

void FileDigests::Set(const std::string& path,
                      std::span<const std::byte> bytes) {
  known_[path] = DigestOf(bytes);
}

std::optional<std::string> FileDigests::Of(const std::string& path) {
  const auto known = known_.find(path);
  if (known != known_.end()) return known->second;
  if (!FileExists(path)) return std::nullopt;
  return known_[path] = DigestOf(ReadFile(path));
}

std::optional<Note> ReadNote(const std::string& path) {
  if (!FileExists(path)) return std::nullopt;
  const std::vector<std::byte> bytes = ReadFile(path);
  const auto json = nlohmann::json::parse(
      reinterpret_cast<const char*>(bytes.data()),
      reinterpret_cast<const char*>(bytes.data()) + bytes.size(), nullptr,
      /*allow_exceptions=*/false);
  const auto text = [&](const char* name) -> std::string {
    if (!json.is_object() || !json.contains(name)) return "";
    const auto& value = json[name];
    return value.is_string() ? value.get<std::string>() : "";
  };
  Note note{text("key"), text("digest"), text("from"), text("note")};
  if (note.key.empty() || note.digest.empty() || note.text.empty())
    return std::nullopt;
  return note;
}

void WriteCached(const std::string& path, const Note& note) {
  const nlohmann::ordered_json json = {{"key", note.key},
                                       {"digest", note.digest},
                                       {"from", note.from},
                                       {"note", note.text}};
  WriteFile(path, json.dump(1) + "\n");
}

std::optional<Note> ReadCached(const std::string& path, const std::string& key,
                               const std::string& about, FileDigests* digests) {
  std::optional<Note> note = ReadNote(path);
  if (!note || note->key != key || note->digest != digests->Of(about))
    return std::nullopt;
  return note;
}

void ClaimCheckpoint(const std::string& checkpoint, const std::string& key,
                     bool anew) {
  const std::string owner = checkpoint + ".key";
  if (!anew && FileExists(owner)) {
    const std::vector<std::byte> bytes = ReadFile(owner);
    if (std::string_view(reinterpret_cast<const char*>(bytes.data()),
                         bytes.size()) == key) {
      return;
    }
  }
  RemoveCheckpoint(checkpoint);
  WriteFile(owner, key);
}

void RemoveCheckpoint(const std::string& checkpoint) {
  const std::filesystem::path path = checkpoint;
  const std::string base = path.filename().string();
  // The checkpoint of each step ("checkpoint.2") and whose they are.
  const auto is_ours = [&](std::string_view name) {
    if (!name.starts_with(base)) return false;
    name.remove_prefix(base.size());
    if (name.empty() || name == ".key") return true;
    return name.size() > 1 && name[0] == '.' &&
           name.find_first_not_of("0123456789", 1) == std::string_view::npos;
  };
  std::error_code code;
  std::vector<std::filesystem::path> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(path.parent_path(), code)) {
    if (is_ours(entry.path().filename().string()))
      found.push_back(entry.path());
  }
  for (const auto& each : found) std::filesystem::remove(each, code);
}

FolderLock::FolderLock(const std::string& folder)
    : folder_(folder),
      path_(folder + "/" + kLockFile),
      made_(!FileExists(folder)) {
  MakeDirectory(folder);
  for (;;) {
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) FailLock(folder, errno);
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      const std::string holder = HolderOf(fd_);
      close(fd_);
      if (code != EWOULDBLOCK) FailLock(folder, code);
      Fail(ErrorKind::kIo,
           "another study (pid {}) is at work in {}; it can be waited for, or "
           "another --out be taken",
           holder, folder);
    }
    // The one before may have taken its file away between the two calls.
    if (IsFileOf(fd_, path_)) break;
    close(fd_);
  }
  const std::string pid = fmt::format("{}", getpid());
  if (ftruncate(fd_, 0) != 0 || pwrite(fd_, pid.data(), pid.size(), 0) < 0) {
    // Only the other one's message would have named us.
  }
}

FolderLock::~FolderLock() {
  unlink(path_.c_str());
  close(fd_);
  if (made_) rmdir(folder_.c_str());
}

}  // namespace litesmith
