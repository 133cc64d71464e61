// What is wrong with a command line, in words.
#ifndef LITESMITH_CLI_USAGE_H_
#define LITESMITH_CLI_USAGE_H_

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace litesmith {

// "help VERB" and "version" as the options that they stand for.
std::vector<std::string> WithoutWords(std::vector<std::string> arguments);

// What nothing on the command line could take, with what was probably meant:
// an unknown verb or option, an argument too many. Empty if there is none. It
// is said before whatever is missing, which is most often the same thing.
std::string UnknownArgument(const CLI::App& app);

// The error as a sentence, unknown arguments first.
std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace litesmith

#endif  // LITESMITH_CLI_USAGE_H_
