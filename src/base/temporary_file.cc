// Temporary files under a lock, and taking away those that nobody holds.
#include "src/base/temporary_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "src/base/error.h"

namespace litesmith {
namespace {

constexpr std::string_view kMark = ".litesmith-tmp-";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
constexpr size_t kRandom = 8;
// Of the target's name; some file systems end names at 143 bytes.
constexpr size_t kStem = 100;

std::string TemporaryName(const std::string& target) {
  unsigned char random[kRandom];
  if (getentropy(random, sizeof(random)) != 0) {
    Fail(ErrorKind::kIo, "cannot write {}: the system gives no random bytes",
         target);
  }
  const size_t folder = target.find_last_of('/') + 1;
  std::string name = target.substr(0, folder) + "." +
                     target.substr(folder, kStem) + std::string(kMark);
  for (const unsigned char r : random) name += kLetters[r % kLetters.size()];
  return name;
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void SyncFolder(const std::string& folder) {
  // A file system that cannot sync a folder still has the whole file.
  const Descriptor file(
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.ok()) fsync(file.get());
}

// Removes one file whose name is ours if nobody holds its lock.
void SweepOne(int folder, const char* name) {
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Descriptor file(openat(folder, name, O_RDWR | kFlags));
  if (!file.ok()) file = Descriptor(openat(folder, name, O_RDONLY | kFlags));
  struct stat open_file, named_file;
  if (!file.ok() || fstat(file.get(), &open_file) != 0 ||
      !S_ISREG(open_file.st_mode) ||
      flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return;
  }
  // Its writer may have renamed it before we had the lock: then the name is
  // gone. Since we have it, no writer holds this name.
  if (fstatat(folder, name, &named_file, AT_SYMLINK_NOFOLLOW) == 0 &&
      IsSameFile(open_file, named_file)) {
    unlinkat(folder, name, 0);
  }
}

}  // namespace

bool IsTemporaryName(std::string_view name) {
  if (name.size() < 2 + kMark.size() + kRandom || name[0] != '.') return false;
  const std::string_view end = name.substr(name.size() - kRandom);
  return name.substr(0, name.size() - kRandom).ends_with(kMark) &&
         std::all_of(end.begin(), end.end(), [](char c) {
           return kLetters.find(c) != std::string_view::npos;
         });
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void FailWrite(const std::string& shown, const std::string& folder) {
  const int code = errno;
  struct stat info;
  if (stat(folder.c_str(), &info) != 0 && (errno == ENOENT)) {
    Fail(ErrorKind::kIo, "cannot write {}: there is no folder {}", shown,
         folder);
  }
  if (code == ENOTDIR) {
    Fail(ErrorKind::kIo, "cannot write {}: {} is a file, not a folder", shown,
         folder);
  }
  if (code == EACCES || code == EPERM) {
    Fail(ErrorKind::kIo, "cannot write {}: {} in the folder {}", shown,
         strerror(code), folder);
  }
  Fail(ErrorKind::kIo, "cannot write {}: {}", shown, strerror(code));
}

TemporaryFile::TemporaryFile(const std::string& target,
                             const std::string& shown)
    : target_(target), shown_(shown) {
  constexpr int kAttempts = 100;
  for (int i = 0; i < kAttempts; ++i) {
    if (Create()) return;
  }
  FailWrite(shown_, FolderOf(target_));
}

bool TemporaryFile::Create() {
  name_ = TemporaryName(target_);
  file_ = Descriptor(
      open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file_.ok()) {
    if (errno == EEXIST) return false;
    FailWrite(shown_, FolderOf(target_));
  }
  // Before the lock is ours, somebody who sweeps may take the file for a dead
  // writer's; a file system without locks is never swept.
  if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    unlink(name_.c_str());
    return false;
  }
  struct stat info;
  return fstat(file_.get(), &info) == 0 && info.st_nlink > 0;
}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) unlink(name_.c_str());
}

void TemporaryFile::Write(std::span<const std::byte> bytes) {
  if (!WriteAll(file_.get(), bytes)) FailWrite(shown_, FolderOf(target_));
}

void TemporaryFile::Sync() {
  if (fsync(file_.get()) != 0) FailWrite(shown_, FolderOf(target_));
}

void TemporaryFile::Commit() {
  struct stat info;
  if (stat(target_.c_str(), &info) == 0 && S_ISREG(info.st_mode))
    fchmod(file_.get(), info.st_mode & 0777);
  Sync();
  if (rename(name_.c_str(), target_.c_str()) != 0)
    FailWrite(shown_, FolderOf(target_));
  name_.clear();
  file_ = Descriptor();  // others may have it now, and lock it
  // The rename itself is durable only once the folder is synced.
  SyncFolder(FolderOf(target_));
}

void SweepTemporaryFiles(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()),
                                                      closedir);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory.get())) {
    if (IsTemporaryName(entry->d_name))
      SweepOne(dirfd(directory.get()), entry->d_name);
  }
}

void SweepTemporaryFilesOnce(const std::string& folder) {
  static std::mutex lock;
  static std::set<std::string> swept;
  {
    const std::lock_guard<std::mutex> guard(lock);
    if (!swept.insert(folder).second) return;
  }
  SweepTemporaryFiles(folder);
}

}  // namespace litesmith
