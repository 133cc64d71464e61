#include "src/study/run_directory.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {

std::string Digest(std::span<const std::byte> bytes) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const std::byte b : bytes)
    hash = (hash ^ static_cast<uint64_t>(b)) * 0x100000001B3u;
  return fmt::format("{:016x}", hash);
}

std::string Digest(std::string_view text) {
  return Digest(std::as_bytes(std::span(text)));
}

std::optional<std::string> RecallNote(const std::string& path,
                                      const std::string& key,
                                      const std::string& about) {
  if (!FileExists(path) || !FileExists(about)) return std::nullopt;
  const std::vector<std::byte> bytes = ReadFile(path);
  // A damaged note is as good as none: what it tells is computed anew.
  const auto json = nlohmann::json::parse(
      reinterpret_cast<const char*>(bytes.data()),
      reinterpret_cast<const char*>(bytes.data()) + bytes.size(), nullptr,
      /*allow_exceptions=*/false);
  const auto text = [&](const char* name) -> std::string {
    if (!json.is_object() || !json.contains(name)) return "";
    const auto& value = json[name];
    return value.is_string() ? value.get<std::string>() : "";
  };
  if (text("key") != key) return std::nullopt;
  if (text("digest") != Digest(ReadFile(about))) return std::nullopt;
  const std::string note = text("note");
  if (note.empty()) return std::nullopt;
  return note;
}

void KeepNote(const std::string& path, const std::string& key,
              const std::string& about, const std::string& note) {
  const nlohmann::ordered_json json = {
      {"key", key}, {"digest", Digest(ReadFile(about))}, {"note", note}};
  WriteFile(path, json.dump(1) + "\n");
}

}  // namespace litesmith
