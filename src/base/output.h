// Where an output goes: a file that is replaced whole, or something that is
// written straight. "-" is standard output. Tried before long work starts.
#ifndef LITESMITH_BASE_OUTPUT_H_
#define LITESMITH_BASE_OUTPUT_H_

#include <string>

namespace litesmith {

struct Output {
  enum class Kind {
    kFile,        // a regular file at `path`, or none yet
    kDevice,      // a character or block device or a FIFO at `path`
    kSocket,      // a socket at `path`
    kDescriptor,  // standard output, /dev/fd/N: already open as `fd`
  };
  Kind kind = Kind::kFile;
  std::string path;  // symlinks followed, so that a link stays a link
  int fd = -1;
};

// Follows the name as far as it goes; opens nothing. Throws Error{io} for a
// folder, a file that may not be written and links that lead nowhere.
Output ResolveOutput(const std::string& path);

// Whether what is written there cannot be read back or replaced: all but files.
bool IsStream(const std::string& path);
// Whether it is the process's standard output.
bool IsStandardOutput(const std::string& path);

// Throws what writing the file would throw as far as that can be known now:
// its folder exists and takes a file of one byte. Leaves nothing behind and
// takes away what dead writers left in the folder.
void TryOutput(const std::string& path);
// The same for a folder that may have to be made: there or in the nearest
// parent that exists. Makes no folder.
void TryOutputFolder(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_BASE_OUTPUT_H_
