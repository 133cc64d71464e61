// What may stand behind an option, for shells: known where the option is made,
// read by the scripts of completion_scripts.h.
#ifndef LITESMITH_CLI_COMPLETE_H_
#define LITESMITH_CLI_COMPLETE_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace litesmith {

enum class Completes : uint8_t {
  kNothing,  // a number, free text
  kFiles,
  kFolders,
  kWords,       // one of the words
  kWordsFiles,  // one of the words, or a file
  kList,        // some of the words, by commas
};

struct Completion {
  Completes kind = Completes::kNothing;
  std::vector<std::string> words = {};
};

// Remembers it for the option, and gives the option back.
CLI::Option* CompleteWith(CLI::Option* option, Completion completion);

// What was remembered; else by the name of the option's type: files for
// "FILE...", "OUT..." or one with a dot, folders for "DIR".
Completion CompletionOf(const CLI::Option& option);

}  // namespace litesmith

#endif  // LITESMITH_CLI_COMPLETE_H_
