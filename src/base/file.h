// Files: read with a limit, written whole or not at all.
#ifndef LITESMITH_BASE_FILE_H_
#define LITESMITH_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace litesmith {

// The file's bytes; "-" is standard input, which can be read once. Throws
// Error{not found} if there is none, Error{io} if it cannot be read or is a
// folder, Error{unsupported} above `limit` bytes, Error{out of memory}.
std::vector<std::byte> ReadFile(const std::string& path,
                                int64_t limit = int64_t{1} << 31);

// The file's first bytes, at most `count`. Throws as ReadFile.
std::vector<std::byte> ReadFileHead(const std::string& path, size_t count);

// Writes `bytes` to a temporary file beside `path`, syncs it and renames it
// into place: after a crash or a full disk the old file is still whole, and
// what a killed process leaves is taken away by the next one that writes to the
// folder. A symlink stays, its target is replaced. What is not a file, such as
// "-" for standard output, a device or a FIFO, is written straight
// (output.h). Throws Error{io}.
void WriteFile(const std::string& path, std::span<const std::byte> bytes);
void WriteFile(const std::string& path, std::string_view text);

// Makes the folder and its parents. Throws Error{io}.
void MakeDirectory(const std::string& path);

bool FileExists(const std::string& path);
// Bytes; throws Error{not found}.
int64_t FileSize(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_BASE_FILE_H_
