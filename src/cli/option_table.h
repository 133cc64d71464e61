// The verbs and options of the program as data: what completion scripts and the
// manual page are written from.
#ifndef LITESMITH_CLI_OPTION_TABLE_H_
#define LITESMITH_CLI_OPTION_TABLE_H_

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "src/cli/complete.h"

namespace litesmith {

struct OptionRow {
  std::vector<std::string> names;  // "-o", "--out"; empty: a positional
  std::string value;               // "FILE"; empty: a flag
  std::string help;                // one line
  std::string initial;             // what it is if not given, or empty
  bool required = false;
  bool repeats = false;
  Completion completion;
};

struct VerbRow {
  std::string name;
  std::string help;  // several lines
  std::vector<OptionRow> positionals;
  std::vector<OptionRow> options;
};

// All but those that help hides.
std::vector<VerbRow> VerbTable(const CLI::App& app);
// The program's own.
std::vector<OptionRow> ProgramOptions(const CLI::App& app);

// The first sentence of a verb's help, on one line.
std::string FirstSentence(const std::string& help);

}  // namespace litesmith

#endif  // LITESMITH_CLI_OPTION_TABLE_H_
