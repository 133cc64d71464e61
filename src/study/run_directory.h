// Results kept on disk beside a key of everything that they depend on: found
// again only if the key is the same and the file that they speak of is whole.
// One process at a time writes to a run directory.
#ifndef LITESMITH_STUDY_RUN_DIRECTORY_H_
#define LITESMITH_STUDY_RUN_DIRECTORY_H_

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/base/digest.h"

namespace litesmith {

// Digests of files, each read at most once.
class FileDigests {
 public:
  // Of a file whose bytes are at hand.
  void Set(const std::string& path, std::span<const std::byte> bytes);
  // Nothing if there is no such file. Throws Error{io}.
  std::optional<std::string> Of(const std::string& path);

 private:
  std::map<std::string, std::string> known_;
};

// What is kept about a file.
struct Note {
  std::string key;     // of everything that the file depends on
  std::string digest;  // of the file
  std::string from;    // the key of what it was made from, or empty
  std::string text;    // what is to be remembered
};

// Nothing if there is no note, or none that can be read: what it tells is
// computed anew.
std::optional<Note> ReadNote(const std::string& path);
// Atomically.
void WriteCached(const std::string& path, const Note& note);

// The note kept at `path` about the file `about`, or nothing if there is none,
// it was kept under another key, or `about` is missing or has changed since.
std::optional<Note> ReadCached(const std::string& path, const std::string& key,
                               const std::string& about, FileDigests* digests);

// Lets a training go on from the files that begin with `checkpoint` only if
// they were claimed under the same key; otherwise, and with `anew`, removes
// them.
void ClaimCheckpoint(const std::string& checkpoint, const std::string& key,
                     bool anew);
void RemoveCheckpoint(const std::string& checkpoint);

// Makes a folder and keeps it for this process alone until the end of the
// object; a process that dies lets go of it.
class FolderLock {
 public:
  // Throws Error{io} naming the process that has the folder, or what the system
  // refuses.
  explicit FolderLock(const std::string& folder);
  // A folder that was made here and is still empty is removed.
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::string folder_;
  std::string path_;
  bool made_;
  int fd_ = -1;
};

}  // namespace litesmith

#endif  // LITESMITH_STUDY_RUN_DIRECTORY_H_
