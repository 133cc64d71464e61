// A file in the making, beside the one that it will replace. While it is
// written it is held under flock, so that whoever finds one whose lock is free
// knows that its writer is dead, whatever process, container or machine that
// was, and may take it away.
#ifndef LITESMITH_BASE_TEMPORARY_FILE_H_
#define LITESMITH_BASE_TEMPORARY_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "src/base/descriptor.h"

namespace litesmith {

class TemporaryFile {
 public:
  // An empty file in the folder of `target`, which is no symlink; `shown` is
  // what messages call the target. Throws Error{io}.
  TemporaryFile(const std::string& target, const std::string& shown);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  // Removes the file unless it was committed.
  ~TemporaryFile();

  void Write(std::span<const std::byte> bytes);
  // Makes sure that the bytes are on the disk, not only taken.
  void Sync();
  // Syncs and takes the target's place and, if there was one, its permissions.
  void Commit();

 private:
  // Whether it has a new locked file to its name.
  bool Create();

  std::string target_;
  std::string shown_;
  std::string name_;  // empty once committed
  Descriptor file_;
};

// Whether a file's name, without folders, is one of ours:
// ".NAME.litesmith-tmp-" and eight letters or digits.
bool IsTemporaryName(std::string_view name);

// Removes what dead writers left in the folder; whatever cannot be read or
// removed stays. Never touches a file of another name, and no symlink's target.
void SweepTemporaryFiles(const std::string& folder);
// The same, once a process for each folder.
void SweepTemporaryFilesOnce(const std::string& folder);

// The folder that a path's file is in.
std::string FolderOf(const std::string& path);

// Throws Error{io} about writing `shown`, whose folder is `folder`, in the
// words that errno asks for.
[[noreturn]] void FailWrite(const std::string& shown,
                            const std::string& folder);

}  // namespace litesmith

#endif  // LITESMITH_BASE_TEMPORARY_FILE_H_
