// A folder of files by class: DIR/CLASS/FILE, DIR/train/CLASS/FILE beside
// DIR/test/CLASS/FILE, or files without a class in DIR itself. Knows no file
// format.
#ifndef LITESMITH_DATA_SOURCES_FOLDER_H_
#define LITESMITH_DATA_SOURCES_FOLDER_H_

#include <span>
#include <string>
#include <vector>

#include "src/data/spec.h"

namespace litesmith {

struct LabelledFile {
  std::string path;  // begins with the folder as it was given
  int label = -1;    // -1: none
};

struct FolderFiles {
  // In the order of their numbers: that of labels.txt in DIR, a name a line,
  // else of the names' bytes. Empty: no classes.
  std::vector<std::string> classes;
  // Each half in an order drawn by `seed`, so that its first files are of all
  // classes.
  std::vector<LabelledFile> train;
  std::vector<LabelledFile> test;
};

// Finds files with one of these endings (".jpg", in any case) at any depth
// below their class. Without train/ and test/ (or training, validation, val,
// valid), the share `split` of each class's files, drawn by `seed`, is the test
// half. Names that begin with '.' are left out; other endings, and folders of
// classes without files, are left out with a warning. Nothing is read outside
// the folder: a link that leaves it throws Error{invalid argument} naming it,
// or is left out with a warning if `skip_bad`. Throws Error{not found} if there
// is no such folder, or no file in it; `what` says of what ("picture").
FolderFiles FindFiles(const std::string& folder, const SpecOptions& options,
                      std::span<const char* const> endings,
                      const std::string& what, bool skip_bad);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_FOLDER_H_
