// labels.txt in a zip: found, replaced, appended.
#include "src/models/class_names.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/zip.h"

namespace litesmith {
namespace {

constexpr char kLabels[] = "labels.txt";
constexpr int64_t kMostBytes = 1 << 24;
constexpr size_t kEndBytes = 22;        // of the record at an archive's end
constexpr size_t kDirectoryBytes = 46;  // of an entry without its name

uint32_t Word(std::span<const std::byte> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= std::to_integer<uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}
void PutWord(std::vector<std::byte>* bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i)
    (*bytes)[at + i] = static_cast<std::byte>(value >> (8 * i) & 255);
}

bool StartsWith(std::span<const std::byte> bytes, const char* magic) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), magic, 4) == 0;
}
bool IsArchive(std::span<const std::byte> bytes) {
  return StartsWith(bytes, "PK\3\4");
}
// Whether an archive without a comment ends here.
bool EndsWithArchive(std::span<const std::byte> bytes) {
  return bytes.size() > kEndBytes &&
         StartsWith(bytes.last(kEndBytes), "PK\5\6");
}

// Where an archive of ours behind other bytes begins: its one member is
// labels.txt. The size of all bytes if there is none.
size_t AppendedAt(std::span<const std::byte> bytes) {
  if (!EndsWithArchive(bytes)) return bytes.size();
  const size_t directory = Word(bytes, bytes.size() - kEndBytes + 16);
  const size_t name = sizeof(kLabels) - 1;
  if (directory + kDirectoryBytes + name + kEndBytes > bytes.size() ||
      !StartsWith(bytes.subspan(directory), "PK\1\2") ||
      std::memcmp(bytes.data() + directory + kDirectoryBytes, kLabels, name) !=
          0)
    return bytes.size();
  const size_t begin = Word(bytes, directory + 42);
  return begin < directory && IsArchive(bytes.subspan(begin)) ? begin
                                                              : bytes.size();
}

std::vector<std::byte> LabelsText(std::span<const std::string> names) {
  std::string text;
  for (std::string name : names) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '\n' || c == '\r'; },
        ' ');
    text += name + "\n";
  }
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<std::string> ReadClassNames(const std::string& path) {
  std::vector<std::string> names;
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return names;
  std::vector<std::byte> text;
  try {
    const std::vector<std::byte> bytes = ReadFile(path);
    if (!IsArchive(bytes) && !EndsWithArchive(bytes)) return names;
    const ZipReader zip{std::span<const std::byte>(bytes)};
    if (!zip.Has(kLabels)) return names;
    text = zip.Read(kLabels, kMostBytes);
  } catch (const Error&) {
    return names;  // a model without names that can be read
  }
  std::string line;
  for (const std::byte byte : text) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      names.push_back(std::exchange(line, ""));
    } else if (c != '\r') {
      line += c;
    }
  }
  if (!line.empty()) names.push_back(line);
  return names;
}

std::vector<std::byte> WithClassNames(std::span<const std::byte> file,
                                      std::span<const std::string> names) {
  if (names.empty()) return {file.begin(), file.end()};
  const ZipMember labels = {kLabels, LabelsText(names)};
  if (IsArchive(file)) {
    const ZipReader zip(file);
    std::vector<ZipMember> members;
    for (const std::string& name : zip.Names()) {
      if (name != kLabels)
        members.push_back({name, zip.Read(name, int64_t{1} << 31)});
    }
    members.push_back(labels);
    return WriteZip(members);
  }
  const auto own = file.first(AppendedAt(file));
  std::vector<std::byte> archive = WriteZip({&labels, 1});
  // Places in it are counted from the file's begin, not its own.
  const auto before = static_cast<uint32_t>(own.size());
  const size_t end = archive.size() - kEndBytes;
  const size_t directory = Word(archive, end + 16);
  PutWord(&archive, directory + 42, before + Word(archive, directory + 42));
  PutWord(&archive, end + 16, before + static_cast<uint32_t>(directory));
  std::vector<std::byte> result(own.begin(), own.end());
  result.insert(result.end(), archive.begin(), archive.end());
  return result;
}

void AddClassNames(const std::string& path,
                   std::span<const std::string> names) {
  std::error_code code;
  if (names.empty() || !std::filesystem::is_regular_file(path, code)) return;
  WriteFile(path,
            std::span<const std::byte>(WithClassNames(ReadFile(path), names)));
}

}  // namespace litesmith
