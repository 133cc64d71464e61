// Files: read with a limit, written whole or not at all.
#ifndef LITESMITH_BASE_FILE_H_
#define LITESMITH_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace litesmith {

// The file's bytes. Throws Error{not found} if there is none, Error{io} if it
// cannot be read or is a folder, Error{unsupported} above `limit` bytes.
std::vector<std::byte> ReadFile(const std::string& path,
                                int64_t limit = int64_t{1} << 31);

// The file's first bytes, at most `count`. Throws as ReadFile.
std::vector<std::byte> ReadFileHead(const std::string& path, size_t count);

// Writes `bytes` to a temporary file beside `path`, syncs it and renames it
// into place: after a crash or a full disk the old file is still whole and
// nothing half-written is left. Throws Error{io}.
void WriteFile(const std::string& path, std::span<const std::byte> bytes);
void WriteFile(const std::string& path, std::string_view text);

// As WriteFile, for a library that wants to write by name: calls `write` with
// the temporary file's name, then syncs and renames. The temporary file is
// removed if `write` throws.
void WriteFileThrough(const std::string& path,
                      const std::function<void(const std::string&)>& write);

// Makes the folder and its parents. Throws Error{io}.
void MakeDirectory(const std::string& path);

bool FileExists(const std::string& path);
// Bytes; throws Error{not found}.
int64_t FileSize(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_BASE_FILE_H_
