// toml++ behind three functions.
#include "src/optimize/toml_text.h"

#include <sstream>

#include "src/base/error.h"

namespace litesmith {

toml::table ParseToml(std::string_view text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    Fail(ErrorKind::kCorrupt, "{}:{}:{}: {}", where, error.source().begin.line,
         error.source().begin.column, error.description());
  }
}

std::string TomlText(const toml::node& node) {
  if (const auto* text = node.as_string()) return "\"" + text->get() + "\"";
  if (const auto* number = node.as_floating_point()) {
    const std::string text = fmt::format("{}", number->get());
    // Not to be taken for a whole number; "1e3" was text of the file only.
    return text.find_first_not_of("-0123456789") == std::string::npos
               ? text + ".0"
               : text;
  }
  if (const auto* items = node.as_array()) {
    std::string text;
    for (const toml::node& item : *items)
      text += (text.empty() ? "" : ", ") + TomlText(item);
    return "[" + text + "]";
  }
  if (node.is_table()) return "a table";
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

int TomlLine(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

}  // namespace litesmith
