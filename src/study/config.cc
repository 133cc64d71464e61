// Reads the study's TOML file.
#include "src/study/config.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/data/spec.h"
#include "src/optimize/toml_text.h"

namespace litesmith {
namespace {

bool IsTable(const toml::node& node) {
  const auto* list = node.as_array();
  return node.is_table() ||
         (list != nullptr && !list->empty() && list->front().is_table());
}

// The text of a string without its quotes, all else as it is written.
std::string Value(const toml::node& node) {
  const auto* text = node.as_string();
  return text != nullptr ? text->get() : TomlText(node);
}

ConfigEntry Entry(std::string_view key, const toml::node& node) {
  ConfigEntry entry;
  entry.key = key;
  entry.text = TomlText(node);
  entry.line = TomlLine(node);
  if (const auto* list = node.as_array()) {
    const bool texts =
        std::all_of(list->begin(), list->end(),
                    [](const toml::node& item) { return item.is_string(); });
    if (texts) entry.type = ConfigType::kTexts;
    for (const toml::node& item : *list) entry.values.push_back(Value(item));
    return entry;
  }
  if (node.is_string()) entry.type = ConfigType::kText;
  if (node.is_integer()) entry.type = ConfigType::kWhole;
  if (node.is_floating_point()) entry.type = ConfigType::kReal;
  if (node.is_boolean()) entry.type = ConfigType::kFlag;
  entry.values = {Value(node)};
  return entry;
}

// [data] with `source` and options as the SPEC that says the same; a list is
// its numbers by colons. No comma in it is a separator.
ConfigEntry DataEntry(const toml::node& node, const std::string& path) {
  ConfigEntry entry;
  entry.key = "data";
  entry.type = ConfigType::kText;
  entry.line = TomlLine(node);
  std::string options;
  const toml::table* table = node.as_table();
  for (const auto& [key, value] : *table) {
    const ConfigEntry option = Entry(key.str(), value);
    if (option.key == "source" && option.type == ConfigType::kText) {
      entry.text = EscapeSpec(option.values[0]);
      continue;
    }
    if (option.key == "source" || value.is_table() || option.values.empty()) {
      Fail(ErrorKind::kInvalidArgument,
           "{}:{}: {} = {}: text, a number or a list of numbers is wanted",
           path, option.line, option.key, option.text);
    }
    std::string joined;
    for (const std::string& each : option.values)
      joined += (joined.empty() ? "" : ":") + each;
    options += fmt::format(",{}={}", option.key, EscapeSpec(joined));
  }
  if (entry.text.empty()) {
    Fail(
        ErrorKind::kInvalidArgument,
        "{}:{}: [data] wants source = \"images:DIR\", or another of `litesmith "
        "list datasets`",
        path, entry.line);
  }
  entry.text += options;
  entry.values = {entry.text};
  return entry;
}

}  // namespace

std::vector<ConfigEntry> ReadConfig(const std::string& path) {
  const std::vector<std::byte> bytes = ReadFile(path, int64_t{1} << 20);
  const toml::table table = ParseToml(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : table) {
    if (key == "recipe") continue;  // recipe_toml.h reads these
    if (key == "data" && node.is_table()) {
      entries.push_back(DataEntry(node, path));
      continue;
    }
    if (IsTable(node)) {
      const std::vector<std::string> known = {"data", "recipe"};
      Fail(ErrorKind::kInvalidArgument, "{}:{}: {}", path, TomlLine(node),
           UnknownName("table", key.str(), known));
    }
    entries.push_back(Entry(key.str(), node));
  }
  // The table is sorted by key; messages read better in the file's order.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ConfigEntry& a, const ConfigEntry& b) {
                     return a.line < b.line;
                   });
  return entries;
}

}  // namespace litesmith
