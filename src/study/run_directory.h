// Results kept on disk beside a key of everything that they depend on: found
// again only if the key is the same and the file that they speak of is whole.
#ifndef LITESMITH_STUDY_RUN_DIRECTORY_H_
#define LITESMITH_STUDY_RUN_DIRECTORY_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace litesmith {

// 16 hexadecimal digits that change when a byte does (FNV-1a; accidents, not
// adversaries).
std::string Digest(std::span<const std::byte> bytes);
std::string Digest(std::string_view text);

// The note kept at `path` about the file `about`, or nothing if there is none,
// it was kept under another key, or `about` is missing or has changed since.
std::optional<std::string> RecallNote(const std::string& path,
                                      const std::string& key,
                                      const std::string& about);
// Keeps a note, atomically. `about` must exist.
void KeepNote(const std::string& path, const std::string& key,
              const std::string& about, const std::string& note);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_RUN_DIRECTORY_H_
