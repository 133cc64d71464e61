// A study's options from a TOML file, checked against those of its verb.
#ifndef LITESMITH_CLI_CONFIG_OPTIONS_H_
#define LITESMITH_CLI_CONFIG_OPTIONS_H_

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "src/study/config.h"

namespace litesmith {

// The top level of the file. Throws Error{invalid argument} with file and line
// for a key that is no option of `litesmith study`; `verb` is any verb beside
// it.
std::vector<ConfigEntry> ReadStudyConfig(const std::string& path,
                                         const CLI::App& verb);

// Gives every option that the command line left open what the file says.
// Throws Error{invalid argument} with file, line, key and value for an unknown
// key and for a value of a type or range that the option does not take.
void ApplyConfig(const std::string& path, CLI::App* study);

}  // namespace litesmith

#endif  // LITESMITH_CLI_CONFIG_OPTIONS_H_
