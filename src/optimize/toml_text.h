// TOML as all readers of it need it: parsed or refused with its place, and a
// value as one writes it, for messages.
#ifndef LITESMITH_OPTIMIZE_TOML_TEXT_H_
#define LITESMITH_OPTIMIZE_TOML_TEXT_H_

#include <toml++/toml.h>

#include <string>
#include <string_view>

namespace litesmith {

// `where` names the text in messages. Throws Error{corrupt} with line and
// column if it is not TOML.
toml::table ParseToml(std::string_view text, const std::string& where);

// As in the file: "text", 3, 0.5, true, ["a", "b"]; "a table" for a table.
std::string TomlText(const toml::node& node);

// The line that the node begins in, from 1.
int TomlLine(const toml::node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_TOML_TEXT_H_
