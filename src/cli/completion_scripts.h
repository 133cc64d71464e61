// Completion for shells, written from the table of options.
#ifndef LITESMITH_CLI_COMPLETION_SCRIPTS_H_
#define LITESMITH_CLI_COMPLETION_SCRIPTS_H_

#include <CLI/App.hpp>
#include <span>
#include <string>
#include <vector>

#include "src/cli/option_table.h"

namespace litesmith {

std::string BashCompletion(std::span<const VerbRow> verbs,
                           std::span<const OptionRow> program);
std::string ZshCompletion(std::span<const VerbRow> verbs,
                          std::span<const OptionRow> program);
std::string FishCompletion(std::span<const VerbRow> verbs,
                           std::span<const OptionRow> program);

// litesmith(1) for man.
std::string ManualPage(std::span<const VerbRow> verbs,
                       std::span<const OptionRow> program,
                       const std::string& overview, const std::string& footer);

}  // namespace litesmith

#endif  // LITESMITH_CLI_COMPLETION_SCRIPTS_H_
