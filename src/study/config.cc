#include "src/study/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {
namespace {

std::string Text(const toml::node& node, const std::string& path,
                 std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer())
    return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point())
    return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean())
    return flag->get() ? "true" : "false";
  if (const auto* items = node.as_array()) {
    std::string text;
    for (const toml::node& item : *items) {
      if (item.is_array()) break;
      if (!text.empty()) text += ",";
      text += Text(item, path, key);
    }
    return text;
  }
  Fail(ErrorKind::kUnsupported,
       "{}:{}: \"{}\" is neither text, a number, true or false, nor a list of "
       "them",
       path, node.source().begin.line, key);
}

}  // namespace

std::vector<ConfigEntry> ReadConfig(const std::string& path) {
  const std::vector<std::byte> bytes = ReadFile(path, int64_t{1} << 20);
  toml::table table;
  try {
    table = toml::parse(
        std::string_view(reinterpret_cast<const char*>(bytes.data()),
                         bytes.size()),
        path);
  } catch (const toml::parse_error& error) {
    Fail(ErrorKind::kCorrupt, "{}:{}:{}: {}", path, error.source().begin.line,
         error.source().begin.column, error.description());
  }
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : table) {
    if (key == "recipe") continue;  // recipe_toml.h reads these
    entries.push_back({std::string(key.str()), Text(node, path, key.str()),
                       static_cast<int>(node.source().begin.line)});
  }
  // The table is sorted by key; messages read better in the file's order.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ConfigEntry& a, const ConfigEntry& b) {
                     return a.line < b.line;
                   });
  return entries;
}

}  // namespace litesmith
